using EdgeRnn.Features;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>A WAV file as samples.</summary>
public static class WavFile
{
    /// <summary>Reads a recording; what its header promises is checked before memory is reserved.</summary>
    /// <returns>Its format, and its samples, of full scale ±1 and mixed down to one channel.</returns>
    /// <exception cref="UserException">It is damaged, of another codec, or of a rate that no features are made
    /// of.</exception>
    public static (AudioFormat Format, float[] Samples) Read(string path)
    {
        byte[] bytes;
        try
        {
            long length = new FileInfo(path).Length;
            if (length > Array.MaxLength)
                throw new UserException(
                    $"{path} has {length} bytes, expected at most {Array.MaxLength}; cut it into parts.");
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(
                $"{path} cannot be read: {e.Message.TrimEnd('.')}; check the path and its permissions.", e);
        }

        var header = WavHeader.TryRead(bytes, bytes.Length, out string? error);
        if (header is not null && !FeatureSpec.Rates.Contains(header.Format.RateHz))
            error = $"its sample rate is {header.Format.RateHz} Hz, expected {FeatureSpec.RatesText}";
        if (header is null || error is not null)
            throw new UserException($"{path}: {error}; convert it, or leave it out.");
        var samples = new float[header.DataBytes / header.Format.BlockBytes];
        header.Format.Decode(bytes.AsSpan(header.DataOffset), samples);
        return (header.Format, samples);
    }
}

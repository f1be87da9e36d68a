using System.Buffers.Binary;
using EdgeRnn.Features;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>WAV files, from and to samples.</summary>
public static class WavFile
{
    private const int HeaderBytes = 44;

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

    /// <summary>Writes a recording that does not exist yet, whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="format">The samples: of integers.</param>
    /// <param name="samples">All of them, as they stand in the file.</param>
    /// <exception cref="UserException">The file exists, or cannot be written.</exception>
    public static void Write(string path, AudioFormat format, ReadOnlySpan<byte> samples) =>
        AtomicFile.Write(path, Bytes(format, samples));

    /// <summary>A whole file.</summary>
    /// <param name="format">The samples: of integers.</param>
    /// <param name="samples">All of them, as they stand in the file.</param>
    public static byte[] Bytes(AudioFormat format, ReadOnlySpan<byte> samples)
    {
        byte[] file = new byte[HeaderBytes + samples.Length];
        var header = file.AsSpan();
        "RIFF"u8.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], file.Length - 8);
        "WAVEfmt "u8.CopyTo(header[8..]);
        BinaryPrimitives.WriteInt32LittleEndian(header[16..], 16);
        BinaryPrimitives.WriteInt16LittleEndian(header[20..], 1); // PCM
        BinaryPrimitives.WriteInt16LittleEndian(header[22..], (short)format.Channels);
        BinaryPrimitives.WriteInt32LittleEndian(header[24..], format.RateHz);
        BinaryPrimitives.WriteInt32LittleEndian(header[28..], format.RateHz * format.BlockBytes);
        BinaryPrimitives.WriteInt16LittleEndian(header[32..], (short)format.BlockBytes);
        BinaryPrimitives.WriteInt16LittleEndian(header[34..], (short)(8 * format.SampleBytes));
        "data"u8.CopyTo(header[36..]);
        BinaryPrimitives.WriteInt32LittleEndian(header[40..], samples.Length);
        samples.CopyTo(header[HeaderBytes..]);
        return file;
    }
}

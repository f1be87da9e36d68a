using System.Globalization;
using System.Text;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>Writes a long recording as <c>long:</c> reads it.</summary>
public static class LongRecordingFile
{
    private const int HeaderBytes = 44, SampleBytes = 2;

    /// <summary>The file of labels beside a WAV file.</summary>
    public static string LabelsOf(string path) => Path.ChangeExtension(path, ".csv");

    /// <summary>
    /// Writes a WAV file of 16 bits, which a recording that was made fits without rounding, and its labels.
    /// </summary>
    /// <exception cref="UserException">A file exists, cannot be written, or would be larger than WAV allows.</exception>
    public static void Write(
        string path, LongRecording recording, IReadOnlyList<string> labels, bool overwrite,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(recording);
        ArgumentNullException.ThrowIfNull(labels);
        long bytes = (long)Math.Round(recording.Seconds * recording.RateHz) * SampleBytes;
        if (bytes > int.MaxValue - HeaderBytes)
            throw new UserException($"'{path}' would have {bytes} bytes, more than WAV allows; make fewer minutes.");
        var text = new StringBuilder("start,end,label\n");
        foreach (var span in recording.Spans)
            text.Append(CultureInfo.InvariantCulture, $"{span.Start:R},{span.End:R},{labels[span.Label]}\n");
        AtomicFile.Write(path, stream => WriteSound(stream, recording, (int)bytes, cancellation), overwrite);
        AtomicFile.Write(LabelsOf(path), Encoding.UTF8.GetBytes(text.ToString()), overwrite);
    }

    private static void WriteSound(Stream stream, LongRecording recording, int bytes, CancellationToken cancellation)
    {
        using var writer = new BinaryWriter(stream, Encoding.ASCII, leaveOpen: true);
        writer.Write("RIFF"u8);
        writer.Write(HeaderBytes - 8 + bytes);
        writer.Write("WAVEfmt "u8);
        writer.Write(16);
        writer.Write((short)1); // PCM
        writer.Write((short)1); // a channel
        writer.Write(recording.RateHz);
        writer.Write(recording.RateHz * SampleBytes);
        writer.Write((short)SampleBytes);
        writer.Write((short)(8 * SampleBytes));
        writer.Write("data"u8);
        writer.Write(bytes);
        foreach (float[] piece in recording.Pieces())
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (float sample in piece)
                writer.Write((short)Math.Clamp(MathF.Round(sample * 32768), short.MinValue, short.MaxValue));
        }
    }
}

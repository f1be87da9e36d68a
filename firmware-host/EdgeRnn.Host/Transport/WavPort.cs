using System.Diagnostics;
using EdgeRnn.Features;

namespace EdgeRnn.Host.Transport;

/// <summary>Plays the samples of a WAV file as if a microphone gave them now.</summary>
internal sealed class WavPort : Port
{
    // Where programs put pictures and texts before the samples, they take less.
    private const int MostHeaderBytes = 1 << 20;

    private const int TickMs = 10;

    private readonly FileStream _file;
    private readonly double _bytesPerMs;
    private readonly long _began = Stopwatch.GetTimestamp();
    private long _left;

    private WavPort(string name, FileStream file, WavHeader header, double speed)
    {
        Name = name;
        _file = file;
        Format = header.Format;
        _bytesPerMs = header.Format.BlockBytes * (double)header.Format.RateHz / 1000 * speed;
        _left = header.DataBytes;
    }

    /// <summary>How the samples are written.</summary>
    public AudioFormat Format { get; }

    public override int TimeoutMs => Due() > 0 ? 0 : TickMs;

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="speed">1 for its own pace; infinity for as fast as it is read.</param>
    /// <param name="error">A sentence.</param>
    public static WavPort? Open(string path, double speed, out string? error)
    {
        FileStream? file = null;
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            byte[] start = new byte[(int)Math.Min(file.Length, MostHeaderBytes)];
            int read = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            var header = WavHeader.TryRead(start.AsSpan(0, read), file.Length, out error);
            if (header is not null && !FeatureSpec.Rates.Contains(header.Format.RateHz))
                error = $"its sample rate is {header.Format.RateHz} Hz, expected {FeatureSpec.RatesText}";
            if (header is not null && error is null)
            {
                file.Position = header.DataOffset;
                return new(path, file, header, speed);
            }
            error = $"{path}: {error}; convert it, or name another file";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            error = $"{path} cannot be read; name a WAV file";
        }
        file?.Dispose();
        return null;
    }

    public override PortState Read(Span<byte> buffer, out int count)
    {
        long due = Due();
        count = due > 0 ? _file.Read(buffer[..(int)Math.Min(buffer.Length, due)]) : 0;
        _left -= count;
        BytesRead += count;
        // A file that was cut short since it was opened ends there.
        return count > 0 ? PortState.Open : _left == 0 || due > 0 ? PortState.Ended : PortState.Idle;
    }

    public override void Dispose() => _file.Dispose();

    private long Due() =>
        (long)Math.Min(_left, _bytesPerMs * Stopwatch.GetElapsedTime(_began).TotalMilliseconds - BytesRead);
}

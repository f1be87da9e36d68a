using System.Buffers.Binary;
using System.Diagnostics;

namespace EdgeRnn.Host.Transport;

/// <summary>The layout of a capture: what came over a line and when, as PROTOCOL.md says.</summary>
internal static class CaptureFormat
{
    /// <summary>Bytes before those of a record: u64 time in µs since the capture began, u32 length.</summary>
    public const int HeaderLength = 12;

    /// <summary>More in one record is no capture.</summary>
    public const int MostBytes = 1 << 20;

    /// <summary>The first bytes of the file.</summary>
    public static ReadOnlySpan<byte> Magic => "EDGERNN CAPTURE 1\n"u8;
}

/// <summary>Keeps the raw bytes of a line in a file.</summary>
internal sealed unsafe class Capture : IDisposable
{
    private readonly byte[] _header = new byte[CaptureFormat.HeaderLength];
    private readonly long _began = Stopwatch.GetTimestamp();
    private int _fd;

    private Capture(int fd) => _fd = fd;

    /// <summary>Makes the file anew.</summary>
    /// <returns>The capture, or null and a sentence.</returns>
    public static Capture? Create(string path, out string? error)
    {
        error = null;
        int fd = Libc.Open(path, Libc.O_WRONLY | Libc.O_CREAT | Libc.O_TRUNC | Libc.O_CLOEXEC, 0x1A4 /* 0644 */);
        if (fd >= 0 && WriteAll(fd, CaptureFormat.Magic))
            return new(fd);
        error = $"{path} cannot be written (error {Libc.LastError}); name a file in a folder this user may write to";
        return null;
    }

    /// <summary>Keeps <paramref name="bytes"/>; none stand for a line that was broken off.</summary>
    /// <returns>False at the first failure; from then on nothing is kept.</returns>
    public bool Write(ReadOnlySpan<byte> bytes)
    {
        if (_fd < 0)
            return true;
        ulong us = (ulong)Stopwatch.GetElapsedTime(_began).TotalMicroseconds;
        BinaryPrimitives.WriteUInt64LittleEndian(_header, us);
        BinaryPrimitives.WriteInt32LittleEndian(_header.AsSpan(sizeof(ulong)), bytes.Length);
        if (WriteAll(_fd, _header) && WriteAll(_fd, bytes))
            return true;
        Dispose();
        return false;
    }

    public void Dispose()
    {
        if (_fd >= 0)
            _ = Libc.Close(_fd);
        _fd = -1;
    }

    private static bool WriteAll(int fd, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            fixed (byte* start = bytes)
            {
                nint written = Libc.Write(fd, start, bytes.Length);
                if (written < 0 && Libc.LastError != Libc.EINTR)
                    return false;
                bytes = bytes[(int)Math.Max(0, written)..];
            }
        }
        return true;
    }
}

/// <summary>Plays a capture as if its bytes came in now.</summary>
internal sealed class ReplayPort : Port
{
    private readonly FileStream _file;
    private readonly double _speed;
    private readonly byte[] _header = new byte[CaptureFormat.HeaderLength];
    private readonly long _began = Stopwatch.GetTimestamp();
    private ulong _dueUs;
    private int _left;
    private bool _haveRecord;
    private bool _wasLost;

    private ReplayPort(string name, FileStream file, double speed)
    {
        Name = name;
        _file = file;
        _speed = speed;
    }

    public override bool JoinsMidway => true;

    public override int TimeoutMs => _haveRecord || TryReadHeader() ? WaitMs() : 0;

    /// <summary>Opens a capture.</summary>
    /// <param name="path">The file.</param>
    /// <param name="speed">1 for its own pace; infinity for as fast as it is read.</param>
    /// <param name="error">A sentence.</param>
    public static ReplayPort? Open(string path, double speed, out string? error)
    {
        error = null;
        try
        {
            var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 16);
            Span<byte> magic = stackalloc byte[CaptureFormat.Magic.Length];
            if (file.ReadAtLeast(magic, magic.Length, false) == magic.Length
                && magic.SequenceEqual(CaptureFormat.Magic))
                return new(path, file, speed);
            file.Dispose();
            error = $"{path} is no capture; name a file that edgernn-host --capture wrote";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            error = $"{path} cannot be read; name a file that edgernn-host --capture wrote";
        }
        return null;
    }

    public override PortState Read(Span<byte> buffer, out int count)
    {
        count = 0;
        if (_wasLost)
        {
            _wasLost = false;
            Reconnects++;
            return PortState.Back;
        }
        if (!_haveRecord && !TryReadHeader())
            return PortState.Ended;
        if (WaitMs() > 0)
            return PortState.Idle;
        if (_left == 0)
        {
            _haveRecord = false;
            _wasLost = true;
            return PortState.Lost;
        }
        count = _file.Read(buffer[..Math.Min(buffer.Length, _left)]);
        _left -= count;
        _haveRecord = _left > 0;
        BytesRead += count;
        return count > 0 ? PortState.Open : PortState.Ended; // a capture that was cut off ends there
    }

    public override void Dispose() => _file.Dispose();

    private int WaitMs()
    {
        double ms = _dueUs / 1000.0 / _speed - Stopwatch.GetElapsedTime(_began).TotalMilliseconds;
        return ms <= 0 ? 0 : (int)Math.Min(Math.Ceiling(ms), int.MaxValue);
    }

    private bool TryReadHeader()
    {
        if (_file.ReadAtLeast(_header, _header.Length, throwOnEndOfStream: false) < _header.Length)
            return false;
        _dueUs = BinaryPrimitives.ReadUInt64LittleEndian(_header);
        _left = BinaryPrimitives.ReadInt32LittleEndian(_header.AsSpan(sizeof(ulong)));
        return _haveRecord = _left is >= 0 and <= CaptureFormat.MostBytes;
    }
}

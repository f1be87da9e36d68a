using System.Buffers.Binary;
using System.Diagnostics;
using EdgeRnn.Host.Transport;

namespace EdgeRnn.Host.Pipeline;

/// <summary>
/// Lines on their way to standard output. Its reader never keeps the port waiting, unless that is asked for: where the
/// queue is full, the oldest lines are dropped and counted.
/// </summary>
/// <param name="waitsForReader">Whether a full queue waits for the reader instead.</param>
/// <param name="capacity">Bytes that may wait.</param>
internal sealed class OutputQueue(bool waitsForReader, int capacity = OutputQueue.DefaultCapacity) : IServed
{
    /// <summary>Some seconds of the fastest line's decisions.</summary>
    public const int DefaultCapacity = 256 * 1024;

    /// <summary>Longest line.</summary>
    public const int LongestLine = 32 * 1024;

    // A line that waits: its length, the time it was decided, its bytes.
    private const int HeaderLength = sizeof(ushort) + sizeof(long);

    // At the end, a reader that has taken nothing for so long is not waited for, where the queue may drop.
    private const int PatienceMs = 200;

    private readonly byte[] _waiting = new byte[capacity];
    private readonly byte[] _header = new byte[HeaderLength];
    private readonly byte[] _sending = new byte[LongestLine];
    private readonly OutputFd _output = new(StandardStreams.Output);
    private int _start;
    private int _used;
    private int _lines;
    private int _sent;
    private int _sendingLength;
    private bool _sayGone = true;

    /// <summary>Lines that nobody will read.</summary>
    public long Dropped { get; private set; }

    /// <summary>Whether the reader is gone and lines must not be dropped: there is nothing left to run for.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Time from a decision until standard output took it.</summary>
    public Histogram Latency { get; } = new();

    /// <inheritdoc/>
    public int Fd => IsEmpty ? -1 : _output.Fd;

    /// <inheritdoc/>
    public short Events => Libc.POLLOUT;

    /// <inheritdoc/>
    public int TimeoutMs => -1;

    private int Unsent => _sending.AsSpan(_sent, _sendingLength - _sent).Count((byte)'\n');

    private bool IsEmpty => _lines == 0 && _sent == _sendingLength;

    /// <summary>Takes a line of at most <see cref="LongestLine"/> bytes, its end among them.</summary>
    public void Add(ReadOnlySpan<byte> line)
    {
        while (_waiting.Length - _used < HeaderLength + line.Length)
        {
            Serve();
            if (_waiting.Length - _used >= HeaderLength + line.Length)
                break;
            if (!waitsForReader)
                DropOldest();
            else if (IsBroken || !_output.Wait(-1))
                return;
        }
        BinaryPrimitives.WriteUInt16LittleEndian(_header, (ushort)line.Length);
        BinaryPrimitives.WriteInt64LittleEndian(_header.AsSpan(sizeof(ushort)), Stopwatch.GetTimestamp());
        Append(_header);
        Append(line);
        _lines++;
    }

    /// <inheritdoc/>
    public void Serve()
    {
        while (!IsBroken && (_sent < _sendingLength || Load()))
        {
            int written = _output.TryWrite(WholeLines(_sending.AsSpan(_sent, _sendingLength - _sent)));
            if (written == OutputFd.NobodyReads)
            {
                LoseReader();
                return;
            }
            if (written == 0)
                return;
            _sent += written;
            _sayGone = true;
        }
    }

    /// <summary>Passes on what waits, at the end.</summary>
    public void Finish()
    {
        for (bool reads = true; reads && !IsBroken && !IsEmpty;)
        {
            Serve();
            reads = IsEmpty || _output.Wait(waitsForReader ? -1 : PatienceMs);
        }
        Dropped += _lines + Unsent;
    }

    /// <summary>Moves whole lines to where they are written from: a line that is begun is never dropped.</summary>
    private bool Load()
    {
        _sent = _sendingLength = 0;
        while (_lines > 0)
        {
            Copy(_start, _header);
            int length = BinaryPrimitives.ReadUInt16LittleEndian(_header);
            if (length > _sending.Length - _sendingLength)
                break;
            Copy(_start + HeaderLength, _sending.AsSpan(_sendingLength, length));
            Latency.Add(
                Stopwatch.GetTimestamp() - BinaryPrimitives.ReadInt64LittleEndian(_header.AsSpan(sizeof(ushort))));
            _sendingLength += length;
            Remove(HeaderLength + length);
        }
        return _sendingLength > 0;
    }

    /// <summary>
    /// As much as a pipe takes at once, up to a line's end: if it is the last, no half a line is left.
    /// </summary>
    private static ReadOnlySpan<byte> WholeLines(ReadOnlySpan<byte> lines)
    {
        var most = lines[..Math.Min(lines.Length, OutputFd.NeverBlocks)];
        int end = most.LastIndexOf((byte)'\n') + 1;
        return end > 0 ? most[..end] : most;
    }

    private void DropOldest()
    {
        Copy(_start, _header);
        Remove(HeaderLength + BinaryPrimitives.ReadUInt16LittleEndian(_header));
        Dropped++;
    }

    private void LoseReader()
    {
        if (waitsForReader)
        {
            IsBroken = true;
            return;
        }
        Dropped += _lines + Unsent;
        _start = _used = _lines = _sent = _sendingLength = 0;
        if (_sayGone)
            StandardStreams.TrySay("nobody reads standard output any more; decisions are dropped and counted\n"u8);
        _sayGone = false;
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        int end = (_start + _used) % _waiting.Length;
        int first = Math.Min(bytes.Length, _waiting.Length - end);
        bytes[..first].CopyTo(_waiting.AsSpan(end));
        bytes[first..].CopyTo(_waiting);
        _used += bytes.Length;
    }

    private void Copy(int from, Span<byte> bytes)
    {
        from %= _waiting.Length;
        int first = Math.Min(bytes.Length, _waiting.Length - from);
        _waiting.AsSpan(from, first).CopyTo(bytes);
        _waiting.AsSpan(0, bytes.Length - first).CopyTo(bytes[first..]);
    }

    private void Remove(int length)
    {
        _start = (_start + length) % _waiting.Length;
        _used -= length;
        _lines--;
    }
}

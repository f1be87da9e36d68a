using EdgeRnn.Host.Transport;

namespace EdgeRnn.Host.Pipeline;

/// <summary>Bytes that were read and not yet taken, in one fixed block.</summary>
internal sealed class ReadBuffer(int capacity)
{
    private readonly byte[] _bytes = new byte[capacity];
    private int _start;
    private int _end;

    /// <summary>The bytes to be taken.</summary>
    public ReadOnlySpan<byte> Unread => _bytes.AsSpan(_start, _end - _start);

    /// <summary>Takes <paramref name="count"/> bytes.</summary>
    public void Take(int count) => _start += count;

    /// <summary>Reads what the port has, as much as there is room for.</summary>
    public PortState Fill(Port port, out ReadOnlySpan<byte> bytes)
    {
        if (_start > 0)
        {
            Unread.CopyTo(_bytes);
            _end -= _start;
            _start = 0;
        }
        var state = port.Read(_bytes.AsSpan(_end), out int count);
        bytes = _bytes.AsSpan(_end, count);
        _end += count;
        return state;
    }
}

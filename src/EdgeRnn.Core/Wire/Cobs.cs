namespace EdgeRnn.Wire;

/// <summary>
/// Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999): bytes without a 0x00 among them, so that 0x00 can
/// delimit frames and a receiver is in step again at the next one, whatever came before.
/// </summary>
public static class Cobs
{
    // A block is a code byte and code - 1 bytes that are not 0; a code below 255 stands for a 0x00 after them.
    private const int LongestBlock = 254;

    /// <summary>The most bytes that <paramref name="length"/> bytes are encoded to.</summary>
    public static int MaxEncodedLength(int length) => length + length / LongestBlock + 1;

    /// <summary>Encodes, without a delimiter.</summary>
    /// <param name="data">Any bytes.</param>
    /// <param name="encoded">At least <see cref="MaxEncodedLength"/> bytes.</param>
    /// <returns>The number of bytes written.</returns>
    public static int Encode(ReadOnlySpan<byte> data, Span<byte> encoded)
    {
        int written = 0;
        while (true)
        {
            var block = data[..Math.Min(data.Length, LongestBlock)];
            int zero = block.IndexOf((byte)0);
            if (zero >= 0)
                block = block[..zero];
            encoded[written++] = (byte)(block.Length + 1);
            block.CopyTo(encoded[written..]);
            written += block.Length;
            if (block.Length == data.Length)
                return written;
            data = data[(zero >= 0 ? zero + 1 : block.Length)..];
            // A full block stands for no 0x00, so nothing remains to be said when the data ends with it.
        }
    }

    /// <summary>Decodes what stands between two delimiters.</summary>
    /// <param name="encoded">The bytes; a 0x00 among them is a fault.</param>
    /// <param name="data">At least as long as <paramref name="encoded"/>.</param>
    /// <param name="written">The number of bytes written.</param>
    /// <returns>Whether <paramref name="encoded"/> was well formed.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> encoded, Span<byte> data, out int written)
    {
        written = 0;
        int read = 0;
        int to = 0;
        while (read < encoded.Length)
        {
            int code = encoded[read++];
            int length = code - 1;
            if (code == 0 || length > encoded.Length - read)
                return false;
            if (length >= 16)
                encoded.Slice(read, length).CopyTo(data[to..]);
            else // short runs are the rule in float32 readings, and a call costs more than the bytes
                for (int i = 0; i < length; i++)
                    data[to + i] = encoded[read + i];
            read += length;
            to += length;
            if (length < LongestBlock && read < encoded.Length)
                data[to++] = 0;
        }
        written = to;
        return encoded.Length > 0;
    }
}

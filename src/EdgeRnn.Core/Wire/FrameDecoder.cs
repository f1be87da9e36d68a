using System.Buffers.Binary;

namespace EdgeRnn.Wire;

/// <summary>What a decoder makes of the first bytes of its input.</summary>
public enum FrameAnswer
{
    /// <summary>They are the beginning of something: read on.</summary>
    NeedMore,

    /// <summary>They are a frame whose CRC is right.</summary>
    Frame,

    /// <summary>They are one bad chunk: damaged, of no known version, or too long.</summary>
    ThrowAway,

    /// <summary>Their header is of a data or end frame, but the descriptor that the CRC needs is not known.</summary>
    ThrowAwayUndescribed,
}

/// <summary>Bytes of the wire to frames: a pure function, so any cut of the bytes gives the same frames.</summary>
public static class FrameDecoder
{
    /// <summary>Judges the first chunk of <paramref name="input"/>.</summary>
    /// <param name="input">Bytes that have not been consumed yet, in order.</param>
    /// <param name="descriptorCrc">CRC-32C of the payload of the descriptor in force, or null.</param>
    /// <param name="scratch">At least <see cref="Frame.MaxEncodedLength"/> bytes, to which the frame refers.</param>
    /// <param name="frame">The frame, where there is one.</param>
    /// <param name="consumed">Bytes to pass over before the next call.</param>
    public static FrameAnswer Decode(
        ReadOnlySpan<byte> input, uint? descriptorCrc, Span<byte> scratch, out Frame frame, out int consumed)
    {
        frame = default;
        consumed = 0;
        while (consumed < input.Length && input[consumed] == 0) // empty chunks mean nothing
            consumed++;
        input = input[consumed..];

        // Looking no further than a frame can reach keeps the answer independent of how much has arrived.
        int limit = Frame.MaxEncodedLength + 1;
        int length = input[..Math.Min(input.Length, limit)].IndexOf((byte)0);
        if (length < 0)
        {
            if (input.Length < limit)
                return FrameAnswer.NeedMore;
            consumed += limit;
            return FrameAnswer.ThrowAway;
        }
        consumed += length + 1;
        return DecodeChunk(input[..length], descriptorCrc, scratch, out frame);
    }

    private static FrameAnswer DecodeChunk(
        ReadOnlySpan<byte> chunk, uint? descriptorCrc, Span<byte> scratch, out Frame frame)
    {
        frame = default;
        if (!Cobs.TryDecode(chunk, scratch, out int length)
            || length is < Frame.HeaderLength + Frame.CrcLength or > Frame.MaxLength
            || scratch[0] != Frame.Version)
            return FrameAnswer.ThrowAway;

        bool isSealed = (scratch[1] & Frame.SealedBit) != 0;
        var type = (FrameType)(scratch[1] & ~Frame.SealedBit);
        int sealLength = isSealed ? FrameAuthenticator.SealLength : 0;
        if (length < Frame.HeaderLength + sealLength + Frame.CrcLength)
            return FrameAnswer.ThrowAway;
        if (type is not (FrameType.Descriptor or FrameType.Data or FrameType.End))
            return FrameAnswer.ThrowAway;
        if (type != FrameType.Descriptor && descriptorCrc is null)
            return FrameAnswer.ThrowAwayUndescribed;

        var covered = scratch[..(length - Frame.CrcLength)];
        uint seed = type == FrameType.Descriptor ? 0 : descriptorCrc.GetValueOrDefault();
        if (Crc32C.Compute(covered, seed) != BinaryPrimitives.ReadUInt32LittleEndian(scratch[covered.Length..]))
            return FrameAnswer.ThrowAway;

        frame = new(
            type,
            BinaryPrimitives.ReadUInt16LittleEndian(covered[2..]),
            BinaryPrimitives.ReadUInt32LittleEndian(covered[4..]),
            BinaryPrimitives.ReadUInt32LittleEndian(covered[8..]),
            covered[Frame.HeaderLength..^sealLength])
        {
            Covered = isSealed ? covered[..^FrameAuthenticator.TagLength] : default,
            Stamp = isSealed ? BinaryPrimitives.ReadUInt64LittleEndian(covered[^sealLength..]) : 0,
            Tag = isSealed ? BinaryPrimitives.ReadUInt64LittleEndian(covered[^FrameAuthenticator.TagLength..]) : 0,
        };
        return FrameAnswer.Frame;
    }
}

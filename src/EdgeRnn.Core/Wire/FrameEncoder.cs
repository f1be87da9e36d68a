using System.Buffers.Binary;

namespace EdgeRnn.Wire;

/// <summary>The sending side: numbers data frames and encodes them. Allocates nothing after construction.</summary>
public sealed class FrameEncoder
{
    private readonly Descriptor _descriptor;
    private readonly byte[] _descriptorPayload;
    private readonly uint _descriptorCrc;
    private readonly FrameAuthenticator? _key;
    private readonly byte[] _plain;
    private ulong _stamp;
    private readonly byte[] _encoded;

    /// <summary>Prepares a sender of lines that <paramref name="descriptor"/> describes.</summary>
    /// <param name="descriptor">The channels.</param>
    /// <param name="stream">A number that differs from that of the sender's last start.</param>
    /// <param name="firstSequence">Number of the first data frame.</param>
    /// <param name="key">Seals every frame; null for none.</param>
    /// <param name="firstStamp">Greater than any stamp this key has sealed before, such as a clock's
    /// microseconds.</param>
    public FrameEncoder(
        Descriptor descriptor, ushort stream = 0, uint firstSequence = 0, FrameAuthenticator? key = null,
        ulong firstStamp = 1)
    {
        _key = key;
        _stamp = firstStamp;
        _descriptor = descriptor;
        _descriptorPayload = descriptor.ToPayload();
        _descriptorCrc = Crc32C.Compute(_descriptorPayload);
        int longest = Math.Max(_descriptorPayload.Length, descriptor.DataLength);
        _plain = new byte[Frame.HeaderLength + longest + FrameAuthenticator.SealLength + Frame.CrcLength];
        _encoded = new byte[Cobs.MaxEncodedLength(_plain.Length) + 1];
        Stream = stream;
        Sequence = firstSequence;
    }

    /// <summary>The sender's session.</summary>
    public ushort Stream { get; }

    /// <summary>Number of the next data frame.</summary>
    public uint Sequence { get; private set; }

    /// <summary>The descriptor frame: to be sent first and every few seconds.</summary>
    /// <returns>Bytes for the wire with their delimiter, valid until the next call.</returns>
    public ReadOnlySpan<byte> EncodeDescriptor(uint timeUs)
    {
        _descriptorPayload.CopyTo(_plain, Frame.HeaderLength);
        return Finish(FrameType.Descriptor, timeUs, _descriptorPayload.Length, 0);
    }

    /// <summary>A data frame: one reading of every channel, in real units. Advances <see cref="Sequence"/>.</summary>
    /// <param name="readings">As many as there are channels; int16 samples are rounded and saturated.</param>
    /// <param name="timeUs">The sender's clock.</param>
    /// <returns>Bytes for the wire with their delimiter, valid until the next call.</returns>
    public ReadOnlySpan<byte> EncodeData(ReadOnlySpan<float> readings, uint timeUs)
    {
        _descriptor.WriteReadings(readings, _plain.AsSpan(Frame.HeaderLength, _descriptor.DataLength));
        var bytes = Finish(FrameType.Data, timeUs, _descriptor.DataLength, _descriptorCrc);
        Sequence++;
        return bytes;
    }

    /// <summary>The frame that says that no more data follows.</summary>
    /// <returns>Bytes for the wire with their delimiter, valid until the next call.</returns>
    public ReadOnlySpan<byte> EncodeEnd(uint timeUs) => Finish(FrameType.End, timeUs, 0, _descriptorCrc);

    private ReadOnlySpan<byte> Finish(FrameType type, uint timeUs, int payloadLength, uint seed)
    {
        int sealLength = _key is null ? 0 : FrameAuthenticator.SealLength;
        var plain = _plain.AsSpan(0, Frame.HeaderLength + payloadLength + sealLength + Frame.CrcLength);
        plain[0] = Frame.Version;
        plain[1] = (byte)((byte)type | (_key is null ? 0 : Frame.SealedBit));
        BinaryPrimitives.WriteUInt16LittleEndian(plain[2..], Stream);
        BinaryPrimitives.WriteUInt32LittleEndian(plain[4..], Sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(plain[8..], timeUs);
        var covered = plain[..^Frame.CrcLength];
        if (_key is not null)
        {
            var seal = covered[^FrameAuthenticator.SealLength..];
            BinaryPrimitives.WriteUInt64LittleEndian(seal, _stamp++);
            ulong tag = _key.TagOf(covered[..^FrameAuthenticator.TagLength]);
            BinaryPrimitives.WriteUInt64LittleEndian(seal[sizeof(ulong)..], tag);
        }
        BinaryPrimitives.WriteUInt32LittleEndian(plain[covered.Length..], Crc32C.Compute(covered, seed));

        int length = Cobs.Encode(plain, _encoded);
        _encoded[length] = 0;
        return _encoded.AsSpan(0, length + 1);
    }
}

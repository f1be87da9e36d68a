namespace EdgeRnn.Wire;

/// <summary>What a frame carries.</summary>
public enum FrameType : byte
{
    /// <summary>The channels of the line; its sequence number is that of the next data frame.</summary>
    Descriptor = 1,

    /// <summary>One reading of every channel.</summary>
    Data = 2,

    /// <summary>The sender stops; its sequence number is that of the data frame it would have sent next.</summary>
    End = 3,
}

/// <summary>One frame of the wire, as PROTOCOL.md lays it out.</summary>
/// <param name="type">What the payload is.</param>
/// <param name="stream">The sender's session.</param>
/// <param name="sequence">Number of the data frame, or of the next one.</param>
/// <param name="timeUs">The sender's clock in microseconds, modulo 2^32.</param>
/// <param name="payload">The bytes between header and CRC.</param>
public readonly ref struct Frame(FrameType type, ushort stream, uint sequence, uint timeUs, ReadOnlySpan<byte> payload)
{
    /// <summary>The only version of the header there is.</summary>
    public const byte Version = 1;

    /// <summary>Bytes before the payload.</summary>
    public const int HeaderLength = 12;

    /// <summary>Bytes after it.</summary>
    public const int CrcLength = 4;

    /// <summary>
    /// Longest payload: 4,096 samples of four bytes, or a descriptor that names as many channels in two bytes each.
    /// </summary>
    public const int MaxPayloadLength = 32_768;

    /// <summary>Longest frame before encoding.</summary>
    public const int MaxLength = HeaderLength + MaxPayloadLength + FrameAuthenticator.SealLength + CrcLength;

    /// <summary>Longest frame on the wire, without its delimiter.</summary>
    public static int MaxEncodedLength => Cobs.MaxEncodedLength(MaxLength);

    /// <summary>What the payload is.</summary>
    public FrameType Type { get; } = type;

    /// <summary>The sender's session: a number that it changes each time it starts, where it can.</summary>
    public ushort Stream { get; } = stream;

    /// <summary>Number of the data frame, or of the next one.</summary>
    public uint Sequence { get; } = sequence;

    /// <summary>The sender's clock in microseconds, modulo 2^32.</summary>
    public uint TimeUs { get; } = timeUs;

    /// <summary>The bytes between header and CRC, without a seal.</summary>
    public ReadOnlySpan<byte> Payload { get; } = payload;

    /// <summary>The bit of the type byte that says that the frame is sealed.</summary>
    internal const byte SealedBit = 0x80;

    /// <summary>Of a sealed frame everything from its version to its stamp; otherwise empty.</summary>
    public ReadOnlySpan<byte> Covered { get; init; }

    /// <summary>Of a sealed frame the stamp, which rises from frame to frame.</summary>
    public ulong Stamp { get; init; }

    /// <summary>Of a sealed frame the tag.</summary>
    public ulong Tag { get; init; }
}

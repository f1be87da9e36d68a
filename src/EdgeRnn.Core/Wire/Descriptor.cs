using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace EdgeRnn.Wire;

/// <summary>The type of a sample in a data frame.</summary>
public enum SampleType : byte
{
    /// <summary>IEEE single, little-endian, in the channel's unit.</summary>
    Float32 = 1,

    /// <summary>16-bit integer, little-endian; real value = integer × scale.</summary>
    Int16 = 2,
}

/// <summary>One channel of a line.</summary>
/// <param name="Name">At most 64 bytes of UTF-8; may be empty.</param>
/// <param name="Unit">The same.</param>
/// <param name="Scale">Real value per integer of an int16 sample; 1 for float32.</param>
public sealed record Channel(string Name, string Unit = "", float Scale = 1);

/// <summary>What the data frames of a line hold.</summary>
/// <param name="SampleType">The type of every sample.</param>
/// <param name="Channels">The channels, in the order of their samples; 1 to 4,096.</param>
/// <param name="RateHz">Readings a second, 0 when unknown.</param>
public sealed record Descriptor(SampleType SampleType, IReadOnlyList<Channel> Channels, float RateHz = 0)
{
    internal const int FixedLength = 7;

    /// <summary>Bytes of a data frame's payload.</summary>
    public int DataLength => Channels.Count * SizeOf(SampleType);

    /// <summary>Bytes of a sample.</summary>
    public static int SizeOf(SampleType type) => type == SampleType.Int16 ? sizeof(short) : sizeof(float);

    /// <summary>float32 channels of these names; empty ones for a model that names none.</summary>
    public static Descriptor ForModel(RnnModel model)
    {
        var names = model.Channels.Concat(Enumerable.Repeat("", model.InputSize)).Take(model.InputSize);
        return new(SampleType.Float32, [.. names.Select(name => new Channel(name))], model.SampleRateHz);
    }

    /// <summary>The payload of the descriptor frame.</summary>
    /// <exception cref="ArgumentException">A name, a scale or the whole is not what the wire can carry.</exception>
    public byte[] ToPayload()
    {
        using var payload = new MemoryStream();
        Span<byte> number = stackalloc byte[FixedLength];
        number[0] = (byte)SampleType;
        BinaryPrimitives.WriteUInt16LittleEndian(number[1..], checked((ushort)Channels.Count));
        BinaryPrimitives.WriteSingleLittleEndian(number[3..], RateHz);
        payload.Write(number);
        foreach (var channel in Channels)
        {
            BinaryPrimitives.WriteSingleLittleEndian(number, channel.Scale);
            payload.Write(number[..sizeof(float)]);
            WriteText(payload, channel.Name);
            WriteText(payload, channel.Unit);
        }
        var bytes = payload.ToArray();
        return TryParse(bytes, out _, out string? error) ? bytes : throw new ArgumentException(error);
    }

    /// <summary>Reads a payload.</summary>
    /// <param name="payload">The payload of a descriptor frame.</param>
    /// <param name="descriptor">The descriptor.</param>
    /// <param name="error">What is wrong with it.</param>
    public static bool TryParse(
        ReadOnlySpan<byte> payload,
        [NotNullWhen(true)] out Descriptor? descriptor,
        [NotNullWhen(false)] out string? error)
    {
        descriptor = null;
        var reader = new DescriptorReader(payload);
        List<Channel> channels = [];
        while (reader.Next(out var name, out var unit, out float scale))
            channels.Add(new(Encoding.UTF8.GetString(name), Encoding.UTF8.GetString(unit), scale));
        error = reader.Error;
        if (error is null)
            descriptor = new(reader.SampleType, channels, reader.RateHz);
        return error is null;
    }

    /// <summary>Writes the samples of one data frame.</summary>
    internal void WriteReadings(ReadOnlySpan<float> readings, Span<byte> payload)
    {
        if (readings.Length != Channels.Count)
            throw new ArgumentException($"{readings.Length} readings for {Channels.Count} channels.", nameof(readings));
        for (int c = 0; c < readings.Length; c++)
        {
            var sample = payload[(c * SizeOf(SampleType))..];
            if (SampleType == SampleType.Float32)
                BinaryPrimitives.WriteSingleLittleEndian(sample, readings[c]);
            else
                BinaryPrimitives.WriteInt16LittleEndian(sample, Quantize(readings[c] / Channels[c].Scale));
        }
    }

    private static short Quantize(float value) => // NaN, which an integer cannot say, becomes 0
        float.IsNaN(value) ? (short)0 : (short)Math.Clamp(MathF.Round(value), short.MinValue, short.MaxValue);

    private static void WriteText(MemoryStream payload, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        payload.WriteByte((byte)Math.Min(bytes.Length, byte.MaxValue)); // longer than 64 is refused by the reader
        payload.Write(bytes);
    }
}

/// <summary>Walks through a descriptor's payload without allocating.</summary>
internal ref struct DescriptorReader
{
    private ReadOnlySpan<byte> _rest;
    private int _left;

    public DescriptorReader(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < Descriptor.FixedLength)
        {
            Error = "it is cut short";
            return;
        }
        SampleType = (SampleType)payload[0];
        Channels = _left = BinaryPrimitives.ReadUInt16LittleEndian(payload[1..]);
        RateHz = BinaryPrimitives.ReadSingleLittleEndian(payload[3..]);
        _rest = payload[Descriptor.FixedLength..];
        if (SampleType is not (SampleType.Float32 or SampleType.Int16))
            Error = "its sample type is neither 1 (float32) nor 2 (int16)";
        else if (Channels is 0 or > RnnModel.MaxInputs)
            Error = "it has no channels, or more than 4096";
        else if (!float.IsFinite(RateHz) || RateHz < 0)
            Error = "its rate is not a number of readings a second";
        else if (payload.Length > Frame.MaxPayloadLength)
            Error = "it is longer than 32768 bytes";
    }

    /// <summary>Why the payload is no descriptor; null as long as it may be one.</summary>
    public string? Error { get; private set; }

    public SampleType SampleType { get; }

    public int Channels { get; }

    public float RateHz { get; }

    /// <summary>The next channel; false after the last one and at an error.</summary>
    public bool Next(out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> unit, out float scale)
    {
        name = unit = default;
        scale = 0;
        if (Error is not null)
            return false;
        if (_left-- == 0)
        {
            if (!_rest.IsEmpty)
                Error = "bytes follow its last channel";
            return false;
        }
        if (_rest.Length < sizeof(float))
        {
            Error = "it is cut short";
            return false;
        }
        scale = BinaryPrimitives.ReadSingleLittleEndian(_rest);
        _rest = _rest[sizeof(float)..];
        if (!float.IsFinite(scale) || scale == 0 || (SampleType == SampleType.Float32 && scale != 1))
        {
            Error = "a channel's scale is 0, not finite, or not 1 for float32 samples";
            return false;
        }
        return Text(out name) && Text(out unit);
    }

    private bool Text(out ReadOnlySpan<byte> text)
    {
        text = default;
        int length = _rest.IsEmpty ? int.MaxValue : _rest[0];
        if (length > RnnModel.MaxNameBytes || length >= _rest.Length)
        {
            Error = "a channel's name or unit is cut short or longer than 64 bytes";
            return false;
        }
        text = _rest.Slice(1, length);
        _rest = _rest[(1 + length)..];
        return true;
    }
}

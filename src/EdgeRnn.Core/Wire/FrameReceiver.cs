using System.Buffers.Binary;

namespace EdgeRnn.Wire;

/// <summary>Receives the <c>frames</c> format.</summary>
public sealed class FrameReceiver : LineReceiver
{
    private readonly byte[] _scratch = new byte[Frame.MaxEncodedLength];
    private readonly byte[] _descriptor = new byte[Frame.MaxPayloadLength];
    private readonly float[] _scales;
    private readonly SequenceAccount _account;
    private int _descriptorLength;
    private uint? _descriptorCrc;
    private SampleType _sampleType;
    private uint _timeUs;
    private long _missing;
    private readonly FrameAuthenticator? _key;
    private ulong _stamp;

    /// <summary>Prepares a receiver; all memory is reserved here.</summary>
    /// <param name="channels">Channels a reading must have.</param>
    /// <param name="key">Without one, seals are not looked at; with one, every frame must have the right one.</param>
    public FrameReceiver(int channels, FrameAuthenticator? key = null)
        : base(channels)
    {
        _key = key;
        _scales = new float[channels];
        _account = new(Counts);
    }

    /// <inheritdoc/>
    public override LineAnswer Next(ReadOnlySpan<byte> input, out int consumed)
    {
        consumed = 0;
        while (true)
        {
            var answer = FrameDecoder.Decode(input[consumed..], _descriptorCrc, _scratch, out var frame, out int taken);
            consumed += taken;
            switch (answer)
            {
                case FrameAnswer.NeedMore:
                    return LineAnswer.NeedMore;
                case FrameAnswer.ThrowAway:
                    _account.BadChunk();
                    continue;
                case FrameAnswer.ThrowAwayUndescribed:
                    Counts.Undescribed++;
                    continue;
            }
            if (!IsAuthentic(frame))
            {
                _account.BadChunk();
            }
            else if (frame.Type == FrameType.Descriptor)
            {
                if (!Describe(frame))
                    return LineAnswer.Refused;
            }
            else if (frame.Payload.Length != PayloadLength(frame.Type))
            {
                _account.BadChunk(); // whole, but not what its own descriptor says
            }
            else if (Accept(frame))
            {
                return frame.Type == FrameType.End ? LineAnswer.End : LineAnswer.Reading;
            }
        }
    }

    /// <inheritdoc/>
    public override void Break(ReadOnlySpan<byte> rest)
    {
        Complete(rest);
        _account.Break();
    }

    /// <inheritdoc/>
    public override bool Complete(ReadOnlySpan<byte> rest)
    {
        if (!rest.IsEmpty)
            _account.BadChunk(); // a frame that was cut off
        return false;
    }

    private bool IsAuthentic(in Frame frame)
    {
        if (_key is null)
            return true;
        if (frame.Covered.IsEmpty || _key.TagOf(frame.Covered) != frame.Tag)
        {
            Counts.Unauthenticated++;
            return false;
        }
        if (frame.Stamp <= _stamp)
        {
            Counts.Replayed++;
            return false;
        }
        _stamp = frame.Stamp;
        return true;
    }

    private int PayloadLength(FrameType type) =>
        type == FrameType.Data ? _scales.Length * Descriptor.SizeOf(_sampleType) : 0;

    private bool Describe(in Frame frame)
    {
        bool newLine = !frame.Payload.SequenceEqual(_descriptor.AsSpan(0, _descriptorLength));
        if (newLine && !TryUse(frame.Payload))
            return false;
        Place(frame, newLine);
        return true;
    }

    private bool TryUse(ReadOnlySpan<byte> payload)
    {
        var reader = new DescriptorReader(payload);
        if (reader.Error is null && reader.Channels != _scales.Length)
        {
            Refusal = $"the line carries {reader.Channels} channels, and the model reads {_scales.Length}{Remedy}";
            return false;
        }
        for (int c = 0; reader.Next(out _, out _, out float scale); c++)
            _scales[c] = scale;
        if (reader.Error is not null)
        {
            Refusal = $"the line's descriptor cannot be used: {reader.Error}";
            return false;
        }
        payload.CopyTo(_descriptor);
        _descriptorLength = payload.Length;
        _descriptorCrc = Crc32C.Compute(payload);
        _sampleType = reader.SampleType;
        return true;
    }

    private bool Accept(in Frame frame)
    {
        if (!Place(frame, newLine: false))
            return false;
        if (frame.Type == FrameType.End)
            return true;
        var readings = MutableReadings;
        for (int c = 0; c < readings.Length; c++)
            readings[c] = _sampleType == SampleType.Float32
                ? BinaryPrimitives.ReadSingleLittleEndian(frame.Payload[(c * sizeof(float))..])
                : BinaryPrimitives.ReadInt16LittleEndian(frame.Payload[(c * sizeof(short))..]) * _scales[c];
        Sequence = frame.Sequence;
        Missing = _missing;
        _missing = 0;
        return true;
    }

    /// <summary>Enters a good frame in the account and carries the sender's clock on; false for a duplicate.</summary>
    private bool Place(in Frame frame, bool newLine)
    {
        var order = _account.Place(frame, newLine);
        if (order == FrameOrder.Duplicate)
            return false;
        if (order == FrameOrder.NewSession)
            _missing = Unknown;
        else if (_missing != Unknown)
            _missing += _account.Gap;
        DeviceUs = order == FrameOrder.NewSession ? frame.TimeUs : DeviceUs + (frame.TimeUs - _timeUs);
        _timeUs = frame.TimeUs;
        return true;
    }
}

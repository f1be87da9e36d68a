using EdgeRnn.Features;

namespace EdgeRnn.Format;

/// <summary>How audio becomes steps. Its methods give null or what is wrong.</summary>
internal sealed class FeatureMessage(ReadOnlyMemory<byte> message)
{
    // What is absent is 0, as everywhere in the file.
    private FeatureSpec _spec = new()
    {
        Kind = 0,
        SampleRateHz = 0,
        FrameLength = 0,
        FrameStep = 0,
        Mels = 0,
        LowHz = 0,
        HighHz = 0,
        Floor = 0,
    };

    /// <summary>Checks the whole message.</summary>
    /// <param name="inputSize">Inputs of the first layer.</param>
    public string? Check(int inputSize)
    {
        var wire = new WireReader(message);
        while (wire.Next())
        {
            switch (wire.Field)
            {
                case 1: _spec = _spec with { Kind = (FeatureKind)Whole(ref wire, "kind") }; break;
                case 2: _spec = _spec with { SampleRateHz = Whole(ref wire, "sample_rate_hz") }; break;
                case 3: _spec = _spec with { FrameLength = Whole(ref wire, "frame_length") }; break;
                case 4: _spec = _spec with { FrameStep = Whole(ref wire, "frame_step") }; break;
                case 5: _spec = _spec with { Mels = Whole(ref wire, "mels") }; break;
                case 6: _spec = _spec with { Coefficients = Whole(ref wire, "coefficients") }; break;
                case 7: _spec = _spec with { LowHz = wire.Float("low_hz") }; break;
                case 8: _spec = _spec with { HighHz = wire.Float("high_hz") }; break;
                case 9: _spec = _spec with { Scale = (MelScale)Whole(ref wire, "scale") }; break;
                case 10: _spec = _spec with { Deltas = Whole(ref wire, "deltas") }; break;
                case 11: _spec = _spec with { RunningSteps = Whole(ref wire, "running_steps") }; break;
                case 12: _spec = _spec with { Floor = wire.Float("floor") }; break;
                default: wire.Skip(); break;
            }
        }
        if ((wire.Error ?? _spec.Check()) is { } error)
            return error;
        return _spec.Width == inputSize
            ? null
            : $"a frame has {_spec.Width} of them, expected {inputSize}, the inputs of layer 1";
    }

    /// <summary>The features, after <see cref="Check"/> found nothing wrong.</summary>
    public FeatureSpec ToSpec() => _spec;

    // Larger numbers are refused by the reader here, and every smaller one by the limits of its field.
    private static int Whole(ref WireReader wire, string name)
    {
        uint value = wire.UInt32(name);
        if (value > int.MaxValue)
            wire.Fail($"{name} is {value}, expected at most {int.MaxValue}");
        return (int)value;
    }
}

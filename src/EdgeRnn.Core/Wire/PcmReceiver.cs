using EdgeRnn.Features;

namespace EdgeRnn.Wire;

/// <summary>
/// Receives bare samples of sound and gives a reading for each frame of the model's features. Nothing in such a line
/// tells whether bytes are missing; what is left of a sample when it ends is noise.
/// </summary>
/// <param name="features">What the model hears.</param>
/// <param name="format">How samples are written; several channels are mixed down.</param>
public sealed class PcmReceiver(FeatureSpec features, AudioFormat format) : LineReceiver(features.Width)
{
    private readonly FrontEnd _frontEnd = new(features, format.RateHz);
    private readonly float[] _samples = new float[256];
    private int _next;      // of these, the first that is not part of a frame yet,
    private int _count;     // and how many there are
    private long _received; // samples of each channel
    private bool _follows;

    /// <summary>How samples are written.</summary>
    public AudioFormat Format => format;

    /// <inheritdoc/>
    public override int GreetingBytes => int.MaxValue;

    /// <inheritdoc/>
    public override LineAnswer Next(ReadOnlySpan<byte> input, out int consumed)
    {
        consumed = 0;
        while (true)
        {
            ReadOnlySpan<float> left = _samples.AsSpan(_next, _count - _next);
            bool isFrame = _frontEnd.Next(ref left);
            _next = _count - left.Length;
            if (isFrame)
            {
                Take();
                return LineAnswer.Reading;
            }
            _count = Math.Min(_samples.Length, (input.Length - consumed) / format.BlockBytes);
            _next = 0;
            if (_count == 0)
                return LineAnswer.NeedMore;
            format.Decode(input[consumed..], _samples.AsSpan(0, _count));
            consumed += _count * format.BlockBytes;
            _received += _count;
        }
    }

    /// <inheritdoc/>
    public override void Break(ReadOnlySpan<byte> rest)
    {
        _ = Complete(rest);
        _frontEnd.Reset();
        (_next, _count, _follows) = (0, 0, false);
    }

    /// <inheritdoc/>
    public override bool Complete(ReadOnlySpan<byte> rest)
    {
        if (!rest.IsEmpty)
            Counts.Noise++;
        return false;
    }

    // The clock is the recording's: the sample that completed the frame.
    private void Take()
    {
        _frontEnd.Features.CopyTo(MutableReadings);
        Sequence = (uint)Counts.Delivered;
        Counts.Expected++;
        Counts.Delivered++;
        DeviceUs = (_received - _count + _next) * 1_000_000 / format.RateHz;
        Missing = _follows ? 0 : Unknown;
        _follows = true;
    }
}

using EdgeRnn.Features;

namespace EdgeRnn.Wire;

/// <summary>
/// Receives sound in the <c>frames</c> format: a data frame carries the samples from one frame of the model's features
/// to the next, as that many channels, full scale ±1. What is lost is counted as ever; features begin anew after it.
/// </summary>
/// <param name="features">What the model hears; samples come at its rate.</param>
/// <param name="key">As in <see cref="FrameReceiver"/>.</param>
public sealed class SoundFrameReceiver(FeatureSpec features, FrameAuthenticator? key = null)
    : LineReceiver(features.Width)
{
    private readonly FrontEnd _frontEnd = new(features, features.SampleRateHz);
    private readonly FrameReceiver _frames = new(features.FrameStep, key);
    private int _next = features.FrameStep; // of the last frame's samples, the first that the front end has not taken
    private int _unused; // samples since the last frame of features
    private bool _follows;

    /// <inheritdoc/>
    public override LineCounts Counts => _frames.Counts;

    /// <inheritdoc/>
    public override LineAnswer Next(ReadOnlySpan<byte> input, out int consumed)
    {
        consumed = 0;
        while (true)
        {
            var samples = _frames.Readings[_next..];
            bool isFrame = _frontEnd.Next(ref samples);
            _unused += _frames.Readings.Length - samples.Length - _next;
            _next = _frames.Readings.Length - samples.Length;
            Counts.ReplacedSamples = _frontEnd.ReplacedSamples;
            if (isFrame)
                return Take();
            var answer = _frames.Next(input[consumed..], out int taken);
            consumed += taken;
            Refusal = _frames.Refusal;
            if (answer != LineAnswer.Reading)
                return answer;
            if (_frames.Interrupted)
                Begin();
            Counts.Samples += features.FrameStep;
            _next = 0;
        }
    }

    /// <inheritdoc/>
    public override void Break(ReadOnlySpan<byte> rest)
    {
        _frames.Break(rest);
        Begin();
    }

    /// <inheritdoc/>
    public override bool Complete(ReadOnlySpan<byte> rest)
    {
        (Counts.UnusedSamples, _unused) = (Counts.UnusedSamples + _unused, 0);
        return _frames.Complete(rest);
    }

    private void Begin()
    {
        _frontEnd.Reset();
        (Counts.UnusedSamples, _unused) = (Counts.UnusedSamples + _unused, 0);
        _next = _frames.Readings.Length;
        _follows = false;
    }

    private LineAnswer Take()
    {
        _frontEnd.Features.CopyTo(MutableReadings);
        (Sequence, DeviceUs) = (_frames.Sequence, _frames.DeviceUs);
        Missing = _follows ? 0 : Unknown;
        _follows = true;
        _unused = 0;
        return LineAnswer.Reading;
    }
}

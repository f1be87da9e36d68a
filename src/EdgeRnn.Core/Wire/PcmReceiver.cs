using EdgeRnn.Features;

namespace EdgeRnn.Wire;

/// <summary>
/// Receives bare samples of sound and gives a reading for each frame of the model's features. Nothing in such a line
/// tells whether bytes are missing; what is left of a sample when it ends is noise. A WAV header is refused, and not
/// heard.
/// </summary>
/// <param name="features">What the model hears.</param>
/// <param name="format">How samples are written; several channels are mixed down.</param>
public sealed class PcmReceiver(FeatureSpec features, AudioFormat format) : LineReceiver(features.Width)
{
    private const int HeaderBytes = 12;

    private readonly FrontEnd _frontEnd = new(features, format.RateHz);
    private readonly float[] _samples = new float[256];
    private int _next;      // of these, the first that is not part of a frame yet,
    private int _count;     // and how many there are
    private long _used;     // samples that the front end has taken,
    private long _framed;   // and had taken at the last frame
    private bool _follows;

    /// <summary>How samples are written.</summary>
    public AudioFormat Format => format;

    /// <inheritdoc/>
    public override int GreetingBytes => int.MaxValue;

    /// <inheritdoc/>
    public override LineAnswer Next(ReadOnlySpan<byte> input, out int consumed)
    {
        consumed = 0;
        if (Counts.Samples == 0 && MayBeHeader(input, out bool isHeader))
        {
            if (isHeader)
                Refusal = "the line begins with a WAV header, expected bare samples; "
                    + "give arecord -t raw, or play a file with --wav";
            return isHeader ? LineAnswer.Refused : LineAnswer.NeedMore;
        }
        while (true)
        {
            ReadOnlySpan<float> left = _samples.AsSpan(_next, _count - _next);
            bool isFrame = _frontEnd.Next(ref left);
            _used += _count - left.Length - _next;
            _next = _count - left.Length;
            Counts.ReplacedSamples = _frontEnd.ReplacedSamples;
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
            Counts.Samples += _count;
        }
    }

    /// <inheritdoc/>
    public override void Break(ReadOnlySpan<byte> rest)
    {
        _ = Complete(rest);
        _frontEnd.Reset();
        (_next, _count, _follows) = (0, 0, false);
        _used = _framed = Counts.Samples;
    }

    /// <inheritdoc/>
    public override bool Complete(ReadOnlySpan<byte> rest)
    {
        if (!rest.IsEmpty)
            Counts.Noise++;
        Counts.UnusedSamples += Counts.Samples - _framed;
        return false;
    }

    /// <summary>Whether these first bytes are, or may be when there are more, a WAV file's.</summary>
    private static bool MayBeHeader(ReadOnlySpan<byte> input, out bool isHeader)
    {
        var riff = "RIFF"u8;
        isHeader = input.Length >= HeaderBytes && input.StartsWith(riff) && input[8..].StartsWith("WAVE"u8);
        return isHeader || input.Length < HeaderBytes && riff.StartsWith(input[..Math.Min(input.Length, riff.Length)]);
    }

    // The clock is the recording's: the sample that completed the frame.
    private void Take()
    {
        _frontEnd.Features.CopyTo(MutableReadings);
        Sequence = (uint)Counts.Delivered;
        Counts.Expected++;
        Counts.Delivered++;
        DeviceUs = _used * 1_000_000 / format.RateHz;
        _framed = _used;
        Missing = _follows ? 0 : Unknown;
        _follows = true;
    }
}

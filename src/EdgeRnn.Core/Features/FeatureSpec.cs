using System.Globalization;

namespace EdgeRnn.Features;

/// <summary>What becomes of the mel energies of a frame.</summary>
public enum FeatureKind
{
    /// <summary>ln(max(energy, floor)) of each band.</summary>
    LogMel = 1,

    /// <summary>The first coefficients of the orthonormal DCT-II of these logarithms.</summary>
    Mfcc = 2,

    /// <summary>
    /// Per-channel energy normalisation (Wang et al. 2017, librosa's values):
    /// (energy / (floor + M)^0.98 + 2)^½ - √2, where M follows the energy with a time constant of 0.4 s.
    /// </summary>
    Pcen = 3,
}

/// <summary>How frequencies are spaced in mel.</summary>
public enum MelScale
{
    /// <summary>mel = 2595·log10(1 + f/700), triangles with peaks of 1.</summary>
    Htk = 0,

    /// <summary>Slaney's Auditory Toolbox: linear below 1 kHz, triangles of equal area; librosa's default.</summary>
    Slaney = 1,
}

/// <summary>
/// How audio becomes the steps of a network: frames of a Hann window, their power spectrum, bands of it, and what is
/// made of these. Stands in the model file, so that a board computes what training did. Frames do not reach beyond the
/// recording (librosa's <c>center=False</c>, Kaldi's <c>snip-edges</c>), and full scale is 1.
/// </summary>
public sealed record FeatureSpec
{
    /// <summary>Most bands.</summary>
    public const int MaxMels = 128;

    /// <summary>Most samples of a frame.</summary>
    public const int MaxFrameLength = 4096;

    /// <summary>Largest <see cref="RunningSteps"/>.</summary>
    public const int MaxRunningSteps = 1_000_000;

    private const int LeastFrameLength = 8;
    private const float UsualFloor = 1e-6f;

    /// <summary>Sample rates of audio, ascending.</summary>
    public static ReadOnlySpan<int> Rates => [8000, 16000, 22050, 44100, 48000];

    /// <summary><see cref="Rates"/> in words.</summary>
    public const string RatesText = "8000, 16000, 22050, 44100 or 48000";

    /// <summary>What becomes of the energies.</summary>
    public FeatureKind Kind { get; init; } = FeatureKind.LogMel;

    /// <summary>Samples a second of the audio that frames are cut from; other audio is converted.</summary>
    public int SampleRateHz { get; init; } = 16000;

    /// <summary>Samples of a frame.</summary>
    public int FrameLength { get; init; } = 400;

    /// <summary>Samples from one frame to the next.</summary>
    public int FrameStep { get; init; } = 160;

    /// <summary>Bands.</summary>
    public int Mels { get; init; } = 40;

    /// <summary>Coefficients of <see cref="FeatureKind.Mfcc"/>; 0 for other kinds.</summary>
    public int Coefficients { get; init; }

    /// <summary>Where the lowest band begins.</summary>
    public float LowHz { get; init; } = 20;

    /// <summary>Where the highest band ends.</summary>
    public float HighHz { get; init; } = 8000;

    /// <summary>How bands are spaced.</summary>
    public MelScale Scale { get; init; }

    /// <summary>
    /// 1 appends slopes over five frames (HTK's regression), 2 those of the slopes too; each is two frames late.
    /// </summary>
    public int Deltas { get; init; }

    /// <summary>
    /// Each feature less its mean and over its deviation, which follow the stream with a time constant of so many
    /// frames; 0 leaves features as they are.
    /// </summary>
    public int RunningSteps { get; init; }

    /// <summary>The least energy that matters; full scale is a sine of amplitude 1, some 10^4.</summary>
    public float Floor { get; init; } = UsualFloor;

    /// <summary>Features a frame.</summary>
    public int Width => Statics * (1 + Deltas);

    /// <summary>Features a frame without their slopes.</summary>
    internal int Statics => Kind == FeatureKind.Mfcc ? Coefficients : Mels;

    /// <summary>The transform's length: the lowest power of two that holds a frame.</summary>
    internal int FftSize
    {
        get
        {
            int size = LeastFrameLength;
            while (size < FrameLength)
                size *= 2;
            return size;
        }
    }

    /// <summary>Frames a second.</summary>
    public float FramesPerSecond => (float)SampleRateHz / FrameStep;

    /// <summary>Frames that so many samples of <see cref="SampleRateHz"/> give.</summary>
    public int FramesOf(long samples) =>
        (int)Math.Max(0, (samples - FrameLength + FrameStep) / FrameStep - (Deltas * DeltaStage.Reach));

    /// <summary>Null, or what is wrong: field, found, expected.</summary>
    public string? Check()
    {
        if (Kind is < FeatureKind.LogMel or > FeatureKind.Pcen)
            return $"kind is {(int)Kind}, expected 1 (logmel), 2 (mfcc) or 3 (pcen)";
        if (!Rates.Contains(SampleRateHz))
            return $"sample_rate_hz is {SampleRateHz}, expected {RatesText}";
        if (FrameLength is < LeastFrameLength or > MaxFrameLength)
            return $"frame_length is {FrameLength}, expected {LeastFrameLength} to {MaxFrameLength} samples";
        if (FrameStep < 1 || FrameStep > FrameLength)
            return $"frame_step is {FrameStep}, expected 1 to {FrameLength}, the frame's length";
        if (Mels is < 1 or > MaxMels)
            return $"mels is {Mels}, expected 1 to {MaxMels}";
        if (Kind != FeatureKind.Mfcc && Coefficients != 0)
            return $"coefficients is {Coefficients}, expected 0 without mfcc";
        if (Kind == FeatureKind.Mfcc && (Coefficients < 1 || Coefficients > Mels))
            return $"coefficients is {Coefficients}, expected 1 to {Mels}, the bands";
        return CheckBands() ?? CheckRest();
    }

    private string? CheckBands()
    {
        float most = SampleRateHz / 2f;
        if (!(LowHz >= 0 && LowHz < most))
            return $"low_hz is {LowHz}, expected 0 to below {most}";
        if (!(HighHz > LowHz && HighHz <= most))
            return $"high_hz is {HighHz}, expected above {LowHz} to {most}, half the sample rate";
        if (Scale is < MelScale.Htk or > MelScale.Slaney)
            return $"scale is {(int)Scale}, expected 0 (htk) or 1 (slaney)";
        return new MelFilterbank(this).FirstEmpty is >= 0 and var mel
            ? $"mels is {Mels}, expected fewer: band {mel + 1} is narrower than the {FftSize / 2 + 1} bins of a " +
                "frame's spectrum"
            : null;
    }

    private string? CheckRest()
    {
        if (Deltas is < 0 or > 2)
            return $"deltas is {Deltas}, expected 0 to 2";
        if (RunningSteps is < 0 or 1 or > MaxRunningSteps)
            return $"running_steps is {RunningSteps}, expected 0, or 2 to {MaxRunningSteps}";
        return Floor is >= 1e-12f and <= 1 ? null : $"floor is {Floor}, expected 1E-12 to 1";
    }

    /// <summary>
    /// Reads <c>logmel:40</c>, <c>mfcc:13</c> or <c>pcen:40</c>, with options <c>,key=value</c>: rate, frame and hop
    /// (ms), mels, low and high (Hz), scale, deltas, running (s), floor.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="rateHz">Sample rate where the text names none.</param>
    /// <param name="error">What is wrong with it, or null.</param>
    public static FeatureSpec? Parse(string text, int rateHz, out string? error) =>
        new FeatureText(text).ToSpec(rateHz, out error);

    /// <summary>The text that <see cref="Parse"/> reads, with all that is not as usual.</summary>
    public override string ToString()
    {
        string kind = Kind switch
        {
            FeatureKind.Mfcc => $"mfcc:{Coefficients},mels={Mels}",
            FeatureKind.Pcen => $"pcen:{Mels}",
            _ => $"logmel:{Mels}",
        };
        double perMs = SampleRateHz / 1000.0;
        string text = string.Create(CultureInfo.InvariantCulture,
            $"{kind},rate={SampleRateHz},frame={FrameLength / perMs:0.###},hop={FrameStep / perMs:0.###},low={LowHz},high={HighHz}");
        if (Scale != MelScale.Htk)
            text += ",scale=slaney";
        if (Deltas != 0)
            text += $",deltas={Deltas}";
        if (RunningSteps != 0)
            text += string.Create(CultureInfo.InvariantCulture, $",running={RunningSteps / FramesPerSecond:0.###}");
        return Floor == UsualFloor
            ? text
            : text + string.Create(CultureInfo.InvariantCulture, $",floor={Floor:0.######E+0}");
    }
}

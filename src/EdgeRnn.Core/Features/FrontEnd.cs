using System.Runtime.InteropServices;
using EdgeRnn.Quantization;

namespace EdgeRnn.Features;

/// <summary>
/// Audio to features, a frame at a time: the one front end of training and of the board. Samples in pieces of any size
/// give the same bits as all at once, on every processor; nothing is allocated after construction.
/// </summary>
/// <example><code>while (frontEnd.Next(ref samples)) session.Step(frontEnd.Features, scores);</code></example>
public sealed unsafe class FrontEnd
{
    // Twice as many floats as any processor takes at once: loops over buffers of a multiple of these have no tails.
    private const int Padding = 16;

    private readonly bool _isVectorised;
    private readonly Resampler _resampler;
    private readonly RealFft _fft;
    private readonly MelFilterbank _filterbank;
    private readonly PcenStage? _pcen;
    private readonly CosineTransform? _cosine;
    private readonly RunningStage? _running;
    private readonly DeltaStage[] _deltas;
    private readonly Stage[] _stages;
    private readonly float[] _window;    // Hann
    private readonly float[] _frame;     // [FrameLength], the last _filled samples
    private readonly float[] _windowed;  // [FftSize], zeros behind the frame
    private readonly float[] _power;
    private readonly float[] _bands;
    private readonly float[] _features;
    private int _filled;

    /// <param name="spec">The features, which <see cref="FeatureSpec.Check"/> finds nothing wrong with.</param>
    /// <param name="rateHz">Rate of the audio that will come.</param>
    /// <exception cref="ArgumentException">Features or a rate that are none.</exception>
    public FrontEnd(FeatureSpec spec, int rateHz)
        : this(spec, rateHz, isVectorised: true)
    {
    }

    internal FrontEnd(FeatureSpec spec, int rateHz, bool isVectorised)
    {
        if (spec.Check() is { } error)
            throw new ArgumentException($"The features are none: {error}.", nameof(spec));
        (Spec, _isVectorised) = (spec, isVectorised);
        _resampler = new(rateHz, spec.SampleRateHz);
        _fft = new(spec.FftSize, isVectorised);
        _filterbank = new(spec);
        _pcen = spec.Kind == FeatureKind.Pcen ? new(spec) : null;
        _cosine = spec.Kind == FeatureKind.Mfcc ? new(spec.Mels, spec.Coefficients) : null;
        _running = spec.RunningSteps > 0 ? new(spec.Statics, spec.RunningSteps) : null;
        _deltas = new DeltaStage[spec.Deltas];
        for (int i = 0; i < spec.Deltas; i++)
            _deltas[i] = new((i + 1) * spec.Statics, spec.Statics);
        _stages = [.. new Stage?[] { _pcen, _running }.OfType<Stage>(), .. _deltas];
        _window = new float[Padded(spec.FftSize)];
        for (int t = 0; t < spec.FrameLength; t++)
            _window[t] = (float)(0.5 - 0.5 * Elementary.OfTurns((double)t / spec.FrameLength).Cos);
        _frame = new float[Padded(spec.FftSize)];
        _windowed = new float[Padded(spec.FftSize)];
        _power = new float[spec.FftSize / 2 + 1];
        _bands = new float[Padded(spec.Mels)];
        _features = new float[spec.Width];
    }

    /// <summary>What is computed.</summary>
    public FeatureSpec Spec { get; }

    /// <summary>The last frame's features, <c>[Spec.Width]</c>.</summary>
    public ReadOnlySpan<float> Features => _features;

    /// <summary>Samples that were no numbers, or beyond ±10^6, and became 0.</summary>
    public long ReplacedSamples => _resampler.Replaced;

    /// <summary>Bytes that <see cref="SaveState"/> writes.</summary>
    public int StateBytes =>
        sizeof(int) + Spec.FrameLength * sizeof(float) + _resampler.StateBytes + _stages.Sum(stage => stage.StateBytes);

    /// <summary>Takes samples up to the end of a frame.</summary>
    /// <param name="samples">Full scale is ±1; what was taken is cut off in front.</param>
    /// <returns>Whether <see cref="Features"/> are those of another frame; if not, all samples were taken.</returns>
    public bool Next(ref ReadOnlySpan<float> samples)
    {
        int length = Spec.FrameLength;
        while (true)
        {
            _filled += _resampler.Convert(ref samples, _frame.AsSpan(_filled, length - _filled));
            if (_filled < length)
                return false;
            bool isFrame = Compute();
            _frame.AsSpan(Spec.FrameStep, length - Spec.FrameStep).CopyTo(_frame);
            _filled -= Spec.FrameStep;
            if (isFrame)
                return true;
        }
    }

    /// <summary>
    /// The features of all frames that <paramref name="samples"/> complete, <c>[frames, Spec.Width]</c>.
    /// </summary>
    public float[] Run(ReadOnlySpan<float> samples)
    {
        var features = new List<float>();
        while (Next(ref samples))
            features.AddRange(_features);
        return [.. features];
    }

    /// <summary>Begins anew, as before the first sample.</summary>
    public void Reset()
    {
        _filled = 0;
        _resampler.Reset();
        foreach (var stage in _stages)
            stage.Reset();
    }

    /// <summary>Writes all that later features depend on.</summary>
    /// <param name="target">At least <see cref="StateBytes"/> bytes.</param>
    /// <exception cref="ArgumentException"><paramref name="target"/> is too short.</exception>
    public void SaveState(Span<byte> target)
    {
        if (target.Length < StateBytes)
            throw new ArgumentException($"{target.Length} bytes do not hold a state of {StateBytes}.", nameof(target));
        MemoryMarshal.Write(target, _filled);
        target = target[sizeof(int)..];
        var frame = MemoryMarshal.AsBytes(_frame.AsSpan(0, Spec.FrameLength));
        frame.CopyTo(target);
        target = target[frame.Length..];
        _resampler.SaveState(target);
        target = target[_resampler.StateBytes..];
        foreach (var stage in _stages)
        {
            stage.SaveState(target);
            target = target[stage.StateBytes..];
        }
    }

    /// <summary>
    /// Goes on where <see cref="SaveState"/> was called, on a front end of the same features and rate.
    /// </summary>
    /// <exception cref="ArgumentException"><paramref name="source"/> is cut short or of another front end.</exception>
    public void RestoreState(ReadOnlySpan<byte> source)
    {
        if (source.Length < StateBytes || MemoryMarshal.Read<int>(source) is var filled
            && (uint)filled >= Spec.FrameLength)
            throw new ArgumentException($"These {source.Length} bytes are no state of this front end.", nameof(source));
        _filled = filled;
        source = source[sizeof(int)..];
        var frame = MemoryMarshal.AsBytes(_frame.AsSpan(0, Spec.FrameLength));
        source[..frame.Length].CopyTo(frame);
        source = source[frame.Length..];
        _resampler.RestoreState(source);
        source = source[_resampler.StateBytes..];
        foreach (var stage in _stages)
        {
            stage.RestoreState(source);
            source = source[stage.StateBytes..];
        }
    }

    /// <summary>The features of the frame that is full; false where slopes still wait for later frames.</summary>
    private bool Compute()
    {
        if (_isVectorised)
            Window<VectorLanes>();
        else
            Window<ScalarLane>();
        _fft.Power(_windowed, _power);
        var bands = _bands.AsSpan(0, Spec.Mels);
        _filterbank.Apply(_power, bands);
        if (_pcen is not null)
            _pcen.Apply(bands);
        else if (_isVectorised)
            Logarithms<VectorLanes>();
        else
            Logarithms<ScalarLane>();
        var features = _cosine is null ? bands : _cosine.Apply(bands);
        _running?.Apply(features);
        ReadOnlySpan<float> result = features;
        foreach (var delta in _deltas)
        {
            if (!delta.Apply(result))
                return false;
            result = delta.Result;
        }
        result.CopyTo(_features);
        return true;
    }

    private void Window<T>() where T : unmanaged, ILanes<T>
    {
        fixed (float* frame = _frame, window = _window, windowed = _windowed)
        {
            for (int t = 0; t < Spec.FrameLength; t += T.Count)
                (T.Load(frame + t) * T.Load(window + t)).Store(windowed + t);
        }
    }

    private void Logarithms<T>() where T : unmanaged, ILanes<T>
    {
        fixed (float* bands = _bands)
        {
            for (int m = 0; m < Spec.Mels; m += T.Count)
                Activations.Log(T.Max(T.Load(bands + m), T.All(Spec.Floor))).Store(bands + m);
        }
    }

    private static int Padded(int count) => (count + Padding - 1) / Padding * Padding;
}

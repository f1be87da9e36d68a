using System.Runtime.InteropServices;
using EdgeRnn.Quantization;

namespace EdgeRnn.Features;

/// <summary>
/// What a stage of the front end carries from frame to frame: floats, and a count in the first of them.
/// </summary>
internal abstract class Stage(int floats)
{
    // A count up to 2^24 is exact as a float; none here needs to go on after that.
    private const float LargestCount = 1 << 24;

    private readonly float[] _state = new float[1 + floats];

    public int StateBytes => _state.Length * sizeof(float);

    /// <summary>Frames seen since the beginning, as long as that matters.</summary>
    protected int Count => (int)_state[0];

    protected Span<float> State => _state.AsSpan(1);

    public void Reset() => Array.Clear(_state);

    public void SaveState(Span<byte> target) => MemoryMarshal.AsBytes(_state.AsSpan()).CopyTo(target);

    public void RestoreState(ReadOnlySpan<byte> source) =>
        source[..StateBytes].CopyTo(MemoryMarshal.AsBytes(_state.AsSpan()));

    protected void CountFrame() => _state[0] = MathF.Min(_state[0] + 1, LargestCount);
}

/// <summary>
/// Per-channel energy normalisation: a slow automatic gain in each band, and a root in place of a logarithm.
/// </summary>
internal sealed class PcenStage : Stage
{
    // Values of librosa.pcen, after Wang et al., Trainable frontend for robust and far-field keyword spotting, 2017.
    private const float Gain = 0.98f;
    private const float Bias = 2;
    private const float Power = 0.5f;
    private const double TimeConstantSeconds = 0.4;

    private readonly float _floor;
    private readonly float _newestShare;

    public PcenStage(FeatureSpec spec)
        : base(spec.Mels)
    {
        double frames = TimeConstantSeconds * spec.FramesPerSecond;
        _newestShare = (float)((Math.Sqrt(1 + 4 * frames * frames) - 1) / (2 * frames * frames));
        _floor = spec.Floor;
    }

    public void Apply(Span<float> energies)
    {
        var mean = State;
        for (int c = 0; c < energies.Length; c++)
        {
            float energy = energies[c];
            mean[c] = Count == 0 ? energy : MathF.FusedMultiplyAdd(_newestShare, energy - mean[c], mean[c]);
            float gain = Activations.Exp(-Gain * Activations.Log(_floor + mean[c]));
            energies[c] = MathF.Sqrt(MathF.FusedMultiplyAdd(energy, gain, Bias)) - MathF.Sqrt(Bias);
        }
        CountFrame();
    }
}

/// <summary>The first coefficients of the orthonormal DCT-II: c[k] = s[k]·Σ x[m]·cos(π·k·(m + ½)/M).</summary>
internal sealed class CosineTransform
{
    private readonly float[] _rows;      // [bands, coefficients]: a band at a time adds to all coefficients
    private readonly float[] _result;

    public CosineTransform(int bands, int coefficients)
    {
        (_rows, _result) = (new float[bands * coefficients], new float[coefficients]);
        for (int m = 0; m < bands; m++)
        {
            for (int k = 0; k < coefficients; k++)
            {
                double scale = Math.Sqrt((k == 0 ? 1.0 : 2.0) / bands);
                _rows[m * coefficients + k] = (float)(scale * Elementary.OfTurns(k * (2 * m + 1) / (4.0 * bands)).Cos);
            }
        }
    }

    public Span<float> Apply(ReadOnlySpan<float> bands)
    {
        Array.Clear(_result);
        for (int m = 0; m < bands.Length; m++)
        {
            var row = _rows.AsSpan(m * _result.Length, _result.Length);
            for (int k = 0; k < row.Length; k++)
                _result[k] = MathF.FusedMultiplyAdd(bands[m], row[k], _result[k]);
        }
        return _result;
    }
}

/// <summary>
/// (x - m) / √v with running mean and variance: the mean of all frames at first, and of the last N from the Nth on; the
/// variance begins at 1. m += max(1/n, 1/N)·(x - m),   v += (1/N)·((x - m)² - v)
/// </summary>
internal sealed class RunningStage(int width, int steps) : Stage(2 * width)
{
    // Far below what features of speech vary by, far above rounding.
    private const float LeastVariance = 1e-4f;

    private readonly float _share = 1f / steps;

    public void Apply(Span<float> x)
    {
        var mean = State[..x.Length];
        var variance = State[x.Length..];
        if (Count == 0)
            variance.Fill(1);
        CountFrame();
        float share = MathF.Max(1f / Count, _share);
        for (int c = 0; c < x.Length; c++)
        {
            mean[c] = MathF.FusedMultiplyAdd(share, x[c] - mean[c], mean[c]);
            float distance = x[c] - mean[c];
            variance[c] = MathF.FusedMultiplyAdd(_share, distance * distance - variance[c], variance[c]);
            x[c] = distance / MathF.Sqrt(MathF.Max(variance[c], LeastVariance));
        }
    }
}

/// <summary>
/// Appends slopes to features, by HTK's regression over five frames: d[t] = Σ n·(x[t+n] - x[t-n]) / 10, n = 1, 2.
/// Before the first frame stands the first one; a frame leaves when two more have come.
/// </summary>
/// <param name="width">Features that come in.</param>
/// <param name="slopes">How many of them, the last ones, get a slope.</param>
internal sealed class DeltaStage(int width, int slopes) : Stage((2 * Reach + 1) * width)
{
    /// <summary>Frames to each side.</summary>
    public const int Reach = 2;

    private const int Frames = 2 * Reach + 1;

    private readonly float[] _result = new float[width + slopes];

    /// <summary>The frame that is complete now, with its slopes.</summary>
    public ReadOnlySpan<float> Result => _result;

    /// <summary>Takes a frame; gives whether one is complete.</summary>
    public bool Apply(ReadOnlySpan<float> x)
    {
        var past = State; // [Frames, width], newest last
        past[width..].CopyTo(past);
        for (int i = Count == 0 ? 0 : Frames - 1; i < Frames; i++)
            x.CopyTo(past[(i * width)..]);
        CountFrame();
        if (Count <= Reach)
            return false;
        past.Slice(Reach * width, width).CopyTo(_result);
        for (int c = width - slopes; c < width; c++)
        {
            float near = past[3 * width + c] - past[width + c], far = past[4 * width + c] - past[c];
            _result[slopes + c] = MathF.FusedMultiplyAdd(2, far, near) / 10;
        }
        return true;
    }
}

using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace EdgeRnn.Features;

/// <summary>
/// Audio of one rate to another by a polyphase filter: a sinc in a Kaiser window, 32 zero crossings to each side, flat
/// to 0.84 of the lower Nyquist frequency and 80 dB down from there on. An output leaves as soon as the last input that
/// it needs has come, so it is late by half the filter, 35 samples of the lower rate; before the first sample there was
/// silence. A sample that is no number, or far from any, is counted and becomes 0. Allocates nothing after
/// construction.
/// </summary>
public sealed class Resampler
{
    private const int ZeroCrossings = 32;
    private const double HalfAmplitude = 0.92; // where the filter falls, of the lower Nyquist frequency
    private const double KaiserBeta = 8;       // stop band at -80 dB
    private const int Lanes = 4;

    // Full scale is 1. Sums of squares of what is smaller stay far from infinity.
    private const float LargestSample = 1e6f;

    private readonly int _up;                  // outputs for so many inputs, in lowest terms
    private readonly int _down;
    private readonly int _taps;                // a multiple of Lanes
    private readonly float[] _filters;         // [_up, _taps], newest input last
    private readonly float[] _history;         // the last inputs twice, so that any _taps of them stand in a row
    private int _newest;
    private int _phase;                        // of the next output, in 1/_up of an input, behind the newest input

    /// <param name="fromHz">Rate of the input.</param>
    /// <param name="toHz">Rate of the output.</param>
    /// <exception cref="ArgumentException">A rate that <see cref="FeatureSpec.Rates"/> does not have.</exception>
    public Resampler(int fromHz, int toHz)
    {
        if (!FeatureSpec.Rates.Contains(fromHz) || !FeatureSpec.Rates.Contains(toHz))
            throw new ArgumentException(
                $"{fromHz} Hz to {toHz} Hz is not a conversion; rates are {FeatureSpec.RatesText}.");
        int common = CommonDivisor(fromHz, toHz);
        (_up, _down) = (toHz / common, fromHz / common);
        if (fromHz == toHz)
        {
            (_filters, _history) = ([], []);
            return;
        }
        double cutoff = HalfAmplitude * Math.Min(1, (double)_up / _down);
        double reach = ZeroCrossings / cutoff;
        _taps = ((int)(2 * reach) + 2 + Lanes) / Lanes * Lanes;
        _filters = new float[_up * _taps];
        for (int phase = 0; phase < _up; phase++)
            Design(_filters.AsSpan(phase * _taps, _taps), (double)phase / _up, cutoff, reach);
        _history = new float[2 * _taps];
        Reset();
    }

    /// <summary>Samples that were no numbers, or beyond ±10^6, and became 0.</summary>
    public long Replaced { get; private set; }

    private bool IsIdentity => _filters.Length == 0;

    /// <summary>The bytes that <see cref="SaveState"/> writes.</summary>
    internal int StateBytes => IsIdentity ? 0 : 2 * sizeof(int) + _history.Length * sizeof(float);

    /// <summary>Takes from <paramref name="input"/> what fits <paramref name="output"/>.</summary>
    /// <returns>Samples written. Where fewer than there is room for, all input was taken.</returns>
    public int Convert(ref ReadOnlySpan<float> input, Span<float> output)
    {
        if (IsIdentity)
        {
            int count = Math.Min(input.Length, output.Length);
            for (int i = 0; i < count; i++)
                output[i] = Clean(input[i]);
            input = input[count..];
            return count;
        }
        int written = 0;
        while (written < output.Length)
        {
            // The next output lies before the next input: all it needs has come.
            if (_phase < _up)
            {
                output[written++] = Dot(_filters.AsSpan(_phase * _taps, _taps), _history.AsSpan(_newest + 1, _taps));
                _phase += _down;
                continue;
            }
            if (input.IsEmpty)
                break;
            _newest = _newest + 1 == _taps ? 0 : _newest + 1;
            _history[_newest] = _history[_newest + _taps] = Clean(input[0]);
            input = input[1..];
            _phase -= _up;
        }
        return written;
    }

    /// <summary>Forgets all input.</summary>
    public void Reset()
    {
        Array.Clear(_history);
        _newest = _taps - 1;
        _phase = _up; // the first output waits for the first input
    }

    internal void SaveState(Span<byte> target)
    {
        if (IsIdentity)
            return;
        MemoryMarshal.Write(target, _newest);
        MemoryMarshal.Write(target[sizeof(int)..], _phase);
        MemoryMarshal.AsBytes(_history.AsSpan()).CopyTo(target[(2 * sizeof(int))..]);
    }

    internal void RestoreState(ReadOnlySpan<byte> source)
    {
        if (IsIdentity)
            return;
        _newest = MemoryMarshal.Read<int>(source);
        _phase = MemoryMarshal.Read<int>(source[sizeof(int)..]);
        source[(2 * sizeof(int))..StateBytes].CopyTo(MemoryMarshal.AsBytes(_history.AsSpan()));
    }

    private float Clean(float sample)
    {
        if (MathF.Abs(sample) <= LargestSample) // false for NaN
            return sample;
        Replaced++;
        return 0;
    }

    // Four sums side by side, on every processor: they fix the order of additions, and so the bits.
    private static float Dot(ReadOnlySpan<float> filter, ReadOnlySpan<float> samples)
    {
        var sum = Vector128<float>.Zero;
        ref float f = ref MemoryMarshal.GetReference(filter);
        ref float x = ref MemoryMarshal.GetReference(samples);
        for (nuint i = 0; i < (nuint)filter.Length; i += Lanes)
            sum = Vector128.FusedMultiplyAdd(Vector128.LoadUnsafe(ref f, i), Vector128.LoadUnsafe(ref x, i), sum);
        return (sum[0] + sum[1]) + (sum[2] + sum[3]);
    }

    private static int CommonDivisor(int a, int b) => b == 0 ? a : CommonDivisor(b, a % b);

    // tap i weighs the input (_taps - 1 - i) before the newest; the output stands phase behind the centre of them.
    private static void Design(Span<float> filter, double phase, double cutoff, double reach)
    {
        Span<double> exact = stackalloc double[filter.Length];
        int centre = (filter.Length - 1) / 2;
        double total = 0;
        for (int i = 0; i < filter.Length; i++)
        {
            double t = i - centre - phase;
            double x = t / reach, window = x * x >= 1 ? 0
                : Elementary.BesselI0(KaiserBeta * Math.Sqrt(1 - x * x)) / Elementary.BesselI0(KaiserBeta);
            double sinc = t == 0 ? 1 : Elementary.OfTurns(cutoff * t / 2).Sin / (Math.PI * cutoff * t);
            exact[i] = sinc * window;
            total += exact[i];
        }
        for (int i = 0; i < filter.Length; i++)
            filter[i] = (float)(exact[i] / total);
    }
}

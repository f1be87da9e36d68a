using System.Runtime.CompilerServices;
using EdgeRnn.Quantization;

namespace EdgeRnn.Features;

/// <summary>
/// The power spectrum |Σ x[t]·e^(-2πi·k·t/N)|² of N real samples, for k from 0 to N/2: one complex transform of half
/// the length (Stockham's, which needs no reordering), and a last step that takes the two halves apart.
/// </summary>
internal sealed unsafe class RealFft
{
    private readonly int _half;
    private readonly bool _isVectorised;
    private readonly float[] _twiddleCos;  // e^(-2πi·p/half), p < half/2
    private readonly float[] _twiddleSin;
    private readonly float[] _splitCos;    // e^(-2πi·k/N), k <= half/2
    private readonly float[] _splitSin;
    private float[] _re;
    private float[] _im;
    private float[] _nextRe;
    private float[] _nextIm;

    /// <param name="size">N, a power of two of at least 8.</param>
    /// <param name="isVectorised">Whether to take numbers side by side; the results are the same.</param>
    public RealFft(int size, bool isVectorised)
    {
        (_half, _isVectorised) = (size / 2, isVectorised);
        (_twiddleCos, _twiddleSin) = Turns(_half / 2, _half);
        (_splitCos, _splitSin) = Turns(_half / 2 + 1, size);
        (_re, _im, _nextRe, _nextIm) = (new float[_half], new float[_half], new float[_half], new float[_half]);
    }

    /// <param name="samples"><c>[N]</c></param>
    /// <param name="power"><c>[N/2 + 1]</c></param>
    public void Power(ReadOnlySpan<float> samples, Span<float> power)
    {
        for (int t = 0; t < _half; t++)
            (_re[t], _im[t]) = (samples[2 * t], samples[2 * t + 1]);
        for (int length = _half, stride = 1; length > 1; length /= 2, stride *= 2)
        {
            if (_isVectorised && stride >= VectorLanes.Count)
                Butterflies<VectorLanes>(length, stride);
            else
                Butterflies<ScalarLane>(length, stride);
            (_re, _nextRe) = (_nextRe, _re);
            (_im, _nextIm) = (_nextIm, _im);
        }
        Split(power);
    }

    // y[q + s·2p] = a + b,   y[q + s·(2p + 1)] = (a - b)·w^p,   with a = x[q + s·p], b = x[q + s·(p + n/2)]
    private void Butterflies<T>(int length, int stride) where T : unmanaged, ILanes<T>
    {
        int pairs = length / 2, apart = stride * pairs;
        fixed (float* re = _re, im = _im, nextRe = _nextRe, nextIm = _nextIm)
        {
            for (int p = 0; p < pairs; p++)
            {
                var cos = T.All(_twiddleCos[p * stride]);
                var sin = T.All(_twiddleSin[p * stride]);
                for (int q = 0; q < stride; q += T.Count)
                {
                    int a = q + stride * p, b = a + apart, sum = q + 2 * stride * p, difference = sum + stride;
                    var (aRe, aIm, bRe, bIm) = (T.Load(re + a), T.Load(im + a), T.Load(re + b), T.Load(im + b));
                    (aRe + bRe).Store(nextRe + sum);
                    (aIm + bIm).Store(nextIm + sum);
                    var (dRe, dIm) = (aRe - bRe, aIm - bIm);
                    (dRe * cos - dIm * sin).Store(nextRe + difference);
                    (dRe * sin + dIm * cos).Store(nextIm + difference);
                }
            }
        }
    }

    // z = even samples + i·odd ones, so X[k] = E + w^k·O with E = (Z[k] + Z*[h-k]) / 2 and O = (Z[k] - Z*[h-k]) / 2i;
    // X[h-k] is the conjugate of E - w^k·O.
    private void Split(Span<float> power)
    {
        power[0] = Square(_re[0] + _im[0], 0);
        power[_half] = Square(_re[0] - _im[0], 0);
        for (int k = 1; k <= _half / 2; k++)
        {
            int mirror = _half - k;
            float evenRe = (_re[k] + _re[mirror]) * 0.5f, evenIm = (_im[k] - _im[mirror]) * 0.5f;
            float oddRe = (_im[k] + _im[mirror]) * 0.5f, oddIm = (_re[mirror] - _re[k]) * 0.5f;
            float turnedRe = oddRe * _splitCos[k] - oddIm * _splitSin[k];
            float turnedIm = oddRe * _splitSin[k] + oddIm * _splitCos[k];
            power[mirror] = Square(evenRe - turnedRe, evenIm - turnedIm);
            power[k] = Square(evenRe + turnedRe, evenIm + turnedIm);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Square(float re, float im) => re * re + im * im;

    private static (float[] Cos, float[] Sin) Turns(int count, int whole)
    {
        var (allCos, allSin) = (new float[count], new float[count]);
        for (int i = 0; i < count; i++)
        {
            var (cos, sin) = Elementary.OfTurns(-(double)i / whole);
            (allCos[i], allSin[i]) = ((float)cos, (float)sin);
        }
        return (allCos, allSin);
    }
}

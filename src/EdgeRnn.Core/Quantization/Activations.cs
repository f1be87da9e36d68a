using System.Numerics;
using System.Runtime.CompilerServices;

namespace EdgeRnn.Quantization;

/// <summary>The activation functions of trainer, float session and integer session.</summary>
public static class Activations
{
    // exp(x) = 2^n · exp(f), n = round(x / ln 2), f = x - n·ln 2 in [-0.347, 0.347]; ln 2 is split in two parts so that
    // n·Ln2High is exact (Cody and Waite). exp(f) is 1 + f + f²·P(f), a minimax polynomial with relative error 3e-9.
    private const float Log2E = 1.44269504f;
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;
    private const float P2 = 0.49999994f;
    private const float P3 = 0.16666521f;
    private const float P4 = 0.04166839f;
    private const float P5 = 0.008368745f;
    private const float P6 = 0.001381454f;

    // exp(-2·10) = 2e-9 vanishes beside 1 in single precision, so tanh is ±1 from here on.
    private const float TanhLimit = 10f;

    /// <summary>e^x for x in [-87, 88], relative error below 1.2e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp<T>(T x) where T : unmanaged, ILanes<T>
    {
        var shifted = T.FusedMultiplyAdd(x, T.All(Log2E), T.All(FixedPoint.IntegerGrid));
        var n = shifted - T.All(FixedPoint.IntegerGrid);
        var f = T.FusedMultiplyAdd(n, T.All(-Ln2Low), T.FusedMultiplyAdd(n, T.All(-Ln2High), x));
        var p = T.FusedMultiplyAdd(T.All(P6), f, T.All(P5));
        p = T.FusedMultiplyAdd(p, f, T.All(P4));
        p = T.FusedMultiplyAdd(p, f, T.All(P3));
        p = T.FusedMultiplyAdd(p, f, T.All(P2));
        p = T.FusedMultiplyAdd(p, f, T.All(1f));
        p = T.FusedMultiplyAdd(p, f, T.All(1f));
        return T.ScaleByPowerOfTwo(p, shifted);
    }

    /// <summary>
    /// tanh(x) = (1 - e) / (1 + e), e = exp(-2|x|), with the sign of x: odd to the bit, absolute error below 2e-7, for any
    /// finite x. It does not fall as x rises in steps of 2^-12: e changes by 5e-4 of itself from one such step to the next,
    /// against a rounding error of 2e-7, and the rest of the formula rounds monotonically.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T x) where T : unmanaged, ILanes<T>
    {
        var e = Exp(T.All(-2f) * T.Min(T.Abs(x), T.All(TanhLimit)));
        return T.CopySign((T.All(1f) - e) / (T.All(1f) + e), x);
    }

    /// <summary>σ(x) = ½ + ½·tanh(x/2) for any finite x: one function serves both, and σ(-x) = 1 - σ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid<T>(T x) where T : unmanaged, ILanes<T> =>
        T.FusedMultiplyAdd(T.All(0.5f), Tanh(T.All(0.5f) * x), T.All(0.5f));

    /// <inheritdoc cref="Exp{T}(T)"/>
    public static float Exp(float x) => Exp(new ScalarLane(x)).Value;

    /// <inheritdoc cref="Exp{T}(T)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x) => Exp(new VectorLanes(x)).Value;

    /// <inheritdoc cref="Tanh{T}(T)"/>
    public static float Tanh(float x) => Tanh(new ScalarLane(x)).Value;

    /// <inheritdoc cref="Tanh{T}(T)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Tanh(Vector<float> x) => Tanh(new VectorLanes(x)).Value;

    /// <inheritdoc cref="Sigmoid{T}(T)"/>
    public static float Sigmoid(float x) => Sigmoid(new ScalarLane(x)).Value;

    /// <inheritdoc cref="Sigmoid{T}(T)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Sigmoid(Vector<float> x) => Sigmoid(new VectorLanes(x)).Value;
}

using System.Numerics;
using System.Runtime.CompilerServices;

namespace EdgeRnn.Quantization;

/// <summary>The activation functions of trainer, float session and integer session.</summary>
public static class Activations
{
    private const float Log2E = 1.44269504f;

    // 2^f for f in [-0.5, 0.5]: a minimax polynomial, relative error 8e-8.
    private const float P1 = 0.69314694f;
    private const float P2 = 0.2402212f;
    private const float P3 = 0.05550713f;
    private const float P4 = 0.009675541f;
    private const float P5 = 0.0013276472f;

    // 2^-30 vanishes beside 1 in single precision, so tanh is ±1 from here on.
    private const float TanhLimit = -30f;

    // (ln(1 + f) - f + f²/2) / f³ for f from √½ - 1 to √2 - 1: a minimax polynomial, 6e-9 of the logarithm.
    private const float L3 = 0.33333316f;
    private const float L4 = -0.25000796f;
    private const float L5 = 0.20002283f;
    private const float L6 = -0.16624969f;
    private const float L7 = 0.14181422f;
    private const float L8 = -0.13125299f;
    private const float L9 = 0.12879194f;
    private const float L10 = -0.078654334f;

    // ln 2 in two parts: any exponent times the first is exact.
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    /// <summary>2^x for x in [-126, 127], relative error below 2e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp2<T>(T x) where T : unmanaged, ILanes<T>
    {
        // 2^x = 2^n · 2^f with n the nearest integer; f is exact.
        var shifted = x + T.All(FixedPoint.IntegerGrid);
        var f = x - (shifted - T.All(FixedPoint.IntegerGrid));
        var p = T.FusedMultiplyAdd(T.All(P5), f, T.All(P4));
        p = T.FusedMultiplyAdd(p, f, T.All(P3));
        p = T.FusedMultiplyAdd(p, f, T.All(P2));
        p = T.FusedMultiplyAdd(p, f, T.All(P1));
        p = T.FusedMultiplyAdd(p, f, T.All(1f));
        return T.ScaleByPowerOfTwo(p, shifted);
    }

    /// <summary>e^x for x in [-87, 88], relative error below 2e-7 + 1.2e-7·|x|.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp<T>(T x) where T : unmanaged, ILanes<T> => Exp2(x * T.All(Log2E));

    /// <summary>ln x for positive, normal x, error below 1.5e-7 of the larger of |ln x| and 2^-24.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Log<T>(T x) where T : unmanaged, ILanes<T>
    {
        // ln x = e·ln 2 + ln(1 + f), with x = 2^e·(1 + f).
        var f = T.Mantissa(x, out var e) - T.All(1f);
        var p = T.FusedMultiplyAdd(T.All(L10), f, T.All(L9));
        p = T.FusedMultiplyAdd(p, f, T.All(L8));
        p = T.FusedMultiplyAdd(p, f, T.All(L7));
        p = T.FusedMultiplyAdd(p, f, T.All(L6));
        p = T.FusedMultiplyAdd(p, f, T.All(L5));
        p = T.FusedMultiplyAdd(p, f, T.All(L4));
        p = T.FusedMultiplyAdd(p, f, T.All(L3));
        p = T.FusedMultiplyAdd(p, f, T.All(-0.5f));
        var rest = T.FusedMultiplyAdd(e, T.All(Ln2Low), p * (f * f));
        return T.FusedMultiplyAdd(e, T.All(Ln2High), f + rest);
    }

    /// <summary>tanh(x) for any finite x, odd to the bit, absolute error below 2e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T x) where T : unmanaged, ILanes<T> => T.WithSign(TanhMagnitude(x), x);

    /// <summary>tanh(x/2) for any finite x: σ(x) = ½ + ½·tanh(x/2).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T TanhOfHalf<T>(T x) where T : unmanaged, ILanes<T> => T.WithSign(TanhMagnitude(x, -Log2E), x);

    /// <summary>σ(x) = ½ + ½·tanh(x/2) for any finite x: one function serves both, and σ(-x) = 1 - σ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid<T>(T x) where T : unmanaged, ILanes<T> =>
        T.FusedMultiplyAdd(T.All(0.5f), TanhOfHalf(x), T.All(0.5f));

    /// <summary>
    /// |tanh(x)| = (1 - e) / (1 + e), e = exp(-2|x|), for any finite x. When |x| grows by 2^-12, e falls by 5e-4 of
    /// itself, against a rounding error of 3e-7, and the rest of the formula rounds monotonically: it does not fall as
    /// |x| grows in such steps.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T TanhMagnitude<T>(T x) where T : unmanaged, ILanes<T> => TanhMagnitude(x, -2f * Log2E);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T TanhMagnitude<T>(T x, float exponentPerUnit) where T : unmanaged, ILanes<T>
    {
        var e = Exp2(T.Max(T.Abs(x) * T.All(exponentPerUnit), T.All(TanhLimit)));
        return (T.All(1f) - e) / (T.All(1f) + e);
    }

    /// <inheritdoc cref="Exp{T}(T)"/>
    public static float Exp(float x) => Exp(new ScalarLane(x)).Value;

    /// <inheritdoc cref="Exp{T}(T)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x) => Exp(new VectorLanes(x)).Value;

    /// <inheritdoc cref="Log{T}(T)"/>
    public static float Log(float x) => Log(new ScalarLane(x)).Value;

    /// <inheritdoc cref="Log{T}(T)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Log(Vector<float> x) => Log(new VectorLanes(x)).Value;

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

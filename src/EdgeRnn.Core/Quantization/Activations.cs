using System.Numerics;
using System.Runtime.CompilerServices;

namespace EdgeRnn.Quantization;

/// <summary>
/// The activation functions of trainer, float session and integer session. Each exists for one value and for a vector of
/// them, with the same operations in the same order, so both give the same bits on every processor: only IEEE basic
/// operations and fused multiply-add are used, never libm.
/// </summary>
public static class Activations
{
    // exp(x) = 2^n · exp(f), n = round(x / ln 2), f = x - n·ln 2 in [-0.347, 0.347]; ln 2 is split in two parts so that
    // n·Ln2High is exact (Cody and Waite). exp(f) is a minimax polynomial of degree 6, relative error 4e-9.
    private const float Log2E = 1.44269504f;
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    // Adding 1.5·2^23 leaves the nearest integer in the low bits of the sum.
    private const float Magic = 12582912f;

    private const float P2 = 0.49999999f;
    private const float P3 = 0.16666666f;
    private const float P4 = 0.041665795f;
    private const float P5 = 0.0083333333f;
    private const float P6 = 0.0013981999f;

    // exp(-2·10) = 2e-9 vanishes beside 1 in single precision, so tanh is ±1 from here on.
    private const float TanhLimit = 10f;

    /// <summary>e^x for x in [-87, 88].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Exp(float x)
    {
        float shifted = MathF.FusedMultiplyAdd(x, Log2E, Magic);
        float n = shifted - Magic;
        float f = MathF.FusedMultiplyAdd(n, -Ln2Low, MathF.FusedMultiplyAdd(n, -Ln2High, x));
        float p = MathF.FusedMultiplyAdd(P6, f, P5);
        p = MathF.FusedMultiplyAdd(p, f, P4);
        p = MathF.FusedMultiplyAdd(p, f, P3);
        p = MathF.FusedMultiplyAdd(p, f, P2);
        p = MathF.FusedMultiplyAdd(p, f, 1f);
        p = MathF.FusedMultiplyAdd(p, f, 1f);
        return BitConverter.Int32BitsToSingle(
            BitConverter.SingleToInt32Bits(p) + (BitConverter.SingleToInt32Bits(shifted) << 23));
    }

    /// <inheritdoc cref="Exp(float)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x)
    {
        var shifted = Vector.FusedMultiplyAdd(x, new(Log2E), new(Magic));
        var n = shifted - new Vector<float>(Magic);
        var f = Vector.FusedMultiplyAdd(n, new(-Ln2Low), Vector.FusedMultiplyAdd(n, new(-Ln2High), x));
        var p = Vector.FusedMultiplyAdd(new(P6), f, new(P5));
        p = Vector.FusedMultiplyAdd(p, f, new(P4));
        p = Vector.FusedMultiplyAdd(p, f, new(P3));
        p = Vector.FusedMultiplyAdd(p, f, new(P2));
        p = Vector.FusedMultiplyAdd(p, f, Vector<float>.One);
        p = Vector.FusedMultiplyAdd(p, f, Vector<float>.One);
        return Vector.AsVectorSingle(Vector.AsVectorInt32(p) + (Vector.AsVectorInt32(shifted) << 23));
    }

    /// <summary>
    /// tanh(x) = (1 - e) / (1 + e), e = exp(-2|x|), with the sign of x: odd to the bit, absolute error below 2e-7, for any
    /// finite x. It does not fall as x rises in steps of 2^-12: e grows by 5e-4 of itself from one such step to the next,
    /// against a rounding error of 2e-7, and the rest of the formula rounds monotonically.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Tanh(float x)
    {
        float e = Exp(-2f * MathF.Min(MathF.Abs(x), TanhLimit));
        return MathF.CopySign((1f - e) / (1f + e), x);
    }

    /// <inheritdoc cref="Tanh(float)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Tanh(Vector<float> x)
    {
        var e = Exp(new Vector<float>(-2f) * Vector.MinNative(Vector.Abs(x), new(TanhLimit)));
        return Vector.CopySign((Vector<float>.One - e) / (Vector<float>.One + e), x);
    }

    /// <summary>σ(x) = ½ + ½·tanh(x/2), for any finite x: one function serves both, and σ(-x) = 1 - σ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sigmoid(float x) => MathF.FusedMultiplyAdd(0.5f, Tanh(0.5f * x), 0.5f);

    /// <inheritdoc cref="Sigmoid(float)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Sigmoid(Vector<float> x) =>
        Vector.FusedMultiplyAdd(new(0.5f), Tanh(new Vector<float>(0.5f) * x), new(0.5f));
}

using System.Numerics;
using System.Runtime.CompilerServices;

namespace EdgeRnn.Quantization;

/// <summary>
/// Numbers that go through one formula side by side. Every formula of a step is written once over this type and runs
/// with <see cref="ScalarLane"/>, which defines the result, and with <see cref="VectorLanes"/>, which is fast. The
/// operations are IEEE basic operations and fused multiply-add, so both give the same bits on every processor.
/// Arguments are never NaN.
/// </summary>
public unsafe interface ILanes<T> where T : unmanaged, ILanes<T>
{
    /// <summary>Numbers side by side.</summary>
    static abstract int Count { get; }

    /// <summary>Reads <see cref="Count"/> floats.</summary>
    static abstract T Load(float* source);

    /// <summary>Writes <see cref="Count"/> floats.</summary>
    void Store(float* target);

    /// <summary>The same number in every lane.</summary>
    static abstract T All(float value);

    /// <summary>a + b</summary>
    static abstract T operator +(T a, T b);

    /// <summary>a - b</summary>
    static abstract T operator -(T a, T b);

    /// <summary>a · b</summary>
    static abstract T operator *(T a, T b);

    /// <summary>a / b</summary>
    static abstract T operator /(T a, T b);

    /// <summary>a · b + c, rounded once.</summary>
    static abstract T FusedMultiplyAdd(T a, T b, T c);

    /// <summary>The smaller; the arguments are not zeros of different sign.</summary>
    static abstract T Min(T a, T b);

    /// <summary>The larger; the arguments are not zeros of different sign.</summary>
    static abstract T Max(T a, T b);

    /// <summary>|a|</summary>
    static abstract T Abs(T a);

    /// <summary>
    /// <paramref name="magnitude"/>, which is not negative, with the sign of <paramref name="sign"/>.
    /// </summary>
    static abstract T WithSign(T magnitude, T sign);

    /// <summary>a where |a| is at least <paramref name="least"/>, else 0.</summary>
    static abstract T ZeroBelow(T least, T a);

    /// <summary>Whether no number is NaN or infinite.</summary>
    static abstract bool AllFinite(T a);

    /// <summary>
    /// a · 2^n, where n stands in the low bits of <paramref name="shifted"/> = n + 1.5·2^23; no over- or underflow.
    /// </summary>
    static abstract T ScaleByPowerOfTwo(T a, T shifted);

    /// <summary>
    /// a = m · 2^<paramref name="exponent"/> with m from √½ to √2, for a positive, normal a; gives m.
    /// </summary>
    static abstract T Mantissa(T a, out T exponent);
}

/// <summary>One number: the definition of every formula's result.</summary>
public readonly unsafe struct ScalarLane(float value) : ILanes<ScalarLane>
{
    /// <summary>The bits of √½: mantissas begin here.</summary>
    public const int LeastMantissa = 0x3F3504F3;

    /// <summary>The number.</summary>
    public readonly float Value = value;

    /// <inheritdoc/>
    public static int Count => 1;

    /// <inheritdoc/>
    public static ScalarLane Load(float* source) => new(*source);

    /// <inheritdoc/>
    public void Store(float* target) => *target = Value;

    /// <inheritdoc/>
    public static ScalarLane All(float value) => new(value);

    /// <inheritdoc/>
    public static ScalarLane operator +(ScalarLane a, ScalarLane b) => new(a.Value + b.Value);

    /// <inheritdoc/>
    public static ScalarLane operator -(ScalarLane a, ScalarLane b) => new(a.Value - b.Value);

    /// <inheritdoc/>
    public static ScalarLane operator *(ScalarLane a, ScalarLane b) => new(a.Value * b.Value);

    /// <inheritdoc/>
    public static ScalarLane operator /(ScalarLane a, ScalarLane b) => new(a.Value / b.Value);

    /// <inheritdoc/>
    public static ScalarLane FusedMultiplyAdd(ScalarLane a, ScalarLane b, ScalarLane c) =>
        new(MathF.FusedMultiplyAdd(a.Value, b.Value, c.Value));

    /// <inheritdoc/>
    public static ScalarLane Min(ScalarLane a, ScalarLane b) => new(MathF.Min(a.Value, b.Value));

    /// <inheritdoc/>
    public static ScalarLane Max(ScalarLane a, ScalarLane b) => new(MathF.Max(a.Value, b.Value));

    /// <inheritdoc/>
    public static ScalarLane Abs(ScalarLane a) => new(MathF.Abs(a.Value));

    /// <inheritdoc/>
    public static ScalarLane WithSign(ScalarLane magnitude, ScalarLane sign) =>
        new(MathF.CopySign(magnitude.Value, sign.Value));

    /// <inheritdoc/>
    public static ScalarLane ZeroBelow(ScalarLane least, ScalarLane a) =>
        MathF.Abs(a.Value) >= least.Value ? a : default;

    /// <inheritdoc/>
    public static bool AllFinite(ScalarLane a) => float.IsFinite(a.Value);

    /// <inheritdoc/>
    public static ScalarLane ScaleByPowerOfTwo(ScalarLane a, ScalarLane shifted) => new(BitConverter.Int32BitsToSingle(
        BitConverter.SingleToInt32Bits(a.Value) + (BitConverter.SingleToInt32Bits(shifted.Value) << 23)));

    /// <inheritdoc/>
    public static ScalarLane Mantissa(ScalarLane a, out ScalarLane exponent)
    {
        int bits = BitConverter.SingleToInt32Bits(a.Value), power = (bits - LeastMantissa) >> 23;
        exponent = new(power);
        return new(BitConverter.Int32BitsToSingle(bits - (power << 23)));
    }
}

/// <summary>As many numbers as the processor takes at once: eight with AVX2, four with NEON.</summary>
public readonly unsafe struct VectorLanes(Vector<float> value) : ILanes<VectorLanes>
{
    /// <summary>The numbers.</summary>
    public readonly Vector<float> Value = value;

    /// <inheritdoc/>
    public static int Count => Vector<float>.Count;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes Load(float* source) => new(Vector.Load(source));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* target) => Value.Store(target);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes All(float value) => new(new Vector<float>(value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes operator +(VectorLanes a, VectorLanes b) => new(a.Value + b.Value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes operator -(VectorLanes a, VectorLanes b) => new(a.Value - b.Value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes operator *(VectorLanes a, VectorLanes b) => new(a.Value * b.Value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes operator /(VectorLanes a, VectorLanes b) => new(a.Value / b.Value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes FusedMultiplyAdd(VectorLanes a, VectorLanes b, VectorLanes c) =>
        new(Vector.FusedMultiplyAdd(a.Value, b.Value, c.Value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes Min(VectorLanes a, VectorLanes b) => new(Vector.MinNative(a.Value, b.Value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes Max(VectorLanes a, VectorLanes b) => new(Vector.MaxNative(a.Value, b.Value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes Abs(VectorLanes a) => new(Vector.Abs(a.Value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes WithSign(VectorLanes magnitude, VectorLanes sign) =>
        new(magnitude.Value | (sign.Value & new Vector<float>(-0f)));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes ZeroBelow(VectorLanes least, VectorLanes a) =>
        new(a.Value & Vector.AsVectorSingle(Vector.GreaterThanOrEqual(Vector.Abs(a.Value), least.Value)));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool AllFinite(VectorLanes a) => Vector.EqualsAll(a.Value - a.Value, Vector<float>.Zero);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes ScaleByPowerOfTwo(VectorLanes a, VectorLanes shifted) => new(Vector.AsVectorSingle(
        Vector.AsVectorInt32(a.Value) + (Vector.AsVectorInt32(shifted.Value) << 23)));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorLanes Mantissa(VectorLanes a, out VectorLanes exponent)
    {
        var bits = Vector.AsVectorInt32(a.Value);
        var power = (bits - new Vector<int>(ScalarLane.LeastMantissa)) >> 23;
        exponent = new(Vector.ConvertToSingle(power));
        return new(Vector.AsVectorSingle(bits - (power << 23)));
    }
}

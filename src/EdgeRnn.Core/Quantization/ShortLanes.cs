using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace EdgeRnn.Quantization;

/// <summary>
/// int16 numbers that go through one formula side by side, as <see cref="ILanes{T}"/> has floats. Each operation is one
/// instruction of AVX2 and of NEON, or two, and defined for all arguments but where it says otherwise.
/// </summary>
public unsafe interface IShortLanes<T> where T : unmanaged, IShortLanes<T>
{
    /// <summary>Numbers side by side.</summary>
    static abstract int Count { get; }

    /// <summary>Reads <see cref="Count"/> numbers.</summary>
    static abstract T Load(short* source);

    /// <summary>
    /// Reads <see cref="Count"/> floats, none NaN, rounds them to the nearest integer, ties to even, and saturates.
    /// </summary>
    static abstract T Round(float* source);

    /// <summary>Writes <see cref="Count"/> numbers.</summary>
    void Store(short* target);

    /// <summary>Writes <see cref="Count"/> numbers, saturated to -128..127.</summary>
    void StoreInt8(sbyte* target);

    /// <summary>The same number in every lane.</summary>
    static abstract T All(short value);

    /// <summary>a + b; the caller knows that it does not overflow.</summary>
    static abstract T operator +(T a, T b);

    /// <summary>a - b, modulo 2^16.</summary>
    static abstract T operator -(T a, T b);

    /// <summary>a + b, saturated.</summary>
    static abstract T AddSaturated(T a, T b);

    /// <summary>(a·b + 2^14) / 2^15, rounded down: the product of Q0.15 numbers. Not both are -32768.</summary>
    static abstract T Product(T a, T b);

    /// <summary>The larger.</summary>
    static abstract T Max(T a, T b);

    /// <summary>|a|; of -32768 the bits of 32768.</summary>
    static abstract T Abs(T a);

    /// <summary>The smaller of two numbers whose bits are taken as 0 to 65535.</summary>
    static abstract T MinUnsigned(T a, T b);

    /// <summary>a · b as integers; the caller knows that it does not overflow.</summary>
    static abstract T operator *(T a, T b);

    /// <summary>
    /// <paramref name="magnitude"/>, negated where <paramref name="sign"/> is negative; 0 where that is 0 or <paramref
    /// name="magnitude"/> is.
    /// </summary>
    static abstract T WithSign(T magnitude, T sign);

    /// <summary>
    /// 32768 - a, but a where <paramref name="sign"/> is negative; the caller knows that a is 16384 where that is 0,
    /// and has 16384 in <paramref name="half"/> and -32768 in <paramref name="whole"/>.
    /// </summary>
    static abstract T ComplementUnlessNegative(T a, T sign, T half, T whole);
}

/// <summary>One number: the definition of every formula's result.</summary>
public readonly unsafe struct ScalarShort(short value) : IShortLanes<ScalarShort>
{
    /// <summary>The number.</summary>
    public readonly short Value = value;

    /// <inheritdoc/>
    public static int Count => 1;

    /// <inheritdoc/>
    public static ScalarShort Load(short* source) => new(*source);

    /// <inheritdoc/>
    public static ScalarShort Round(float* source) => new((short)Math.Clamp(MathF.Round(*source), -32768f, 32767f));

    /// <inheritdoc/>
    public void Store(short* target) => *target = Value;

    /// <inheritdoc/>
    public void StoreInt8(sbyte* target) => *target = (sbyte)Math.Clamp(Value, sbyte.MinValue, sbyte.MaxValue);

    /// <inheritdoc/>
    public static ScalarShort All(short value) => new(value);

    /// <inheritdoc/>
    public static ScalarShort operator +(ScalarShort a, ScalarShort b) => new(checked((short)(a.Value + b.Value)));

    /// <inheritdoc/>
    public static ScalarShort operator -(ScalarShort a, ScalarShort b) => new((short)(a.Value - b.Value));

    /// <inheritdoc/>
    public static ScalarShort AddSaturated(ScalarShort a, ScalarShort b) => Saturated(a.Value + b.Value);

    /// <inheritdoc/>
    public static ScalarShort Product(ScalarShort a, ScalarShort b) =>
        new(checked((short)((a.Value * b.Value + (1 << 14)) >> 15)));

    /// <inheritdoc/>
    public static ScalarShort Max(ScalarShort a, ScalarShort b) => new(Math.Max(a.Value, b.Value));

    /// <inheritdoc/>
    public static ScalarShort Abs(ScalarShort a) => new((short)(a.Value < 0 ? -a.Value : a.Value));

    /// <inheritdoc/>
    public static ScalarShort MinUnsigned(ScalarShort a, ScalarShort b) =>
        new((short)Math.Min((ushort)a.Value, (ushort)b.Value));

    /// <inheritdoc/>
    public static ScalarShort operator *(ScalarShort a, ScalarShort b) => new(checked((short)(a.Value * b.Value)));

    /// <inheritdoc/>
    public static ScalarShort WithSign(ScalarShort magnitude, ScalarShort sign) =>
        new(checked((short)(Math.Sign(sign.Value) * magnitude.Value)));

    /// <inheritdoc/>
    public static ScalarShort ComplementUnlessNegative(
        ScalarShort a, ScalarShort sign, ScalarShort half, ScalarShort whole) =>
        new(sign.Value < 0 ? a.Value : checked((short)(32768 - a.Value)));

    private static ScalarShort Saturated(int value) => new((short)Math.Clamp(value, short.MinValue, short.MaxValue));
}

/// <summary>As many numbers as the processor takes at once: sixteen with AVX2, eight with NEON.</summary>
public readonly unsafe struct VectorShorts(Vector<short> value) : IShortLanes<VectorShorts>
{
    /// <summary>The numbers.</summary>
    public readonly Vector<short> Value = value;

    /// <inheritdoc/>
    public static int Count => Vector<short>.Count;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorShorts Load(short* source) => new(Vector.Load(source));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorShorts Round(float* source)
    {
        if (Avx2.IsSupported)
        {
            // Too large a float converts to the smallest integer, so the upper limit is needed before and the lower is
            // not.
            var limit = Vector256.Create(32767f);
            var low = Avx.ConvertToVector256Int32(Avx.Min(Vector256.Load(source), limit));
            var high = Avx.ConvertToVector256Int32(Avx.Min(Vector256.Load(source + 8), limit));
            var packed = Avx2.PackSignedSaturate(low, high).AsInt64();
            return new(Avx2.Permute4x64(packed, 0b11_01_10_00).AsInt16().AsVector());
        }
        if (AdvSimd.IsSupported)
        {
            var low = AdvSimd.ConvertToInt32RoundToEven(Vector128.Load(source));
            var high = AdvSimd.ConvertToInt32RoundToEven(Vector128.Load(source + 4));
            var lower = AdvSimd.ExtractNarrowingSaturateLower(low);
            return new(AdvSimd.ExtractNarrowingSaturateUpper(lower, high).AsVector());
        }
        throw new PlatformNotSupportedException();
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(short* target) => Value.Store(target);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreInt8(sbyte* target)
    {
        if (Avx2.IsSupported)
        {
            var v = Value.AsVector256();
            Sse2.PackSignedSaturate(v.GetLower(), v.GetUpper()).Store(target);
        }
        else if (AdvSimd.IsSupported)
            AdvSimd.ExtractNarrowingSaturateLower(Value.AsVector128()).Store(target);
        else
            throw new PlatformNotSupportedException();
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorShorts All(short value) => new(new Vector<short>(value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorShorts operator +(VectorShorts a, VectorShorts b) => new(a.Value + b.Value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorShorts operator -(VectorShorts a, VectorShorts b) => new(a.Value - b.Value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorShorts AddSaturated(VectorShorts a, VectorShorts b) =>
        new(Vector.AddSaturate(a.Value, b.Value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorShorts Product(VectorShorts a, VectorShorts b)
    {
        if (Avx2.IsSupported)
            return new(Avx2.MultiplyHighRoundScale(a.Value.AsVector256(), b.Value.AsVector256()).AsVector());
        if (AdvSimd.IsSupported)
        {
            return new(AdvSimd.MultiplyRoundedDoublingSaturateHigh(
                a.Value.AsVector128(), b.Value.AsVector128()).AsVector());
        }
        throw new PlatformNotSupportedException();
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorShorts Max(VectorShorts a, VectorShorts b) => new(Vector.Max(a.Value, b.Value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorShorts Abs(VectorShorts a) => new(Vector.Abs(a.Value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorShorts MinUnsigned(VectorShorts a, VectorShorts b) =>
        new(Vector.AsVectorInt16(Vector.Min(Vector.AsVectorUInt16(a.Value), Vector.AsVectorUInt16(b.Value))));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorShorts operator *(VectorShorts a, VectorShorts b) => new(a.Value * b.Value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorShorts WithSign(VectorShorts magnitude, VectorShorts sign)
    {
        if (Avx2.IsSupported)
            return new(Avx2.Sign(magnitude.Value.AsVector256(), sign.Value.AsVector256()).AsVector());
        // (m ^ s) - s with s = -1 for negative numbers; where the sign is 0, the magnitude is 0 by the caller's word or
        // 0 by itself.
        var mask = sign.Value >> 15;
        return new((magnitude.Value ^ mask) - mask);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static VectorShorts ComplementUnlessNegative(
        VectorShorts a, VectorShorts sign, VectorShorts half, VectorShorts whole)
    {
        if (Avx2.IsSupported)
        {
            var fromHalf = (half.Value - a.Value).AsVector256();
            return new(half.Value + Avx2.Sign(fromHalf, sign.Value.AsVector256()).AsVector());
        }
        // -32768 is 32768 modulo 2^16.
        return new(Vector.ConditionalSelect(sign.Value >> 15, a.Value, whole.Value - a.Value));
    }
}

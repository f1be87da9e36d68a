using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>How an ARM64 kernel multiplies a tile of four rows and four columns.</summary>
/// <typeparam name="TInput">Four inputs, spread over registers as <see cref="Add"/> needs them.</typeparam>
internal unsafe interface ITileProduct<TInput>
{
    static abstract TInput Spread(sbyte* x);

    /// <summary>
    /// sums + the products of the tile at <paramref name="offset"/>, one lane per row. Pointer and constant come apart
    /// because the compiler then folds every address into its load.
    /// </summary>
    static abstract Vector128<int> Add(Vector128<int> sums, sbyte* w, int offset, TInput x);
}

/// <summary>The blocks of the ARM64 kernels: eight or four tiles side by side.</summary>
public abstract unsafe class ArmKernel : VectorKernel
{
    private protected ArmKernel() { }

    private protected static void WideBlock<TProduct, TInput>(
        sbyte* w, sbyte* x, int quads, float* scale, float* bias, float* y)
        where TProduct : ITileProduct<TInput>
    {
        Vector128<int> s0 = default, s1 = default, s2 = default, s3 = default;
        Vector128<int> s4 = default, s5 = default, s6 = default, s7 = default;
        sbyte* end = x + 4 * quads;
        if (quads % 2 != 0)
            AddQuad<TProduct, TInput>(ref x, ref w, ref s0, ref s1, ref s2, ref s3, ref s4, ref s5, ref s6, ref s7);
        while (x < end)
        {
            // Two quads a turn: the loop's own instructions are a sixth of it otherwise.
            AddQuad<TProduct, TInput>(ref x, ref w, ref s0, ref s1, ref s2, ref s3, ref s4, ref s5, ref s6, ref s7);
            AddQuad<TProduct, TInput>(ref x, ref w, ref s0, ref s1, ref s2, ref s3, ref s4, ref s5, ref s6, ref s7);
        }
        Dequantize(s0, scale, bias, y);
        Dequantize(s1, scale + 4, bias + 4, y + 4);
        Dequantize(s2, scale + 8, bias + 8, y + 8);
        Dequantize(s3, scale + 12, bias + 12, y + 12);
        Dequantize(s4, scale + 16, bias + 16, y + 16);
        Dequantize(s5, scale + 20, bias + 20, y + 20);
        Dequantize(s6, scale + 24, bias + 24, y + 24);
        Dequantize(s7, scale + 28, bias + 28, y + 28);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddQuad<TProduct, TInput>(
        ref sbyte* x, ref sbyte* w,
        ref Vector128<int> s0, ref Vector128<int> s1, ref Vector128<int> s2, ref Vector128<int> s3,
        ref Vector128<int> s4, ref Vector128<int> s5, ref Vector128<int> s6, ref Vector128<int> s7)
        where TProduct : ITileProduct<TInput>
    {
        var xq = TProduct.Spread(x);
        s0 = TProduct.Add(s0, w, 0, xq);
        s1 = TProduct.Add(s1, w, 16, xq);
        s2 = TProduct.Add(s2, w, 32, xq);
        s3 = TProduct.Add(s3, w, 48, xq);
        s4 = TProduct.Add(s4, w, 64, xq);
        s5 = TProduct.Add(s5, w, 80, xq);
        s6 = TProduct.Add(s6, w, 96, xq);
        s7 = TProduct.Add(s7, w, 112, xq);
        x += 4;
        w += 128;
    }

    private protected static void NarrowBlock<TProduct, TInput>(
        sbyte* w, sbyte* x, int quads, float* scale, float* bias, float* y)
        where TProduct : ITileProduct<TInput>
    {
        Vector128<int> s0 = default, s1 = default, s2 = default, s3 = default;
        for (sbyte* end = x + 4 * quads; x < end; x += 4, w += 64)
        {
            var xq = TProduct.Spread(x);
            s0 = TProduct.Add(s0, w, 0, xq);
            s1 = TProduct.Add(s1, w, 16, xq);
            s2 = TProduct.Add(s2, w, 32, xq);
            s3 = TProduct.Add(s3, w, 48, xq);
        }
        Dequantize(s0, scale, bias, y);
        Dequantize(s1, scale + 4, bias + 4, y + 4);
        Dequantize(s2, scale + 8, bias + 8, y + 8);
        Dequantize(s3, scale + 12, bias + 12, y + 12);
    }

    // The two columns of a pair keep sums of their own until the end: neighbouring lanes belong to one row.
    private protected sealed override void PairBlock(sbyte* w, short* x, int pairs, float* scale, float* bias, float* y)
    {
        Vector128<float> t0 = default, t1 = default, t2 = default, t3 = default;
        for (short* end = x + 2 * pairs; x < end;)
        {
            Vector128<int> l0 = default, l1 = default, l2 = default, l3 = default;
            Vector128<int> h0 = default, h1 = default, h2 = default, h3 = default;
            for (short* exact = x + Math.Min(ExactColumns, end - x); x < exact; x += 2, w += 32)
            {
                var xp = Vector128.Create(*(int*)x).AsInt16();
                AddPair(ref l0, ref h0, w, xp);
                AddPair(ref l1, ref h1, w + 8, xp);
                AddPair(ref l2, ref h2, w + 16, xp);
                AddPair(ref l3, ref h3, w + 24, xp);
            }
            t0 += AdvSimd.ConvertToSingle(AdvSimd.Arm64.AddPairwise(l0, h0));
            t1 += AdvSimd.ConvertToSingle(AdvSimd.Arm64.AddPairwise(l1, h1));
            t2 += AdvSimd.ConvertToSingle(AdvSimd.Arm64.AddPairwise(l2, h2));
            t3 += AdvSimd.ConvertToSingle(AdvSimd.Arm64.AddPairwise(l3, h3));
        }
        Dequantize(t0, scale, bias, y);
        Dequantize(t1, scale + 4, bias + 4, y + 4);
        Dequantize(t2, scale + 8, bias + 8, y + 8);
        Dequantize(t3, scale + 12, bias + 12, y + 12);
    }

    // Four rows of two columns.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddPair(ref Vector128<int> low, ref Vector128<int> high, sbyte* w, Vector128<short> x)
    {
        var wide = AdvSimd.SignExtendWideningLower(Vector64.Load(w));
        low = AdvSimd.MultiplyWideningLowerAndAdd(low, wide.GetLower(), x.GetLower());
        high = AdvSimd.MultiplyWideningUpperAndAdd(high, wide, x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Dequantize(Vector128<int> sums, float* scale, float* bias, float* y) =>
        Dequantize(AdvSimd.ConvertToSingle(sums), scale, bias, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Dequantize(Vector128<float> sums, float* scale, float* bias, float* y) =>
        AdvSimd.FusedMultiplyAdd(Vector128.Load(bias), sums, Vector128.Load(scale)).Store(y);
}

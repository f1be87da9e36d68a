using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>How an ARM64 kernel multiplies tiles of four rows and four columns.</summary>
/// <typeparam name="TInputs">Inputs, spread over registers as <see cref="Add"/> needs them.</typeparam>
internal unsafe interface ITileProduct<TInputs>
{
    /// <summary>Four inputs.</summary>
    static abstract TInputs Spread(sbyte* x);

    /// <summary>
    /// The four inputs of one quad of sixteen, which is also a pair <paramref name="low"/> and a pair <paramref
    /// name="high"/>.
    /// </summary>
    static abstract TInputs Select(
        Vector128<sbyte> x, [ConstantExpected(Max = (byte)3)] byte quad,
        [ConstantExpected(Max = (byte)7)] byte low, [ConstantExpected(Max = (byte)7)] byte high);

    /// <summary>
    /// sums + the products of the four tiles at <paramref name="offset"/>, one lane per row. Pointer and constant come
    /// apart, and tiles are loaded before they are used: the compiler then makes one load of two, and folds the address
    /// into it.
    /// It keeps the order of instructions, and a core that does too waits less the more tiles lie between two that
    /// depend.
    /// </summary>
    static abstract void Add(
        ref Vector128<int> s0, ref Vector128<int> s1, ref Vector128<int> s2, ref Vector128<int> s3,
        sbyte* w, int offset, TInputs x);
}

/// <summary>The blocks of the ARM64 kernels: sixteen or four tiles side by side.</summary>
internal abstract unsafe class ArmKernel<TProduct, TInputs> : VectorKernel
    where TProduct : struct, ITileProduct<TInputs>
{
    internal sealed override void MultiplyAdd(
        Int8Matrix w, sbyte* x, Int8Matrix? u, sbyte* h, float* addend, float* y, Blocks blocks)
    {
        for (int b = blocks.First; b != blocks.End; b += blocks.Step)
        {
            var (row, rows) = w.Block(b);
            if (rows == 64)
                WideBlock(row, w, x, u, h, addend + row, y + row);
            else
            {
                NarrowBlock(row, w, x, addend + row, y + row);
                if (u is not null)
                    NarrowBlock(row, u, h, y + row, y + row);
            }
        }
    }

    // W [quads, 64, 4] and x, and then U and h; four quads a turn
    private static void WideBlock(
        int row, Int8Matrix matrix, sbyte* x, Int8Matrix? next, sbyte* nextX, float* addend, float* y)
    {
        while (true)
        {
            sbyte* w = matrix.Weights + (nint)row * 4 * matrix.Groups;
            float* scale = matrix.Scale + row;
            Vector128<int> s0 = default, s1 = default, s2 = default, s3 = default;
            Vector128<int> s4 = default, s5 = default, s6 = default, s7 = default;
            Vector128<int> s8 = default, s9 = default, s10 = default, s11 = default;
            Vector128<int> s12 = default, s13 = default, s14 = default, s15 = default;
            sbyte* end = x + 4 * matrix.Groups;
            for (; x + 16 <= end; x += 16, w += 1024)
            {
                var xs = Vector128.Load(x);
                Add(TProduct.Select(xs, 0, 0, 1), w, 0,
                    ref s0, ref s1, ref s2, ref s3, ref s4, ref s5, ref s6, ref s7,
                    ref s8, ref s9, ref s10, ref s11, ref s12, ref s13, ref s14, ref s15);
                Add(TProduct.Select(xs, 1, 2, 3), w, 256,
                    ref s0, ref s1, ref s2, ref s3, ref s4, ref s5, ref s6, ref s7,
                    ref s8, ref s9, ref s10, ref s11, ref s12, ref s13, ref s14, ref s15);
                Add(TProduct.Select(xs, 2, 4, 5), w, 512,
                    ref s0, ref s1, ref s2, ref s3, ref s4, ref s5, ref s6, ref s7,
                    ref s8, ref s9, ref s10, ref s11, ref s12, ref s13, ref s14, ref s15);
                Add(TProduct.Select(xs, 3, 6, 7), w, 768,
                    ref s0, ref s1, ref s2, ref s3, ref s4, ref s5, ref s6, ref s7,
                    ref s8, ref s9, ref s10, ref s11, ref s12, ref s13, ref s14, ref s15);
            }
            for (; x < end; x += 4, w += 256)
            {
                Add(TProduct.Spread(x), w, 0,
                    ref s0, ref s1, ref s2, ref s3, ref s4, ref s5, ref s6, ref s7,
                    ref s8, ref s9, ref s10, ref s11, ref s12, ref s13, ref s14, ref s15);
            }
            Scale(s0, s1, scale, addend, y, 0);
            Scale(s2, s3, scale, addend, y, 8);
            Scale(s4, s5, scale, addend, y, 16);
            Scale(s6, s7, scale, addend, y, 24);
            Scale(s8, s9, scale, addend, y, 32);
            Scale(s10, s11, scale, addend, y, 40);
            Scale(s12, s13, scale, addend, y, 48);
            Scale(s14, s15, scale, addend, y, 56);
            if (next is null)
                return;
            matrix = next;
            x = nextX;
            addend = y;
            next = null;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(
        TInputs x, sbyte* w, int offset,
        ref Vector128<int> s0, ref Vector128<int> s1, ref Vector128<int> s2, ref Vector128<int> s3,
        ref Vector128<int> s4, ref Vector128<int> s5, ref Vector128<int> s6, ref Vector128<int> s7,
        ref Vector128<int> s8, ref Vector128<int> s9, ref Vector128<int> s10, ref Vector128<int> s11,
        ref Vector128<int> s12, ref Vector128<int> s13, ref Vector128<int> s14, ref Vector128<int> s15)
    {
        TProduct.Add(ref s0, ref s1, ref s2, ref s3, w, offset, x);
        TProduct.Add(ref s4, ref s5, ref s6, ref s7, w, offset + 64, x);
        TProduct.Add(ref s8, ref s9, ref s10, ref s11, w, offset + 128, x);
        TProduct.Add(ref s12, ref s13, ref s14, ref s15, w, offset + 192, x);
    }

    // [quads, 16, 4], four quads a turn
    private static void NarrowBlock(int row, Int8Matrix matrix, sbyte* x, float* addend, float* y)
    {
        sbyte* w = matrix.Weights + (nint)row * 4 * matrix.Groups;
        float* scale = matrix.Scale + row;
        Vector128<int> s0 = default, s1 = default, s2 = default, s3 = default;
        sbyte* end = x + 4 * matrix.Groups;
        for (; x + 16 <= end; x += 16, w += 256)
        {
            var xs = Vector128.Load(x);
            TProduct.Add(ref s0, ref s1, ref s2, ref s3, w, 0, TProduct.Select(xs, 0, 0, 1));
            TProduct.Add(ref s0, ref s1, ref s2, ref s3, w, 64, TProduct.Select(xs, 1, 2, 3));
            TProduct.Add(ref s0, ref s1, ref s2, ref s3, w, 128, TProduct.Select(xs, 2, 4, 5));
            TProduct.Add(ref s0, ref s1, ref s2, ref s3, w, 192, TProduct.Select(xs, 3, 6, 7));
        }
        for (; x < end; x += 4, w += 64)
            TProduct.Add(ref s0, ref s1, ref s2, ref s3, w, 0, TProduct.Spread(x));
        Scale(s0, s1, scale, addend, y, 0);
        Scale(s2, s3, scale, addend, y, 8);
    }

    // y = sums · scale + addend for eight rows.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale(Vector128<int> s0, Vector128<int> s1, float* scale, float* addend, float* y, int row)
    {
        var scale0 = Vector128.Load(scale + row);
        var scale1 = Vector128.Load(scale + row + 4);
        var y0 = Vector128.Load(addend + row);
        var y1 = Vector128.Load(addend + row + 4);
        y0 = AdvSimd.FusedMultiplyAdd(y0, AdvSimd.ConvertToSingle(s0), scale0);
        y1 = AdvSimd.FusedMultiplyAdd(y1, AdvSimd.ConvertToSingle(s1), scale1);
        y0.Store(y + row);
        y1.Store(y + row + 4);
    }

    // The two columns of a pair keep sums of their own until the end: neighbouring lanes belong to one row.
    private protected sealed override void PairBlock(
        sbyte* w, short* x, int pairs, float* scale, float* addend, float* y)
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
        Scale(t0, scale, addend, y);
        Scale(t1, scale + 4, addend + 4, y + 4);
        Scale(t2, scale + 8, addend + 8, y + 8);
        Scale(t3, scale + 12, addend + 12, y + 12);
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
    private static void Scale(Vector128<float> sums, float* scale, float* addend, float* y) =>
        AdvSimd.FusedMultiplyAdd(Vector128.Load(addend), sums, Vector128.Load(scale)).Store(y);
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>How an x64 kernel adds the products of a tile of eight rows and four columns to one sum per row.</summary>
/// <typeparam name="TInputs">Four inputs, in every four bytes of a register.</typeparam>
internal unsafe interface IByteProduct<TInputs>
{
    static abstract TInputs Spread(sbyte* x);

    static abstract Vector256<int> Add(Vector256<int> sums, TInputs x, sbyte* w);
}

/// <summary>
/// The blocks of the x64 kernels: eight tiles side by side, whose sums hide the latency of the instructions, or two.
/// </summary>
internal abstract unsafe class X64Kernel<TProduct, TInputs> : VectorKernel
    where TProduct : struct, IByteProduct<TInputs>
{
    internal sealed override int WideRows => 64;

    /// <summary>What the sums of all rows begin with.</summary>
    private protected abstract int FirstSum(sbyte* x, int quads);

    internal sealed override void MultiplyAdd(Int8Matrix w, sbyte* x, float* addend, float* y, int first, int end)
    {
        int quads = w.Groups, row = first;
        sbyte* weights = w.Weights + (nint)first * 4 * quads;
        float* scale = w.Scale;
        int firstSum = FirstSum(x, quads);
        for (; row + 64 <= end; row += 64, weights += 64 * 4 * quads)
            WideBlock(weights, x, quads, firstSum, scale + row, addend + row, y + row);
        for (; row < end; row += 16, weights += 16 * 4 * quads)
            NarrowBlock(weights, x, quads, firstSum, scale + row, addend + row, y + row);
    }

    // w [quads, 64, 4]
    private static void WideBlock(
        sbyte* w, sbyte* x, int quads, int firstSum, float* scale, float* addend, float* y)
    {
        var s0 = Vector256.Create(firstSum);
        var s1 = s0;
        var s2 = s0;
        var s3 = s0;
        var s4 = s0;
        var s5 = s0;
        var s6 = s0;
        var s7 = s0;
        for (sbyte* end = x + 4 * quads; x < end; x += 4, w += 256)
        {
            var xq = TProduct.Spread(x);
            s0 = TProduct.Add(s0, xq, w);
            s1 = TProduct.Add(s1, xq, w + 32);
            s2 = TProduct.Add(s2, xq, w + 64);
            s3 = TProduct.Add(s3, xq, w + 96);
            s4 = TProduct.Add(s4, xq, w + 128);
            s5 = TProduct.Add(s5, xq, w + 160);
            s6 = TProduct.Add(s6, xq, w + 192);
            s7 = TProduct.Add(s7, xq, w + 224);
        }
        Scale(s0, scale, addend, y);
        Scale(s1, scale + 8, addend + 8, y + 8);
        Scale(s2, scale + 16, addend + 16, y + 16);
        Scale(s3, scale + 24, addend + 24, y + 24);
        Scale(s4, scale + 32, addend + 32, y + 32);
        Scale(s5, scale + 40, addend + 40, y + 40);
        Scale(s6, scale + 48, addend + 48, y + 48);
        Scale(s7, scale + 56, addend + 56, y + 56);
    }

    // w [quads, 16, 4]; four quads at a time have sums of their own, which hide the latency.
    private static void NarrowBlock(
        sbyte* w, sbyte* x, int quads, int firstSum, float* scale, float* addend, float* y)
    {
        var s0 = Vector256.Create(firstSum);
        var s1 = s0;
        Vector256<int> t0 = default, t1 = default, u0 = default, u1 = default, v0 = default, v1 = default;
        sbyte* end = x + 4 * quads;
        for (; x + 16 <= end; x += 16, w += 256)
        {
            var xq = TProduct.Spread(x);
            s0 = TProduct.Add(s0, xq, w);
            s1 = TProduct.Add(s1, xq, w + 32);
            xq = TProduct.Spread(x + 4);
            t0 = TProduct.Add(t0, xq, w + 64);
            t1 = TProduct.Add(t1, xq, w + 96);
            xq = TProduct.Spread(x + 8);
            u0 = TProduct.Add(u0, xq, w + 128);
            u1 = TProduct.Add(u1, xq, w + 160);
            xq = TProduct.Spread(x + 12);
            v0 = TProduct.Add(v0, xq, w + 192);
            v1 = TProduct.Add(v1, xq, w + 224);
        }
        for (; x < end; x += 4, w += 64)
        {
            var xq = TProduct.Spread(x);
            s0 = TProduct.Add(s0, xq, w);
            s1 = TProduct.Add(s1, xq, w + 32);
        }
        Scale(s0 + t0 + (u0 + v0), scale, addend, y);
        Scale(s1 + t1 + (u1 + v1), scale + 8, addend + 8, y + 8);
    }

    /// <summary>y = sums · scale + addend for eight rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected static void Scale(Vector256<int> sums, float* scale, float* addend, float* y) => Fma.MultiplyAdd(
        Avx.ConvertToVector256Single(sums), Vector256.LoadAligned(scale), Vector256.Load(addend)).Store(y);

    private protected sealed override void PairBlock(
        sbyte* w, short* x, int pairs, float* scale, float* addend, float* y)
    {
        Vector256<float> t0 = default, t1 = default;
        for (short* end = x + 2 * pairs; x < end;)
        {
            Vector256<int> s0 = default, s1 = default;
            for (short* exact = x + Math.Min(ExactColumns, end - x); x < exact; x += 2, w += 32)
            {
                var xp = Vector256.Create(*(int*)x).AsInt16();
                s0 = Avx2.Add(s0, Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(w), xp));
                s1 = Avx2.Add(s1, Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(w + 16), xp));
            }
            t0 = Avx.Add(t0, Avx.ConvertToVector256Single(s0));
            t1 = Avx.Add(t1, Avx.ConvertToVector256Single(s1));
        }
        Fma.MultiplyAdd(t0, Vector256.LoadAligned(scale), Vector256.Load(addend)).Store(y);
        Fma.MultiplyAdd(t1, Vector256.LoadAligned(scale + 8), Vector256.Load(addend + 8)).Store(y + 8);
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>The blocks of the x64 kernels: four or two tiles of eight rows side by side.</summary>
public abstract unsafe class X64Kernel : VectorKernel
{
    private protected X64Kernel() { }

    private protected static void WideBlock<TProduct, TInput>(Int8Matrix w, int row, sbyte* weights, sbyte* x, float* y)
        where TProduct : ITileProduct<Vector256<int>, TInput>
    {
        var s0 = FirstSums<TProduct, TInput>(w, row, x);
        var s1 = FirstSums<TProduct, TInput>(w, row + 8, x);
        var s2 = FirstSums<TProduct, TInput>(w, row + 16, x);
        var s3 = FirstSums<TProduct, TInput>(w, row + 24, x);
        for (sbyte* end = x + 4 * w.Groups; x < end; x += 4, weights += 128)
        {
            var xq = TProduct.Spread(x);
            s0 = TProduct.Add(s0, weights, xq);
            s1 = TProduct.Add(s1, weights + 32, xq);
            s2 = TProduct.Add(s2, weights + 64, xq);
            s3 = TProduct.Add(s3, weights + 96, xq);
        }
        Dequantize(s0, w, row, y);
        Dequantize(s1, w, row + 8, y + 8);
        Dequantize(s2, w, row + 16, y + 16);
        Dequantize(s3, w, row + 24, y + 24);
    }

    private protected static void NarrowBlock<TProduct, TInput>(Int8Matrix w, int row, sbyte* weights, sbyte* x, float* y)
        where TProduct : ITileProduct<Vector256<int>, TInput>
    {
        var s0 = FirstSums<TProduct, TInput>(w, row, x);
        var s1 = FirstSums<TProduct, TInput>(w, row + 8, x);
        for (sbyte* end = x + 4 * w.Groups; x < end; x += 4, weights += 64)
        {
            var xq = TProduct.Spread(x);
            s0 = TProduct.Add(s0, weights, xq);
            s1 = TProduct.Add(s1, weights + 32, xq);
        }
        Dequantize(s0, w, row, y);
        Dequantize(s1, w, row + 8, y + 8);
    }

    /// <summary>Where the sums of eight rows begin, with the products of their remainders.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> FirstSums<TProduct, TInput>(Int8Matrix w, int row, sbyte* x)
        where TProduct : ITileProduct<Vector256<int>, TInput>
    {
        var sums = Vector256.LoadAligned(w.FirstSums + row);
        if (w.RemainderStarts == null)
            return sums;
        for (int i = w.RemainderStarts[row / 8]; i < w.RemainderStarts[row / 8 + 1]; i++)
            sums = TProduct.Add(sums, w.Remainders + 32 * i, TProduct.Spread(x + 4 * w.RemainderQuads[i]));
        return sums;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Dequantize(Vector256<int> sums, Int8Matrix w, int row, float* y) => Fma.MultiplyAdd(
        Avx.ConvertToVector256Single(sums), Vector256.LoadAligned(w.Scale + row), Vector256.LoadAligned(w.Bias + row)).Store(y);

    private protected sealed override void PairBlock(sbyte* w, short* x, int pairs, float* scale, float* bias, float* y)
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
        Fma.MultiplyAdd(t0, Vector256.LoadAligned(scale), Vector256.LoadAligned(bias)).Store(y);
        Fma.MultiplyAdd(t1, Vector256.LoadAligned(scale + 8), Vector256.LoadAligned(bias + 8)).Store(y + 8);
    }
}

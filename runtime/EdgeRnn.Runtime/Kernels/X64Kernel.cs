using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>How an x64 kernel adds the products of a tile of eight rows and four columns to one sum per row.</summary>
internal interface IUnsignedProduct
{
    static abstract Vector256<int> Add(Vector256<int> sums, Vector256<byte> x, Vector256<sbyte> w);
}

/// <summary>
/// The blocks of the x64 kernels: four or two tiles side by side. The instructions multiply unsigned by signed bytes, so
/// the sign of an input goes to the weights. Where x is negative, w·x = |x|·(-w) = |x|·~w + |x|, for -w = ~w + 1: flipping
/// the bits of a weight takes one instruction on any port, where negating it (<c>psignb</c>) competes with the
/// multiplications, and what is missing, the sum of all |x| with x negative, is the same for every row.
/// </summary>
public abstract unsafe class X64Kernel : VectorKernel
{
    private protected X64Kernel() { }

    /// <summary>Σ |x| over negative x.</summary>
    private protected sealed override int FirstSum(sbyte* x, int quads)
    {
        // Reads up to 28 bytes beyond the last quad: a signal is padded to 64, and what stands there is masked off.
        var sums = Vector256<long>.Zero;
        int columns = 4 * quads;
        for (int c = 0; c < columns; c += 32)
        {
            var magnitudes = Avx2.Abs(Avx2.Min(Vector256.Load(x + c), Vector256<sbyte>.Zero));
            if (columns - c < 32)
                magnitudes &= Vector256.LessThan(Vector256<byte>.Indices, Vector256.Create((byte)(columns - c)));
            sums = Avx2.Add(sums, Avx2.SumAbsoluteDifferences(magnitudes, Vector256<byte>.Zero).AsInt64());
        }
        return (int)Vector256.Sum(sums);
    }

    private protected static void WideBlock<TProduct>(
        sbyte* w, sbyte* x, int quads, int firstSum, float* scale, float* bias, float* y)
        where TProduct : IUnsignedProduct
    {
        var s0 = Vector256.Create(firstSum);
        var s1 = s0;
        var s2 = s0;
        var s3 = s0;
        for (sbyte* end = x + 4 * quads; x < end; x += 4, w += 128)
        {
            var xq = Vector256.Create(*(int*)x).AsSByte();
            var magnitude = Avx2.Abs(xq);
            var negative = Avx2.CompareGreaterThan(Vector256<sbyte>.Zero, xq);
            s0 = TProduct.Add(s0, magnitude, Avx2.Xor(negative, Vector256.LoadAligned(w)));
            s1 = TProduct.Add(s1, magnitude, Avx2.Xor(negative, Vector256.LoadAligned(w + 32)));
            s2 = TProduct.Add(s2, magnitude, Avx2.Xor(negative, Vector256.LoadAligned(w + 64)));
            s3 = TProduct.Add(s3, magnitude, Avx2.Xor(negative, Vector256.LoadAligned(w + 96)));
        }
        Dequantize(s0, scale, bias, y);
        Dequantize(s1, scale + 8, bias + 8, y + 8);
        Dequantize(s2, scale + 16, bias + 16, y + 16);
        Dequantize(s3, scale + 24, bias + 24, y + 24);
    }

    private protected static void NarrowBlock<TProduct>(
        sbyte* w, sbyte* x, int quads, int firstSum, float* scale, float* bias, float* y)
        where TProduct : IUnsignedProduct
    {
        var s0 = Vector256.Create(firstSum);
        var s1 = s0;
        for (sbyte* end = x + 4 * quads; x < end; x += 4, w += 64)
        {
            var xq = Vector256.Create(*(int*)x).AsSByte();
            var magnitude = Avx2.Abs(xq);
            var negative = Avx2.CompareGreaterThan(Vector256<sbyte>.Zero, xq);
            s0 = TProduct.Add(s0, magnitude, Avx2.Xor(negative, Vector256.LoadAligned(w)));
            s1 = TProduct.Add(s1, magnitude, Avx2.Xor(negative, Vector256.LoadAligned(w + 32)));
        }
        Dequantize(s0, scale, bias, y);
        Dequantize(s1, scale + 8, bias + 8, y + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Dequantize(Vector256<int> sums, float* scale, float* bias, float* y) => Fma.MultiplyAdd(
        Avx.ConvertToVector256Single(sums), Vector256.LoadAligned(scale), Vector256.LoadAligned(bias)).Store(y);

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

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>How an x64 kernel adds the products of a tile of eight rows and four columns to one sum per row.</summary>
/// <typeparam name="TInputs">Four inputs, in every four bytes of a register.</typeparam>
internal unsafe interface IByteProduct<TInputs>
{
    /// <summary>What the sums of all rows lack.</summary>
    static abstract int SumOfAll(sbyte* x, int quads);

    static abstract TInputs Spread(sbyte* x);

    static abstract Vector256<int> Add(Vector256<int> sums, TInputs x, Vector256<sbyte> w);
}

/// <summary>
/// The blocks of the x64 kernels: eight tiles side by side, whose sums hide the latency of the instructions, or two.
/// </summary>
internal abstract unsafe class X64Kernel<TProduct, TInputs> : VectorKernel
    where TProduct : struct, IByteProduct<TInputs>
{
    internal sealed override void MultiplyAdd(
        Int8Matrix w, sbyte* x, Int8Matrix? u, sbyte* h, float* addend, float* y, Blocks blocks)
    {
        int ofX = TProduct.SumOfAll(x, w.Groups), ofH = u is null ? 0 : TProduct.SumOfAll(h, u.Groups);
        for (int b = blocks.First; b != blocks.End; b += blocks.Step)
        {
            var (row, rows) = w.Block(b);
            if (rows == 64)
                WideBlock(row, w, x, ofX, u, h, ofH, addend, y);
            else
            {
                NarrowBlock(row, w, x, ofX, addend, y);
                if (u is not null)
                    NarrowBlock(row, u, h, ofH, y, y);
            }
        }
    }

    // W [quads, 64, 4] and x, and then U and h
    private static void WideBlock(
        int row, Int8Matrix w, sbyte* x, int ofX, Int8Matrix? u, sbyte* h, int ofH, float* addend, float* y)
    {
        FourTiles a = default, b = default;
        sbyte* weights = w.Weights + (nint)row * 4 * w.Groups;
        for (sbyte* end = x + 4 * w.Groups; x < end; x += 4, weights += 256)
        {
            var xq = TProduct.Spread(x);
            a.Add(xq, weights);
            b.Add(xq, weights + 128);
        }
        var ya = a.Scale(w, row, ofX, new(addend + row));
        var yb = b.Scale(w, row + 32, ofX, new(addend + row + 32));
        if (u is not null)
        {
            (a, b) = (default, default);
            weights = u.Weights + (nint)row * 4 * u.Groups;
            for (sbyte* end = h + 4 * u.Groups; h < end; h += 4, weights += 256)
            {
                var hq = TProduct.Spread(h);
                a.Add(hq, weights);
                b.Add(hq, weights + 128);
            }
            ya = a.Scale(u, row, ofH, ya);
            yb = b.Scale(u, row + 32, ofH, yb);
        }
        ya.Store(y + row);
        yb.Store(y + row + 32);
    }

    // [quads, 16, 4]; four quads at a time have sums of their own, which hide the latency.
    private static void NarrowBlock(int row, Int8Matrix matrix, sbyte* x, int ofAll, float* addend, float* y)
    {
        sbyte* w = matrix.Weights + (nint)row * 4 * matrix.Groups;
        Vector256<int> s0 = default, s1 = default, t0 = default, t1 = default;
        Vector256<int> u0 = default, u1 = default, v0 = default, v1 = default;
        sbyte* end = x + 4 * matrix.Groups;
        for (; x + 16 <= end; x += 16, w += 256)
        {
            var xq = TProduct.Spread(x);
            s0 = TProduct.Add(s0, xq, Vector256.LoadAligned(w));
            s1 = TProduct.Add(s1, xq, Vector256.LoadAligned(w + 32));
            xq = TProduct.Spread(x + 4);
            t0 = TProduct.Add(t0, xq, Vector256.LoadAligned(w + 64));
            t1 = TProduct.Add(t1, xq, Vector256.LoadAligned(w + 96));
            xq = TProduct.Spread(x + 8);
            u0 = TProduct.Add(u0, xq, Vector256.LoadAligned(w + 128));
            u1 = TProduct.Add(u1, xq, Vector256.LoadAligned(w + 160));
            xq = TProduct.Spread(x + 12);
            v0 = TProduct.Add(v0, xq, Vector256.LoadAligned(w + 192));
            v1 = TProduct.Add(v1, xq, Vector256.LoadAligned(w + 224));
        }
        for (; x < end; x += 4, w += 64)
        {
            var xq = TProduct.Spread(x);
            s0 = TProduct.Add(s0, xq, Vector256.LoadAligned(w));
            s1 = TProduct.Add(s1, xq, Vector256.LoadAligned(w + 32));
        }
        Scale(s0 + t0 + (u0 + v0), matrix, row, ofAll, Vector256.Load(addend + row)).Store(y + row);
        Scale(s1 + t1 + (u1 + v1), matrix, row + 8, ofAll, Vector256.Load(addend + row + 8)).Store(y + row + 8);
    }

    /// <summary>(sums + ofAll) · scale + addend for eight rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Scale(
        Vector256<int> sums, Int8Matrix matrix, int row, int ofAll, Vector256<float> addend)
    {
        var exact = Avx.ConvertToVector256Single(sums + Vector256.Create(ofAll));
        return Fma.MultiplyAdd(exact, Vector256.LoadAligned(matrix.Scale + row), addend);
    }

    /// <summary>
    /// All bits set in as many quads of four as there are. Inputs are read by sixteen, as they were written: a load of
    /// what two stores wrote would wait for both.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected static Vector128<int> FirstQuads(int count) =>
        Vector128.LessThan(Vector128<int>.Indices, Vector128.Create(count));

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

    /// <summary>The sums of 32 rows: as many fields as the compiler keeps in registers.</summary>
    private struct FourTiles
    {
        private Vector256<int> _s0, _s1, _s2, _s3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(TInputs x, sbyte* w)
        {
            _s0 = TProduct.Add(_s0, x, Vector256.LoadAligned(w));
            _s1 = TProduct.Add(_s1, x, Vector256.LoadAligned(w + 32));
            _s2 = TProduct.Add(_s2, x, Vector256.LoadAligned(w + 64));
            _s3 = TProduct.Add(_s3, x, Vector256.LoadAligned(w + 96));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly FourVectors Scale(Int8Matrix matrix, int row, int ofAll, FourVectors addend) => new(
            X64Kernel<TProduct, TInputs>.Scale(_s0, matrix, row, ofAll, addend.V0),
            X64Kernel<TProduct, TInputs>.Scale(_s1, matrix, row + 8, ofAll, addend.V1),
            X64Kernel<TProduct, TInputs>.Scale(_s2, matrix, row + 16, ofAll, addend.V2),
            X64Kernel<TProduct, TInputs>.Scale(_s3, matrix, row + 24, ofAll, addend.V3));
    }

    /// <summary>32 floats.</summary>
    private readonly record struct FourVectors(
        Vector256<float> V0, Vector256<float> V1, Vector256<float> V2, Vector256<float> V3)
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public FourVectors(float* x)
            : this(Vector256.Load(x), Vector256.Load(x + 8), Vector256.Load(x + 16), Vector256.Load(x + 24))
        {
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(float* y)
        {
            V0.Store(y);
            V1.Store(y + 8);
            V2.Store(y + 16);
            V3.Store(y + 24);
        }
    }
}

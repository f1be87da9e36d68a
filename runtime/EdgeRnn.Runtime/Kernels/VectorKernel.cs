using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>What the vector kernels share: the walk over blocks, and the float product, where lanes are rows.</summary>
internal abstract unsafe class VectorKernel : Kernel
{
    private static int WideFloatRows => 8 * Vector<float>.Count;

    internal sealed override (int Wide, int Narrow) BlockRows(Precision precision) => precision == Precision.Float32
        ? (WideFloatRows, 2 * Vector<float>.Count)
        : (GroupColumns(precision) == 4 ? 64 : 16, 16);

    internal override void MultiplyAdd(
        Int8Matrix w, short* x, Int8Matrix? u, short* h, float* addend, float* y, Blocks blocks)
    {
        for (int b = blocks.First; b != blocks.End; b += blocks.Step)
        {
            PairBlock(w, b, x, addend, y);
            if (u is not null)
                PairBlock(u, b, h, y, y);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void PairBlock(Int8Matrix w, int block, short* x, float* addend, float* y)
    {
        int row = w.Block(block).First, pairs = w.Groups;
        PairBlock(w.Weights + (nint)row * 2 * pairs, x, pairs, w.Scale + row, addend + row, y + row);
    }

    internal sealed override void MultiplyAdd(
        FloatMatrix w, float* x, FloatMatrix? u, float* h, float* addend, float* y, Blocks blocks)
    {
        for (int b = blocks.First; b != blocks.End; b += blocks.Step)
        {
            Block(w, b, x, addend, y);
            if (u is not null)
                Block(u, b, h, y, y);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block(FloatMatrix w, int block, float* x, float* addend, float* y)
    {
        var (row, rows) = w.Block(block);
        float* weights = w.Weights + (nint)row * w.Columns;
        if (rows == WideFloatRows)
            WideBlock(weights, addend + row, x, w.Columns, y + row);
        else
            NarrowBlock(weights, addend + row, x, w.Columns, y + row);
    }

    /// <summary>16 rows of int16 inputs.   w [pairs, 16, 2]</summary>
    private protected abstract void PairBlock(sbyte* w, short* x, int pairs, float* scale, float* addend, float* y);

    // Eight sums at once hide the latency of the fused multiply-add.
    private static void WideBlock(float* w, float* addend, float* x, int columns, float* y)
    {
        if (Vector512.IsHardwareAccelerated && Vector<float>.Count == 8)
        {
            WideBlock512(w, addend, x, columns, y);
            return;
        }
        int n = Vector<float>.Count;
        var s0 = Vector.Load(addend);
        var s1 = Vector.Load(addend + n);
        var s2 = Vector.Load(addend + 2 * n);
        var s3 = Vector.Load(addend + 3 * n);
        var s4 = Vector.Load(addend + 4 * n);
        var s5 = Vector.Load(addend + 5 * n);
        var s6 = Vector.Load(addend + 6 * n);
        var s7 = Vector.Load(addend + 7 * n);
        for (float* end = x + columns; x < end; x++, w += 8 * n)
        {
            var xc = new Vector<float>(*x);
            s0 = Vector.FusedMultiplyAdd(Vector.Load(w), xc, s0);
            s1 = Vector.FusedMultiplyAdd(Vector.Load(w + n), xc, s1);
            s2 = Vector.FusedMultiplyAdd(Vector.Load(w + 2 * n), xc, s2);
            s3 = Vector.FusedMultiplyAdd(Vector.Load(w + 3 * n), xc, s3);
            s4 = Vector.FusedMultiplyAdd(Vector.Load(w + 4 * n), xc, s4);
            s5 = Vector.FusedMultiplyAdd(Vector.Load(w + 5 * n), xc, s5);
            s6 = Vector.FusedMultiplyAdd(Vector.Load(w + 6 * n), xc, s6);
            s7 = Vector.FusedMultiplyAdd(Vector.Load(w + 7 * n), xc, s7);
        }
        s0.Store(y);
        s1.Store(y + n);
        s2.Store(y + 2 * n);
        s3.Store(y + 3 * n);
        s4.Store(y + 4 * n);
        s5.Store(y + 5 * n);
        s6.Store(y + 6 * n);
        s7.Store(y + 7 * n);
    }

    // The same rows and sums in half as many registers: weights come from further away than the nearest cache, and a
    // quarter more of them a nanosecond by whole cache lines.
    private static void WideBlock512(float* w, float* addend, float* x, int columns, float* y)
    {
        var s0 = Vector512.Load(addend);
        var s1 = Vector512.Load(addend + 16);
        var s2 = Vector512.Load(addend + 32);
        var s3 = Vector512.Load(addend + 48);
        for (float* end = x + columns; x < end; x++, w += 64)
        {
            var xc = Vector512.Create(*x);
            s0 = Vector512.FusedMultiplyAdd(Vector512.LoadAligned(w), xc, s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.LoadAligned(w + 16), xc, s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.LoadAligned(w + 32), xc, s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.LoadAligned(w + 48), xc, s3);
        }
        s0.Store(y);
        s1.Store(y + 16);
        s2.Store(y + 32);
        s3.Store(y + 48);
    }

    private static void NarrowBlock(float* w, float* addend, float* x, int columns, float* y)
    {
        int n = Vector<float>.Count;
        var s0 = Vector.Load(addend);
        var s1 = Vector.Load(addend + n);
        for (float* end = x + columns; x < end; x++, w += 2 * n)
        {
            var xc = new Vector<float>(*x);
            s0 = Vector.FusedMultiplyAdd(Vector.Load(w), xc, s0);
            s1 = Vector.FusedMultiplyAdd(Vector.Load(w + n), xc, s1);
        }
        s0.Store(y);
        s1.Store(y + n);
    }
}

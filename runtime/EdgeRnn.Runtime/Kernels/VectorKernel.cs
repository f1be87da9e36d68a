using System.Numerics;
using System.Runtime.Intrinsics;
using EdgeRnn.Quantization;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>What the vector kernels share: the float product, where lanes are rows.</summary>
internal abstract unsafe class VectorKernel : Kernel
{
    private static int WideFloatRows => 8 * Vector<float>.Count;

    internal sealed override (int Wide, int Narrow) BlockRows(Precision precision) => precision == Precision.Float32
        ? (WideFloatRows, 2 * Vector<float>.Count)
        : (GroupColumns(precision) == 4 ? 64 : 16, 16);

    private protected override void Block(Int8Matrix w, int block, short* x, float* addend, float* y)
    {
        int row = w.Block(block).First, pairs = w.Groups;
        PairBlock(w.Weights + (nint)row * 2 * pairs, x, pairs, w.Scale + row, addend + row, y + row);
    }

    private protected sealed override void Block(FloatMatrix w, int block, float* x, float* addend, float* y)
    {
        var (row, rows) = w.Block(block);
        float* weights = w.Weights + (nint)row * w.Columns;
        if (rows == WideFloatRows)
            WideBlock(weights, addend + row, x, w.Columns, y + row);
        else
            NarrowBlock(weights, addend + row, x, w.Columns, y + row);
    }

    // Four streams at a time: each weight that is read is multiplied four times.
    internal sealed override void MultiplyAdd(
        FloatMatrix w, FloatMatrix? u, ReadOnlySpan<Product> streams, float* addend, Blocks blocks)
    {
        for (; streams.Length >= 4; streams = streams[4..])
        {
            var bias = new FourStreams(addend, addend, addend, addend);
            var y = new FourStreams(
                streams[0].Sums.Pointer, streams[1].Sums.Pointer, streams[2].Sums.Pointer, streams[3].Sums.Pointer);
            var x = new FourStreams(streams[0].X!, streams[1].X!, streams[2].X!, streams[3].X!);
            var h = u is null ? default : new FourStreams(streams[0].H!, streams[1].H!, streams[2].H!, streams[3].H!);
            for (int b = blocks.First; b != blocks.End; b += blocks.Step)
            {
                Block(w, b, x, bias, y);
                if (u is not null)
                    Block(u, b, h, y, y);
            }
        }
        base.MultiplyAdd(w, u, streams, addend, blocks);
    }

    private static void Block(
        FloatMatrix w, int block, in FourStreams x, in FourStreams addend, in FourStreams y)
    {
        var (first, rows) = w.Block(block);
        float* weights = w.Weights + (nint)first * w.Columns;
        bool wide = Vector512.IsHardwareAccelerated && rows == WideFloatRows;
        int turn = 2 * (wide ? WideLanes.Count : VectorLanes.Count);
        for (int r = 0; r < rows; r += turn)
        {
            if (wide)
                TwoVectors<WideLanes>(weights + r, rows, w.Columns, x, addend.From(first + r), y.From(first + r));
            else
                TwoVectors<VectorLanes>(weights + r, rows, w.Columns, x, addend.From(first + r), y.From(first + r));
        }
    }

    // Rows that fill two vectors, of columns that stand stride floats apart.
    private static void TwoVectors<T>(
        float* w, int stride, int columns, in FourStreams x, in FourStreams addend, in FourStreams y)
        where T : unmanaged, ILanes<T>
    {
        int n = T.Count;
        float* x0 = x.P0, x1 = x.P1, x2 = x.P2, x3 = x.P3;
        var a0 = T.Load(addend.P0);
        var b0 = T.Load(addend.P0 + n);
        var a1 = T.Load(addend.P1);
        var b1 = T.Load(addend.P1 + n);
        var a2 = T.Load(addend.P2);
        var b2 = T.Load(addend.P2 + n);
        var a3 = T.Load(addend.P3);
        var b3 = T.Load(addend.P3 + n);
        for (nint c = 0; c < columns; c++, w += stride)
        {
            var wa = T.Load(w);
            var wb = T.Load(w + n);
            var xc = T.All(x0[c]);
            a0 = T.FusedMultiplyAdd(wa, xc, a0);
            b0 = T.FusedMultiplyAdd(wb, xc, b0);
            xc = T.All(x1[c]);
            a1 = T.FusedMultiplyAdd(wa, xc, a1);
            b1 = T.FusedMultiplyAdd(wb, xc, b1);
            xc = T.All(x2[c]);
            a2 = T.FusedMultiplyAdd(wa, xc, a2);
            b2 = T.FusedMultiplyAdd(wb, xc, b2);
            xc = T.All(x3[c]);
            a3 = T.FusedMultiplyAdd(wa, xc, a3);
            b3 = T.FusedMultiplyAdd(wb, xc, b3);
        }
        a0.Store(y.P0);
        b0.Store(y.P0 + n);
        a1.Store(y.P1);
        b1.Store(y.P1 + n);
        a2.Store(y.P2);
        b2.Store(y.P2 + n);
        a3.Store(y.P3);
        b3.Store(y.P3 + n);
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

    /// <summary>A vector of each of four streams.</summary>
    private readonly struct FourStreams(float* p0, float* p1, float* p2, float* p3)
    {
        public readonly float* P0 = p0, P1 = p1, P2 = p2, P3 = p3;

        public FourStreams(Signal s0, Signal s1, Signal s2, Signal s3)
            : this(s0.Floats, s1.Floats, s2.Floats, s3.Floats)
        {
        }

        public FourStreams From(int row) => new(P0 + row, P1 + row, P2 + row, P3 + row);
    }
}

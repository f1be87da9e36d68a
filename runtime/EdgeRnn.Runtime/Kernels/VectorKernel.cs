using System.Numerics;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>What the vector kernels share: the walk over blocks, and the float product, where lanes are rows.</summary>
public abstract unsafe class VectorKernel : Kernel
{
    private protected VectorKernel() { }

    internal sealed override int WideFloatRows => 8 * Vector<float>.Count;

    internal sealed override int NarrowFloatRows => 2 * Vector<float>.Count;

    internal sealed override void Multiply(Int8Matrix w, sbyte* x, float* y, int first, int end)
    {
        sbyte* weights = w.Weights + (nint)first * 4 * w.Groups;
        int firstSum = FirstSum(x, w.Groups);
        int row = first;
        for (; row + 32 <= end; row += 32, weights += 32 * 4 * w.Groups)
            WideBlock(weights, x, w.Groups, firstSum, w.Scale + row, w.Bias + row, y + row);
        if (row < end)
            NarrowBlock(weights, x, w.Groups, firstSum, w.Scale + row, w.Bias + row, y + row);
    }

    internal sealed override void Multiply(Int8Matrix w, short* x, float* y, int first, int end)
    {
        sbyte* weights = w.Weights + (nint)first * 2 * w.Groups;
        for (int row = first; row < end; row += 16, weights += 16 * 2 * w.Groups)
            PairBlock(weights, x, w.Groups, w.Scale + row, w.Bias + row, y + row);
    }

    internal sealed override void Multiply(FloatMatrix w, float* x, float* y, int first, int end)
    {
        float* weights = w.Weights + (nint)first * w.Columns;
        int row = first;
        for (; row + WideFloatRows <= end; row += WideFloatRows, weights += WideFloatRows * w.Columns)
            WideBlock(weights, w.Bias + row, x, w.Columns, y + row);
        for (; row < end; row += NarrowFloatRows, weights += NarrowFloatRows * w.Columns)
            NarrowBlock(weights, w.Bias + row, x, w.Columns, y + row);
    }

    /// <summary>What the sums of all rows begin with.</summary>
    private protected virtual int FirstSum(sbyte* x, int quads) => 0;

    /// <summary>32 rows.   w [quads, 32, 4]</summary>
    private protected abstract void WideBlock(
        sbyte* w, sbyte* x, int quads, int firstSum, float* scale, float* bias, float* y);

    /// <summary>16 rows.   w [quads, 16, 4]</summary>
    private protected abstract void NarrowBlock(
        sbyte* w, sbyte* x, int quads, int firstSum, float* scale, float* bias, float* y);

    /// <summary>16 rows of int16 inputs.   w [pairs, 16, 2]</summary>
    private protected abstract void PairBlock(sbyte* w, short* x, int pairs, float* scale, float* bias, float* y);

    // Eight sums at once hide the latency of the fused multiply-add.
    private static void WideBlock(float* w, float* bias, float* x, int columns, float* y)
    {
        int n = Vector<float>.Count;
        var s0 = Vector.Load(bias);
        var s1 = Vector.Load(bias + n);
        var s2 = Vector.Load(bias + 2 * n);
        var s3 = Vector.Load(bias + 3 * n);
        var s4 = Vector.Load(bias + 4 * n);
        var s5 = Vector.Load(bias + 5 * n);
        var s6 = Vector.Load(bias + 6 * n);
        var s7 = Vector.Load(bias + 7 * n);
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

    private static void NarrowBlock(float* w, float* bias, float* x, int columns, float* y)
    {
        int n = Vector<float>.Count;
        var s0 = Vector.Load(bias);
        var s1 = Vector.Load(bias + n);
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

namespace EdgeRnn.Runtime.Kernels;

/// <summary>The definition of the right answer: one row after the other, one column after the other.</summary>
internal sealed unsafe class ScalarKernel : Kernel
{
    /// <inheritdoc/>
    public override string Name => "scalar";

    internal override bool IsVectorised => false;

    internal override (int Wide, int Narrow) BlockRows(Precision precision) => (1, 1);

    internal override int GroupColumns(Precision precision) => 1;

    internal override void MultiplyAdd(
        Int8Matrix w, sbyte* x, Int8Matrix? u, sbyte* h, float* addend, float* y, Blocks blocks)
    {
        for (int r = blocks.First; r != blocks.End; r += blocks.Step)
        {
            y[r] = Row(w, r, x, addend[r]);
            if (u is not null)
                y[r] = Row(u, r, h, y[r]);
        }
    }

    private static float Row(Int8Matrix w, int r, sbyte* x, float addend)
    {
        sbyte* row = w.Weights + r * w.Columns;
        int sum = 0;
        for (int c = 0; c < w.Columns; c++)
            sum += row[c] * x[c];
        return MathF.FusedMultiplyAdd(sum, w.Scale[r], addend);
    }

    private protected override void Block(Int8Matrix w, int r, short* x, float* addend, float* y)
    {
        sbyte* row = w.Weights + r * w.Columns;
        float total = 0;
        for (int c = 0; c < w.Columns;)
        {
            int sum = 0;
            for (int exact = Math.Min(c + ExactColumns, w.Columns); c < exact; c++)
                sum += row[c] * x[c];
            total += sum;
        }
        y[r] = MathF.FusedMultiplyAdd(total, w.Scale[r], addend[r]);
    }

    private protected override void Block(FloatMatrix w, int r, float* x, float* addend, float* y)
    {
        float sum = addend[r];
        for (int c = 0; c < w.Columns; c++)
            sum = MathF.FusedMultiplyAdd(w.Weights[r * w.Columns + c], x[c], sum);
        y[r] = sum;
    }
}

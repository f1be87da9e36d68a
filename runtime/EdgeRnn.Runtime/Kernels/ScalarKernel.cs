namespace EdgeRnn.Runtime.Kernels;

/// <summary>The definition of the right answer: one row after the other, one column after the other.</summary>
internal sealed unsafe class ScalarKernel : Kernel
{
    /// <inheritdoc/>
    public override string Name => "scalar";

    internal override bool IsVectorised => false;

    internal override int WideRows => 1;

    internal override int NarrowRows => 1;

    internal override int GroupColumns(Precision precision) => 1;

    internal override int WideFloatRows => 1;

    internal override int NarrowFloatRows => 1;

    internal override void MultiplyAdd(Int8Matrix w, sbyte* x, float* addend, float* y, int first, int end)
    {
        for (int r = first; r < end; r++)
        {
            sbyte* row = w.Weights + r * w.Columns;
            int sum = 0;
            for (int c = 0; c < w.Columns; c++)
                sum += row[c] * x[c];
            y[r] = MathF.FusedMultiplyAdd(sum, w.Scale[r], addend[r]);
        }
    }

    internal override void MultiplyAdd(Int8Matrix w, short* x, float* addend, float* y, int first, int end)
    {
        for (int r = first; r < end; r++)
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
    }

    internal override void MultiplyAdd(FloatMatrix w, float* x, float* addend, float* y, int first, int end)
    {
        for (int r = first; r < end; r++)
        {
            float sum = addend[r];
            for (int c = 0; c < w.Columns; c++)
                sum = MathF.FusedMultiplyAdd(w.Weights[r * w.Columns + c], x[c], sum);
            y[r] = sum;
        }
    }
}

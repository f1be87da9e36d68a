namespace EdgeRnn.Runtime.Kernels;

/// <summary>The definition of the right answer: one row after the other, one column after the other.</summary>
public sealed unsafe class ScalarKernel : Kernel
{
    internal ScalarKernel() { }

    /// <inheritdoc/>
    public override string Name => "scalar";

    internal override bool IsVectorised => false;

    internal override int WideRows => 4;

    internal override int NarrowRows => 4;

    internal override int WideFloatRows => 1;

    internal override int NarrowFloatRows => 1;

    internal override void Multiply(Int8Matrix w, sbyte* x, float* y, int first, int end)
    {
        for (int r = first; r < end; r++)
        {
            sbyte* row = w.Weights + r / 4 * w.Groups * 16 + r % 4 * 4;
            int sum = 0;
            for (int c = 0; c < w.Columns; c++)
                sum += row[c / 4 * 16 + c % 4] * x[c];
            y[r] = MathF.FusedMultiplyAdd(sum, w.Scale[r], w.Bias[r]);
        }
    }

    internal override void Multiply(Int8Matrix w, short* x, float* y, int first, int end)
    {
        for (int r = first; r < end; r++)
        {
            sbyte* row = w.Weights + r / 4 * w.Groups * 8 + r % 4 * 2;
            float total = 0;
            for (int c = 0; c < w.Columns;)
            {
                int sum = 0;
                for (int exact = Math.Min(c + ExactColumns, w.Columns); c < exact; c++)
                    sum += row[c / 2 * 8 + c % 2] * x[c];
                total += sum;
            }
            y[r] = MathF.FusedMultiplyAdd(total, w.Scale[r], w.Bias[r]);
        }
    }

    internal override void Multiply(FloatMatrix w, float* x, float* y, int first, int end)
    {
        for (int r = first; r < end; r++)
        {
            float sum = w.Bias[r];
            for (int c = 0; c < w.Columns; c++)
                sum = MathF.FusedMultiplyAdd(w.Weights[r * w.Columns + c], x[c], sum);
            y[r] = sum;
        }
    }
}

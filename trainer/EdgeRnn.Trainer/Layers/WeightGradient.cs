using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>Gradients of weights, each one product over all steps of all sequences.</summary>
internal sealed unsafe class WeightGradient
{
    private readonly Gemm.GemmScratch _scratch = new();

    /// <summary>dW += Σ da_tᵀ·x_t, where da is <c>[depth, rows]</c> and x <c>[depth, columns]</c>.</summary>
    public void Inputs(float* da, int daStride, int rows, float* x, int columns, int depth, float* dw) =>
        Gemm.TransposedMultiplyAdd(da, daStride, rows, x, columns, columns, null, depth, dw, columns, _scratch);

    /// <summary>
    /// dW += Σ da_tᵀ·h_{t-1}; before the first step h is what was carried, or 0, which adds nothing.
    /// </summary>
    public void Past(
        float* da, int daStride, int rows, float* h, CarriedState carried, int units, PackedBatch batch, float* dw)
    {
        if (batch.Carries)
        {
            Gemm.TransposedMultiplyAdd(
                da, daStride, rows, carried.Pointer, units, units, null, batch.Active[0], dw, units, _scratch);
        }

        int first = batch.Active[0];
        Gemm.TransposedMultiplyAdd(
            da + (long)first * daStride, daStride, rows, h, units, units, batch.PreviousRows + first,
            batch.Rows - first, dw, units, _scratch);
    }
}

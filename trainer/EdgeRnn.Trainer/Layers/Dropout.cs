using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// While training, each value is dropped with probability <c>rate</c>, and the others are raised by 1/(1-rate), so that
/// nothing changes on the average (Srivastava and others 2014). In inference it does nothing and is not in the model.
/// </summary>
/// <param name="rate">Part that is dropped, from 0 to 0.95.</param>
/// <param name="perSequence">
/// Whether a sequence has the same mask at all its steps (Gal and Ghahramani 2016) instead of a new one each step.
/// </param>
public sealed class Dropout(float rate, bool perSequence = false) : Layer
{
    /// <inheritdoc/>
    public override string Specification =>
        FormattableString.Invariant($"dropout:{rate}{(perSequence ? ":sequence" : "")}");

    private protected override int Declare() => InputSize;

    internal override LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters) =>
        perSequence && ReadsSteps
            ? new SequencePass(InputSize, batch, rate)
            : new Pass(this, batch, rate);

    /// <summary>y = x∘mask, dx = dy∘mask.</summary>
    private sealed unsafe class Pass(Dropout layer, PackedBatch batch, float rate) : LayerPass
    {
        private readonly FloatBuffer _y = new((long)layer.RowCapacity(batch) * layer.InputSize);
        private readonly DropoutMask _mask = new(rate, (long)layer.RowCapacity(batch) * layer.InputSize);

        public override float* Output => _y.Pointer;

        private int Count => layer.Rows(batch) * layer.InputSize;

        public override void Forward(float* x)
        {
            _mask.Draw(Count, Random);
            _mask.Multiply(x, Output, Count);
        }

        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            if (dx != null)
                _mask.Multiply(dy, dx, Count);
        }
    }

    /// <summary>y_t = x_t∘mask, dx_t = dy_t∘mask.</summary>
    private sealed unsafe class SequencePass(int size, PackedBatch batch, float rate) : LayerPass
    {
        private readonly FloatBuffer _y = new((long)batch.RowCapacity * size);
        private readonly DropoutMask _mask = new(rate, (long)batch.Capacity * size);

        public override float* Output => _y.Pointer;

        public override void Forward(float* x)
        {
            _mask.Draw(batch.Sequences * size, Random);
            Multiply(x, Output);
        }

        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            if (dx != null)
                Multiply(dy, dx);
        }

        // Sequence m is row m of every step it lasts to, and row m of the mask.
        private void Multiply(float* from, float* to)
        {
            for (int t = 0; t < batch.Steps; t++)
            {
                long first = (long)batch.Offset[t] * size;
                _mask.Multiply(from + first, to + first, batch.Active[t] * size);
            }
        }
    }
}

using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// While training, each value is dropped with probability <c>rate</c>, and the others are raised by 1/(1-rate), so that
/// nothing changes on the average (Srivastava and others 2014). In inference it does nothing and is not in the model.
/// </summary>
public sealed class Dropout(float rate) : Layer
{
    /// <inheritdoc/>
    public override string Specification => FormattableString.Invariant($"dropout:{rate}");

    /// <summary>Whether it comes after the last step was taken, where there is one row a sequence.</summary>
    internal bool AfterLastStep { get; set; }

    private protected override int Declare() => InputSize;

    internal override LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters) => new Pass(this, batch, rate);

    /// <summary>y = x∘mask, dx = dy∘mask.</summary>
    internal sealed unsafe class Pass(Dropout layer, PackedBatch batch, float rate) : LayerPass
    {
        // 16 random bits decide on a value: a rate is met to within 1/65,536.
        private readonly int _threshold = (int)MathF.Round(rate * 65536f);
        private readonly float _kept = 1f / (1f - rate);
        private readonly FloatBuffer _y = new((long)Capacity(layer, batch) * layer.InputSize);
        private readonly FloatBuffer _mask = new((long)Capacity(layer, batch) * layer.InputSize);

        /// <summary>Where masks come from; null leaves values as they are.</summary>
        public SeededRandom? Random { get; set; }

        public override float* Output => _y.Pointer;

        private int Count => (layer.AfterLastStep ? batch.Sequences : batch.Rows) * layer.InputSize;

        public override void Forward(float* x)
        {
            DrawMask();
            Multiply(x, Output);
        }

        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            if (dx != null)
                Multiply(dy, dx);
        }

        private static int Capacity(Dropout layer, PackedBatch batch) =>
            layer.AfterLastStep ? batch.Capacity : batch.RowCapacity;

        private void DrawMask()
        {
            var mask = _mask.Span[..Count];
            if (Random is null)
            {
                mask.Fill(1f);
                return;
            }

            for (int i = 0; i < mask.Length; i += 4)
            {
                ulong bits = Random.NextBits();
                for (int j = i; j < Math.Min(i + 4, mask.Length); j++, bits >>= 16)
                    mask[j] = (ushort)bits < _threshold ? 0f : _kept;
            }
        }

        private void Multiply(float* from, float* to)
        {
            for (int i = 0, n = Count; n > 0; i += Lanes.Count, n -= Lanes.Count)
                Lanes.Store(to + i, Lanes.Load(from + i, n) * Lanes.Load(_mask.Pointer + i, n), n);
        }
    }
}

/// <summary>From all steps to the last one of each sequence, which is what the dense layers read.</summary>
internal sealed class LastStep : Layer
{
    public override string Specification => "pool:last";

    private protected override int Declare() => InputSize;

    internal override LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters) => new Pass(InputSize, batch);

    private sealed unsafe class Pass(int size, PackedBatch batch) : LayerPass
    {
        private readonly FloatBuffer _y = new((long)batch.Capacity * size);

        public override float* Output => _y.Pointer;

        public override void Forward(float* x)
        {
            for (int m = 0; m < batch.Sequences; m++)
                Row(x, batch.LastRows[m]).CopyTo(Row(Output, m));
        }

        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            if (dx == null)
                return;
            new Span<float>(dx, batch.Rows * size).Clear();
            for (int m = 0; m < batch.Sequences; m++)
                Row(dy, m).CopyTo(Row(dx, batch.LastRows[m]));
        }

        private Span<float> Row(float* matrix, int row) => new(matrix + (long)row * size, size);
    }
}

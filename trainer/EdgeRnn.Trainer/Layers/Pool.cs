using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// From all steps to what the dense layers read: one row a sequence, or, with <see cref="Pooling.EachStep"/>, all steps
/// as they are. A network without one has <see cref="Pooling.Last"/>.
/// </summary>
public sealed class Pool(Pooling pooling) : Layer
{
    /// <inheritdoc/>
    public override string Specification => $"pool:{NameOf(pooling)}";

    /// <summary>Which steps.</summary>
    internal Pooling Pooling => pooling;

    /// <summary>Of a bidirectional layer before it, the units of one direction; else all.</summary>
    internal int ForwardUnits { get; set; }

    /// <summary>The pooling of this name; null if there is none.</summary>
    internal static Pooling? Parse(string? name)
    {
        foreach (var value in Enum.GetValues<Pooling>())
        {
            if (NameOf(value) == name && value != Pooling.LastStep)
                return value;
        }

        return null;
    }

    private static string NameOf(Pooling pooling) =>
        pooling == Pooling.EachStep ? "none" : pooling.ToString().ToLowerInvariant();

    private protected override int Declare() => InputSize;

    internal override LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters) => pooling switch
    {
        Pooling.Last => new LastPass(InputSize, ForwardUnits == 0 ? InputSize : ForwardUnits, batch),
        Pooling.Mean => new MeanPass(InputSize, batch),
        Pooling.Max => new MaxPass(InputSize, batch),
        _ => new EachStepPass(InputSize, batch),
    };

    /// <summary>
    /// What every direction ends with: the reverse one at the first step, which is row m of the batch.
    /// </summary>
    private sealed unsafe class LastPass(int size, int forward, PackedBatch batch) : LayerPass
    {
        private readonly FloatBuffer _y = new((long)batch.Capacity * size);

        public override float* Output => _y.Pointer;

        public override void Forward(float* x)
        {
            for (int m = 0; m < batch.Sequences; m++)
            {
                Row(x, batch.LastRows[m])[..forward].CopyTo(Row(Output, m));
                Row(x, m)[forward..].CopyTo(Row(Output, m)[forward..]);
            }
        }

        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            if (dx == null)
                return;
            new Span<float>(dx, batch.Rows * size).Clear();
            for (int m = 0; m < batch.Sequences; m++)
            {
                Row(dy, m)[..forward].CopyTo(Row(dx, batch.LastRows[m]));
                Row(dy, m)[forward..].CopyTo(Row(dx, m)[forward..]);
            }
        }

        private Span<float> Row(float* matrix, int row) => new(matrix + (long)row * size, size);
    }

    /// <summary>y = Σ x_t / steps, in the order of the steps.</summary>
    private sealed unsafe class MeanPass(int size, PackedBatch batch) : LayerPass
    {
        private readonly FloatBuffer _y = new((long)batch.Capacity * size);

        public override float* Output => _y.Pointer;

        public override void Forward(float* x)
        {
            _y.Span.Clear();
            for (int t = 0; t < batch.Steps; t++)
            {
                float* from = x + (long)batch.Offset[t] * size;
                for (int i = 0, n = batch.Active[t] * size; n > 0; i += Lanes.Count, n -= Lanes.Count)
                    Lanes.Store(Output + i, Lanes.Load(Output + i, n) + Lanes.Load(from + i, n), n);
            }

            for (int m = 0; m < batch.Sequences; m++)
            {
                float steps = batch.StepsOf(m);
                foreach (ref float y in new Span<float>(Output + (long)m * size, size))
                    y /= steps;
            }
        }

        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            if (dx == null)
                return;
            for (int m = 0; m < batch.Sequences; m++)
            {
                float share = 1f / batch.StepsOf(m);
                foreach (ref float d in new Span<float>(dy + (long)m * size, size))
                    d *= share;
            }

            for (int t = 0; t < batch.Steps; t++)
                new ReadOnlySpan<float>(dy, batch.Active[t] * size).CopyTo(
                    new(dx + (long)batch.Offset[t] * size, batch.Active[t] * size));
        }
    }

    /// <summary>The largest x_t of each unit; the first of equals has the gradient.</summary>
    private sealed unsafe class MaxPass(int size, PackedBatch batch) : LayerPass
    {
        private readonly FloatBuffer _y = new((long)batch.Capacity * size);
        private readonly int[] _rows = new int[batch.Capacity * size];

        public override float* Output => _y.Pointer;

        public override void Forward(float* x)
        {
            for (int t = 0; t < batch.Steps; t++)
            {
                int first = batch.Offset[t];
                for (int i = 0; i < batch.Active[t] * size; i++)
                {
                    float value = x[(long)first * size + i];
                    if (t > 0 && value <= Output[i])
                        continue;
                    Output[i] = value;
                    _rows[i] = first + i / size;
                }
            }
        }

        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            if (dx == null)
                return;
            new Span<float>(dx, batch.Rows * size).Clear();
            for (int i = 0; i < batch.Sequences * size; i++)
                dx[(long)_rows[i] * size + i % size] = dy[i];
        }
    }

    /// <summary>y = x</summary>
    private sealed unsafe class EachStepPass(int size, PackedBatch batch) : LayerPass
    {
        private float* _x;

        public override float* Output => _x;

        public override void Forward(float* x) => _x = x;

        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            if (dx != null)
                new ReadOnlySpan<float>(dy, batch.Rows * size).CopyTo(new(dx, batch.Rows * size));
        }
    }
}

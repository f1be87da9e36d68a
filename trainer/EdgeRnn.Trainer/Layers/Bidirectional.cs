using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// Two recurrent layers of a kind, one of which reads the steps from the last to the first; at each step their outputs
/// stand one after the other: Schuster and Paliwal (1997). For whole sequences only.
/// </summary>
public sealed class Bidirectional : Layer
{
    private readonly Layer _forward;
    private readonly Layer _reverse;

    /// <summary>Joins two layers that were made alike.</summary>
    /// <exception cref="UserException">Layers that are not recurrent, or not alike.</exception>
    public Bidirectional(Layer forward, Layer reverse)
    {
        ArgumentNullException.ThrowIfNull(forward);
        ArgumentNullException.ThrowIfNull(reverse);
        if (!forward.IsRecurrent || forward is Bidirectional || forward.Specification != reverse.Specification)
        {
            throw new UserException(
                $"'{forward.Specification}' and '{reverse.Specification}' make no bidirectional layer; join two " +
                    "recurrent "
                + "layers that are alike.");
        }

        (_forward, _reverse) = (forward, reverse);
    }

    /// <inheritdoc/>
    public override string Specification => $"{_forward.Specification}:bi";

    internal override bool IsRecurrent => true;

    private protected override int Declare()
    {
        _forward.Join(InputSize, FirstParameter);
        _reverse.Join(InputSize, FirstParameter + _forward.ParameterCount);
        Adopt(_forward);
        Adopt(_reverse);
        return _forward.OutputSize + _reverse.OutputSize;
    }

    internal override void Initialise(Span<float> parameters, SeededRandom random)
    {
        _forward.Initialise(parameters, random);
        _reverse.Initialise(parameters, random);
    }

    internal override RnnLayer ToModel(Span<float> parameters)
    {
        var forward = _forward.ToModel(parameters)!;
        var reverse = _reverse.ToModel(parameters)!;
        return forward with
        {
            Direction = Direction.Bidirectional,
            WeightIh = Stack(forward.WeightIh, reverse.WeightIh)!,
            WeightHh = Stack(forward.WeightHh, reverse.WeightHh),
            BiasIh = Stack(forward.BiasIh, reverse.BiasIh)!,
            BiasHh = Stack(forward.BiasHh, reverse.BiasHh),
        };
    }

    internal override LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters) => new Pass(
        _forward.CreatePass(batch, parameters), _reverse.CreatePass(batch, parameters), InputSize, _forward.OutputSize,
            batch);

    private static Tensor? Stack(Tensor? a, Tensor? b) => a is null || b is null
        ? null
        : Tensor.FromFloats(a.Rows + b.Rows, a.Columns, [.. a.Floats, .. b.Floats]);

    /// <summary>
    /// A sequence backwards has as many steps as forwards, so the reverse layer runs on the same batch with each
    /// sequence's rows in the other order.
    /// </summary>
    private sealed unsafe class Pass(
        LayerPass forward, LayerPass reverse, int inputs, int units, PackedBatch batch) : LayerPass
    {
        private readonly FloatBuffer _x = new((long)batch.RowCapacity * inputs);
        private readonly FloatBuffer _y = new(2L * batch.RowCapacity * units);
        private readonly FloatBuffer _dForward = new((long)batch.RowCapacity * units);
        private readonly FloatBuffer _dReverse = new((long)batch.RowCapacity * units);
        private readonly FloatBuffer _dx = new((long)batch.RowCapacity * inputs);

        public override float* Output => _y.Pointer;

        public override void Forward(float* x)
        {
            forward.Random = reverse.Random = Random;
            forward.Forward(x);
            for (int row = 0; row < batch.Rows; row++)
                Row(x, row, inputs).CopyTo(Row(_x.Pointer, batch.MirroredRows[row], inputs));
            reverse.Forward(_x.Pointer);
            for (int row = 0; row < batch.Rows; row++)
            {
                var y = Row(Output, row, 2 * units);
                Row(forward.Output, row, units).CopyTo(y);
                Row(reverse.Output, batch.MirroredRows[row], units).CopyTo(y[units..]);
            }
        }

        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            for (int row = 0; row < batch.Rows; row++)
            {
                var d = Row(dy, row, 2 * units);
                d[..units].CopyTo(Row(_dForward.Pointer, row, units));
                d[units..].CopyTo(Row(_dReverse.Pointer, batch.MirroredRows[row], units));
            }

            forward.Backward(x, _dForward.Pointer, dx, gradient);
            float* dMirrored = dx == null ? null : _dx.Pointer;
            reverse.Backward(_x.Pointer, _dReverse.Pointer, dMirrored, gradient);
            for (int row = 0; row < batch.Rows && dx != null; row++)
            {
                var from = Row(dMirrored, batch.MirroredRows[row], inputs);
                var to = Row(dx, row, inputs);
                for (int c = 0; c < inputs; c++)
                    to[c] += from[c];
            }
        }

        private static Span<float> Row(float* matrix, int row, int size) => new(matrix + (long)row * size, size);
    }
}

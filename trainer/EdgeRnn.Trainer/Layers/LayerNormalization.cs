using System.Numerics;
using System.Runtime.Intrinsics;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// Layer normalisation (Ba, Kiros and Hinton 2016): the outputs of the layer before, brought to mean 0 and deviation 1
/// over its units at each step, with a gain and an offset for each unit that are trained. The state of a recurrent
/// layer itself stays as it is.
/// <code>
/// y = gain · (x - μ) / √(σ² + ε) + offset
/// </code>
/// </summary>
/// <param name="epsilon">ε, from 1e-12 to 1.</param>
public sealed class LayerNormalization(float epsilon = LayerNormalization.DefaultEpsilon) : Layer
{
    /// <summary>PyTorch's ε.</summary>
    public const float DefaultEpsilon = 1e-5f;

    private ParameterBlock _gain;
    private ParameterBlock _offset;

    /// <inheritdoc/>
    public override string Specification =>
        epsilon == DefaultEpsilon ? "norm" : FormattableString.Invariant($"norm:eps={epsilon}");

    private protected override int Declare()
    {
        _gain = Parameter("gain", InputSize, 1);
        _offset = Parameter("offset", InputSize, 1);
        return InputSize;
    }

    internal override void Initialise(Span<float> parameters, SeededRandom random)
    {
        _gain.Of(parameters).Fill(1);
        _offset.Of(parameters).Clear();
    }

    internal override RnnLayer ToModel(Span<float> parameters) => new()
    {
        Kind = LayerKind.Norm,
        InputSize = InputSize,
        Units = InputSize,
        WeightIh = Export(_gain, parameters),
        BiasIh = Export(_offset, parameters),
        Epsilon = epsilon,
    };

    internal override LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters) =>
        new Pass(this, batch, parameters, epsilon);

    private sealed unsafe class Pass(
        LayerNormalization layer, PackedBatch batch, FloatBuffer parameters, float epsilon) : LayerPass
    {
        private readonly int _units = layer.InputSize;
        private readonly FloatBuffer _y = new((long)layer.RowCapacity(batch) * layer.InputSize);

        // Of each row, μ and 1 / √(σ² + ε).
        private readonly float[] _means = new float[layer.RowCapacity(batch)];
        private readonly float[] _factors = new float[layer.RowCapacity(batch)];

        // Of one row.
        private readonly FloatBuffer _g = new(layer.InputSize);
        private readonly FloatBuffer _normalised = new(layer.InputSize);

        public override float* Output => _y.Pointer;

        public override void Forward(float* x)
        {
            for (int row = 0; row < layer.Rows(batch); row++)
                Forward(row, x + (long)row * _units, Output + (long)row * _units);
        }

        private void Forward(int row, float* x, float* y)
        {
            float mean = RowSum.Of(x, _units) / _units;
            for (int u = 0, n = _units; n > 0; u += Lanes.Count, n -= Lanes.Count)
                Lanes.Store(y + u, Lanes.Load(x + u, n) - new Vector<float>(mean), n);
            float factor = 1 / MathF.Sqrt(RowSum.OfProducts(y, y, _units) / _units + epsilon);

            float* gain = parameters.Pointer + layer._gain.Offset, offset = parameters.Pointer + layer._offset.Offset;
            for (int u = 0, n = _units; n > 0; u += Lanes.Count, n -= Lanes.Count)
            {
                var normalised = Lanes.Load(y + u, n) * factor;
                Lanes.Store(y + u, normalised * Lanes.Load(gain + u, n) + Lanes.Load(offset + u, n), n);
            }
            (_means[row], _factors[row]) = (mean, factor);
        }

        // With x̂ = (x - μ) / √(σ² + ε) and g = dy∘gain:
        // dgain = Σ dy∘x̂      doffset = Σ dy      dx = (g - mean(g) - x̂·mean(g∘x̂)) / √(σ² + ε)
        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            for (int row = 0; row < layer.Rows(batch); row++)
            {
                long first = (long)row * _units;
                Backward(row, x + first, dy + first, dx == null ? null : dx + first, gradient);
            }
        }

        private void Backward(int row, float* x, float* dy, float* dx, float* gradient)
        {
            float* gain = parameters.Pointer + layer._gain.Offset;
            float* dGain = gradient + layer._gain.Offset, dOffset = gradient + layer._offset.Offset;
            var mean = new Vector<float>(_means[row]);
            float factor = _factors[row];
            float* g = _g.Pointer, normalised = _normalised.Pointer;
            for (int u = 0, n = _units; n > 0; u += Lanes.Count, n -= Lanes.Count)
            {
                var d = Lanes.Load(dy + u, n);
                var xHat = (Lanes.Load(x + u, n) - mean) * factor;
                Lanes.Store(normalised + u, xHat, n);
                Lanes.Store(g + u, d * Lanes.Load(gain + u, n), n);
                Lanes.Store(dGain + u, Lanes.Load(dGain + u, n) + d * xHat, n);
                Lanes.Store(dOffset + u, Lanes.Load(dOffset + u, n) + d, n);
            }
            if (dx == null)
                return;
            var meanOfG = new Vector<float>(RowSum.Of(g, _units) / _units);
            var meanOfProducts = new Vector<float>(RowSum.OfProducts(g, normalised, _units) / _units);
            for (int u = 0, n = _units; n > 0; u += Lanes.Count, n -= Lanes.Count)
            {
                var rest = Lanes.Load(g + u, n) - meanOfG - Lanes.Load(normalised + u, n) * meanOfProducts;
                Lanes.Store(dx + u, rest * factor, n);
            }
        }
    }

    /// <summary>Sums of every fourth number each, and then of these: no bit depends on the width of vectors.</summary>
    private static unsafe class RowSum
    {
        public static float Of(float* x, int count)
        {
            var sums = Vector128<float>.Zero;
            int i = 0;
            for (; i + 4 <= count; i += 4)
                sums += Vector128.Load(x + i);
            float sum = Together(sums);
            for (; i < count; i++)
                sum += x[i];
            return sum;
        }

        public static float OfProducts(float* x, float* y, int count)
        {
            var sums = Vector128<float>.Zero;
            int i = 0;
            for (; i + 4 <= count; i += 4)
                sums += Vector128.Load(x + i) * Vector128.Load(y + i);
            float sum = Together(sums);
            for (; i < count; i++)
                sum += x[i] * y[i];
            return sum;
        }

        private static float Together(Vector128<float> sums) => (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
}

using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// What recurrent layers share: gates with matrices of the input and of the past, and one bias. (PyTorch's two only
/// ever act as their sum, but for the n of a GRU.)
/// </summary>
public abstract class RecurrentLayer : Layer
{
    private readonly int _gateCount;
    private readonly float _recurrentDropout;

    private protected RecurrentLayer(int units, int gateCount, float recurrentDropout)
    {
        Units = units;
        _gateCount = gateCount;
        _recurrentDropout = recurrentDropout;
    }

    internal sealed override bool IsRecurrent => true;

    internal int Units { get; }

    /// <summary>Rows of the matrices: gates, one after the other, with a row a unit.</summary>
    internal int Gates => _gateCount * Units;

    internal ParameterBlock WeightIh { get; private set; }

    internal ParameterBlock WeightHh { get; private set; }

    internal ParameterBlock Bias { get; private set; }

    internal PackedMatrix IhForward { get; private set; } = null!;

    internal PackedMatrix IhBackward { get; private set; } = null!;

    private protected string RecurrentDropoutOption =>
        _recurrentDropout > 0 ? FormattableString.Invariant($":recurrent-dropout={_recurrentDropout}") : "";

    private protected override int Declare()
    {
        WeightIh = Parameter("weight_ih", Gates, InputSize);
        WeightHh = Parameter("weight_hh", Gates, Units);
        Bias = Parameter("bias_ih", Gates, 1);
        IhForward = Pack(PackedWeights.Forward(WeightIh, 0, Gates));
        IhBackward = Pack(PackedWeights.Backward(WeightIh, 0, Gates));
        return Units;
    }

    internal override void Initialise(Span<float> parameters, SeededRandom random)
    {
        Initialisers.GlorotUniform(WeightIh.Of(parameters), InputSize, Units, random);
        Initialisers.Orthogonal(WeightHh.Of(parameters), Units, random);
        Bias.Of(parameters).Clear();
    }

    private protected RnnLayer ToModel(LayerKind kind, Span<float> parameters) => new()
    {
        Kind = kind,
        InputSize = InputSize,
        Units = Units,
        WeightIh = Export(WeightIh, parameters),
        WeightHh = Export(WeightHh, parameters),
        BiasIh = Export(Bias, parameters),
    };

    /// <summary>What passes of recurrent layers share: the states, and the gradients of both matrices.</summary>
    private protected abstract unsafe class RecurrentPass : LayerPass
    {
        private readonly RecurrentLayer _layer;
        private readonly FloatBuffer _parameters;
        private readonly FloatBuffer _h;
        private readonly CarriedState _carried;

        protected RecurrentPass(RecurrentLayer layer, PackedBatch batch, FloatBuffer parameters)
        {
            _layer = layer;
            _parameters = parameters;
            Batch = batch;
            Units = layer.Units;
            Gates = layer.Gates;
            _h = new((long)batch.RowCapacity * Units);
            _carried = new(Units, batch);
            Dropout = new(layer._recurrentDropout, Units, batch);
        }

        protected PackedBatch Batch { get; }

        protected int Units { get; }

        protected int Gates { get; }

        protected RecurrentDropout Dropout { get; }

        protected OuterProducts Gradients { get; } = new();

        protected float* Bias => _parameters.Pointer + _layer.Bias.Offset;

        /// <summary>The state of each step, <c>[rows, units]</c>.</summary>
        public sealed override float* Output => _h.Pointer;

        public override void KeepState(int shift) => _carried.Keep(Output, shift);

        public override void ForgetState() => _carried.Forget();

        protected float* At(ParameterBlock block) => _parameters.Pointer + block.Offset;

        /// <summary>h_{t-1} of sequence m; before the first step what was carried, or zeros.</summary>
        protected float* Past(int t, int m) =>
            t == 0 ? _carried.Pointer + (long)m * Units : Output + (Batch.Offset[t - 1] + m) * (long)Units;

        /// <summary>
        /// What the products of step t see of h_{t-1}, <c>[active, units]</c>; null where it is zero.
        /// </summary>
        protected float* Seen(int t) => t > 0 ? Dropout.Past(Output, t) : Batch.Carries ? _carried.Pointer : null;

        /// <summary>dW_ih += Σ da_tᵀ·x_t, dW_hh += Σ da_tᵀ·h_{t-1}, db += Σ da_t, dx = da·W_ih.</summary>
        /// <param name="da">Gradient of the gates before their activations, <c>[rows, Gates]</c>.</param>
        /// <param name="pastRows">The first rows of W_hh, whose gates multiply the state as it was.</param>
        /// <param name="x">The input.</param>
        /// <param name="dx">Receives its gradient; null when nobody needs it.</param>
        /// <param name="gradient">Gradients of all the network's parameters.</param>
        protected void AddGradients(float* da, int pastRows, float* x, float* dx, float* gradient)
        {
            int inputs = _layer.InputSize;
            var (start, past) = PastProducts(gradient + _layer.WeightHh.Offset, pastRows);
            Gradients.Add(
                da, Gates, Gates, Batch.Rows, gradient + _layer.Bias.Offset,
                new OuterProduct(x, inputs, gradient + _layer.WeightIh.Offset, Gates, 0, Batch.Rows), start, past);
            if (dx != null)
                Gemm.Multiply(da, Gates, Batch.Rows, _layer.IhBackward, dx, inputs);
        }

        /// <summary>dW += Σ dq_tᵀ·h_{t-1} and db += Σ dq_t for a gate that was multiplied on its own.</summary>
        protected void AddPastGradient(float* dq, float* dw, float* db)
        {
            var (start, past) = PastProducts(dw, Units);
            Gradients.Add(dq, Units, Units, Batch.Rows, db, start, past);
        }

        // Before the first step the state is what was carried, or 0, which adds nothing.
        private (OuterProduct Start, OuterProduct Past) PastProducts(float* dw, int rows)
        {
            int first = Batch.Active[0];
            return (
                new(_carried.Pointer, Units, dw, rows, 0, Batch.Carries ? first : 0),
                new(Dropout.States(Output), Units, dw, rows, first, Batch.Rows, Batch.PreviousRows));
        }
    }
}

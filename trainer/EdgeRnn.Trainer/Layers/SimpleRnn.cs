using System.Numerics;
using EdgeRnn.Quantization;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// Elman's recurrent layer: h_t = φ(W_ih·x_t + W_hh·h_{t-1} + b), φ = tanh or relu. One bias is trained; PyTorch's two
/// only ever act as their sum.
/// </summary>
/// <param name="units">Size of the state.</param>
/// <param name="activation">φ: tanh unless relu.</param>
/// <param name="recurrentDropout">
/// Part of the state that products do not see in training, one mask a sequence: Gal and Ghahramani (2016).
/// </param>
public sealed class SimpleRnn(
    int units, Activation activation = Activation.Default, float recurrentDropout = 0) : Layer
{
    private ParameterBlock _weightIh;
    private ParameterBlock _weightHh;
    private ParameterBlock _bias;
    private PackedMatrix _ihForward = null!;
    private PackedMatrix _hhForward = null!;
    private PackedMatrix _ihBackward = null!;
    private PackedMatrix _hhBackward = null!;

    /// <inheritdoc/>
    public override string Specification =>
        $"rnn:{units}{(activation == Activation.Relu ? ":relu" : "")}{RecurrentDropoutOption(recurrentDropout)}";

    internal override bool IsRecurrent => true;

    private protected override int Declare()
    {
        _weightIh = Parameter("weight_ih", units, InputSize);
        _weightHh = Parameter("weight_hh", units, units);
        _bias = Parameter("bias_ih", units, 1);
        _ihForward = Pack(PackedWeights.Forward(_weightIh, 0, units));
        _hhForward = Pack(PackedWeights.Forward(_weightHh, 0, units));
        _ihBackward = Pack(PackedWeights.Backward(_weightIh, 0, units));
        _hhBackward = Pack(PackedWeights.Backward(_weightHh, 0, units));
        return units;
    }

    internal override void Initialise(Span<float> parameters, SeededRandom random)
    {
        Initialisers.GlorotUniform(_weightIh.Of(parameters), InputSize, units, random);
        Initialisers.Orthogonal(_weightHh.Of(parameters), units, random);
        _bias.Of(parameters).Clear();
    }

    internal override RnnLayer ToModel(Span<float> parameters) => new()
    {
        Kind = LayerKind.SimpleRnn,
        InputSize = InputSize,
        Units = units,
        Activation = activation,
        WeightIh = Export(_weightIh, parameters),
        WeightHh = Export(_weightHh, parameters),
        BiasIh = Export(_bias, parameters),
    };

    internal override LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters) =>
        activation == Activation.Relu
            ? new Pass<Relu>(this, batch, parameters, recurrentDropout)
            : new Pass<Tanh>(this, batch, parameters, recurrentDropout);

    /// <summary>φ, and φ' from the value of φ.</summary>
    private interface IActivation
    {
        static abstract Vector<float> Value(Vector<float> a);

        static abstract Vector<float> Derivative(Vector<float> h);
    }

    private readonly struct Tanh : IActivation
    {
        public static Vector<float> Value(Vector<float> a) => Activations.Tanh(a);

        public static Vector<float> Derivative(Vector<float> h) => Vector.FusedMultiplyAdd(-h, h, Vector<float>.One);
    }

    private readonly struct Relu : IActivation
    {
        public static Vector<float> Value(Vector<float> a) => Vector.Max(a, Vector<float>.Zero);

        public static Vector<float> Derivative(Vector<float> h) =>
            Vector.ConditionalSelect(Vector.GreaterThan(h, Vector<float>.Zero), Vector<float>.One, Vector<float>.Zero);
    }

    private sealed unsafe class Pass<TActivation>(
        SimpleRnn layer, PackedBatch batch, FloatBuffer parameters, float recurrentDropout) : LayerPass
        where TActivation : IActivation
    {
        private readonly int _units = layer.OutputSize;
        private readonly FloatBuffer _h = new((long)batch.RowCapacity * layer.OutputSize);
        private readonly FloatBuffer _da = new((long)batch.RowCapacity * layer.OutputSize);
        private readonly RecurrentDropout _dropout = new(recurrentDropout, layer.OutputSize, batch);
        private readonly CarriedState _carried = new(layer.OutputSize, batch);
        private readonly WeightGradient _weightGradient = new();

        public override float* Output => _h.Pointer;

        // h_t = φ(x_t·W_ihᵀ + b + h_{t-1}·W_hhᵀ)   [active, units], in place
        public override void Forward(float* x)
        {
            float* bias = parameters.Pointer + layer._bias.Offset;
            _dropout.Draw(Random);
            Gemm.MultiplyBias(x, layer.InputSize, batch.Rows, layer._ihForward, bias, Output, _units);
            for (int t = 0; t < batch.Steps; t++)
            {
                float* h = Output + (long)batch.Offset[t] * _units;
                if (t > 0)
                    Gemm.MultiplyAdd(_dropout.Past(Output, t), _units, batch.Active[t], layer._hhForward, h, _units);
                else if (batch.Carries)
                    Gemm.MultiplyAdd(_carried.Pointer, _units, batch.Active[t], layer._hhForward, h, _units);
                int count = batch.Active[t] * _units;
                for (int i = 0; i < count; i += Lanes.Count)
                    Lanes.Store(h + i, TActivation.Value(Lanes.Load(h + i, count - i)), count - i);
            }
        }

        public override void KeepState(int shift) => _carried.Keep(Output, shift);

        public override void ForgetState() => _carried.Forget();

        // da_t = dh_t ∘ φ'(a_t)      dh_{t-1} += da_t·W_hh
        // dW_ih = Σ da_tᵀ·x_t      dW_hh = Σ da_tᵀ·h_{t-1}      db = Σ da_t      dx = da·W_ih
        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            for (int t = batch.Steps - 1; t >= 0; t--)
            {
                long row = (long)batch.Offset[t] * _units;
                int count = batch.Active[t] * _units;
                for (int i = 0; i < count; i += Lanes.Count)
                {
                    int n = count - i;
                    var slope = TActivation.Derivative(Lanes.Load(Output + row + i, n));
                    Lanes.Store(_da.Pointer + row + i, Lanes.Load(dy + row + i, n) * slope, n);
                }

                if (t > 0)
                {
                    float* past = dy + (long)batch.Offset[t - 1] * _units;
                    _dropout.MultiplyAdd(_da.Pointer + row, _units, batch.Active[t], layer._hhBackward, past);
                }
            }

            float* da = _da.Pointer;
            float* dWeightIh = gradient + layer._weightIh.Offset, dWeightHh = gradient + layer._weightHh.Offset;
            _weightGradient.Inputs(da, _units, _units, x, layer.InputSize, batch.Rows, dWeightIh);
            _weightGradient.Past(da, _units, _units, _dropout.States(Output), _carried, _units, batch, dWeightHh);
            Gemm.AddColumnSums(da, _units, _units, batch.Rows, gradient + layer._bias.Offset);
            if (dx != null)
                Gemm.Multiply(da, _units, batch.Rows, layer._ihBackward, dx, layer.InputSize);
        }
    }
}

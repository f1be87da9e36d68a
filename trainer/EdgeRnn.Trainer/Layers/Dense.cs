using System.Numerics;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// y = φ(W·x + b), φ = identity or relu. The last layer of a network is a dense one without relu: the head.
/// </summary>
public sealed class Dense(int units, Activation activation = Activation.Default) : Layer
{
    private ParameterBlock _weight;
    private ParameterBlock _bias;
    private PackedMatrix _forward = null!;
    private PackedMatrix _backward = null!;

    /// <inheritdoc/>
    public override string Specification => $"dense:{units}{(IsRelu ? ":relu" : "")}";

    internal bool IsRelu => activation == Activation.Relu;

    private protected override int Declare()
    {
        _weight = Parameter("weight_ih", units, InputSize);
        _bias = Parameter("bias_ih", units, 1);
        _forward = Pack(PackedWeights.Forward(_weight, 0, units));
        _backward = Pack(PackedWeights.Backward(_weight, 0, units));
        return units;
    }

    internal override void Initialise(Span<float> parameters, SeededRandom random)
    {
        Initialisers.GlorotUniform(_weight.Of(parameters), InputSize, units, random);
        _bias.Of(parameters).Clear();
    }

    internal override RnnLayer ToModel(Span<float> parameters) => new()
    {
        Kind = LayerKind.Dense,
        InputSize = InputSize,
        Units = units,
        Activation = activation,
        WeightIh = Export(_weight, parameters),
        BiasIh = Export(_bias, parameters),
    };

    internal override LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters) =>
        new Pass(this, batch, parameters);

    /// <summary>One row a sequence, or a row a step where the network has an output for each.</summary>
    private sealed unsafe class Pass(Dense layer, PackedBatch batch, FloatBuffer parameters) : LayerPass
    {
        private readonly int _units = layer.OutputSize;
        private readonly FloatBuffer _y = new((long)layer.RowCapacity(batch) * layer.OutputSize);
        private readonly OuterProducts _gradients = new();

        public override float* Output => _y.Pointer;

        // y = φ(x·Wᵀ + b)   [rows, units]
        public override void Forward(float* x)
        {
            float* bias = parameters.Pointer + layer._bias.Offset;
            Gemm.MultiplyBias(x, layer.InputSize, layer.Rows(batch), layer._forward, bias, Output, _units);
            if (!layer.IsRelu)
                return;
            int count = layer.Rows(batch) * _units;
            for (int i = 0; i < count; i += Lanes.Count)
                Lanes.Store(Output + i, Vector.Max(Lanes.Load(Output + i, count - i), Vector<float>.Zero), count - i);
        }

        // da = dy∘φ'      dW = daᵀ·x      db = Σ da      dx = da·W
        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            int rows = layer.Rows(batch), count = rows * _units;
            for (int i = 0; layer.IsRelu && i < count; i += Lanes.Count)
            {
                var passed = Vector.GreaterThan(Lanes.Load(Output + i, count - i), Vector<float>.Zero);
                var da = Vector.ConditionalSelect(passed, Lanes.Load(dy + i, count - i), Vector<float>.Zero);
                Lanes.Store(dy + i, da, count - i);
            }

            int inputs = layer.InputSize;
            _gradients.Add(
                dy, _units, _units, rows, gradient + layer._bias.Offset,
                new OuterProduct(x, inputs, gradient + layer._weight.Offset, _units, 0, rows));
            if (dx != null)
                Gemm.Multiply(dy, _units, rows, layer._backward, dx, inputs);
        }
    }
}

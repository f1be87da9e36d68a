using System.Numerics;
using EdgeRnn.Quantization;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers and others 2000), gates i f g
/// o:
/// <code>
/// i = σ(W_ii·x + W_hi·h + b_i)    f = σ(W_if·x + W_hf·h + b_f)    o = σ(W_io·x + W_ho·h + b_o)
/// g = tanh(W_ig·x + W_hg·h + b_g)    c' = f∘c + i∘g    h' = o∘tanh(c')
/// </code>
/// One bias is trained; PyTorch's two only ever act as their sum.
/// </summary>
/// <param name="units">Size of the state.</param>
/// <param name="recurrentDropout">
/// Part of the state that products do not see in training, one mask a sequence: Gal and Ghahramani (2016).
/// </param>
public sealed class Lstm(int units, float recurrentDropout = 0) : Layer
{
    private ParameterBlock _weightIh;
    private ParameterBlock _weightHh;
    private ParameterBlock _bias;
    private PackedMatrix _ihForward = null!;
    private PackedMatrix _hhForward = null!;
    private PackedMatrix _ihBackward = null!;
    private PackedMatrix _hhBackward = null!;

    /// <inheritdoc/>
    public override string Specification => $"lstm:{units}{RecurrentDropoutOption(recurrentDropout)}";

    internal override bool IsRecurrent => true;

    private protected override int Declare()
    {
        int gates = 4 * units;
        _weightIh = Parameter("weight_ih", gates, InputSize);
        _weightHh = Parameter("weight_hh", gates, units);
        _bias = Parameter("bias_ih", gates, 1);
        _ihForward = Pack(PackedWeights.Forward(_weightIh, 0, gates));
        _hhForward = Pack(PackedWeights.Forward(_weightHh, 0, gates));
        _ihBackward = Pack(PackedWeights.Backward(_weightIh, 0, gates));
        _hhBackward = Pack(PackedWeights.Backward(_weightHh, 0, gates));
        return units;
    }

    internal override void Initialise(Span<float> parameters, SeededRandom random)
    {
        Initialisers.GlorotUniform(_weightIh.Of(parameters), InputSize, units, random);
        Initialisers.Orthogonal(_weightHh.Of(parameters), units, random);
        // A forget gate that starts open lets gradients through from the first batch on (Jozefowicz and others 2015).
        var bias = _bias.Of(parameters);
        bias.Clear();
        bias.Slice(units, units).Fill(1f);
    }

    internal override RnnLayer ToModel(Span<float> parameters) => new()
    {
        Kind = LayerKind.Lstm,
        InputSize = InputSize,
        Units = units,
        WeightIh = Export(_weightIh, parameters),
        WeightHh = Export(_weightHh, parameters),
        BiasIh = Export(_bias, parameters),
    };

    internal override LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters) =>
        new Pass(this, batch, parameters, recurrentDropout);

    private sealed unsafe class Pass(
        Lstm layer, PackedBatch batch, FloatBuffer parameters, float recurrentDropout) : LayerPass
    {
        private readonly int _units = layer.OutputSize;
        private readonly int _gates = 4 * layer.OutputSize;
        private readonly FloatBuffer _a = new(4L * batch.RowCapacity * layer.OutputSize);
        private readonly FloatBuffer _c = new((long)batch.RowCapacity * layer.OutputSize);
        private readonly FloatBuffer _tanhC = new((long)batch.RowCapacity * layer.OutputSize);
        private readonly FloatBuffer _h = new((long)batch.RowCapacity * layer.OutputSize);
        private readonly FloatBuffer _dc = new((long)batch.Capacity * layer.OutputSize);
        private readonly CarriedState _carried = new(layer.OutputSize, batch);
        private readonly CarriedState _carriedCell = new(layer.OutputSize, batch);
        private readonly RecurrentDropout _dropout = new(recurrentDropout, layer.OutputSize, batch);
        private readonly WeightGradient _weightGradient = new();

        public override float* Output => _h.Pointer;

        // a_t = x_t·W_ihᵀ + b + h_{t-1}·W_hhᵀ   [active, 4·units], then i f g o in its place
        public override void Forward(float* x)
        {
            float* bias = parameters.Pointer + layer._bias.Offset;
            _dropout.Draw(Random);
            for (int t = 0; t < batch.Steps; t++)
            {
                int rows = batch.Active[t];
                long row = batch.Offset[t];
                float* a = _a.Pointer + row * _gates;
                // Step by step rather than all at once: the gates are still in the cache when the state is added.
                Gemm.MultiplyBias(x + row * layer.InputSize, layer.InputSize, rows, layer._ihForward, bias, a, _gates);
                if (t > 0)
                    Gemm.MultiplyAdd(_dropout.Past(Output, t), _units, rows, layer._hhForward, a, _gates);
                else if (batch.Carries)
                    Gemm.MultiplyAdd(_carried.Pointer, _units, rows, layer._hhForward, a, _gates);
                for (int m = 0; m < rows; m++)
                    Cell(a + (long)m * _gates, PastCell(t, m), (row + m) * _units);
            }
        }

        // c' = f∘c + i∘g      h' = o∘tanh(c')
        private void Cell(float* a, float* past, long state)
        {
            float* c = _c.Pointer + state;
            float* tanhC = _tanhC.Pointer + state;
            float* h = _h.Pointer + state;
            for (int u = 0; u < _units; u += Lanes.Count)
            {
                int n = _units - u;
                float* at = a + u;
                var i = Activations.Sigmoid(Lanes.Load(at, n));
                var f = Activations.Sigmoid(Lanes.Load(at + _units, n));
                var g = Activations.Tanh(Lanes.Load(at + 2 * _units, n));
                var o = Activations.Sigmoid(Lanes.Load(at + 3 * _units, n));
                Lanes.Store(at, i, n);
                Lanes.Store(at + _units, f, n);
                Lanes.Store(at + 2 * _units, g, n);
                Lanes.Store(at + 3 * _units, o, n);
                var cell = Vector.FusedMultiplyAdd(f, Lanes.Load(past + u, n), i * g);
                var tanh = Activations.Tanh(cell);
                Lanes.Store(c + u, cell, n);
                Lanes.Store(tanhC + u, tanh, n);
                Lanes.Store(h + u, o * tanh, n);
            }
        }

        public override void KeepState(int shift)
        {
            _carried.Keep(Output, shift);
            _carriedCell.Keep(_c.Pointer, shift);
        }

        public override void ForgetState()
        {
            _carried.Forget();
            _carriedCell.Forget();
        }

        // dh_{t-1} += da_t·W_hh      dx = da·W_ih
        // dW_ih = Σ da_tᵀ·x_t      dW_hh = Σ da_tᵀ·h_{t-1}      db = Σ da_t
        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            float* a = _a.Pointer;
            _dc.Span.Clear();
            for (int t = batch.Steps - 1; t >= 0; t--)
            {
                int rows = batch.Active[t];
                long row = batch.Offset[t];
                for (int m = 0; m < rows; m++)
                {
                    float* dc = _dc.Pointer + (long)m * _units;
                    CellBackward(a + (row + m) * _gates, PastCell(t, m), (row + m) * _units, dy, dc);
                }

                if (t > 0)
                {
                    float* past = dy + (long)batch.Offset[t - 1] * _units;
                    _dropout.MultiplyAdd(a + row * _gates, _gates, rows, layer._hhBackward, past);
                }
            }

            float* dWeightIh = gradient + layer._weightIh.Offset, dWeightHh = gradient + layer._weightHh.Offset;
            _weightGradient.Inputs(a, _gates, _gates, x, layer.InputSize, batch.Rows, dWeightIh);
            _weightGradient.Past(a, _gates, _gates, _dropout.States(Output), _carried, _units, batch, dWeightHh);
            Gemm.AddColumnSums(a, _gates, _gates, batch.Rows, gradient + layer._bias.Offset);
            if (dx != null)
                Gemm.Multiply(a, _gates, batch.Rows, layer._ihBackward, dx, layer.InputSize);
        }

        // do = dh∘tanh(c')∘o(1-o)      dc' += dh∘o∘(1-tanh²(c'))      dc = dc'∘f
        // di = dc'∘g∘i(1-i)      df = dc'∘c∘f(1-f)      dg = dc'∘i∘(1-g²)      each in the place of its gate
        private void CellBackward(float* a, float* past, long state, float* dy, float* dc)
        {
            var one = Vector<float>.One;
            float* dh = dy + state;
            float* tanhC = _tanhC.Pointer + state;
            for (int u = 0; u < _units; u += Lanes.Count)
            {
                int n = _units - u;
                float* at = a + u;
                var i = Lanes.Load(at, n);
                var f = Lanes.Load(at + _units, n);
                var g = Lanes.Load(at + 2 * _units, n);
                var o = Lanes.Load(at + 3 * _units, n);
                var tanh = Lanes.Load(tanhC + u, n);
                var dHidden = Lanes.Load(dh + u, n);
                var dCell = Lanes.Load(dc + u, n) + dHidden * o * (one - tanh * tanh);
                Lanes.Store(at, dCell * g * i * (one - i), n);
                Lanes.Store(at + _units, dCell * Lanes.Load(past + u, n) * f * (one - f), n);
                Lanes.Store(at + 2 * _units, dCell * i * (one - g * g), n);
                Lanes.Store(at + 3 * _units, dHidden * tanh * o * (one - o), n);
                Lanes.Store(dc + u, dCell * f, n);
            }
        }

        private float* PastCell(int t, int m) =>
            t == 0 ? _carriedCell.Pointer + (long)m * _units : _c.Pointer + (batch.Offset[t - 1] + m) * (long)_units;
    }
}

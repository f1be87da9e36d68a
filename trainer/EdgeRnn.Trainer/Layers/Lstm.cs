using System.Runtime.CompilerServices;
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
/// </summary>
/// <param name="units">Size of the state.</param>
/// <param name="recurrentDropout">
/// Part of the state that products do not see in training, one mask a sequence: Gal and Ghahramani (2016).
/// </param>
public sealed class Lstm(int units, float recurrentDropout = 0) : RecurrentLayer(units, 4, recurrentDropout)
{
    private PackedMatrix _hhForward = null!;
    private PackedMatrix _hhBackward = null!;

    /// <inheritdoc/>
    public override string Specification => $"lstm:{Units}{RecurrentDropoutOption}";

    private protected override int Declare()
    {
        int size = base.Declare();
        _hhForward = Pack(PackedWeights.Forward(WeightHh, 0, Gates));
        _hhBackward = Pack(PackedWeights.Backward(WeightHh, 0, Gates));
        return size;
    }

    internal override void Initialise(Span<float> parameters, SeededRandom random)
    {
        base.Initialise(parameters, random);
        // A forget gate that starts open lets gradients through from the first batch on (Jozefowicz and others 2015).
        Bias.Of(parameters).Slice(Units, Units).Fill(1f);
    }

    internal override RnnLayer ToModel(Span<float> parameters) => ToModel(LayerKind.Lstm, parameters);

    internal override LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters) =>
        Lanes.AreWide
            ? new Pass<WideLanes>(this, batch, parameters)
            : new Pass<VectorLanes>(this, batch, parameters);

    private sealed unsafe class Pass<T>(Lstm layer, PackedBatch batch, FloatBuffer parameters)
        : RecurrentPass(layer, batch, parameters)
        where T : unmanaged, ILanes<T>
    {
        private readonly FloatBuffer _a = new((long)batch.RowCapacity * layer.Gates);
        private readonly FloatBuffer _c = new((long)batch.RowCapacity * layer.Units);
        private readonly FloatBuffer _tanhC = new((long)batch.RowCapacity * layer.Units);
        private readonly FloatBuffer _dc = new((long)batch.Capacity * layer.Units);
        private readonly CarriedState _carriedCell = new(layer.Units, batch);

        // a_t = x_t·W_ihᵀ + b + h_{t-1}·W_hhᵀ   [active, 4·units], then i f g o in its place
        public override void Forward(float* x)
        {
            Dropout.Draw(Random);
            for (int t = 0; t < Batch.Steps; t++)
            {
                int rows = Batch.Active[t];
                long row = Batch.Offset[t];
                float* a = _a.Pointer + row * Gates;
                // Step by step rather than all at once: the gates are still in the cache when the state is added.
                Gemm.MultiplyBias(x + row * layer.InputSize, layer.InputSize, rows, layer.IhForward, Bias, a, Gates);
                float* seen = Seen(t);
                if (seen != null)
                    Gemm.MultiplyAdd(seen, Units, rows, layer._hhForward, a, Gates);
                for (int m = 0; m < rows; m++)
                    Cell(a + (long)m * Gates, PastCell(t, m), (row + m) * Units);
            }
        }

        // c' = f∘c + i∘g      h' = o∘tanh(c')
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Cell(float* a, float* past, long state)
        {
            float* c = _c.Pointer + state;
            float* tanhC = _tanhC.Pointer + state;
            float* h = Output + state;
            for (int u = 0; u < Units; u += T.Count)
            {
                int n = Units - u;
                float* at = a + u;
                var i = Activations.Sigmoid(Lanes.Load<T>(at, n));
                var f = Activations.Sigmoid(Lanes.Load<T>(at + Units, n));
                var g = Activations.Tanh(Lanes.Load<T>(at + 2 * Units, n));
                var o = Activations.Sigmoid(Lanes.Load<T>(at + 3 * Units, n));
                Lanes.Store(at, i, n);
                Lanes.Store(at + Units, f, n);
                Lanes.Store(at + 2 * Units, g, n);
                Lanes.Store(at + 3 * Units, o, n);
                var cell = T.FusedMultiplyAdd(f, Lanes.Load<T>(past + u, n), i * g);
                var tanh = Activations.Tanh(cell);
                Lanes.Store(c + u, cell, n);
                Lanes.Store(tanhC + u, tanh, n);
                Lanes.Store(h + u, o * tanh, n);
            }
        }

        public override void KeepState(int shift)
        {
            base.KeepState(shift);
            _carriedCell.Keep(_c.Pointer, shift);
        }

        public override void ForgetState()
        {
            base.ForgetState();
            _carriedCell.Forget();
        }

        // dh_{t-1} += da_t·W_hh      dx = da·W_ih
        // dW_ih = Σ da_tᵀ·x_t      dW_hh = Σ da_tᵀ·h_{t-1}      db = Σ da_t
        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            float* a = _a.Pointer;
            _dc.Span.Clear();
            for (int t = Batch.Steps - 1; t >= 0; t--)
            {
                int rows = Batch.Active[t];
                long row = Batch.Offset[t];
                for (int m = 0; m < rows; m++)
                {
                    float* dc = _dc.Pointer + (long)m * Units;
                    CellBackward(a + (row + m) * Gates, PastCell(t, m), (row + m) * Units, dy, dc);
                }

                if (t > 0)
                {
                    float* past = dy + (long)Batch.Offset[t - 1] * Units;
                    Dropout.MultiplyAdd(a + row * Gates, Gates, rows, layer._hhBackward, past);
                }
            }

            AddGradients(a, Gates, x, dx, gradient);
        }

        // do = dh∘tanh(c')∘o(1-o)      dc' += dh∘o∘(1-tanh²(c'))      dc = dc'∘f
        // di = dc'∘g∘i(1-i)      df = dc'∘c∘f(1-f)      dg = dc'∘i∘(1-g²)      each in the place of its gate
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void CellBackward(float* a, float* past, long state, float* dy, float* dc)
        {
            var one = T.All(1f);
            float* dh = dy + state;
            float* tanhC = _tanhC.Pointer + state;
            for (int u = 0; u < Units; u += T.Count)
            {
                int n = Units - u;
                float* at = a + u;
                var i = Lanes.Load<T>(at, n);
                var f = Lanes.Load<T>(at + Units, n);
                var g = Lanes.Load<T>(at + 2 * Units, n);
                var o = Lanes.Load<T>(at + 3 * Units, n);
                var tanh = Lanes.Load<T>(tanhC + u, n);
                var dHidden = Lanes.LoadGradient<T>(dh + u, n);
                var dCell = Lanes.LoadGradient<T>(dc + u, n) + dHidden * o * (one - tanh * tanh);
                Lanes.Store(at, dCell * g * i * (one - i), n);
                Lanes.Store(at + Units, dCell * Lanes.Load<T>(past + u, n) * f * (one - f), n);
                Lanes.Store(at + 2 * Units, dCell * i * (one - g * g), n);
                Lanes.Store(at + 3 * Units, dHidden * tanh * o * (one - o), n);
                Lanes.Store(dc + u, dCell * f, n);
            }
        }

        private float* PastCell(int t, int m) =>
            t == 0 ? _carriedCell.Pointer + (long)m * Units : _c.Pointer + (Batch.Offset[t - 1] + m) * (long)Units;
    }
}

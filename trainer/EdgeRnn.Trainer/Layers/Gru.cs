using System.Numerics;
using EdgeRnn.Quantization;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// Gated recurrent unit (Cho and others 2014), gates r z n:
/// <code>
/// r = σ(W_ir·x + W_hr·h + b_r)    z = σ(W_iz·x + W_hz·h + b_z)    h' = (1-z)∘n + z∘h
/// reset after the product (PyTorch):  n = tanh(W_in·x + b_in + r∘(W_hn·h + b_hn))
/// reset before it (Cho):              n = tanh(W_in·x + b_in + W_hn·(r∘h))
/// </code>
/// Only the n part of bias_hh is trained, and only with reset after: elsewhere it acts as a sum with bias_ih.
/// </summary>
/// <param name="units">Size of the state.</param>
/// <param name="resetBefore">Whether r acts before the product: the second form of n.</param>
/// <param name="recurrentDropout">
/// Part of the state that products do not see in training, one mask a sequence: Gal and Ghahramani (2016).
/// </param>
public sealed class Gru(int units, bool resetBefore = false, float recurrentDropout = 0) : Layer
{
    private readonly float _recurrentDropout = recurrentDropout;
    private ParameterBlock _weightIh;
    private ParameterBlock _weightHh;
    private ParameterBlock _bias;
    private ParameterBlock _biasHn;
    private PackedMatrix _ihForward = null!;
    private PackedMatrix _rzForward = null!;
    private PackedMatrix _nForward = null!;
    private PackedMatrix _ihBackward = null!;
    private PackedMatrix _rzBackward = null!;
    private PackedMatrix _nBackward = null!;

    /// <inheritdoc/>
    public override string Specification =>
        $"gru:{units}{(resetBefore ? ":reset-before" : "")}{RecurrentDropoutOption(_recurrentDropout)}";

    internal override bool IsRecurrent => true;

    private protected override int Declare()
    {
        int gates = 3 * units;
        _weightIh = Parameter("weight_ih", gates, InputSize);
        _weightHh = Parameter("weight_hh", gates, units);
        _bias = Parameter("bias_ih", gates, 1);
        if (!resetBefore)
            _biasHn = Parameter("bias_hn", units, 1);
        _ihForward = Pack(PackedWeights.Forward(_weightIh, 0, gates));
        _rzForward = Pack(PackedWeights.Forward(_weightHh, 0, 2 * units));
        _nForward = Pack(PackedWeights.Forward(_weightHh, 2 * units, units));
        _ihBackward = Pack(PackedWeights.Backward(_weightIh, 0, gates));
        _rzBackward = Pack(PackedWeights.Backward(_weightHh, 0, 2 * units));
        _nBackward = Pack(PackedWeights.Backward(_weightHh, 2 * units, units));
        return units;
    }

    internal override void Initialise(Span<float> parameters, SeededRandom random)
    {
        Initialisers.GlorotUniform(_weightIh.Of(parameters), InputSize, units, random);
        Initialisers.Orthogonal(_weightHh.Of(parameters), units, random);
        _bias.Of(parameters).Clear();
        _biasHn.Of(parameters).Clear();
    }

    internal override RnnLayer ToModel(Span<float> parameters)
    {
        var biasHh = new float[3 * units];
        _biasHn.Of(parameters).CopyTo(biasHh.AsSpan(2 * units));
        return new()
        {
            Kind = LayerKind.Gru,
            InputSize = InputSize,
            Units = units,
            ResetBefore = resetBefore,
            WeightIh = Export(_weightIh, parameters),
            WeightHh = Export(_weightHh, parameters),
            BiasIh = Export(_bias, parameters),
            BiasHh = resetBefore ? null : Tensor.FromFloats(3 * units, 1, biasHh),
        };
    }

    internal override LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters) =>
        resetBefore ? new ResetBeforePass(this, batch, parameters) : new ResetAfterPass(this, batch, parameters);

    /// <summary>What both forms share: everything but the candidate n.</summary>
    private abstract unsafe class Pass(Gru layer, PackedBatch batch, FloatBuffer parameters) : LayerPass
    {
        private readonly FloatBuffer _h = new((long)batch.RowCapacity * layer.OutputSize);
        private readonly FloatBuffer _a = new(3L * batch.RowCapacity * layer.OutputSize);
        private readonly FloatBuffer _q = new((long)batch.RowCapacity * layer.OutputSize);
        private readonly FloatBuffer _nowhere = new((long)batch.Capacity * layer.OutputSize);
        private readonly WeightGradient _weightGradient = new();

        protected Gru Layer => layer;

        protected CarriedState Carried { get; } = new(layer.OutputSize, batch);

        protected RecurrentDropout Dropout { get; } = new(layer._recurrentDropout, layer.OutputSize, batch);

        protected PackedBatch Batch => batch;

        protected float* Parameters => parameters.Pointer;

        protected int Units { get; } = layer.OutputSize;

        protected int Gates { get; } = 3 * layer.OutputSize;

        public sealed override float* Output => _h.Pointer;

        // a_t = x_t·W_ihᵀ + b   [active, 3·units]; its r and z parts += h_{t-1}·W_h,rzᵀ
        public sealed override void Forward(float* x)
        {
            float* bias = parameters.Pointer + layer._bias.Offset;
            Dropout.Draw(Random);
            for (int t = 0; t < batch.Steps; t++)
            {
                int rows = batch.Active[t];
                long row = batch.Offset[t];
                float* a = _a.Pointer + row * Gates;
                Gemm.MultiplyBias(x + row * layer.InputSize, layer.InputSize, rows, layer._ihForward, bias, a, Gates);
                float* seen = t > 0 ? Dropout.Past(Output, t) : batch.Carries ? Carried.Pointer : null;
                if (seen != null)
                    Gemm.MultiplyAdd(seen, Units, rows, layer._rzForward, a, Gates);
                StepForward(t, rows, seen, a, _q.Pointer + row * Units, Output + row * Units);
            }
        }

        public sealed override void KeepState(int shift) => Carried.Keep(Output, shift);

        public sealed override void ForgetState() => Carried.Forget();

        /// <summary>The rest of a step, from r and z before their σ on.</summary>
        /// <param name="t">The step.</param>
        /// <param name="rows">Sequences that run.</param>
        /// <param name="seen">What products see of h_{t-1}, <c>[rows, units]</c>; null where it is zero.</param>
        /// <param name="a">r, z and the input's part of n, <c>[rows, 3·units]</c>; receives the gates.</param>
        /// <param name="q">What the form keeps for its way back, <c>[rows, units]</c>.</param>
        /// <param name="h">Receives the state, <c>[rows, units]</c>.</param>
        protected abstract void StepForward(int t, int rows, float* seen, float* a, float* q, float* h);

        // dh_{t-1} += da_rz·W_h,rz      dx = da·W_ih
        // dW_ih = Σ da_tᵀ·x_t      dW_h,rz = Σ da_rzᵀ·h_{t-1}      db = Σ da_t
        public sealed override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            float* a = _a.Pointer;
            for (int t = batch.Steps - 1; t >= 0; t--)
            {
                int rows = batch.Active[t];
                long row = batch.Offset[t];
                float* dPast = t == 0 ? _nowhere.Pointer : dy + (long)batch.Offset[t - 1] * Units;
                StepBackward(t, rows, a + row * Gates, _q.Pointer + row * Units, dy + row * Units, dPast);
                if (t > 0)
                    Dropout.MultiplyAdd(a + row * Gates, Gates, rows, layer._rzBackward, dPast);
            }

            _weightGradient.Inputs(a, Gates, Gates, x, layer.InputSize, batch.Rows, gradient + layer._weightIh.Offset);
            float* dWeightHh = gradient + layer._weightHh.Offset;
            _weightGradient.Past(a, Gates, 2 * Units, Dropout.States(Output), Carried, Units, batch, dWeightHh);
            CandidateGradient(a + 2 * Units, _q.Pointer, dWeightHh + 2L * Units * Units, gradient, _weightGradient);
            Gemm.AddColumnSums(a, Gates, Gates, batch.Rows, gradient + layer._bias.Offset);
            if (dx != null)
                Gemm.Multiply(a, Gates, batch.Rows, layer._ihBackward, dx, layer.InputSize);
        }

        /// <summary>
        /// Turns the gates of a step into their gradients, and adds to dPast what does not go through r and z.
        /// </summary>
        protected abstract void StepBackward(int t, int rows, float* a, float* q, float* dh, float* dPast);

        /// <summary>
        /// Adds the gradients of W_hn and b_hn; da is that of n, <c>[rows, units]</c> with Gates floats a row.
        /// </summary>
        protected abstract void CandidateGradient(
            float* da, float* q, float* dWeightHn, float* gradient, WeightGradient weightGradient);

        /// <summary>h_{t-1} of sequence m; before the first step what was carried, or zeros.</summary>
        protected float* Past(int t, int m) =>
            t == 0 ? Carried.Pointer + (long)m * Units : Output + (batch.Offset[t - 1] + m) * (long)Units;
    }

    private sealed unsafe class ResetAfterPass(Gru layer, PackedBatch batch, FloatBuffer parameters)
        : Pass(layer, batch, parameters)
    {
        // q = h·W_hnᵀ + b_hn      n = tanh(a_n + r∘q)      h' = n + z∘(h - n)
        protected override void StepForward(int t, int rows, float* seen, float* a, float* q, float* h)
        {
            float* bias = Parameters + Layer._biasHn.Offset;
            if (seen != null)
                Gemm.MultiplyBias(seen, Units, rows, Layer._nForward, bias, q, Units);
            for (int m = 0; m < rows; m++, a += Gates, q += Units, h += Units)
            {
                if (seen == null)
                    new ReadOnlySpan<float>(bias, Units).CopyTo(new(q, Units));
                float* past = Past(t, m);
                for (int u = 0; u < Units; u += Lanes.Count)
                {
                    int left = Units - u;
                    var r = Activations.Sigmoid(Lanes.Load(a + u, left));
                    var z = Activations.Sigmoid(Lanes.Load(a + Units + u, left));
                    var n = Vector.FusedMultiplyAdd(r, Lanes.Load(q + u, left), Lanes.Load(a + 2 * Units + u, left));
                    n = Activations.Tanh(n);
                    Lanes.Store(a + u, r, left);
                    Lanes.Store(a + Units + u, z, left);
                    Lanes.Store(a + 2 * Units + u, n, left);
                    Lanes.Store(h + u, Vector.FusedMultiplyAdd(z, Lanes.Load(past + u, left) - n, n), left);
                }
            }
        }

        // dn = dh'∘(1-z)∘(1-n²)      dz = dh'∘(h-n)∘z(1-z)      dr = dn∘q∘r(1-r)      dq = dn∘r, in the place of q
        // dh += dh'∘z + dq·W_hn
        protected override void StepBackward(int t, int rows, float* a, float* q, float* dh, float* dPast)
        {
            var one = Vector<float>.One;
            float* dq = q;
            float* dTo = dPast;
            for (int m = 0; m < rows; m++, a += Gates, q += Units, dh += Units, dTo += Units)
            {
                float* past = Past(t, m);
                for (int u = 0; u < Units; u += Lanes.Count)
                {
                    int left = Units - u;
                    var r = Lanes.Load(a + u, left);
                    var z = Lanes.Load(a + Units + u, left);
                    var n = Lanes.Load(a + 2 * Units + u, left);
                    var d = Lanes.Load(dh + u, left);
                    var dn = d * (one - z) * (one - n * n);
                    Lanes.Store(a + u, dn * Lanes.Load(q + u, left) * r * (one - r), left);
                    Lanes.Store(a + Units + u, d * (Lanes.Load(past + u, left) - n) * z * (one - z), left);
                    Lanes.Store(a + 2 * Units + u, dn, left);
                    Lanes.Store(q + u, dn * r, left);
                    Lanes.Store(dTo + u, Lanes.Load(dTo + u, left) + d * z, left);
                }
            }

            if (t > 0)
                Dropout.MultiplyAdd(dq, Units, rows, Layer._nBackward, dPast);
        }

        // dW_hn = Σ dq_tᵀ·h_{t-1}      db_hn = Σ dq_t
        protected override void CandidateGradient(
            float* da, float* q, float* dWeightHn, float* gradient, WeightGradient weightGradient)
        {
            weightGradient.Past(q, Units, Units, Dropout.States(Output), Carried, Units, Batch, dWeightHn);
            Gemm.AddColumnSums(q, Units, Units, Batch.Rows, gradient + Layer._biasHn.Offset);
        }
    }

    private sealed unsafe class ResetBeforePass(Gru layer, PackedBatch batch, FloatBuffer parameters)
        : Pass(layer, batch, parameters)
    {
        private readonly FloatBuffer _dq = new((long)batch.Capacity * layer.OutputSize);

        // q = r∘h      n = tanh(a_n + q·W_hnᵀ)      h' = n + z∘(h - n)
        protected override void StepForward(int t, int rows, float* seen, float* a, float* q, float* h)
        {
            for (int m = 0; m < rows; m++)
            {
                float* gates = a + (long)m * Gates;
                float* past = Past(t, m);
                for (int u = 0; u < Units; u += Lanes.Count)
                {
                    int left = Units - u;
                    var r = Activations.Sigmoid(Lanes.Load(gates + u, left));
                    Lanes.Store(gates + u, r, left);
                    Lanes.Store(q + (long)m * Units + u, r * Lanes.Load(past + u, left), left);
                }
            }

            Dropout.Multiply(q, rows);
            if (seen != null)
                Gemm.MultiplyAdd(q, Units, rows, Layer._nForward, a + 2 * Units, Gates);
            for (int m = 0; m < rows; m++, a += Gates, h += Units)
            {
                float* past = Past(t, m);
                for (int u = 0; u < Units; u += Lanes.Count)
                {
                    int left = Units - u;
                    var z = Activations.Sigmoid(Lanes.Load(a + Units + u, left));
                    var n = Activations.Tanh(Lanes.Load(a + 2 * Units + u, left));
                    Lanes.Store(a + Units + u, z, left);
                    Lanes.Store(a + 2 * Units + u, n, left);
                    Lanes.Store(h + u, Vector.FusedMultiplyAdd(z, Lanes.Load(past + u, left) - n, n), left);
                }
            }
        }

        // dn = dh'∘(1-z)∘(1-n²)      dz = dh'∘(h-n)∘z(1-z)      dq = dn·W_hn      dr = dq∘h∘r(1-r)
        // dh += dh'∘z + dq∘r
        protected override void StepBackward(int t, int rows, float* a, float* q, float* dh, float* dPast)
        {
            var one = Vector<float>.One;
            for (int m = 0; m < rows; m++)
            {
                float* gates = a + (long)m * Gates;
                float* past = Past(t, m);
                for (int u = 0; u < Units; u += Lanes.Count)
                {
                    int left = Units - u;
                    var z = Lanes.Load(gates + Units + u, left);
                    var n = Lanes.Load(gates + 2 * Units + u, left);
                    var d = Lanes.Load(dh + (long)m * Units + u, left);
                    float* to = dPast + (long)m * Units + u;
                    Lanes.Store(to, Lanes.Load(to, left) + d * z, left);
                    Lanes.Store(gates + Units + u, d * (Lanes.Load(past + u, left) - n) * z * (one - z), left);
                    Lanes.Store(gates + 2 * Units + u, d * (one - z) * (one - n * n), left);
                }
            }

            float* dq = _dq.Pointer;
            Gemm.Multiply(a + 2 * Units, Gates, rows, Layer._nBackward, dq, Units);
            Dropout.Multiply(dq, rows);
            for (int m = 0; m < rows; m++, a += Gates, dq += Units, dPast += Units)
            {
                float* past = Past(t, m);
                for (int u = 0; u < Units; u += Lanes.Count)
                {
                    int left = Units - u;
                    var r = Lanes.Load(a + u, left);
                    var d = Lanes.Load(dq + u, left);
                    Lanes.Store(dPast + u, Vector.FusedMultiplyAdd(d, r, Lanes.Load(dPast + u, left)), left);
                    Lanes.Store(a + u, d * Lanes.Load(past + u, left) * r * (one - r), left);
                }
            }
        }

        // dW_hn = Σ dn_tᵀ·q_t
        protected override void CandidateGradient(
            float* da, float* q, float* dWeightHn, float* gradient, WeightGradient weightGradient) =>
            weightGradient.Inputs(da, Gates, Units, q, Units, Batch.Rows, dWeightHn);
    }
}

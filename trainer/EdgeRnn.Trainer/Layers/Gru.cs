using System.Runtime.CompilerServices;
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
public sealed class Gru(int units, bool resetBefore = false, float recurrentDropout = 0)
    : RecurrentLayer(units, 3, recurrentDropout)
{
    private ParameterBlock _biasHn;
    private PackedMatrix _rzForward = null!;
    private PackedMatrix _nForward = null!;
    private PackedMatrix _rzBackward = null!;
    private PackedMatrix _nBackward = null!;

    /// <inheritdoc/>
    public override string Specification =>
        $"gru:{Units}{(resetBefore ? ":reset-before" : "")}{RecurrentDropoutOption}";

    private protected override int Declare()
    {
        int size = base.Declare();
        if (!resetBefore)
            _biasHn = Parameter("bias_hn", Units, 1);
        _rzForward = Pack(PackedWeights.Forward(WeightHh, 0, 2 * Units));
        _nForward = Pack(PackedWeights.Forward(WeightHh, 2 * Units, Units));
        _rzBackward = Pack(PackedWeights.Backward(WeightHh, 0, 2 * Units));
        _nBackward = Pack(PackedWeights.Backward(WeightHh, 2 * Units, Units));
        return size;
    }

    internal override void Initialise(Span<float> parameters, SeededRandom random)
    {
        base.Initialise(parameters, random);
        _biasHn.Of(parameters).Clear();
    }

    internal override RnnLayer ToModel(Span<float> parameters)
    {
        var biasHh = new float[Gates];
        _biasHn.Of(parameters).CopyTo(biasHh.AsSpan(2 * Units));
        return ToModel(LayerKind.Gru, parameters) with
        {
            ResetBefore = resetBefore,
            BiasHh = resetBefore ? null : Tensor.FromFloats(Gates, 1, biasHh),
        };
    }

    internal override LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters) =>
        (resetBefore, Lanes.AreWide) switch
        {
            (false, true) => new ResetAfterPass<WideLanes>(this, batch, parameters),
            (false, false) => new ResetAfterPass<VectorLanes>(this, batch, parameters),
            (true, true) => new ResetBeforePass<WideLanes>(this, batch, parameters),
            (true, false) => new ResetBeforePass<VectorLanes>(this, batch, parameters),
        };

    /// <summary>What both forms share: everything but the candidate n.</summary>
    private abstract unsafe class Pass(Gru layer, PackedBatch batch, FloatBuffer parameters)
        : RecurrentPass(layer, batch, parameters)
    {
        private readonly FloatBuffer _a = new((long)batch.RowCapacity * layer.Gates);
        private readonly FloatBuffer _q = new((long)batch.RowCapacity * layer.Units);
        private readonly FloatBuffer _nowhere = new((long)batch.Capacity * layer.Units);

        protected Gru Layer => layer;

        // a_t = x_t·W_ihᵀ + b   [active, 3·units]; its r and z parts += h_{t-1}·W_h,rzᵀ
        public sealed override void Forward(float* x)
        {
            Dropout.Draw(Random);
            for (int t = 0; t < Batch.Steps; t++)
            {
                int rows = Batch.Active[t];
                long row = Batch.Offset[t];
                float* a = _a.Pointer + row * Gates;
                Gemm.MultiplyBias(x + row * layer.InputSize, layer.InputSize, rows, layer.IhForward, Bias, a, Gates);
                float* seen = Seen(t);
                if (seen != null)
                    Gemm.MultiplyAdd(seen, Units, rows, layer._rzForward, a, Gates);
                StepForward(t, rows, seen, a, _q.Pointer + row * Units, Output + row * Units);
            }
        }

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
            for (int t = Batch.Steps - 1; t >= 0; t--)
            {
                int rows = Batch.Active[t];
                long row = Batch.Offset[t];
                float* dPast = t == 0 ? _nowhere.Pointer : dy + (long)Batch.Offset[t - 1] * Units;
                StepBackward(t, rows, a + row * Gates, _q.Pointer + row * Units, dy + row * Units, dPast);
                if (t > 0)
                    Dropout.MultiplyAdd(a + row * Gates, Gates, rows, layer._rzBackward, dPast);
            }

            AddGradients(a, 2 * Units, x, dx, gradient);
            CandidateGradient(
                a + 2 * Units, _q.Pointer, gradient + layer.WeightHh.Offset + 2L * Units * Units, gradient);
        }

        /// <summary>
        /// Turns the gates of a step into their gradients, and adds to dPast what does not go through r and z.
        /// </summary>
        protected abstract void StepBackward(int t, int rows, float* a, float* q, float* dh, float* dPast);

        /// <summary>
        /// Adds the gradients of W_hn and b_hn; da is that of n, <c>[rows, units]</c> with Gates floats a row.
        /// </summary>
        protected abstract void CandidateGradient(float* da, float* q, float* dWeightHn, float* gradient);
    }

    private sealed unsafe class ResetAfterPass<T>(Gru layer, PackedBatch batch, FloatBuffer parameters)
        : Pass(layer, batch, parameters)
        where T : unmanaged, ILanes<T>
    {
        // q = h·W_hnᵀ + b_hn      n = tanh(a_n + r∘q)      h' = n + z∘(h - n)
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void StepForward(int t, int rows, float* seen, float* a, float* q, float* h)
        {
            float* bias = At(Layer._biasHn);
            if (seen != null)
                Gemm.MultiplyBias(seen, Units, rows, Layer._nForward, bias, q, Units);
            for (int m = 0; m < rows; m++, a += Gates, q += Units, h += Units)
            {
                if (seen == null)
                    new ReadOnlySpan<float>(bias, Units).CopyTo(new(q, Units));
                float* past = Past(t, m);
                for (int u = 0; u < Units; u += T.Count)
                {
                    int left = Units - u;
                    var r = Activations.Sigmoid(Lanes.Load<T>(a + u, left));
                    var z = Activations.Sigmoid(Lanes.Load<T>(a + Units + u, left));
                    var n = T.FusedMultiplyAdd(r, Lanes.Load<T>(q + u, left), Lanes.Load<T>(a + 2 * Units + u, left));
                    n = Activations.Tanh(n);
                    Lanes.Store(a + u, r, left);
                    Lanes.Store(a + Units + u, z, left);
                    Lanes.Store(a + 2 * Units + u, n, left);
                    Lanes.Store(h + u, T.FusedMultiplyAdd(z, Lanes.Load<T>(past + u, left) - n, n), left);
                }
            }
        }

        // dn = dh'∘(1-z)∘(1-n²)      dz = dh'∘(h-n)∘z(1-z)      dr = dn∘q∘r(1-r)      dq = dn∘r, in the place of q
        // dh += dh'∘z + dq·W_hn
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void StepBackward(int t, int rows, float* a, float* q, float* dh, float* dPast)
        {
            var one = T.All(1f);
            float* dq = q;
            float* dTo = dPast;
            for (int m = 0; m < rows; m++, a += Gates, q += Units, dh += Units, dTo += Units)
            {
                float* past = Past(t, m);
                for (int u = 0; u < Units; u += T.Count)
                {
                    int left = Units - u;
                    var r = Lanes.Load<T>(a + u, left);
                    var z = Lanes.Load<T>(a + Units + u, left);
                    var n = Lanes.Load<T>(a + 2 * Units + u, left);
                    var d = Lanes.LoadGradient<T>(dh + u, left);
                    var dn = d * (one - z) * (one - n * n);
                    Lanes.Store(a + u, dn * Lanes.Load<T>(q + u, left) * r * (one - r), left);
                    Lanes.Store(a + Units + u, d * (Lanes.Load<T>(past + u, left) - n) * z * (one - z), left);
                    Lanes.Store(a + 2 * Units + u, dn, left);
                    Lanes.Store(q + u, dn * r, left);
                    Lanes.Store(dTo + u, Lanes.Load<T>(dTo + u, left) + d * z, left);
                }
            }

            if (t > 0)
                Dropout.MultiplyAdd(dq, Units, rows, Layer._nBackward, dPast);
        }

        // dW_hn = Σ dq_tᵀ·h_{t-1}      db_hn = Σ dq_t
        protected override void CandidateGradient(float* da, float* q, float* dWeightHn, float* gradient) =>
            AddPastGradient(q, dWeightHn, gradient + Layer._biasHn.Offset);
    }

    private sealed unsafe class ResetBeforePass<T>(Gru layer, PackedBatch batch, FloatBuffer parameters)
        : Pass(layer, batch, parameters)
        where T : unmanaged, ILanes<T>
    {
        private readonly FloatBuffer _dq = new((long)batch.Capacity * layer.Units);

        // q = r∘h      n = tanh(a_n + q·W_hnᵀ)      h' = n + z∘(h - n)
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void StepForward(int t, int rows, float* seen, float* a, float* q, float* h)
        {
            for (int m = 0; m < rows; m++)
            {
                float* gates = a + (long)m * Gates;
                float* past = Past(t, m);
                for (int u = 0; u < Units; u += T.Count)
                {
                    int left = Units - u;
                    var r = Activations.Sigmoid(Lanes.Load<T>(gates + u, left));
                    Lanes.Store(gates + u, r, left);
                    Lanes.Store(q + (long)m * Units + u, r * Lanes.Load<T>(past + u, left), left);
                }
            }

            Dropout.Multiply(q, rows);
            if (seen != null)
                Gemm.MultiplyAdd(q, Units, rows, Layer._nForward, a + 2 * Units, Gates);
            for (int m = 0; m < rows; m++, a += Gates, h += Units)
            {
                float* past = Past(t, m);
                for (int u = 0; u < Units; u += T.Count)
                {
                    int left = Units - u;
                    var z = Activations.Sigmoid(Lanes.Load<T>(a + Units + u, left));
                    var n = Activations.Tanh(Lanes.Load<T>(a + 2 * Units + u, left));
                    Lanes.Store(a + Units + u, z, left);
                    Lanes.Store(a + 2 * Units + u, n, left);
                    Lanes.Store(h + u, T.FusedMultiplyAdd(z, Lanes.Load<T>(past + u, left) - n, n), left);
                }
            }
        }

        // dn = dh'∘(1-z)∘(1-n²)      dz = dh'∘(h-n)∘z(1-z)      dq = dn·W_hn      dr = dq∘h∘r(1-r)
        // dh += dh'∘z + dq∘r
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        protected override void StepBackward(int t, int rows, float* a, float* q, float* dh, float* dPast)
        {
            var one = T.All(1f);
            for (int m = 0; m < rows; m++)
            {
                float* gates = a + (long)m * Gates;
                float* past = Past(t, m);
                for (int u = 0; u < Units; u += T.Count)
                {
                    int left = Units - u;
                    var z = Lanes.Load<T>(gates + Units + u, left);
                    var n = Lanes.Load<T>(gates + 2 * Units + u, left);
                    var d = Lanes.LoadGradient<T>(dh + (long)m * Units + u, left);
                    float* to = dPast + (long)m * Units + u;
                    Lanes.Store(to, Lanes.Load<T>(to, left) + d * z, left);
                    Lanes.Store(gates + Units + u, d * (Lanes.Load<T>(past + u, left) - n) * z * (one - z), left);
                    Lanes.Store(gates + 2 * Units + u, d * (one - z) * (one - n * n), left);
                }
            }

            float* dq = _dq.Pointer;
            Gemm.Multiply(a + 2 * Units, Gates, rows, Layer._nBackward, dq, Units);
            Dropout.Multiply(dq, rows);
            for (int m = 0; m < rows; m++, a += Gates, dq += Units, dPast += Units)
            {
                float* past = Past(t, m);
                for (int u = 0; u < Units; u += T.Count)
                {
                    int left = Units - u;
                    var r = Lanes.Load<T>(a + u, left);
                    var d = Lanes.Load<T>(dq + u, left);
                    Lanes.Store(dPast + u, T.FusedMultiplyAdd(d, r, Lanes.Load<T>(dPast + u, left)), left);
                    Lanes.Store(a + u, d * Lanes.Load<T>(past + u, left) * r * (one - r), left);
                }
            }
        }

        // dW_hn = Σ dn_tᵀ·q_t
        protected override void CandidateGradient(float* da, float* q, float* dWeightHn, float* gradient) =>
            Gradients.Add(
                da, Gates, Units, Batch.Rows, null, new OuterProduct(q, Units, dWeightHn, Units, 0, Batch.Rows));
    }
}

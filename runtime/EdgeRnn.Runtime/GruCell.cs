using EdgeRnn.Quantization;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// Gated recurrent unit (Cho et al. 2014) with the reset gate after the recurrent product, as PyTorch and cuDNN define it.
/// <code>
/// r = σ(W_ir·x + b_ir + W_hr·h + b_hr)         [units], quantized Q0.15
/// z = σ(W_iz·x + b_iz + W_hz·h + b_hz)
/// n = tanh(W_in·x + b_in + r·(W_hn·h + b_hn))
/// h = (1 - z)·n + z·h                          [units], quantized: kept as Q0.15, read by products as int8 in units of 1/127
/// </code>
/// </summary>
internal sealed unsafe class GruCell<T, TNumerics> : Cell
    where T : unmanaged, ILanes<T>
    where TNumerics : struct, INumerics
{
    private readonly Projection _inputs;
    private readonly Projection _recurrent;
    private readonly AlignedBuffer<float> _fromInputs;
    private readonly AlignedBuffer<float> _fromHidden;
    private readonly AlignedBuffer<float> _state;

    public GruCell(RnnLayer layer, Precision precision, Kernel kernel)
        : this(layer, precision, kernel,
            new(kernel, layer.WeightIh, layer.BiasIh, layer.InputScale),
            new(kernel, layer.WeightHh!, layer.BiasHh, layer.OutputScale))
    {
    }

    private GruCell(RnnLayer layer, Precision precision, Kernel kernel, Projection inputs, Projection recurrent)
        : base(layer, precision, kernel)
    {
        _inputs = inputs;
        _recurrent = recurrent;
        _fromInputs = inputs.NewResult();
        _fromHidden = recurrent.NewResult();
        _state = new(layer.Units + 32);
    }

    public override void Step(Signal x)
    {
        _inputs.Multiply(x, _fromInputs.Pointer);
        _recurrent.Multiply(Hidden, _fromHidden.Pointer);

        int units = Layer.Units;
        float inverseScale = InverseScale;
        float* a = _fromInputs.Pointer, b = _fromHidden.Pointer, state = _state.Pointer, hidden = Hidden.Staged;
        for (int u = 0; u < units; u += T.Count, a += T.Count, b += T.Count)
        {
            var r = TNumerics.Sigmoid(T.Load(a) + T.Load(b));
            var z = TNumerics.Sigmoid(T.Load(a + units) + T.Load(b + units));
            var n = TNumerics.Tanh(T.FusedMultiplyAdd(r, T.Load(b + 2 * units), T.Load(a + 2 * units)));
            var h = TNumerics.State(T.FusedMultiplyAdd(z, T.Load(state + u), (T.All(TNumerics.One) - z) * n));
            h.Store(state + u);
            TNumerics.Output(h, inverseScale).Store(hidden + u);
        }
        Hidden.Publish();
    }

    public override void Reset()
    {
        base.Reset();
        _state.Span.Clear();
    }

    public override Cell Clone() => new GruCell<T, TNumerics>(Layer, Precision, Kernel, _inputs, _recurrent);
}

/// <summary>
/// The original form of the gated recurrent unit, where the reset gate multiplies the state before the recurrent product:
/// <c>n = tanh(W_in·x + b_in + W_hn·(r·h) + b_hn)</c>; all else as in <see cref="GruCell{T, TNumerics}"/>. It needs two
/// products one after the other.
/// </summary>
internal sealed unsafe class ResetBeforeGruCell<T, TNumerics> : Cell
    where T : unmanaged, ILanes<T>
    where TNumerics : struct, INumerics
{
    private readonly Projection _inputs;
    private readonly Projection _gates;
    private readonly Projection _candidate;
    private readonly AlignedBuffer<float> _fromInputs;
    private readonly AlignedBuffer<float> _fromHidden;
    private readonly AlignedBuffer<float> _fromReset;
    private readonly AlignedBuffer<float> _state;
    private readonly AlignedBuffer<float> _z;
    private readonly Signal _reset;

    public ResetBeforeGruCell(RnnLayer layer, Precision precision, Kernel kernel)
        : this(layer, precision, kernel,
            new(kernel, layer.WeightIh, layer.BiasIh, layer.InputScale),
            new(kernel, layer.WeightHh!, layer.BiasHh, layer.OutputScale, 0, 2 * layer.Units),
            new(kernel, layer.WeightHh!, layer.BiasHh, layer.OutputScale, 2 * layer.Units, layer.Units))
    {
    }

    private ResetBeforeGruCell(
        RnnLayer layer, Precision precision, Kernel kernel, Projection inputs, Projection gates, Projection candidate)
        : base(layer, precision, kernel)
    {
        _inputs = inputs;
        _gates = gates;
        _candidate = candidate;
        _fromInputs = inputs.NewResult();
        _fromHidden = gates.NewResult();
        _fromReset = candidate.NewResult();
        _state = new(layer.Units + 32);
        _z = new(layer.Units + 32);
        _reset = new(layer.Units, precision, kernel);
    }

    public override void Step(Signal x)
    {
        _inputs.Multiply(x, _fromInputs.Pointer);
        _gates.Multiply(Hidden, _fromHidden.Pointer);

        int units = Layer.Units;
        float* a = _fromInputs.Pointer, b = _fromHidden.Pointer, state = _state.Pointer;
        for (int u = 0; u < units; u += T.Count)
        {
            var r = TNumerics.Sigmoid(T.Load(a + u) + T.Load(b + u));
            var z = TNumerics.Sigmoid(T.Load(a + units + u) + T.Load(b + units + u));
            z.Store(_z.Pointer + u);
            TNumerics.Output(r * T.Load(state + u), InverseScale).Store(_reset.Staged + u);
        }
        _reset.Publish();
        _candidate.Multiply(_reset, _fromReset.Pointer);
        for (int u = 0; u < units; u += T.Count)
        {
            var n = TNumerics.Tanh(T.Load(a + 2 * units + u) + T.Load(_fromReset.Pointer + u));
            var z = T.Load(_z.Pointer + u);
            var h = TNumerics.State(T.FusedMultiplyAdd(z, T.Load(state + u), (T.All(TNumerics.One) - z) * n));
            h.Store(state + u);
            TNumerics.Output(h, InverseScale).Store(Hidden.Staged + u);
        }
        Hidden.Publish();
    }

    public override void Reset()
    {
        base.Reset();
        _state.Span.Clear();
    }

    public override Cell Clone() =>
        new ResetBeforeGruCell<T, TNumerics>(Layer, Precision, Kernel, _inputs, _gates, _candidate);
}

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
internal sealed unsafe class GruCell<T, TNumerics> : TwoProductCell
    where T : unmanaged, ILanes<T>
    where TNumerics : struct, INumerics
{
    private readonly AlignedBuffer<float> _r, _z;

    public GruCell(RnnLayer layer, Precision precision, Kernel kernel)
        : base(layer, precision, kernel) => (_r, _z, Memory) = (NewUnits(), NewUnits(), NewUnits());

    private GruCell(GruCell<T, TNumerics> other)
        : base(other) => (_r, _z, Memory) = (NewUnits(), NewUnits(), NewUnits());

    public override void Update()
    {
        int units = Layer.Units;
        float* a = FromInputs.Pointer, b = FromHidden.Pointer, r = _r.Pointer, z = _z.Pointer, state = Memory!.Pointer;
        Gates<T, TNumerics>.Sigmoid(a, b, r, units);
        Gates<T, TNumerics>.Sigmoid(a + units, b + units, z, units);
        float inverseScale = InverseScale;
        float* an = a + 2 * units, bn = b + 2 * units, hidden = Hidden.Staged;
        for (int u = 0; u < units; u += T.Count)
        {
            var n = TNumerics.Tanh(T.FusedMultiplyAdd(T.Load(r + u), T.Load(bn + u), T.Load(an + u)));
            var zu = T.Load(z + u);
            var h = TNumerics.State(T.FusedMultiplyAdd(zu, T.Load(state + u), (T.All(TNumerics.One) - zu) * n));
            h.Store(state + u);
            TNumerics.Output(h, inverseScale).Store(hidden + u);
        }
        Hidden.Publish();
    }

    public override Cell Clone() => new GruCell<T, TNumerics>(this);
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
    private readonly AlignedBuffer<float> _r, _z;
    private readonly Signal _reset;

    public ResetBeforeGruCell(RnnLayer layer, Precision precision, Kernel kernel)
        : this(layer, precision, kernel,
            new(kernel, precision, layer.WeightIh, layer.BiasIh, layer.InputScale),
            new(kernel, precision, layer.WeightHh!, layer.BiasHh, layer.OutputScale, 0, 2 * layer.Units),
            new(kernel, precision, layer.WeightHh!, layer.BiasHh, layer.OutputScale, 2 * layer.Units, layer.Units))
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
        (_r, _z, Memory) = (NewUnits(), NewUnits(), NewUnits());
        _reset = new(layer.Units, precision, kernel);
    }

    public override void Step(Signal x)
    {
        _inputs.Multiply(x, _fromInputs.Pointer);
        _gates.Multiply(Hidden, _fromHidden.Pointer);

        int units = Layer.Units;
        float* a = _fromInputs.Pointer, b = _fromHidden.Pointer, r = _r.Pointer, z = _z.Pointer, state = Memory!.Pointer;
        Gates<T, TNumerics>.Sigmoid(a, b, r, units);
        Gates<T, TNumerics>.Sigmoid(a + units, b + units, z, units);
        float inverseScale = InverseScale;
        for (int u = 0; u < units; u += T.Count)
            TNumerics.Output(T.Load(r + u) * T.Load(state + u), inverseScale).Store(_reset.Staged + u);
        _reset.Publish();
        _candidate.Multiply(_reset, _fromReset.Pointer);
        float* an = a + 2 * units, bn = _fromReset.Pointer, hidden = Hidden.Staged;
        for (int u = 0; u < units; u += T.Count)
        {
            var n = TNumerics.Tanh(T.Load(an + u) + T.Load(bn + u));
            var zu = T.Load(z + u);
            var h = TNumerics.State(T.FusedMultiplyAdd(zu, T.Load(state + u), (T.All(TNumerics.One) - zu) * n));
            h.Store(state + u);
            TNumerics.Output(h, inverseScale).Store(hidden + u);
        }
        Hidden.Publish();
    }

    public override Cell Clone() =>
        new ResetBeforeGruCell<T, TNumerics>(Layer, Precision, Kernel, _inputs, _gates, _candidate);
}

using EdgeRnn.Quantization;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), as PyTorch defines it.
/// <code>
/// i = σ(W_ii·x + b_ii + W_hi·h + b_hi)      [units], quantized Q0.15
/// f = σ(W_if·x + b_if + W_hf·h + b_hf)
/// g = tanh(W_ig·x + b_ig + W_hg·h + b_hg)
/// o = σ(W_io·x + b_io + W_ho·h + b_ho)
/// c = f·c + i·g                             [units], quantized int16 with cell_fraction_bits
/// h = o·tanh(c)                             [units], quantized int8 in units of 1/127
/// </code>
/// </summary>
internal sealed unsafe class LstmCell<T, TNumerics> : Cell
    where T : unmanaged, ILanes<T>
    where TNumerics : struct, INumerics
{
    private readonly Projection _inputs;
    private readonly Projection _recurrent;
    private readonly AlignedBuffer<float> _fromInputs;
    private readonly AlignedBuffer<float> _fromHidden;
    private readonly AlignedBuffer<float> _i, _f, _g, _o;
    private readonly AlignedBuffer<float> _cell;
    private readonly CellFormat _format;

    public LstmCell(RnnLayer layer, Precision precision, Kernel kernel)
        : this(layer, precision, kernel,
            new(kernel, precision, layer.WeightIh, layer.BiasIh, layer.InputScale),
            new(kernel, precision, layer.WeightHh!, layer.BiasHh, layer.OutputScale))
    {
    }

    private LstmCell(RnnLayer layer, Precision precision, Kernel kernel, Projection inputs, Projection recurrent)
        : base(layer, precision, kernel)
    {
        _inputs = inputs;
        _recurrent = recurrent;
        _fromInputs = inputs.NewResult();
        _fromHidden = recurrent.NewResult();
        (_i, _f, _g, _o, _cell) = (NewUnits(), NewUnits(), NewUnits(), NewUnits(), NewUnits());
        _format = new(layer.CellFractionBits);
    }

    public override ReadOnlySpan<float> CellState => _cell.Span[..Layer.Units];

    public override void Step(Signal x)
    {
        _inputs.Multiply(x, _fromInputs.Pointer);
        _recurrent.Multiply(Hidden, _fromHidden.Pointer);

        int units = Layer.Units;
        float* a = _fromInputs.Pointer, b = _fromHidden.Pointer;
        float* i = _i.Pointer, f = _f.Pointer, g = _g.Pointer, o = _o.Pointer;
        Gates<T, TNumerics>.Sigmoid(a, b, i, units);
        Gates<T, TNumerics>.Sigmoid(a + units, b + units, f, units);
        Gates<T, TNumerics>.Tanh(a + 2 * units, b + 2 * units, g, units);
        Gates<T, TNumerics>.Sigmoid(a + 3 * units, b + 3 * units, o, units);

        float inverseScale = InverseScale;
        var format = _format;
        float* cell = _cell.Pointer, hidden = Hidden.Staged;
        for (int u = 0; u < units; u += T.Count)
        {
            var c = T.FusedMultiplyAdd(T.Load(f + u), T.Load(cell + u), T.Load(i + u) * T.Load(g + u));
            c = TNumerics.Cell(c, format);
            c.Store(cell + u);
            TNumerics.Output(T.Load(o + u) * TNumerics.CellTanh(c), inverseScale).Store(hidden + u);
        }
        Hidden.Publish();
    }

    public override void Reset()
    {
        base.Reset();
        _cell.Span.Clear();
    }

    public override Cell Clone() => new LstmCell<T, TNumerics>(Layer, Precision, Kernel, _inputs, _recurrent);
}

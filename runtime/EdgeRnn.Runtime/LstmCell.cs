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
    private readonly AlignedBuffer<float> _cell;
    private readonly CellFormat _format;

    public LstmCell(RnnLayer layer, Precision precision, Kernel kernel)
        : this(layer, precision, kernel,
            new(kernel, layer.WeightIh, layer.BiasIh, layer.InputScale),
            new(kernel, layer.WeightHh!, layer.BiasHh, layer.OutputScale))
    {
    }

    private LstmCell(RnnLayer layer, Precision precision, Kernel kernel, Projection inputs, Projection recurrent)
        : base(layer, precision, kernel)
    {
        _inputs = inputs;
        _recurrent = recurrent;
        _fromInputs = inputs.NewResult();
        _fromHidden = recurrent.NewResult();
        _cell = new(layer.Units + 32);
        _format = new(layer.CellFractionBits);
    }

    public override ReadOnlySpan<float> CellState => _cell.Span[..Layer.Units];

    public override void Step(Signal x)
    {
        _inputs.Multiply(x, _fromInputs.Pointer);
        _recurrent.Multiply(Hidden, _fromHidden.Pointer);

        int units = Layer.Units;
        float inverseScale = InverseScale;
        var format = _format;
        float* a = _fromInputs.Pointer, b = _fromHidden.Pointer, cell = _cell.Pointer, hidden = Hidden.Staged;
        for (int u = 0; u < units; u += T.Count, a += T.Count, b += T.Count)
        {
            var i = TNumerics.Sigmoid(T.Load(a) + T.Load(b));
            var f = TNumerics.Sigmoid(T.Load(a + units) + T.Load(b + units));
            var g = TNumerics.Tanh(T.Load(a + 2 * units) + T.Load(b + 2 * units));
            var o = TNumerics.Sigmoid(T.Load(a + 3 * units) + T.Load(b + 3 * units));
            var c = TNumerics.Cell(T.FusedMultiplyAdd(f, T.Load(cell + u), i * g), format);
            c.Store(cell + u);
            TNumerics.Output(o * TNumerics.CellTanh(c), inverseScale).Store(hidden + u);
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

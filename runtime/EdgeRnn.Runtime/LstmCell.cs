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
internal sealed unsafe class LstmCell<T, TNumerics> : TwoProductCell
    where T : unmanaged, ILanes<T>
    where TNumerics : struct, INumerics
{
    private readonly AlignedBuffer<float> _i, _f, _g, _o;
    private readonly CellFormat _format;

    public LstmCell(RnnLayer layer, Precision precision, Kernel kernel)
        : base(layer, precision, kernel)
    {
        (_i, _f, _g, _o, Memory) = (NewUnits(), NewUnits(), NewUnits(), NewUnits(), NewUnits());
        _format = new(layer.CellFractionBits);
    }

    private LstmCell(LstmCell<T, TNumerics> other)
        : base(other)
    {
        (_i, _f, _g, _o, Memory) = (NewUnits(), NewUnits(), NewUnits(), NewUnits(), NewUnits());
        _format = other._format;
    }

    public override void Update()
    {
        int units = Layer.Units;
        float* a = FromInputs.Pointer, b = FromHidden.Pointer;
        float* i = _i.Pointer, f = _f.Pointer, g = _g.Pointer, o = _o.Pointer;
        Gates<T, TNumerics>.Sigmoid(a, b, i, units);
        Gates<T, TNumerics>.Sigmoid(a + units, b + units, f, units);
        Gates<T, TNumerics>.Tanh(a + 2 * units, b + 2 * units, g, units);
        Gates<T, TNumerics>.Sigmoid(a + 3 * units, b + 3 * units, o, units);

        float inverseScale = InverseScale;
        var format = _format;
        float* cell = Memory!.Pointer, hidden = Hidden.Staged;
        for (int u = 0; u < units; u += T.Count)
        {
            var c = T.FusedMultiplyAdd(T.Load(f + u), T.Load(cell + u), T.Load(i + u) * T.Load(g + u));
            c = TNumerics.Cell(c, format);
            c.Store(cell + u);
            TNumerics.Output(T.Load(o + u) * TNumerics.CellTanh(c), inverseScale).Store(hidden + u);
        }
        Hidden.Publish();
    }

    public override Cell Clone() => new LstmCell<T, TNumerics>(this);
}

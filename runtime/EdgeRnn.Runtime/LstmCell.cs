using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), as PyTorch
/// defines it.
/// <code>
/// i = σ(W_ii·x + b_ii + W_hi·h + b_hi)      [units], quantized Q0.15
/// f = σ(W_if·x + b_if + W_hf·h + b_hf)
/// g = tanh(W_ig·x + b_ig + W_hg·h + b_hg)
/// o = σ(W_io·x + b_io + W_ho·h + b_ho)
/// c = f·c + i·g                             [units], quantized int16 with cell_fraction_bits
/// h = o·tanh(c)                             [units], quantized int8 in units of 1/127
/// </code>
/// </summary>
internal sealed unsafe class LstmCell<TNumerics, T, TNumber, TConstants> : MemoryCell<TNumber>
    where TNumerics : struct, INumerics<T, TNumber, TConstants>
    where T : unmanaged
    where TNumber : unmanaged
    where TConstants : unmanaged
{
    private readonly Projection _gates;
    private readonly AlignedBuffer<float> _sums;
    private readonly AlignedBuffer<TNumber> _iAndF, _g, _o;
    private readonly TConstants _constants;

    public LstmCell(RnnLayer layer, Precision precision, Packing packing)
        : this(layer, precision, Projection.OfGates(packing, precision, layer))
    {
    }

    private LstmCell(RnnLayer layer, Precision precision, Projection gates)
        : base(layer, precision)
    {
        _gates = gates;
        _sums = gates.NewResult();
        Products = [new(gates, null, Hidden, _sums)];
        (_iAndF, _g, _o) = (NewUnits(2), NewUnits(), NewUnits());
        _constants = TNumerics.Constants(layer.CellFractionBits);
    }

    public override void Update(Signal x)
    {
        int units = Layer.Units;
        float* sums = _sums.Pointer;
        TNumber* i = _iAndF.Pointer, f = i + units, g = _g.Pointer, o = _o.Pointer, cell = Memory.Pointer;
        Gates<TNumerics, T, TNumber, TConstants>.Sigmoid(sums, i, 2 * units, _constants);
        Gates<TNumerics, T, TNumber, TConstants>.Tanh(sums + 2 * units, g, units, _constants);
        Gates<TNumerics, T, TNumber, TConstants>.Sigmoid(sums + 3 * units, o, units, _constants);

        var k = _constants;
        void* hidden = Hidden.Pointer;
        for (nint u = 0; u < units; u += TNumerics.Count)
        {
            var c = TNumerics.NextCell(
                TNumerics.Load(f + u), TNumerics.Load(cell + u), TNumerics.Load(i + u), TNumerics.Load(g + u), k);
            TNumerics.Store(c, cell + u);
            TNumerics.StoreBounded(TNumerics.Product(TNumerics.Load(o + u), TNumerics.TanhOfCell(c, k)), hidden, u, k);
        }
    }

    public override Cell Clone() => new LstmCell<TNumerics, T, TNumber, TConstants>(Layer, Precision, _gates);
}

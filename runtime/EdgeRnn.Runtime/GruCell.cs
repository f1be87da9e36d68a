using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// Gated recurrent unit (Cho et al. 2014) with the reset gate after the recurrent product, as PyTorch and cuDNN define
/// it.
/// <code>
/// r = σ(W_ir·x + b_ir + W_hr·h + b_hr)         [units], quantized Q0.15
/// z = σ(W_iz·x + b_iz + W_hz·h + b_hz)
/// n = tanh(W_in·x + b_in + r·(W_hn·h + b_hn))
/// h = (1 - z)·n + z·h                          [units], quantized: kept as Q0.15, read by products in units of 1/127
/// </code>
/// The original form has <c>n = tanh(W_in·x + b_in + W_hn·(r·h) + b_hn)</c>: the last product waits for the first gate.
/// </summary>
internal sealed unsafe class GruCell<TNumerics, T, TNumber, TConstants> : MemoryCell<TNumber>
    where TNumerics : struct, INumerics<T, TNumber, TConstants>
    where T : unmanaged
    where TNumber : unmanaged
    where TConstants : unmanaged
{
    private readonly Projection _gates, _input, _recurrent;
    private readonly AlignedBuffer<float> _gateSums, _inputSums, _recurrentSums;
    private readonly AlignedBuffer<TNumber> _rAndZ;
    private readonly TConstants _constants = TNumerics.Constants(0);

    public GruCell(RnnLayer layer, Precision precision, Packing packing)
        : this(layer, precision,
            Projection.OfGates(packing, precision, layer, 0, 2),
            Projection.OfInput(packing, precision, layer, 2),
            Projection.OfHidden(packing, precision, layer, 2))
    {
    }

    private GruCell(RnnLayer layer, Precision precision, Projection gates, Projection input, Projection recurrent)
        : base(layer, precision)
    {
        (_gates, _input, _recurrent) = (gates, input, recurrent);
        (_gateSums, _inputSums, _recurrentSums) = (gates.NewResult(), input.NewResult(), recurrent.NewResult());
        _rAndZ = NewUnits(2);
        Products = [new(gates, null, Hidden, _gateSums), new(input, null, null, _inputSums)];
        if (!layer.ResetBefore)
            Products = [.. Products, new(recurrent, Hidden, null, _recurrentSums)];
    }

    public override void Update(Signal x)
    {
        int units = Layer.Units;
        bool resetBefore = Layer.ResetBefore;
        TNumber* r = _rAndZ.Pointer, z = r + units, state = Memory.Pointer;
        float* fromInput = _inputSums.Pointer, fromHidden = _recurrentSums.Pointer;
        void* hidden = Hidden.Pointer;
        var k = _constants;
        Gates<TNumerics, T, TNumber, TConstants>.Sigmoid(_gateSums.Pointer, r, 2 * units, _constants);
        if (resetBefore)
        {
            // The hidden signal makes room for r·h: nothing reads it between the gates and the new state.
            for (nint u = 0; u < units; u += TNumerics.Count)
            {
                var reset = TNumerics.Product(TNumerics.Load(r + u), TNumerics.Load(state + u));
                TNumerics.StoreBounded(reset, hidden, u, k);
            }
            _recurrent.Multiply(Hidden, null, fromHidden, addend: fromInput);
        }
        for (nint u = 0; u < units; u += TNumerics.Count)
        {
            var n = TNumerics.LoadSums(fromHidden + u);
            if (!resetBefore)
                n = TNumerics.Candidate(TNumerics.LoadSums(fromInput + u), TNumerics.Load(r + u), n);
            var h = TNumerics.Blend(TNumerics.Load(z + u), TNumerics.Tanh(n, k), TNumerics.Load(state + u));
            TNumerics.Store(h, state + u);
            TNumerics.StoreBounded(h, hidden, u, k);
        }
    }

    public override Cell Clone() =>
        new GruCell<TNumerics, T, TNumber, TConstants>(Layer, Precision, _gates, _input, _recurrent);
}

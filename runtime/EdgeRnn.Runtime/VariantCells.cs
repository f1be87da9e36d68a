using System.Runtime.InteropServices;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// Float layers in the forms of other programs, as the ONNX operators RNN, GRU and LSTM define them: functions f, g and
/// h of the user's choice, limits of pre-activations, a state to begin with. Products run on the kernel, the rest one
/// unit at a time.
/// </summary>
internal abstract unsafe class VariantCell : Cell
{
    private readonly Function[] _functions;

    protected VariantCell(RnnLayer layer, params Function[] own)
        : base(layer, Precision.Float32)
    {
        Variant = layer.Variant!;
        _functions = Variant.Functions.Count > 0 ? [.. Variant.Functions] : own;
    }

    protected CellVariant Variant { get; }

    /// <summary>The cell of a recurrent layer, or a dense layer, that has a variant.</summary>
    public static Cell Create(RnnLayer layer, Packing packing)
    {
        const Precision Float = Precision.Float32;
        return layer.Kind switch
        {
            LayerKind.SimpleRnn => new VariantRnn(layer, Projection.OfGates(packing, Float, layer)),
            LayerKind.Lstm => new VariantLstm(layer, Projection.OfGates(packing, Float, layer)),
            LayerKind.Gru => new VariantGru(
                layer, Projection.OfGates(packing, Float, layer, 0, 2), Projection.OfInput(packing, Float, layer, 2),
                Projection.OfHidden(packing, Float, layer, 2)),
            _ => new VariantDense(layer, Projection.OfDense(packing, Float, layer)),
        };
    }

    public override void Reset()
    {
        base.Reset();
        Variant.InitialHidden?.Floats.CopyTo(new(Hidden.Floats, Layer.Units));
        Variant.InitialCell?.Floats.CopyTo(MemoryMarshal.Cast<byte, float>(MemoryBytes));
    }

    /// <summary>A function of a pre-activation: 0 is f, 1 is g, 2 is h.</summary>
    protected float Apply(int function, float x) =>
        Functions.Apply(_functions[function], Variant.Clip > 0 ? Math.Clamp(x, -Variant.Clip, Variant.Clip) : x);

    /// <summary>A function of what was no sum of products, which no clip limits.</summary>
    protected float ApplyUnclipped(int function, float x) => Functions.Apply(_functions[function], x);
}

/// <summary>h = f(W·x + W_hh·h + b)   [units]</summary>
internal sealed unsafe class VariantRnn : VariantCell
{
    private readonly Projection _weights;
    private readonly AlignedBuffer<float> _sums;

    public VariantRnn(RnnLayer layer, Projection weights)
        : base(layer, new Function(layer.Activation == Activation.Relu ? FunctionKind.Relu : FunctionKind.Tanh))
    {
        (_weights, _sums) = (weights, weights.NewResult());
        Products = [new(weights, null, Hidden, _sums)];
        Reset();
    }

    public override void Update(Signal x)
    {
        for (int u = 0; u < Layer.Units; u++)
            Hidden.Floats[u] = Apply(0, _sums.Pointer[u]);
    }

    public override Cell Clone() => new VariantRnn(Layer, _weights);
}

/// <summary>
/// <code>
/// i = f(W_i·x + W_hi·h + p_i∘c + b_i)      [units]
/// f = f(W_f·x + W_hf·h + p_f∘c + b_f), or 1 - i
/// g = g(W_g·x + W_hg·h + b_g)              c' = f∘c + i∘g
/// o = f(W_o·x + W_ho·h + p_o∘c' + b_o)     h' = o∘h(c')
/// </code>
/// </summary>
internal sealed unsafe class VariantLstm : VariantCell
{
    // Far beyond any use: f and i, which functions without bound may give, cannot take the cell state to infinity.
    private const float LargestCell = 1e12f;

    private readonly Projection _gates;
    private readonly AlignedBuffer<float> _sums;
    private readonly float[] _cell;

    public VariantLstm(RnnLayer layer, Projection gates)
        : base(layer, new(FunctionKind.Sigmoid), new(FunctionKind.Tanh), new(FunctionKind.Tanh))
    {
        (_gates, _sums, _cell) = (gates, gates.NewResult(), new float[layer.Units]);
        Products = [new(gates, null, Hidden, _sums)];
        Reset();
    }

    protected override Span<byte> MemoryBytes => MemoryMarshal.AsBytes(_cell.AsSpan());

    public override void Update(Signal x)
    {
        int units = Layer.Units;
        float* sums = _sums.Pointer;
        var peephole = Variant.Peephole is { } p ? p.Floats : default;
        for (int u = 0; u < units; u++)
        {
            float c = _cell[u];
            float i = Apply(0, Seen(peephole, u, c, sums[u]));
            float f = Variant.InputForget ? 1 - i : Apply(0, Seen(peephole, units + u, c, sums[units + u]));
            float g = Apply(1, sums[2 * units + u]);
            c = Math.Clamp(MathF.FusedMultiplyAdd(f, c, i * g), -LargestCell, LargestCell);
            float o = Apply(0, Seen(peephole, 2 * units + u, c, sums[3 * units + u]));
            _cell[u] = c;
            float h = o * ApplyUnclipped(2, c);
            Hidden.Floats[u] = Math.Clamp(h, -CellVariant.MaxParameter, CellVariant.MaxParameter);
        }
    }

    public override Cell Clone() => new VariantLstm(Layer, _gates);

    private static float Seen(ReadOnlySpan<float> peephole, int gate, float cell, float sum) =>
        peephole.IsEmpty ? sum : MathF.FusedMultiplyAdd(peephole[gate], cell, sum);
}

/// <summary>
/// <code>
/// r = f(W_r·x + W_hr·h + b_r)    z = f(W_z·x + W_hz·h + b_z)    h' = (1 - z)∘n + z∘h      [units]
/// n = g(W_n·x + b_n + r∘(W_hn·h + b_hn)), with reset_before g(W_n·x + b_n + W_hn·(r∘h) + b_hn)
/// </code>
/// </summary>
internal sealed unsafe class VariantGru : VariantCell
{
    private readonly Projection _gates, _input, _recurrent;
    private readonly AlignedBuffer<float> _gateSums, _inputSums, _recurrentSums;
    private readonly Signal _reset;

    public VariantGru(RnnLayer layer, Projection gates, Projection input, Projection recurrent)
        : base(layer, new(FunctionKind.Sigmoid), new(FunctionKind.Tanh))
    {
        (_gates, _input, _recurrent) = (gates, input, recurrent);
        (_gateSums, _inputSums, _recurrentSums) = (gates.NewResult(), input.NewResult(), recurrent.NewResult());
        _reset = new(layer.Units, Precision.Float32);
        Products = [new(gates, null, Hidden, _gateSums), new(input, null, null, _inputSums)];
        Reset();
    }

    public override void Update(Signal x)
    {
        int units = Layer.Units;
        float* gates = _gateSums.Pointer, a = _inputSums.Pointer, b = _recurrentSums.Pointer, hidden = Hidden.Floats;
        // The gates take the places of their sums.
        for (int u = 0; u < 2 * units; u++)
            gates[u] = Apply(0, gates[u]);
        for (int u = 0; u < units; u++)
            _reset.Floats[u] = gates[u] * hidden[u];
        _recurrent.Multiply(Layer.ResetBefore ? _reset : Hidden, null, b, addend: Layer.ResetBefore ? a : null);
        for (int u = 0; u < units; u++)
        {
            float candidate = Apply(1, Layer.ResetBefore ? b[u] : MathF.FusedMultiplyAdd(gates[u], b[u], a[u]));
            float z = gates[units + u];
            float h = MathF.FusedMultiplyAdd(z, hidden[u], (1 - z) * candidate);
            hidden[u] = Math.Clamp(h, -CellVariant.MaxParameter, CellVariant.MaxParameter);
        }
    }

    public override Cell Clone() => new VariantGru(Layer, _gates, _input, _recurrent);
}

/// <summary>y = f(W·x + b)   [units]</summary>
internal sealed unsafe class VariantDense : VariantCell
{
    private readonly Projection _weights;
    private readonly AlignedBuffer<float> _sums;

    public VariantDense(RnnLayer layer, Projection weights)
        : base(
            layer,
            layer.Activation == Activation.Relu ? new Function(FunctionKind.Relu) : new(FunctionKind.Affine, Alpha: 1))
    {
        (_weights, _sums) = (weights, weights.NewResult());
        Products = [new(weights, null, null, _sums)];
    }

    public override void Update(Signal x)
    {
        for (int u = 0; u < Layer.Units; u++)
            Hidden.Floats[u] = Apply(0, _sums.Pointer[u]);
    }

    public override Cell Clone() => new VariantDense(Layer, _weights);
}

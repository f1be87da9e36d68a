using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// Float layers in the forms of other programs, as the ONNX operators RNN, GRU and LSTM define them: functions f, g and h
/// of the user's choice, limits of pre-activations, a state to begin with. Products run on the kernel, the rest one unit
/// at a time.
/// </summary>
internal abstract unsafe class VariantCell : Cell
{
    private readonly Function[] _functions;

    protected VariantCell(RnnLayer layer, Kernel kernel, params Function[] own)
        : base(layer, Precision.Float32, kernel)
    {
        Variant = layer.Variant!;
        _functions = Variant.Functions.Count > 0 ? [.. Variant.Functions] : own;
    }

    protected CellVariant Variant { get; }

    /// <summary>The cell of a recurrent layer, or a dense layer, that has a variant.</summary>
    public static Cell Create(RnnLayer layer, Kernel kernel)
    {
        Projection Weights(Tensor weight, Tensor? bias, int first, int rows) =>
            new(kernel, Precision.Float32, weight, bias, 0, first, rows);
        var inputs = Weights(layer.WeightIh, layer.BiasIh, 0, layer.WeightIh.Rows);
        if (layer.WeightHh is not { } hh)
            return new VariantDense(layer, kernel, inputs);
        // The last gate of a GRU, whose product may come after the reset.
        int split = layer.Kind == LayerKind.Gru ? 2 * layer.Units : hh.Rows;
        var gates = Weights(hh, layer.BiasHh, 0, split);
        return layer.Kind switch
        {
            LayerKind.Lstm => new VariantLstm(layer, kernel, inputs, gates),
            LayerKind.Gru => new VariantGru(layer, kernel, inputs, gates, Weights(hh, layer.BiasHh, split, layer.Units)),
            _ => new VariantRnn(layer, kernel, inputs, gates),
        };
    }

    public override void Reset()
    {
        base.Reset();
        Variant.InitialHidden?.Floats.CopyTo(new(Hidden.Staged, Layer.Units));
        Variant.InitialCell?.Floats.CopyTo(Memory!.Span);
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
    private readonly Projection _inputs;
    private readonly Projection _recurrent;
    private readonly AlignedBuffer<float> _a;
    private readonly AlignedBuffer<float> _b;

    public VariantRnn(RnnLayer layer, Kernel kernel, Projection inputs, Projection recurrent)
        : base(layer, kernel, new Function(layer.Activation == Activation.Relu ? FunctionKind.Relu : FunctionKind.Tanh))
    {
        (_inputs, _recurrent, _a, _b) = (inputs, recurrent, inputs.NewResult(), recurrent.NewResult());
        Reset();
    }

    public override void Step(Signal x)
    {
        _inputs.Multiply(x, _a.Pointer);
        _recurrent.Multiply(Hidden, _b.Pointer);
        for (int u = 0; u < Layer.Units; u++)
            Hidden.Staged[u] = Apply(0, _a.Pointer[u] + _b.Pointer[u]);
        Hidden.Publish();
    }

    public override Cell Clone() => new VariantRnn(Layer, Kernel, _inputs, _recurrent);
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

    private readonly Projection _inputs;
    private readonly Projection _recurrent;
    private readonly AlignedBuffer<float> _a;
    private readonly AlignedBuffer<float> _b;

    public VariantLstm(RnnLayer layer, Kernel kernel, Projection inputs, Projection recurrent)
        : base(layer, kernel, new(FunctionKind.Sigmoid), new(FunctionKind.Tanh), new(FunctionKind.Tanh))
    {
        (_inputs, _recurrent, _a, _b) = (inputs, recurrent, inputs.NewResult(), recurrent.NewResult());
        Memory = NewUnits();
        Reset();
    }

    public override void Step(Signal x)
    {
        _inputs.Multiply(x, _a.Pointer);
        _recurrent.Multiply(Hidden, _b.Pointer);
        int units = Layer.Units;
        float* a = _a.Pointer, b = _b.Pointer, cell = Memory!.Pointer;
        var peephole = Variant.Peephole is { } p ? p.Floats : default;
        for (int u = 0; u < units; u++)
        {
            float c = cell[u];
            float i = Apply(0, Seen(peephole, u, c, a[u] + b[u]));
            float f = Variant.InputForget ? 1 - i : Apply(0, Seen(peephole, units + u, c, a[units + u] + b[units + u]));
            float g = Apply(1, a[2 * units + u] + b[2 * units + u]);
            c = Math.Clamp(MathF.FusedMultiplyAdd(f, c, i * g), -LargestCell, LargestCell);
            float o = Apply(0, Seen(peephole, 2 * units + u, c, a[3 * units + u] + b[3 * units + u]));
            cell[u] = c;
            Hidden.Staged[u] = Math.Clamp(o * ApplyUnclipped(2, c), -CellVariant.MaxParameter, CellVariant.MaxParameter);
        }
        Hidden.Publish();
    }

    public override Cell Clone() => new VariantLstm(Layer, Kernel, _inputs, _recurrent);

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
    private readonly Projection _inputs;
    private readonly Projection _gates;
    private readonly Projection _candidate;
    private readonly AlignedBuffer<float> _a;
    private readonly AlignedBuffer<float> _b;
    private readonly AlignedBuffer<float> _n;
    private readonly Signal _reset;

    public VariantGru(RnnLayer layer, Kernel kernel, Projection inputs, Projection gates, Projection candidate)
        : base(layer, kernel, new(FunctionKind.Sigmoid), new(FunctionKind.Tanh))
    {
        (_inputs, _gates, _candidate) = (inputs, gates, candidate);
        (_a, _b, _n) = (inputs.NewResult(), gates.NewResult(), candidate.NewResult());
        _reset = new(layer.Units, Precision.Float32, kernel);
        Reset();
    }

    public override void Step(Signal x)
    {
        int units = Layer.Units;
        float* a = _a.Pointer, b = _b.Pointer, n = _n.Pointer, hidden = Hidden.Staged;
        _inputs.Multiply(x, a);
        _gates.Multiply(Hidden, b);
        // The gates take the places of their sums.
        for (int u = 0; u < 2 * units; u++)
            b[u] = Apply(0, a[u] + b[u]);
        for (int u = 0; u < units; u++)
            _reset.Staged[u] = b[u] * hidden[u];
        _reset.Publish();
        _candidate.Multiply(Layer.ResetBefore ? _reset : Hidden, n);
        for (int u = 0; u < units; u++)
        {
            float r = Layer.ResetBefore ? 1 : b[u], z = b[units + u];
            float candidate = Apply(1, MathF.FusedMultiplyAdd(r, n[u], a[2 * units + u]));
            float h = MathF.FusedMultiplyAdd(z, hidden[u], (1 - z) * candidate);
            hidden[u] = Math.Clamp(h, -CellVariant.MaxParameter, CellVariant.MaxParameter);
        }
        Hidden.Publish();
    }

    public override Cell Clone() => new VariantGru(Layer, Kernel, _inputs, _gates, _candidate);
}

/// <summary>y = f(W·x + b)   [units]</summary>
internal sealed unsafe class VariantDense(RnnLayer layer, Kernel kernel, Projection weights)
    : VariantCell(
        layer, kernel, layer.Activation == Activation.Relu ? new Function(FunctionKind.Relu) : new(FunctionKind.Affine, Alpha: 1))
{
    private readonly AlignedBuffer<float> _result = weights.NewResult();

    public override void Step(Signal x)
    {
        weights.Multiply(x, _result.Pointer);
        for (int u = 0; u < Layer.Units; u++)
            Hidden.Staged[u] = Apply(0, _result.Pointer[u]);
        Hidden.Publish();
    }

    public override Cell Clone() => new VariantDense(Layer, Kernel, weights);
}

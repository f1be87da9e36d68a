namespace EdgeRnn.Format;

/// <summary>The form of a layer that is not one of ours. Its methods give null or what is wrong.</summary>
internal sealed class VariantMessage(ReadOnlyMemory<byte> message)
{
    // Of the two directions of an LSTM.
    private const int MostFunctions = 6;

    private readonly List<Function> _functions = [];
    private Tensor? _peephole;
    private Tensor? _initialHidden;
    private Tensor? _initialCell;
    private float _clip;
    private bool _inputForget;

    /// <summary>Checks the whole variant of a float layer.</summary>
    public string? Check(LayerKind kind, int directions, int units, Activation activation)
    {
        string? error = Read() ?? Functions(kind, directions, activation) ?? Clip(kind);
        if (error is not null)
            return error;
        bool isLstm = kind == LayerKind.Lstm;
        if (_inputForget && !isLstm)
            return "input_forget is true, expected it for lstm layers only";
        return State("peephole", _peephole, directions * 3 * units, isLstm) ??
            State("initial_hidden", _initialHidden, directions * units, kind != LayerKind.Dense) ??
            State("initial_cell", _initialCell, directions * units, isLstm);
    }

    /// <summary>The variant, after <see cref="Check"/> found nothing wrong.</summary>
    public CellVariant ToVariant() => new()
    {
        Functions = [.. _functions],
        Peephole = _peephole,
        Clip = _clip,
        InputForget = _inputForget,
        InitialHidden = _initialHidden,
        InitialCell = _initialCell,
    };

    private string? Read()
    {
        var wire = new WireReader(message);
        while (wire.Next())
        {
            switch (wire.Field)
            {
                case 1: ReadFunction(ref wire); break;
                case 2: _peephole = LayerMessage.ReadTensor(ref wire, "peephole"); break;
                case 3: _clip = wire.Float("clip"); break;
                case 4: _inputForget = wire.Bool("input_forget"); break;
                case 5: _initialHidden = LayerMessage.ReadTensor(ref wire, "initial_hidden"); break;
                case 6: _initialCell = LayerMessage.ReadTensor(ref wire, "initial_cell"); break;
                default: wire.Skip(); break;
            }
        }
        return wire.Error;
    }

    private void ReadFunction(ref WireReader outer)
    {
        var wire = new WireReader(outer.Repeated("functions"));
        uint kind = 0;
        float alpha = 0, beta = 0;
        while (wire.Next())
        {
            switch (wire.Field)
            {
                case 1: kind = wire.UInt32("kind"); break;
                case 2: alpha = Parameter(ref wire, "alpha"); break;
                case 3: beta = Parameter(ref wire, "beta"); break;
                default: wire.Skip(); break;
            }
        }
        if (kind is < (uint)FunctionKind.Tanh or > (uint)FunctionKind.Softplus)
            wire.Fail($"kind is {kind}, expected {(int)FunctionKind.Tanh} (tanh) to {(int)FunctionKind.Softplus} " +
                "(softplus)");
        if (_functions.Count == MostFunctions)
            wire.Fail($"there are more than {MostFunctions}, expected at most {MostFunctions}");
        if (wire.Error is { } error)
            outer.Fail($"functions: {error}");
        else
            _functions.Add(new((FunctionKind)kind, alpha, beta));
    }

    private static float Parameter(ref WireReader wire, string name)
    {
        float value = wire.Float(name);
        if (MathF.Abs(value) > CellVariant.MaxParameter)
            wire.Fail($"{name} is {value}, expected {-CellVariant.MaxParameter} to {CellVariant.MaxParameter}");
        return value;
    }

    private string? Functions(LayerKind kind, int directions, Activation activation)
    {
        int expected = directions * CellVariant.FunctionsOf(kind);
        if (_functions.Count != 0 && _functions.Count != expected)
            return $"functions has {_functions.Count} entries, expected none or {expected}";
        return _functions.Count > 0 && activation != Activation.Default
            ? "functions has entries and activation is 1 (relu), expected one of them"
            : null;
    }

    private string? Clip(LayerKind kind)
    {
        if (_clip is < 0 or > CellVariant.MaxParameter)
            return $"clip is {_clip}, expected 0 to {CellVariant.MaxParameter}";
        return _clip == 0 || kind != LayerKind.Dense ? null : $"clip is {_clip}, expected none in a dense layer";
    }

    private static string? State(string name, Tensor? tensor, int rows, bool isAllowed)
    {
        if (tensor is null)
            return null;
        if (!isAllowed)
            return $"{name} is present, expected it in {(name == "initial_hidden" ? "recurrent" : "lstm")} layers only";
        if (LayerMessage.CheckTensor(name, tensor, TensorType.Float32, rows, 1) is { } error)
            return error;
        foreach (float value in tensor.Floats)
        {
            if (MathF.Abs(value) > CellVariant.MaxParameter)
                return $"{name} contains {value}, expected {-CellVariant.MaxParameter} to {CellVariant.MaxParameter}";
        }
        return null;
    }
}

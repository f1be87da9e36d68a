using EdgeRnn.Quantization;

namespace EdgeRnn.Format;

/// <summary>
/// One layer's message. A row has at most 4,096 columns here, far below the 132,104 at which a sum of int8 products
/// (127 · 128 each) could leave int32, so the limits of inputs and units are the bound of the kernels too.
/// </summary>
internal sealed class LayerMessage(ReadOnlyMemory<byte> message, Precision precision, bool isHead)
{
    private readonly bool _quantized = precision != Precision.Float32;
    private uint _kind;
    private uint _inputSize;
    private uint _units;
    private uint _activation;
    private bool _resetBefore;
    private float _inputScale;
    private float _outputScale;
    private uint _cellFractionBits;
    private Tensor? _weightIh;
    private Tensor? _weightHh;
    private Tensor? _biasIh;
    private Tensor? _biasHh;
    private uint _direction;
    private VariantMessage? _variant;
    private float _epsilon;

    /// <summary>For error sentences: " (lstm)", or nothing while the kind is unknown.</summary>
    public string KindInBrackets => KindName is "" ? "" : $" ({KindName})";

    private string KindName => (LayerKind)_kind switch
    {
        LayerKind.SimpleRnn => "rnn",
        LayerKind.Lstm => "lstm",
        LayerKind.Gru => "gru",
        LayerKind.Dense => "dense",
        LayerKind.Norm => "norm",
        _ => "",
    };

    private LayerKind Kind => (LayerKind)_kind;

    private bool IsRecurrent => Kind is not (LayerKind.Dense or LayerKind.Norm);

    private int Directions => _direction == (uint)Direction.Bidirectional ? 2 : 1;

    private float HiddenScale =>
        precision == Precision.Int8 ? FixedPoint.Int8HiddenScale : FixedPoint.Int16HiddenScale;

    /// <summary>Checks the whole layer against itself and those before it; null or what is wrong.</summary>
    public string? Check(ReadOnlySpan<RnnLayer> before) =>
        Read() ?? Place(before) ?? Shape(before is [.., var last] ? last : null) ?? Options() ?? Tensors() ??
        Scales(before is [.., var previous] ? previous : null) ??
        ModelMessage.Under("variant", _variant?.Check(Kind, Directions, (int)_units, (Activation)_activation));

    /// <summary>The layer, after <see cref="Check"/> found nothing wrong.</summary>
    public RnnLayer ToLayer() => new()
    {
        Kind = Kind,
        InputSize = (int)_inputSize,
        Units = (int)_units,
        Activation = (Activation)_activation,
        ResetBefore = _resetBefore,
        WeightIh = _weightIh!,
        WeightHh = _weightHh,
        BiasIh = _biasIh!,
        BiasHh = _biasHh,
        InputScale = _inputScale,
        OutputScale = _outputScale,
        CellFractionBits = (int)_cellFractionBits,
        Direction = (Direction)_direction,
        Variant = _variant?.ToVariant(),
        Epsilon = _epsilon,
    };

    private string? Read()
    {
        var wire = new WireReader(message);
        while (wire.Next())
        {
            switch (wire.Field)
            {
                case 1: _kind = wire.UInt32("kind"); break;
                case 2: _inputSize = wire.UInt32("input_size"); break;
                case 3: _units = wire.UInt32("units"); break;
                case 4: _activation = wire.UInt32("activation"); break;
                case 5: _resetBefore = wire.Bool("reset_before"); break;
                case 6: _weightIh = ReadTensor(ref wire, "weight_ih"); break;
                case 7: _weightHh = ReadTensor(ref wire, "weight_hh"); break;
                case 8: _biasIh = ReadTensor(ref wire, "bias_ih"); break;
                case 9: _biasHh = ReadTensor(ref wire, "bias_hh"); break;
                case 10: _inputScale = wire.Float("input_scale"); break;
                case 11: _outputScale = wire.Float("output_scale"); break;
                case 12: _cellFractionBits = wire.UInt32("cell_fraction_bits"); break;
                case 13: _direction = wire.UInt32("direction"); break;
                case 14: _variant = new(wire.Bytes("variant")); break;
                case 15: _epsilon = wire.Float("epsilon"); break;
                default: wire.Skip(); break;
            }
        }
        return wire.Error;
    }

    // Type, rows and columns are what the file says here, clamped into their types; Tensors() compares them.
    internal static Tensor ReadTensor(ref WireReader outer, string name)
    {
        var wire = new WireReader(outer.Bytes(name));
        uint type = 0, rows = 0, columns = 0;
        ReadOnlyMemory<byte> data = default, scales = default;
        while (wire.Next())
        {
            switch (wire.Field)
            {
                case 1: type = wire.UInt32("type"); break;
                case 2: rows = wire.UInt32("rows"); break;
                case 3: columns = wire.UInt32("columns"); break;
                case 4: data = wire.Bytes("data"); break;
                case 5: scales = wire.Bytes("scales"); break;
                default: wire.Skip(); break;
            }
        }
        if (wire.Error is { } error)
            outer.Fail($"{name}: {error}");
        return new((TensorType)Math.Min(type, int.MaxValue), (int)Math.Min(rows, int.MaxValue),
            (int)Math.Min(columns, int.MaxValue), data, scales);
    }

    private string? Place(ReadOnlySpan<RnnLayer> before)
    {
        if (_kind is < (uint)LayerKind.SimpleRnn or > (uint)LayerKind.Norm)
            return $"kind is {_kind}, expected 1 (rnn), 2 (lstm), 3 (gru), 4 (dense) or 5 (norm)";
        if (before.IsEmpty && !IsRecurrent)
            return $"kind is {_kind} ({KindName}), expected the first layer to be recurrent";
        if (isHead && Kind != LayerKind.Dense)
            return $"kind is {_kind}, expected 4 (dense): the last layer is the head";
        foreach (var layer in before)
        {
            if (layer.Kind == LayerKind.Dense && IsRecurrent)
                return $"kind is {_kind}, expected 4 (dense) or 5 (norm) after a dense layer";
        }
        return null;
    }

    private string? Shape(RnnLayer? before)
    {
        if (_inputSize is < 1 or > RnnModel.MaxInputs)
            return $"input_size is {_inputSize}, expected 1 to {RnnModel.MaxInputs}";
        if (before is not null && _inputSize != before.Outputs)
            return $"input_size is {_inputSize}, expected {before.Outputs}, the " +
                $"{(before.Directions == 1 ? "units" : "outputs")} " +
                "of the layer before";
        if (_direction > (uint)Direction.Bidirectional)
            return $"direction is {_direction}, expected 0 (forward), 1 (reverse) or 2 (bidirectional)";
        if (_direction != 0 && !IsRecurrent)
            return $"direction is {_direction}, expected it in recurrent layers only";
        if (Kind == LayerKind.Norm && _units != _inputSize)
            return $"units is {_units}, expected {_inputSize}, the input_size: a norm layer gives as many as it reads";
        int most = RnnModel.MaxUnits / Directions;
        return _units >= 1 && _units <= most ? null : $"units is {_units}, expected 1 to {most}";
    }

    private string? Options()
    {
        if (_quantized && _direction != 0)
            return $"direction is {_direction}, expected 0 (forward): other directions are for float32 models";
        if (_quantized && _variant is not null)
            return "variant is present, expected it in float32 models only";
        if (_variant is not null && Kind == LayerKind.Norm)
            return "variant is present, expected none in a norm layer";
        if (Kind == LayerKind.Norm ? !(_epsilon is >= ModelMessage.SmallestScale and <= 1) : _epsilon != 0)
            return $"epsilon is {_epsilon}, expected " +
                (Kind == LayerKind.Norm ? $"{ModelMessage.SmallestScale} to 1" : "it in norm layers only");
        if (_activation > (uint)Activation.Relu)
            return $"activation is {_activation}, expected 0 (default) or 1 (relu)";
        bool mayBeRelu = Kind == LayerKind.SimpleRnn || Kind == LayerKind.Dense && !isHead;
        if (_activation == (uint)Activation.Relu && !mayBeRelu)
            return "activation is 1 (relu), expected 0: relu is for rnn layers and dense ones before the head";
        return !_resetBefore || Kind == LayerKind.Gru ? null : "reset_before is true, expected it for gru layers only";
    }

    private string? Tensors()
    {
        // At most 4 · 4,096 rows of 4,096: no product below leaves 31 bits but the bytes of floats, which are long.
        int rows = Directions * RnnLayer.GatesOf(Kind) * (int)_units;
        bool isNorm = Kind == LayerKind.Norm;
        var weights = _quantized && !isNorm ? TensorType.Int8 : TensorType.Float32;
        string? error = CheckTensor("weight_ih", _weightIh, weights, rows, isNorm ? 1 : (int)_inputSize) ??
            CheckTensor("bias_ih", _biasIh, TensorType.Float32, rows, 1);
        if (!IsRecurrent)
            return error ?? Absent("weight_hh", _weightHh) ?? Absent("bias_hh", _biasHh);
        return error ?? CheckTensor("weight_hh", _weightHh, weights, rows, (int)_units) ??
            (_biasHh is null ? null : CheckTensor("bias_hh", _biasHh, TensorType.Float32, rows, 1));
    }

    private static string? Absent(string name, Tensor? tensor) =>
        tensor is null ? null : $"{name} is present, expected it in recurrent layers only";

    internal static string? CheckTensor(string name, Tensor? tensor, TensorType type, int rows, int columns)
    {
        if (tensor is null)
            return $"{name} is missing, expected {rows} × {columns}";
        if (tensor.Type != type)
            return $"{name} has type {(int)tensor.Type}, expected {(int)type} ({TypeName(type)})";
        if (tensor.Rows != rows || tensor.Columns != columns)
            return $"{name} is {tensor.Rows} × {tensor.Columns}, expected {rows} × {columns}";
        int elementBytes = type == TensorType.Int8 ? sizeof(sbyte) : sizeof(float);
        long bytes = (long)rows * columns * elementBytes;
        if (tensor.Data.Length != bytes)
            return $"{name} has {tensor.Data.Length} bytes, expected {bytes} " +
                $"({rows} × {columns}{(elementBytes == 1 ? "" : " × 4")})";
        if (type == TensorType.Float32)
            return tensor.ScaleData.IsEmpty
                ? ModelMessage.Floats(name, tensor.Data, rows * columns, positive: false)
                : $"{name} has {tensor.ScaleData.Length} bytes of scales, expected none for floats";
        if (tensor.Int8s.Contains(sbyte.MinValue))
            return $"{name} contains -128, expected -127 to 127";
        return ModelMessage.Floats($"{name}.scales", tensor.ScaleData, rows, positive: true);
    }

    private static string TypeName(TensorType type) => type == TensorType.Int8 ? "int8" : "float32";

    private string? Scales(RnnLayer? before)
    {
        if (!_quantized)
            return Zero("input_scale", _inputScale) ?? Zero("output_scale", _outputScale) ??
                Zero("cell_fraction_bits", _cellFractionBits);
        if (_inputScale <= 0)
            return $"input_scale is {_inputScale}, expected a number above 0";
        if (_outputScale <= 0)
            return $"output_scale is {_outputScale}, expected a number above 0";
        if (isHead && _outputScale != FixedPoint.LogitScale)
            return $"output_scale is {_outputScale}, expected {FixedPoint.LogitScale}, that of logits";
        if (IsRecurrent && _activation == (uint)Activation.Default && _outputScale != HiddenScale)
            return $"output_scale is {_outputScale}, expected {HiddenScale}, which tanh bounds";
        if (_inputScale is < ModelMessage.SmallestScale or > ModelMessage.LargestScale)
            return $"input_scale is {_inputScale}, expected {ModelMessage.SmallestScale} to " +
                $"{ModelMessage.LargestScale}";
        if (_outputScale is < ModelMessage.SmallestScale or > ModelMessage.LargestScale)
            return $"output_scale is {_outputScale}, expected {ModelMessage.SmallestScale} to " +
                $"{ModelMessage.LargestScale}";
        if (before is not null && _inputScale != before.OutputScale)
            return $"input_scale is {_inputScale}, expected {before.OutputScale}, the output_scale of the layer before";
        if (Kind != LayerKind.Lstm)
            return Zero("cell_fraction_bits", _cellFractionBits);
        return _cellFractionBits is >= 1 and <= FixedPoint.MostCellFractionBits
            ? null
            : $"cell_fraction_bits is {_cellFractionBits}, expected 1 to {FixedPoint.MostCellFractionBits}";
    }

    private string? Zero(string name, float value) =>
        value == 0 ? null : $"{name} is {value}, expected none in a {(_quantized ? KindName : "float32")} layer";
}

using EdgeRnn.Trainer;

namespace EdgeRnn.Onnx.Import;

/// <summary>ONNX's LSTM, GRU and RNN as layers.</summary>
internal static class RecurrentOperator
{
    /// <summary>Y, Y_h and, of an LSTM, Y_c.</summary>
    public static Value[] Compute(Operation o)
    {
        var x = o.Signal(0);
        FloatValue w = o.Floats(1), r = o.Floats(2);
        var kind = o.Node.OpType switch { "LSTM" => LayerKind.Lstm, "GRU" => LayerKind.Gru, _ => LayerKind.SimpleRnn };
        bool isBatchFirst = o.Integer("layout", 0) != 0;
        if (x.Shape.Length != 3 || w.Shape.Length != 3 || r.Shape.Length != 3)
            throw new UserException(
                $"X, W and R have {x.Shape.Length}, {w.Shape.Length} and {r.Shape.Length} axes, expected 3 each");
        int units = r.Shape[2], gates = RnnLayer.GatesOf(kind), inputs = x.Shape[2];
        var direction = o.Text("direction", "forward") switch
        {
            "forward" => Direction.Forward,
            "reverse" => Direction.Reverse,
            "bidirectional" => Direction.Bidirectional,
            var other =>
                throw new UserException($"its direction is '{other}', expected forward, reverse or bidirectional"),
        };
        int directions = direction == Direction.Bidirectional ? 2 : 1;
        if (o.Integer("hidden_size", units) != units || units is < 1 or > RnnModel.MaxUnits)
            throw new UserException($"its hidden_size is {o.Integer("hidden_size", units)} and R has {units} " +
                $"columns, expected 1 to {RnnModel.MaxUnits}");
        if (inputs is < 1 or > RnnModel.MaxInputs)
            throw new UserException($"it reads {inputs} values a step, expected 1 to {RnnModel.MaxInputs}");
        Expect("W", w, directions, gates * units, inputs);
        Expect("R", r, directions, gates * units, units);

        var rows = Rows.Of(o.Stages, x, inputs);
        int steps = rows.Stage.Steps, batch = rows.Stage.Batch;
        for (int i = 0; i < rows.Places.Length; i++)
        {
            (int t, int b) = isBatchFirst ? (i % x.Shape[1], i / x.Shape[1]) : (i / x.Shape[1], i % x.Shape[1]);
            if (rows.Places.Length != batch * steps || rows.Places[i] != b * steps + t)
                throw new UserException("it does not read each step of each sequence once, in order");
        }
        if (o.Integers(4) is { } lengths && lengths.Any(length => length != steps))
            throw new UserException(
                "its sequence_lens end sequences before the last step, where EdgeRnn reads them whole");

        int[] order = GateOrder.Rows(kind, directions, units);
        var (biasIh, biasHh) = Biases(o, directions, gates * units, order);
        var functions = Functions(o, kind, directions);
        bool isRelu =
            kind == LayerKind.SimpleRnn && functions.Count > 0 && functions.All(f => f.Kind == FunctionKind.Relu);
        var variant = new CellVariant
        {
            Functions = isRelu ? [] : functions,
            Peephole = kind == LayerKind.Lstm ? Peephole(o, directions, units) : null,
            Clip = Clip(o),
            InputForget = kind == LayerKind.Lstm && o.Integer("input_forget", 0) != 0,
            InitialHidden = Start(o, 5, "initial_h", directions, batch, units, isBatchFirst),
            InitialCell = kind == LayerKind.Lstm
                ? Start(o, 6, "initial_c", directions, batch, units, isBatchFirst)
                : null,
        };
        bool isPlain = variant is
        {
            Functions.Count: 0, Peephole: null, Clip: 0, InputForget: false,
            InitialHidden: null, InitialCell: null
        };
        var layer = new RnnLayer
        {
            Kind = kind,
            Direction = direction,
            InputSize = rows.Stage.Features,
            Units = units,
            Activation = isRelu ? Activation.Relu : Activation.Default,
            ResetBefore = kind == LayerKind.Gru && o.Integer("linear_before_reset", 0) == 0,
            WeightIh = Matrix(w, order, rows.Features, rows.Stage.Features),
            WeightHh = Matrix(r, order, [.. Enumerable.Range(0, units)], units),
            BiasIh = biasIh,
            BiasHh = biasHh,
            Variant = isPlain ? null : variant,
        };
        return Results(o, o.Stages.Add(new Recurrent(rows.Stage, layer)), isBatchFirst);
    }

    // Y is [steps, directions, batch, units], or [batch, steps, directions, units]; Y_h is what Y has where each
    // direction ends.
    private static Value[] Results(Operation o, Recurrent stage, bool isBatchFirst)
    {
        int directions = stage.Layer.Directions, units = stage.Layer.Units;
        int[] shape = [stage.Batch, stage.Steps, directions, units];
        var all = new SignalValue(shape, [.. Enumerable.Range(stage.Start, stage.Count)]);
        int[] last = new int[stage.Batch * directions * units];
        for (int i = 0; i < last.Length; i++)
        {
            int feature = i % stage.Features;
            last[i] = stage.Start + (i / stage.Features * stage.Steps + stage.FinalStep(
                feature)!.Value) * stage.Features + feature;
        }
        var final = new SignalValue([stage.Batch, directions, units], last);
        var y = isBatchFirst ? all : Rearrangement.Transpose(all, [1, 2, 0, 3]);
        var h = isBatchFirst ? final : Rearrangement.Transpose(final, [1, 0, 2]);
        return o.Node.OpType == "LSTM"
            ? [y, h, new OpaqueValue(h.Shape, "the cell state of an LSTM", isStart: false)]
            : [y, h];
    }

    private static (Tensor Ih, Tensor? Hh) Biases(Operation o, int directions, int rows, int[] order)
    {
        if (o.Optional(3) is null)
            return (Tensor.FromFloats(order.Length, 1, new float[order.Length]), null);
        var b = o.Floats(3);
        Expect("B", b, directions, 2 * rows);
        // Of each direction the input's, then the recurrent ones.
        float[] Half(int half) => GateOrder.FromOnnx<float>(
            [.. Enumerable.Range(0, directions).SelectMany(d => b.Data.Skip((2 * d + half) * rows).Take(rows))], order);
        float[] ih = Half(0), hh = Half(1);
        return (Tensor.FromFloats(ih.Length, 1, ih), hh.All(x => x == 0) ? null : Tensor.FromFloats(hh.Length, 1, hh));
    }

    // Gates in our order; column k is that of feature columns[k].
    private static Tensor Matrix(FloatValue matrix, int[] order, int[] columns, int width)
    {
        float[] values = new float[Value.CountOf([order.Length, width])];
        for (int row = 0; row < order.Length; row++)
        {
            for (int k = 0; k < columns.Length; k++)
                values[order[row] * width + columns[k]] += matrix.Data[row * columns.Length + k];
        }
        return Tensor.FromFloats(order.Length, width, values);
    }

    private static Tensor? Peephole(Operation o, int directions, int units)
    {
        if (o.Optional(7) is null)
            return null;
        var p = o.Floats(7);
        Expect("P", p, directions, 3 * units);
        float[] values = GateOrder.FromOnnx<float>(p.Data, GateOrder.PeepholeRows(directions, units));
        return values.All(x => x == 0) ? null : Tensor.FromFloats(values.Length, 1, values);
    }

    private static Tensor? Start(
        Operation o, int input, string name, int directions, int batch, int units, bool isBatchFirst)
    {
        var given = o.Optional(input);
        if (given is null or OpaqueValue { IsStart: true })
            return null;
        Value start = given is FloatValue ? given : throw new UserException(
            $"its {name} is {Operation.Kind(given)}, expected constants, or an input of the network");
        int[] shape = isBatchFirst ? [batch, directions, units] : [directions, batch, units];
        Expect(name, start, shape);
        float[] values = ((FloatValue)(isBatchFirst ? start : Rearrangement.Transpose(start, [1, 0, 2]))).Data;
        int length = directions * units;
        if (Enumerable.Range(0, values.Length).Any(i => !values[i].Equals(values[i % length])))
            throw new UserException(
                $"its {name} differs from sequence to sequence of a batch, expected one start for all");
        return values.All(x => x == 0) ? null : Tensor.FromFloats(length, 1, values.AsSpan(0, length));
    }

    private static float Clip(Operation o)
    {
        float clip = o.Number("clip", 0);
        return float.IsFinite(clip) && clip >= 0
            ? clip
            : throw new UserException($"its clip is {clip}, expected a number above 0");
    }

    // Those of all directions; empty if they are the cell's own.
    private static IReadOnlyList<Function> Functions(Operation o, LayerKind kind, int directions)
    {
        string[] names = o.Texts("activations");
        if (names.Length == 0)
            return [];
        int count = directions * CellVariant.FunctionsOf(kind);
        if (names.Length != count)
            throw new UserException($"it has {names.Length} activations, expected {count}");
        var alphas = new Queue<float>(o.Numbers("activation_alpha"));
        var betas = new Queue<float>(o.Numbers("activation_beta"));
        Function[] functions = [.. names.Select(name => Function(name, alphas, betas))];
        FunctionKind[] own = kind switch
        {
            LayerKind.Lstm => [FunctionKind.Sigmoid, FunctionKind.Tanh, FunctionKind.Tanh],
            LayerKind.Gru => [FunctionKind.Sigmoid, FunctionKind.Tanh],
            _ => [FunctionKind.Tanh],
        };
        return functions.Select((f, i) => f.Kind == own[i % own.Length]).All(same => same) ? [] : functions;
    }

    // Parameters are taken in the order of the functions that have them; defaults are those of the operators of these
    // names.
    private static Function Function(string name, Queue<float> alphas, Queue<float> betas)
    {
        if (!Enum.TryParse(name, ignoreCase: true, out FunctionKind kind) || !name.All(char.IsLetter))
            throw new UserException($"its activation '{name}' is unknown");
        return kind switch
        {
            FunctionKind.HardSigmoid => new(kind, Next(alphas, 0.2f), Next(betas, 0.5f)),
            FunctionKind.Affine or FunctionKind.ScaledTanh =>
                new(kind, Next(alphas, 1), Next(betas, kind == FunctionKind.Affine ? 0 : 1)),
            FunctionKind.LeakyRelu => new(kind, Next(alphas, 0.01f)),
            FunctionKind.ThresholdedRelu or FunctionKind.Elu => new(kind, Next(alphas, 1)),
            _ => new(kind),
        };
    }

    private static float Next(Queue<float> values, float otherwise) =>
        values.TryDequeue(out float value) ? value : otherwise;

    private static void Expect(string name, Value value, params ReadOnlySpan<int> shape)
    {
        if (!value.Shape.AsSpan().SequenceEqual(shape))
            throw new UserException($"its {name} is {Value.Text(value.Shape)}, expected {Value.Text(shape)}");
    }
}

using EdgeRnn.Trainer;

namespace EdgeRnn.Onnx.Import;

/// <summary>What each operator makes of its inputs.</summary>
internal static class Operators
{
    private static readonly Dictionary<string, Func<Operation, Value[]>> Known = new()
    {
        // Moved elements
        ["Identity"] = o => [o.Input(0)],
        ["Dropout"] = o => [o.Input(0)],
        ["Transpose"] = o => [Rearrangement.Transpose(o.Input(0), o.Integers("perm"))],
        ["Reshape"] = o => [Rearrangement.Reshape(o.Input(0), Needed(o.Integers(1)), o.Integer("allowzero", 0) != 0)],
        ["Flatten"] = o => [Rearrangement.Flatten(o.Input(0), o.Integer("axis", 1))],
        ["Squeeze"] = o => [Rearrangement.Squeeze(o.Input(0), o.Integers(1, "axes"))],
        ["Unsqueeze"] = o => [Rearrangement.Unsqueeze(o.Input(0), Needed(o.Integers(1, "axes")))],
        ["Gather"] = o => [Rearrangement.Gather(o.Input(0), Indices(o), o.Integer("axis", 0))],
        ["Slice"] = o =>
            [Rearrangement.Slice(o.Input(0), Needed(o.Integers(1, "starts")), Needed(o.Integers(2, "ends")),
            o.Integers(3, "axes"), o.Integers(4))],
        ["Split"] = Split,
        ["Concat"] = o => [Concat(o)],
        ["Expand"] = o => [Expand(o)],

        // Constants and shapes
        ["Constant"] = o => [Constants.OfNode(o)],
        ["ConstantOfShape"] = o => [Constants.OfShape(o)],
        ["Shape"] = o => [Constants.Shape(o)],
        ["Cast"] = o => [Constants.Cast(o)],
        ["Equal"] = o => [Constants.Fold(o)],
        ["Where"] = o => [Constants.Where(o)],

        // Signals
        ["Add"] = o => [Arithmetic.Elementwise(o)],
        ["Sub"] = o => [Arithmetic.Elementwise(o)],
        ["Mul"] = o => [Arithmetic.Elementwise(o)],
        ["Div"] = o => [Arithmetic.Elementwise(o)],
        ["Neg"] = o => [Arithmetic.Scaled(o, -1)],
        ["BatchNormalization"] = o => [Arithmetic.BatchNormalization(o)],
        ["LayerNormalization"] = o => [Arithmetic.LayerNormalization(o)],
        ["MatMul"] = o => [Arithmetic.MatMul(o)],
        ["Gemm"] = o => [Arithmetic.Gemm(o)],
        ["ReduceMean"] = o => [Arithmetic.Reduce(o, Pooling.Mean)],
        ["ReduceMax"] = o => [Arithmetic.Reduce(o, Pooling.Max)],
        ["GlobalAveragePool"] = o => [Arithmetic.GlobalPool(o, Pooling.Mean)],
        ["GlobalMaxPool"] = o => [Arithmetic.GlobalPool(o, Pooling.Max)],
        ["Softmax"] = o => [Arithmetic.Softmax(o, isLog: false)],
        ["LogSoftmax"] = o => [Arithmetic.Softmax(o, isLog: true)],
        ["Tanh"] = o => [Arithmetic.Apply(o, new(FunctionKind.Tanh))],
        ["Sigmoid"] = o => [Arithmetic.Apply(o, new(FunctionKind.Sigmoid))],
        ["Relu"] = o => [Arithmetic.Apply(o, new(FunctionKind.Relu))],
        ["Softsign"] = o => [Arithmetic.Apply(o, new(FunctionKind.Softsign))],
        ["Softplus"] = o => [Arithmetic.Apply(o, new(FunctionKind.Softplus))],
        ["HardSigmoid"] = o =>
            [Arithmetic.Apply(o, new(FunctionKind.HardSigmoid, o.Number("alpha", 0.2f), o.Number("beta", 0.5f)))],
        ["LeakyRelu"] = o => [Arithmetic.Apply(o, new(FunctionKind.LeakyRelu, o.Number("alpha", 0.01f)))],
        ["ThresholdedRelu"] = o => [Arithmetic.Apply(o, new(FunctionKind.ThresholdedRelu, o.Number("alpha", 1)))],
        ["Elu"] = o => [Arithmetic.Apply(o, new(FunctionKind.Elu, o.Number("alpha", 1)))],

        ["LSTM"] = RecurrentOperator.Compute,
        ["GRU"] = RecurrentOperator.Compute,
        ["RNN"] = RecurrentOperator.Compute,
    };

    /// <summary>The results of a node.</summary>
    /// <exception cref="UserException">It cannot be lowered; why.</exception>
    public static IReadOnlyList<Value> Compute(Operation operation) =>
        Known.TryGetValue(operation.Node.OpType, out var compute)
            ? compute(operation)
            : throw new UserException(
                "EdgeRnn has no such operator around its layers; leave it out of the exported network");

    private static long[] Needed(long[]? integers) =>
        integers ?? throw new UserException("its constant integers are missing");

    private static IntegerValue Indices(Operation o) => o.Input(1) as IntegerValue
        ?? throw new UserException("it looks rows up by a signal, as embeddings do, which EdgeRnn has not");

    private static Value[] Split(Operation o)
    {
        var value = o.Input(0);
        int axis = Value.Axis(o.Integer("axis", 0), value.Shape.Length), parts = o.Node.Output.Count;
        int size = value.Shape[axis], equal = (size + parts - 1) / Math.Max(1, parts);
        long[] sizes = o.Integers(1, "split")
            ?? [.. Enumerable.Range(0, parts).Select(i => (long)Math.Clamp(size - i * equal, 0, equal))];
        if (sizes.Length != parts)
            throw new UserException($"it has {sizes.Length} sizes for {parts} outputs");
        var results = new Value[parts];
        long start = 0;
        for (int i = 0; i < parts; i++)
        {
            if (sizes[i] < 0 || sizes[i] > size - start)
                throw new UserException($"its sizes are beyond an axis of {size}");
            results[i] = Rearrangement.Slice(value, [start], [start + sizes[i]], [axis], null);
            start += sizes[i];
        }
        return results;
    }

    private static Value Concat(Operation o)
    {
        var first = o.Input(0);
        int axis = Value.Axis(o.Integer("axis", 0), first.Shape.Length);
        int[] shape = [.. first.Shape];
        shape[axis] = 0;
        for (int i = 0; i < o.Inputs.Count; i++)
        {
            var part = o.Input(i);
            if (part.GetType() != first.GetType())
                throw new UserException($"it joins {Operation.Kind(first)} and {Operation.Kind(part)}");
            if (part.Shape.Length != shape.Length || part.Shape.Where((size, a) => a != axis && size != shape[a]).Any())
                throw new UserException($"it joins {Value.Text(first.Shape)} and {Value.Text(part.Shape)}");
            shape[axis] = (int)Math.Min(int.MaxValue, (long)shape[axis] + part.Shape[axis]);
        }

        // All parts one after the other, of which the result is a rearrangement.
        int[] from = new int[Value.CountOf(shape)];
        int inner = Value.CountOf(shape.AsSpan(axis + 1)), outer = Value.CountOf(shape.AsSpan(0, axis));
        int next = 0;
        for (int row = 0; row < outer; row++)
        {
            int start = 0;
            foreach (var part in o.Inputs)
            {
                int length = part!.Shape[axis] * inner;
                for (int i = 0; i < length; i++)
                    from[next++] = start + row * length + i;
                start += part.Count;
            }
        }
        int[] flat = [from.Length];
        Value joined = first switch
        {
            FloatValue => new FloatValue(flat, [.. o.Inputs.SelectMany(part => ((FloatValue)part!).Data)]),
            IntegerValue => new IntegerValue(flat, [.. o.Inputs.SelectMany(part => ((IntegerValue)part!).Data)]),
            SignalValue => new SignalValue(flat, [.. o.Inputs.SelectMany(part => ((SignalValue)part!).Names)]),
            _ => first,
        };
        return joined.Take(shape, from);
    }

    private static Value Expand(Operation o)
    {
        long[] target = Needed(o.Integers(1));
        int[] shape = Array.ConvertAll(target, Constants.Size);
        return Rearrangement.Broadcast(o.Input(0), Rearrangement.Common(o.Input(0).Shape, shape));
    }
}

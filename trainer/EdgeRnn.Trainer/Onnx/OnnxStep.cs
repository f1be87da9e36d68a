using static EdgeRnn.Onnx.OnnxGraph;

namespace EdgeRnn.Onnx;

/// <summary>
/// The ONNX graph of one step of a stream, softmax included: reads <c>x [1, 1, inputs]</c> and each recurrent layer's
/// <c>h<i>n</i>_in</c> (and an LSTM's <c>c<i>n</i>_in</c>), all <c>[1, 1, units]</c>; gives <c>scores [1, 1, labels]</c>
/// and the states <c>h<i>n</i>_out</c>, <c>c<i>n</i>_out</c>. Sequence, batch and directions are 1, so a layer's final
/// state has the shape of the next one's input and no node is spent on reshaping.
/// </summary>
public static class OnnxStep
{
    // Where PyTorch's i f g o and r z n stand in ONNX's i o f c and z r h.
    private static readonly int[] LstmOrder = [0, 3, 1, 2];
    private static readonly int[] GruOrder = [1, 0, 2];

    /// <summary>
    /// The file's bytes. A float model becomes standard operators. Of an int8 model the LSTM layers become
    /// <c>DynamicQuantizeLSTM</c> with the model's own integers and row scales, and dense layers stay float.
    /// </summary>
    /// <exception cref="NotSupportedException">ONNX Runtime quantizes no GRU and no SimpleRNN.</exception>
    public static byte[] Write(RnnModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var graph = new OnnxGraph("edgernn-step");
        string x = Normalised(graph, model, graph.Input("x", 1, 1, model.InputSize));
        for (int n = 0; n < model.Layers.Count; n++)
            x = model.Layers[n].IsRecurrent ? Recurrent(graph, model.Layers[n], n, x) : Dense(graph, model.Layers[n], n, x);
        graph.Output("scores", 1, 1, model.Labels.Count);
        graph.Add("Softmax", [x], ["scores"], [Attribute("axis", -1)]);
        return graph.Write();
    }

    // (x - mean) · (1 / deviation), unless that changes nothing.
    private static string Normalised(OnnxGraph graph, RnnModel model, string x)
    {
        if (model.Mean.Floats.IndexOfAnyExcept(0f) >= 0)
            x = graph.Add("Sub", x, graph.Constant("mean", model.Mean.Floats, model.InputSize));
        float[] inverse = [.. model.Deviation.Floats.ToArray().Select(deviation => 1f / deviation)];
        return inverse.All(value => value == 1f)
            ? x
            : graph.Add("Mul", x, graph.Constant<float>("inverse_deviation", inverse, model.InputSize));
    }

    private static string Recurrent(OnnxGraph graph, RnnLayer layer, int n, string x)
    {
        bool isLstm = layer.Kind == LayerKind.Lstm;
        bool isInt8 = layer.WeightIh.Type == TensorType.Int8;
        if (isInt8 && !isLstm)
            throw new NotSupportedException($"ONNX Runtime has no quantized {layer.Kind}.");
        string h = graph.Input($"h{n}_in", 1, 1, layer.Units);
        string[] states = isLstm ? [h, graph.Input($"c{n}_in", 1, 1, layer.Units)] : [h];
        string[] outputs = ["", graph.Output($"h{n}_out", 1, 1, layer.Units)];
        if (isLstm)
            outputs = [.. outputs, graph.Output($"c{n}_out", 1, 1, layer.Units)];

        int[] order = layer.Kind switch { LayerKind.Lstm => LstmOrder, LayerKind.Gru => GruOrder, _ => [0] };
        float[] bias = [.. Gates(layer.BiasIh.Floats, layer, order),
            .. layer.BiasHh is null ? new float[layer.BiasIh.Rows] : Gates(layer.BiasHh.Floats, layer, order)];
        string b = graph.Constant<float>($"b{n}", bias, 1, bias.Length);
        if (isInt8)
            return QuantizedLstm(graph, layer, n, [x, b, .. states], outputs);

        string w = Matrix(graph, $"w{n}", layer.WeightIh, layer, order);
        string r = Matrix(graph, $"r{n}", layer.WeightHh!, layer, order);
        string operation = layer.Kind switch { LayerKind.Lstm => "LSTM", LayerKind.Gru => "GRU", _ => "RNN" };
        var attributes = new List<Proto.AttributeProto> { Attribute("hidden_size", layer.Units) };
        if (layer.Kind == LayerKind.Gru)
            attributes.Add(Attribute("linear_before_reset", layer.ResetBefore ? 0 : 1));
        if (layer.Activation == Activation.Relu)
            attributes.Add(Attribute("activations", "Relu"));
        graph.Add(operation, [x, w, r, b, "", .. states], outputs, [.. attributes]);
        return outputs[1];
    }

    // W and R are [1, columns, 4·units] here, scales and zero points [1, 4·units].
    private static string QuantizedLstm(OnnxGraph graph, RnnLayer layer, int n, string[] inputs, string[] outputs)
    {
        string[] w = Quantized($"w{n}", layer.WeightIh), r = Quantized($"r{n}", layer.WeightHh!);
        graph.Add(
            "DynamicQuantizeLSTM",
            [inputs[0], w[0], r[0], inputs[1], "", inputs[2], inputs[3], "", w[1], w[2], r[1], r[2]],
            outputs, [Attribute("hidden_size", layer.Units)], MicrosoftDomain);
        return outputs[1];

        string[] Quantized(string name, Tensor tensor)
        {
            sbyte[] rows = Gates(tensor.Int8s, layer, LstmOrder);
            return
            [
                graph.Constant<sbyte>(name, Transposed(rows, tensor.Rows, tensor.Columns), 1, tensor.Columns, tensor.Rows),
                graph.Constant<float>($"{name}_scale", Gates(tensor.Scales, layer, LstmOrder), 1, tensor.Rows),
                graph.Constant<sbyte>($"{name}_zero_point", new sbyte[tensor.Rows], 1, tensor.Rows),
            ];
        }
    }

    private static string Dense(OnnxGraph graph, RnnLayer layer, int n, string x)
    {
        float[] weights = Transposed(Real(layer.WeightIh), layer.Units, layer.InputSize);
        string w = graph.Constant<float>($"w{n}", weights, layer.InputSize, layer.Units);
        x = graph.Add("Add", graph.Add("MatMul", x, w), graph.Constant($"b{n}", layer.BiasIh.Floats, layer.Units));
        return layer.Activation == Activation.Relu ? graph.Add("Relu", x) : x;
    }

    private static string Matrix(OnnxGraph graph, string name, Tensor tensor, RnnLayer layer, int[] order) =>
        graph.Constant<float>(name, Gates(tensor.Floats, layer, order), 1, tensor.Rows, tensor.Columns);

    // The gates' blocks of rows in another order.
    private static T[] Gates<T>(ReadOnlySpan<T> values, RnnLayer layer, int[] order)
    {
        int block = values.Length / layer.Gates;
        var ordered = new T[values.Length];
        for (int g = 0; g < order.Length; g++)
            values.Slice(order[g] * block, block).CopyTo(ordered.AsSpan(g * block));
        return ordered;
    }

    private static T[] Transposed<T>(ReadOnlySpan<T> values, int rows, int columns)
    {
        var transposed = new T[values.Length];
        for (int i = 0; i < values.Length; i++)
            transposed[i % columns * rows + i / columns] = values[i];
        return transposed;
    }

    private static float[] Real(Tensor tensor)
    {
        if (tensor.Type == TensorType.Float32)
            return tensor.Floats.ToArray();
        var real = new float[tensor.Rows * tensor.Columns];
        for (int i = 0; i < real.Length; i++)
            real[i] = tensor.Int8s[i] * tensor.Scales[i / tensor.Columns];
        return real;
    }
}

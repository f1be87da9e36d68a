using static EdgeRnn.Onnx.OnnxGraph;

namespace EdgeRnn.Onnx;

/// <summary>
/// The ONNX graph of one step of a stream, softmax included: reads <c>x [1, 1, inputs]</c> and each recurrent layer's
/// <c>h<i>n</i>_in</c> (and an LSTM's <c>c<i>n</i>_in</c>), all <c>[1, 1, units]</c>; gives <c>scores [1, 1,
/// labels]</c> and the states <c>h<i>n</i>_out</c>, <c>c<i>n</i>_out</c>. Sequence, batch and directions are 1, so a
/// layer's final state has the shape of the next one's input and no node is spent on reshaping: what ONNX Runtime is
/// fastest with.
/// </summary>
public static class OnnxStep
{
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
        {
            var layer = model.Layers[n];
            x = layer.IsRecurrent
                ? Recurrent(graph, layer, n, x)
                : LayerNodes.OfRow(graph, Dequantized.Of(layer), n, x);
        }
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
        bool isLstm = layer.Kind == LayerKind.Lstm, isInt8 = layer.WeightIh.Type == TensorType.Int8;
        if (isInt8 && !isLstm)
            throw new NotSupportedException($"ONNX Runtime has no quantized {layer.Kind}.");
        string h = graph.Input($"h{n}_in", 1, 1, layer.Units);
        string[] states = isLstm ? [h, graph.Input($"c{n}_in", 1, 1, layer.Units)] : [h];
        string[] outputs = ["", graph.Output($"h{n}_out", 1, 1, layer.Units)];
        if (isLstm)
            outputs = [.. outputs, graph.Output($"c{n}_out", 1, 1, layer.Units)];
        if (isInt8)
            QuantizedLstm(graph, layer, n, x, states, outputs);
        else
            LayerNodes.Recurrent(graph, layer, n, x, states, outputs);
        return outputs[1];
    }

    // W and R are [1, columns, 4·units] here, scales and zero points [1, 4·units].
    private static void QuantizedLstm(
        OnnxGraph graph, RnnLayer layer, int n, string x, string[] states, string[] outputs)
    {
        int[] order = GateOrder.Rows(layer.Kind, layer.Directions, layer.Units);
        string[] w = Quantized("W", layer.WeightIh), r = Quantized("R", layer.WeightHh!);
        string b = graph.Constant<float>(LayerNodes.Name(n, "B"), LayerNodes.Bias(layer, order), 1, 2 * order.Length);
        graph.Add(
            "DynamicQuantizeLSTM", [x, w[0], r[0], b, "", .. states, "", w[1], w[2], r[1], r[2]], outputs,
            [Attribute("hidden_size", layer.Units)], MicrosoftDomain);

        string[] Quantized(string name, Tensor tensor)
        {
            name = LayerNodes.Name(n, name);
            sbyte[] rows =
                LayerNodes.Transposed<sbyte>(GateOrder.ToOnnx(tensor.Int8s, order), tensor.Rows, tensor.Columns);
            return
            [
                graph.Constant<sbyte>(name, rows, 1, tensor.Columns, tensor.Rows),
                graph.Constant<float>($"{name}_scale", GateOrder.ToOnnx(tensor.Scales, order), 1, tensor.Rows),
                graph.Constant<sbyte>($"{name}_zero_point", new sbyte[tensor.Rows], 1, tensor.Rows),
            ];
        }
    }
}

using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using EdgeRnn.Onnx.Proto;
using EdgeRnn.Trainer;
using Google.Protobuf;
using static EdgeRnn.Onnx.OnnxGraph;

namespace EdgeRnn.Onnx;

/// <summary>
/// Models to ONNX files of standard operators, for any number of sequences and steps: reads <c>input [batch, steps,
/// channels]</c> in the sensor's units and gives <c>scores</c> or <c>values</c>, <c>[batch, labels]</c> or, with an
/// output each step, <c>[batch, steps, labels]</c>. Of a quantized model it is the float network that its integers
/// stand for.
/// What a graph cannot say is in the file's metadata, from which <see cref="OnnxImport"/> makes the same model again.
/// </summary>
public static class OnnxExport
{
    private static readonly JsonSerializerOptions Plain =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The bytes of the file.</summary>
    /// <param name="model">The model.</param>
    /// <param name="isStateful">Whether states come in and go out: each recurrent layer n then has the inputs
    /// <c>h<i>n</i>_in</c> and, of an LSTM, <c>c<i>n</i>_in [1, batch, units]</c>, outputs of the same names with
    /// <c>_out</c>, and every step has a result.</param>
    /// <exception cref="UserException">The state of such a model says too little to go on from.</exception>
    public static byte[] Write(RnnModel model, bool isStateful = false) => ToModel(model, isStateful).ToByteArray();

    internal static ModelProto ToModel(RnnModel model, bool isStateful)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (isStateful && model.StreamRefusal is { } refusal)
            throw new UserException($"A graph with states cannot be made: {refusal}.");
        if (isStateful && model.Pooling is Pooling.Mean or Pooling.Max)
            throw new UserException("A graph with states cannot be made: the model pools all steps of a window; " +
                "export it without --stateful.");
        var graph = new OnnxGraph("edgernn");
        var network = Computed(model, isStateful);
        string x = Normalised(graph, network, graph.Input("input", "batch", "steps", model.InputSize));
        string output = Output(graph, network);
        x = graph.Add("Transpose", [x], Axes("perm", 1, 0, 2));
        string? final = null;
        for (int n = 0; n < network.FirstDense; n++)
            (x, final) = network.Layers[n].IsRecurrent
                ? Recurrent(graph, network.Layers[n], n, x, isStateful)
                : (LayerNodes.Norm(graph, network.Layers[n], n, x), null);
        x = Pooled(graph, network.Pooling, network.Layers.Last(layer => layer.IsRecurrent), x, final);
        for (int n = network.FirstDense; n < network.Layers.Count; n++)
            x = LayerNodes.OfRow(graph, network.Layers[n], n, x);
        Result(graph, network, x, output);
        Metadata(graph, model, isStateful);
        return graph.ToModel();
    }

    /// <summary>The float model that the graph computes.</summary>
    internal static RnnModel Computed(RnnModel model, bool isStateful)
    {
        var network = Dequantized.Of(model);
        return isStateful ? network with { Pooling = Pooling.EachStep, SelfTest = null } : network;
    }

    /// <summary>The inputs of a stateful graph of a single sequence, in their order.</summary>
    internal static IEnumerable<OnnxStart> States(RnnModel model)
    {
        for (int n = 0; n < model.FirstDense; n++)
        {
            var layer = model.Layers[n];
            if (!layer.IsRecurrent)
                continue;
            float[] Values(Tensor? start) => start is null ? new float[layer.Units] : start.Floats.ToArray();
            yield return new($"h{n}_in", [1, 1, layer.Units], Values(layer.Variant?.InitialHidden));
            if (layer.Kind == LayerKind.Lstm)
                yield return new($"c{n}_in", [1, 1, layer.Units], Values(layer.Variant?.InitialCell));
        }
    }

    private static string Normalised(OnnxGraph graph, RnnModel model, string x)
    {
        x = graph.Add("Sub", x, graph.Constant("input.mean", model.Mean.Floats, model.InputSize));
        return graph.Add("Div", x, graph.Constant("input.deviation", model.Deviation.Floats, model.InputSize));
    }

    // All steps, [steps, batch, outputs], and the final state, [directions, batch, units].
    private static (string All, string? Final) Recurrent(
        OnnxGraph graph, RnnLayer layer, int n, string x, bool isStateful)
    {
        bool isLstm = layer.Kind == LayerKind.Lstm;
        string[] starts = [Start(graph, layer, $"h{n}", layer.Variant?.InitialHidden, isStateful)];
        string[] finals = [isStateful ? graph.Output($"h{n}_out", 1, "batch", layer.Units) : $"layer{n}.Y_h"];
        if (isLstm)
            starts = [.. starts, Start(graph, layer, $"c{n}", layer.Variant?.InitialCell, isStateful)];
        if (isLstm && isStateful)
            finals = [.. finals, graph.Output($"c{n}_out", 1, "batch", layer.Units)];
        string y = LayerNodes.Name(n, "Y");
        LayerNodes.Recurrent(graph, layer, n, x, starts, [y, .. finals]);
        if (layer.Directions == 1)
            return (graph.Add("Squeeze", y, graph.Integers(LayerNodes.Name(n, "direction"), 1)), finals[0]);
        y = graph.Add("Transpose", [y], Axes("perm", 0, 2, 1, 3));
        return (graph.Add("Reshape", y, graph.Integers(LayerNodes.Name(n, "outputs"), 0, 0, layer.Outputs)), finals[0]);
    }

    private static string Start(OnnxGraph graph, RnnLayer layer, string name, Tensor? start, bool isStateful)
    {
        if (isStateful)
            return graph.Input($"{name}_in", 1, "batch", layer.Units);
        if (start is null)
            return "";
        // The same for each sequence of a batch.
        string value = graph.Constant($"{name}.start", start.Floats, layer.Directions, 1, layer.Units);
        string batch = graph.Add("Shape", ["input"], Attribute("start", 0), Attribute("end", 1));
        string shape = graph.Add(
            "Concat",
            [graph.Integers($"{name}.directions", layer.Directions), batch,
                graph.Integers($"{name}.units", layer.Units)],
            Attribute("axis", 0));
        return graph.Add("Expand", value, shape);
    }

    // [batch, outputs], or [batch, steps, outputs]. What is normalised has no final state but that of all its steps.
    private static string Pooled(OnnxGraph graph, Pooling pooling, RnnLayer last, string all, string? final) =>
        pooling switch
        {
            Pooling.EachStep => graph.Add("Transpose", [all], Axes("perm", 1, 0, 2)),
            Pooling.Mean => graph.Add("ReduceMean", [all], Axes("axes", 0), Attribute("keepdims", 0)),
            Pooling.Max => graph.Add("ReduceMax", [all], Axes("axes", 0), Attribute("keepdims", 0)),
            Pooling.LastStep => graph.Add("Gather", [all, graph.Constant("last", [-1L])], Attribute("axis", 0)),
            _ when final is null => FinalOf(graph, last, all),
            _ when last.Directions == 1 => graph.Add("Squeeze", final, graph.Integers("direction", 0)),
            _ => graph.Add("Reshape", graph.Add("Transpose", [final], Axes("perm", 1, 0, 2)),
                graph.Integers("states", 0, last.Outputs)),
        };

    private static string FinalOf(OnnxGraph graph, RnnLayer last, string all)
    {
        string At(string steps, string name, long step) =>
            graph.Add("Gather", [steps, graph.Constant(name, [step])], Attribute("axis", 0));

        if (last.Direction != Direction.Bidirectional)
            return last.Direction == Direction.Forward ? At(all, "last", -1) : At(all, "first", 0);
        graph.Add("Split", [all], ["forward", "reverse"], [Attribute("axis", 2)]);
        return graph.Add("Concat", [At("forward", "last", -1), At("reverse", "first", 0)], Attribute("axis", 1));
    }

    private static string Output(OnnxGraph graph, RnnModel network)
    {
        string name = network.OutputKind == OutputKind.Classes ? "scores" : "values";
        return network.Pooling == Pooling.EachStep
            ? graph.Output(name, "batch", "steps", network.Labels.Count)
            : graph.Output(name, "batch", network.Labels.Count);
    }

    private static void Result(OnnxGraph graph, RnnModel network, string x, string output)
    {
        if (network.OutputKind == OutputKind.Classes)
        {
            graph.Add("Softmax", [x], [output], [Attribute("axis", -1)]);
            return;
        }
        int labels = network.Labels.Count;
        x = graph.Add("Mul", x, graph.Constant("output.deviation", network.OutputDeviation!.Floats, labels));
        graph.Add("Add", [x, graph.Constant("output.mean", network.OutputMean!.Floats, labels)], [output]);
    }

    private static void Metadata(OnnxGraph graph, RnnModel model, bool isStateful)
    {
        graph.Metadata("precision", model.Precision.ToString().ToLowerInvariant());
        graph.Metadata("labels", JsonSerializer.Serialize(model.Labels, Plain));
        if (model.Channels.Count > 0)
            graph.Metadata("channels", JsonSerializer.Serialize(model.Channels, Plain));
        if (model.SampleRateHz > 0)
            graph.Metadata("sample_rate_hz", model.SampleRateHz.ToString(CultureInfo.InvariantCulture));
        if (model.Features is { } features)
            graph.Metadata("features", features.ToString());
        if (model.StreamMode == StreamMode.Window)
        {
            graph.Metadata("window", model.Window.ToString(CultureInfo.InvariantCulture));
            graph.Metadata("hop", model.Hop.ToString(CultureInfo.InvariantCulture));
        }
        if (isStateful)
        {
            foreach (var start in States(model).Where(start => start.Values.Any(value => value != 0)))
                graph.Metadata($"{start.Name}.start", JsonSerializer.Serialize(start.Values));
        }
        graph.Metadata(StoredModel.Key, StoredModel.Write(model));
    }
}

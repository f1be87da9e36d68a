using EdgeRnn.Onnx.Proto;
using static EdgeRnn.Onnx.OnnxGraph;

namespace EdgeRnn.Onnx;

/// <summary>A float layer as nodes of a graph, its tensors as constants named <c>layer0.W</c> and so on.</summary>
internal static class LayerNodes
{
    /// <summary>Name of a constant of a layer.</summary>
    public static string Name(int layer, string tensor) => $"layer{layer}.{tensor}";

    /// <summary>Appends ONNX's RNN, GRU or LSTM.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="n">Its number.</param>
    /// <param name="x">What it reads, <c>[steps, batch, inputs]</c>.</param>
    /// <param name="starts">Initial states, <c>[directions, batch, units]</c>, or empty names.</param>
    /// <param name="outputs">Names of Y, <c>[steps, directions, batch, units]</c>, Y_h and Y_c, or empty ones.</param>
    public static void Recurrent(OnnxGraph graph, RnnLayer layer, int n, string x, string[] starts, string[] outputs)
    {
        int directions = layer.Directions, units = layer.Units, rows = layer.Gates * units;
        int[] order = GateOrder.Rows(layer.Kind, directions, units);
        string Constant(string name, Tensor tensor, params ReadOnlySpan<int> shape) =>
            graph.Constant<float>(Name(n, name), GateOrder.ToOnnx(tensor.Floats, order), shape);

        List<string> inputs =
        [
            x,
            Constant("W", layer.WeightIh, directions, rows, layer.InputSize),
            Constant("R", layer.WeightHh!, directions, rows, units),
            graph.Constant<float>(Name(n, "B"), Bias(layer, order), directions, 2 * rows),
            "",
            .. starts,
        ];
        if (layer.Variant?.Peephole is { } peephole)
        {
            float[] p = GateOrder.ToOnnx(peephole.Floats, GateOrder.PeepholeRows(directions, units));
            inputs.Add(graph.Constant<float>(Name(n, "P"), p, directions, 3 * units));
        }
        int used = inputs.FindLastIndex(input => input.Length > 0) + 1;
        graph.Add(OperatorOf(layer.Kind), [.. inputs.Take(used)], outputs, [.. Attributes(layer)]);
    }

    /// <summary>ONNX's B: of each direction the input's biases, then the recurrent ones.</summary>
    public static float[] Bias(RnnLayer layer, int[] order)
    {
        float[] ih = GateOrder.ToOnnx(layer.BiasIh.Floats, order);
        float[] hh = layer.BiasHh is { } bias ? GateOrder.ToOnnx(bias.Floats, order) : new float[ih.Length];
        int rows = ih.Length / layer.Directions;
        return [.. Enumerable.Range(0, layer.Directions)
            .SelectMany(d => ih[(d * rows)..((d + 1) * rows)].Concat(hh[(d * rows)..((d + 1) * rows)]))];
    }

    /// <summary>W·x + b and its function, of the last axis; the constant W is <c>[inputs, units]</c>.</summary>
    public static string Dense(OnnxGraph graph, RnnLayer layer, int n, string x)
    {
        float[] weights = Transposed(layer.WeightIh.Floats, layer.Units, layer.InputSize);
        string w = graph.Constant<float>(Name(n, "W"), weights, layer.InputSize, layer.Units);
        x = graph.Add("MatMul", x, w);
        x = graph.Add("Add", x, graph.Constant(Name(n, "B"), layer.BiasIh.Floats, layer.Units));
        if (layer.Activation == Activation.Relu)
            return graph.Add("Relu", x);
        return layer.Variant is { Functions: [var function] } ? Applied(graph, function, n, x) : x;
    }

    /// <summary>Layer normalisation of the last axis.</summary>
    public static string Norm(OnnxGraph graph, RnnLayer layer, int n, string x)
    {
        string gain = graph.Constant(Name(n, "Scale"), layer.WeightIh.Floats, layer.Units);
        string offset = graph.Constant(Name(n, "B"), layer.BiasIh.Floats, layer.Units);
        return graph.Add(
            "LayerNormalization", [x, gain, offset], Attribute("axis", -1), Attribute("epsilon", layer.Epsilon));
    }

    /// <summary>A layer after pooling.</summary>
    public static string OfRow(OnnxGraph graph, RnnLayer layer, int n, string x) =>
        layer.Kind == LayerKind.Norm ? Norm(graph, layer, n, x) : Dense(graph, layer, n, x);

    /// <summary>Row-major, with rows and columns changed.</summary>
    public static T[] Transposed<T>(ReadOnlySpan<T> values, int rows, int columns)
    {
        var transposed = new T[values.Length];
        for (int i = 0; i < values.Length; i++)
            transposed[i % columns * rows + i / columns] = values[i];
        return transposed;
    }

    private static string Applied(OnnxGraph graph, Function function, int n, string x)
    {
        string Scaled(string operation, string input, string name, float factor) =>
            graph.Add(operation, input, graph.Constant(Name(n, name), [factor]));

        var (kind, alpha, beta) = function;
        return kind switch
        {
            FunctionKind.Affine => Scaled("Add", Scaled("Mul", x, "alpha", alpha), "beta", beta),
            FunctionKind.ScaledTanh => Scaled("Mul", graph.Add("Tanh", Scaled("Mul", x, "beta", beta)), "alpha", alpha),
            FunctionKind.HardSigmoid =>
                graph.Add("HardSigmoid", [x], Attribute("alpha", alpha), Attribute("beta", beta)),
            FunctionKind.LeakyRelu or FunctionKind.ThresholdedRelu or FunctionKind.Elu =>
                graph.Add(kind.ToString(), [x], Attribute("alpha", alpha)),
            _ => graph.Add(kind.ToString(), x),
        };
    }

    private static string OperatorOf(LayerKind kind) => kind switch
    {
        LayerKind.Lstm => "LSTM",
        LayerKind.Gru => "GRU",
        _ => "RNN",
    };

    private static IEnumerable<AttributeProto> Attributes(RnnLayer layer)
    {
        yield return Attribute("hidden_size", layer.Units);
        if (layer.Direction != Direction.Forward)
            yield return Attribute("direction", layer.Direction.ToString().ToLowerInvariant());
        if (layer.Kind == LayerKind.Gru)
            yield return Attribute("linear_before_reset", layer.ResetBefore ? 0 : 1);
        if (layer.Activation == Activation.Relu)
            yield return Attribute("activations", Enumerable.Repeat("Relu", layer.Directions));
        if (layer.Variant is not { } variant)
            yield break;
        if (variant.Clip > 0)
            yield return Attribute("clip", variant.Clip);
        if (variant.InputForget)
            yield return Attribute("input_forget", 1);
        var functions = variant.Functions;
        if (functions.Count == 0)
            yield break;
        yield return Attribute("activations", functions.Select(f => f.Kind.ToString()));
        // Each function that has an alpha, or a beta, takes the next of the list.
        float[] alphas = [.. functions.Where(f => HasAlpha(f.Kind)).Select(f => f.Alpha)];
        float[] betas = [.. functions.Where(f => HasBeta(f.Kind)).Select(f => f.Beta)];
        if (alphas.Length > 0)
            yield return Attribute("activation_alpha", alphas);
        if (betas.Length > 0)
            yield return Attribute("activation_beta", betas);
    }

    private static bool HasAlpha(FunctionKind kind) =>
        HasBeta(kind) || kind is FunctionKind.LeakyRelu or FunctionKind.ThresholdedRelu or FunctionKind.Elu;

    private static bool HasBeta(FunctionKind kind) =>
        kind is FunctionKind.HardSigmoid or FunctionKind.Affine or FunctionKind.ScaledTanh;
}

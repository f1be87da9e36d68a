using System.Globalization;
using System.Text.Json;
using EdgeRnn.Decisions;
using Spectre.Console;

namespace EdgeRnn.Cli;

/// <summary>A model in words: from what it reads to what becomes of its results, a branch for each layer.</summary>
internal static class ModelTree
{
    private const int MostChannels = 12;
    private const int MostLabels = 40;

    /// <summary>A layer as <c>--net</c> writes it.</summary>
    public static string NameOf(RnnLayer layer)
    {
        if (layer.Kind == LayerKind.Norm)
            return "norm";
        string kind = layer.Kind == LayerKind.SimpleRnn ? "rnn" : SharedOptions.NameOf(layer.Kind);
        string direction = layer.Direction switch
        {
            Direction.Bidirectional => ":bi",
            Direction.Reverse => ":reverse",
            _ => "",
        };
        string form = (layer.Activation == Activation.Relu ? ":relu" : "") + (layer.ResetBefore ? ":reset-before" : "");
        return $"{kind}:{layer.Units}{form}{direction}";
    }

    /// <summary>The name of a way to pool.</summary>
    public static string NameOf(Pooling pooling) => JsonNamingPolicy.SnakeCaseLower.ConvertName(pooling.ToString());

    /// <summary>Tensors of a layer, those of its form included.</summary>
    public static IEnumerable<(string Name, Tensor Tensor)> Tensors(RnnLayer layer)
    {
        (string, Tensor?)[] all =
        [
            ("weight_ih", layer.WeightIh),
            ("weight_hh", layer.WeightHh),
            ("bias_ih", layer.BiasIh),
            ("bias_hh", layer.BiasHh),
            ("peephole", layer.Variant?.Peephole),
            ("initial_hidden", layer.Variant?.InitialHidden),
            ("initial_cell", layer.Variant?.InitialCell),
        ];
        return all.Where(t => t.Item2 is not null).Select(t => (t.Item1, t.Item2!));
    }

    /// <summary>Elements of all tensors.</summary>
    public static long Parameters(RnnLayer layer) => Tensors(layer).Sum(t => (long)t.Tensor.Rows * t.Tensor.Columns);

    /// <summary>Bytes of all tensors, scales included.</summary>
    public static long Bytes(RnnLayer layer) => Tensors(layer).Sum(t => Bytes(t.Tensor));

    /// <inheritdoc cref="Bytes(RnnLayer)"/>
    public static long Bytes(Tensor tensor) => tensor.Data.Length + tensor.ScaleData.Length;

    /// <summary>Products of a step: one for each weight.</summary>
    public static long MultiplyAdds(RnnLayer layer) =>
        Count(layer.WeightIh) + (layer.WeightHh is { } recurrent ? Count(recurrent) : 0);

    /// <summary>Draws a model.</summary>
    public static Tree Draw(RnnModel model, string path, long fileBytes, bool? selfTest, bool isSigned)
    {
        var tree = new Tree(Label($"{path}  {SharedOptions.NameOf(model.Precision)}, {Figures.Bytes(fileBytes)}"))
        {
            Guide = TreeGuide.Line,
        };
        tree.AddNode(Label(
            $"format {model.FormatVersion}, numeric version {RnnModel.CurrentNumericVersion}, CRC-32C " +
                $"{model.Checksum:x8}"));
        AddInput(tree, model);
        for (int n = 0; n < model.Layers.Count; n++)
            AddLayer(tree, model, n);
        AddOutput(tree, model);
        tree.AddNode(Label($"stream: {Stream(model)}"));
        if (model.Decision != DecisionRules.None)
            tree.AddNode(Label(
                $"decisions: {model.Decision.ToText(model.Labels).Replace(",", ", ", StringComparison.Ordinal)}"));
        if (model.Training is { } t)
            AddTraining(tree, model, t);
        tree.AddNode(Label(selfTest switch
        {
            true => "self-test: passed",
            false => "self-test: FAILED: this machine computes other bits than the one that wrote the model",
            null => "self-test: none",
        }));
        if (isSigned)
            tree.AddNode(Label("signature: Ed25519; a host with --trust checks whose it is"));
        tree.AddNode(Label($"in all {Cost(
            model.Layers.Sum(Parameters), model.Layers.Sum(Bytes), model.Layers.Sum(MultiplyAdds))}"));
        return tree;
    }

    private static void AddInput(Tree tree, RnnModel model)
    {
        string rate = model.SampleRateHz > 0
            ? string.Create(CultureInfo.InvariantCulture, $", {model.SampleRateHz} steps a second")
            : "";
        var input = tree.AddNode(Label($"input: {Counted(model.InputSize, "channel")}{rate}"));
        if (model.Features is { } features)
            input.AddNode(Label($"features of sound: {features}"));
        int shown = Math.Min(MostChannels, model.InputSize);
        string[] names = [.. Enumerable.Range(0, shown)
            .Select(c => model.Channels.Count > 0 ? model.Channels[c] : c.ToString(CultureInfo.InvariantCulture))];
        int width = names.Max(name => name.Length);
        for (int c = 0; c < shown; c++)
        {
            input.AddNode(Label(
                $"{names[c].PadRight(width)}  mean {Figures.Short(model.Mean.Floats[c])}, "
                + $"deviation {Figures.Short(model.Deviation.Floats[c])}"));
        }

        if (model.InputSize > shown)
            input.AddNode(Label($"and {model.InputSize - shown} more"));
    }

    private static void AddLayer(Tree tree, RnnModel model, int n)
    {
        var layer = model.Layers[n];
        var branch = tree.AddNode(Label($"layer {n + 1}: {NameOf(layer)}, {layer.InputSize} -> {layer.Outputs}"));
        var tensors = Tensors(layer).ToArray();
        int width = tensors.Max(t => t.Name.Length), shapes = tensors.Max(t => Shape(t.Tensor).Length);
        branch.AddNode(
            Label($"{"cost".PadRight(width)}  {Cost(Parameters(layer), Bytes(layer), MultiplyAdds(layer))}"));
        foreach (var (name, tensor) in tensors)
            branch.AddNode(Label($"{name.PadRight(width)}  {Shape(tensor).PadRight(shapes)}  {Element(tensor)}"));
        if (model.Precision != Precision.Float32)
        {
            string cell = layer.Kind == LayerKind.Lstm
                ? $", cell Q{15 - layer.CellFractionBits}.{layer.CellFractionBits}"
                : "";
            branch.AddNode(Label(
                $"{"signals".PadRight(width)}  scale in {Figures.Short(layer.InputScale)}, out " +
                    $"{Figures.Short(layer.OutputScale)}{cell}"));
        }

        if (layer.Kind == LayerKind.Norm)
            branch.AddNode(Label($"{"epsilon".PadRight(width)}  {Figures.Short(layer.Epsilon)}"));
        if (layer.Variant is { } variant && Form(variant) is { Length: > 0 } form)
            branch.AddNode(Label($"{"form".PadRight(width)}  {form}"));
    }

    private static void AddOutput(Tree tree, RnnModel model)
    {
        bool areValues = model.OutputKind == OutputKind.Values;
        string pooling = model.Pooling == Pooling.Last ? "" : $", pooling {NameOf(model.Pooling).Replace('_', ' ')}";
        var output =
            tree.AddNode(Label($"output: {Counted(model.Labels.Count, areValues ? "value" : "class")}{pooling}"));
        if (!areValues)
        {
            string more = model.Labels.Count > MostLabels ? $" and {model.Labels.Count - MostLabels} more" : "";
            output.AddNode(Label(string.Join(", ", model.Labels.Take(MostLabels)) + more));
            return;
        }

        for (int i = 0; i < Math.Min(MostChannels, model.Labels.Count); i++)
        {
            output.AddNode(Label(
                $"{model.Labels[i]}  mean {Figures.Short(model.OutputMean!.Floats[i])}, "
                + $"deviation {Figures.Short(model.OutputDeviation!.Floats[i])}"));
        }

        if (model.Labels.Count > MostChannels)
            output.AddNode(Label($"and {model.Labels.Count - MostChannels} more"));
    }

    private static void AddTraining(Tree tree, RnnModel model, TrainingProvenance training)
    {
        static string Accuracy(float value) => Figures.Percent(value > 0 ? value : null);

        string name = training.DataSet.Length > 0 ? training.DataSet : "data without a name";
        var node = tree.AddNode(Label($"trained: on {name}, seed {training.Seed}, by edgernn {training.ToolVersion}"));
        if (model.OutputKind == OutputKind.Classes)
        {
            node.AddNode(Label(
                $"accuracy: validation {Accuracy(training.ValidationAccuracy)}, test " +
                    $"{Accuracy(training.TestAccuracy)}"));
        }
    }

    private static string Stream(RnnModel model) => model.StreamMode switch
    {
        StreamMode.Continuous => "continuous, an output a step",
        StreamMode.Offline => "none, as it reads whole sequences",
        _ => $"windows of {model.Window} steps, every {model.Hop}",
    };

    private static string Form(CellVariant variant)
    {
        List<string> parts = [.. variant.Functions.Select(f => SharedOptions.NameOf(f.Kind))];
        if (variant.Clip > 0)
            parts.Add($"clip {Figures.Short(variant.Clip)}");
        if (variant.InputForget)
            parts.Add("f = 1 - i");
        return string.Join(", ", parts);
    }

    private static string Element(Tensor tensor) => tensor.Type == TensorType.Float32
        ? "float32"
        : string.Create(
            CultureInfo.InvariantCulture, $"int8, scales {Smallest(tensor.Scales):G2} to {Largest(tensor.Scales):G2}");

    private static float Smallest(ReadOnlySpan<float> scales) => scales.ToArray().Min();

    private static float Largest(ReadOnlySpan<float> scales) => scales.ToArray().Max();

    private static string Shape(Tensor tensor) =>
        tensor.Columns == 1 ? $"[{tensor.Rows}]" : $"[{tensor.Rows}, {tensor.Columns}]";

    private static long Count(Tensor tensor) => (long)tensor.Rows * tensor.Columns;

    private static string Cost(long parameters, long bytes, long multiplyAdds) =>
        $"{Figures.Count(parameters)} parameters, {Figures.Bytes(bytes)}, {Figures.Count(multiplyAdds)} " +
            "multiply-adds a step";

    private static string Counted(int count, string what) =>
        count == 1 ? $"1 {what}" : $"{count} {what}{(what.EndsWith('s') ? "es" : "s")}";

    private static Text Label(string text) => new(text);
}

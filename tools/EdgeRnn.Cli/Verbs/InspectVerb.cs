using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using EdgeRnn.Decisions;
using EdgeRnn.Format;
using EdgeRnn.Trainer;
using Spectre.Console;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn inspect</c>: what is in a model file.</summary>
internal static class InspectVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var model = SharedOptions.Model();
        var json = SharedOptions.Json();
        var command = new Command("inspect", "Show what a model file holds, and run its self-test.") { model, json };
        command.SetAction(parsed =>
        {
            string path = parsed.GetRequiredValue(model);
            var loaded = SharedOptions.LoadModel(path);
            bool? selfTest = SelfTests.Passes(loaded);
            bool signed = ModelSignature.TryFind(File.ReadAllBytes(path), out _, out _);
            var terminal = new Terminal(parsed, parsed.GetValue(json));
            terminal.Result(
                Describe(loaded, path, selfTest, signed),
                Facts(loaded, path, selfTest, signed), new Text(""), Layers(loaded), Inputs(loaded));
            return selfTest == false ? CommandLine.Failed : CommandLine.Done;
        });
        return command;
    }

    private static Grid Facts(RnnModel model, string path, bool? selfTest, bool signed)
    {
        string window = model.StreamMode switch
        {
            StreamMode.Continuous => "continuous, an output a step",
            StreamMode.Offline => "none: it reads whole sequences",
            _ => $"windows of {model.Window} steps every {model.Hop}",
        };
        List<(string, string)> facts =
        [
            ("model", path),
            ("file", $"{Figures.Bytes(new FileInfo(path).Length)}, CRC-32C {model.Checksum:x8}, "
                + $"format {model.FormatVersion}, numeric version {RnnModel.CurrentNumericVersion}"),
            ("precision", SharedOptions.NameOf(model.Precision)),
            ("parameters", Figures.Count(model.Layers.Sum(Parameters))),
            ("stream", model.SampleRateHz > 0 ? $"{window}, {model.SampleRateHz} steps a second" : window),
            (model.OutputKind == OutputKind.Values ? "values" : "labels", string.Join(", ", model.Labels)),
        ];
        if (model.Features is { } features)
            facts.Add(("features", features.ToString()));
        if (model.Decision != DecisionRules.None)
            facts.Add(("decisions", model.Decision.ToText(model.Labels)));
        if (model.Pooling != Pooling.Last)
            facts.Add(("pooling", PoolingName(model)));
        if (model.Training is { } t)
        {
            facts.Add(("trained", $"on {t.DataSet}, seed {t.Seed}, by edgernn {t.ToolVersion}"));
            if (model.OutputKind == OutputKind.Classes)
                facts.Add(("accuracy", $"validation {Accuracy(t.ValidationAccuracy)}, test {Accuracy(t.TestAccuracy)}"));
        }

        facts.Add(("self-test", selfTest switch
        {
            true => "passed",
            false => "FAILED: this machine computes other bits than the one that wrote the model",
            null => "none",
        }));
        if (signed)
            facts.Add(("signature", "Ed25519; a host with --trust checks whose it is"));
        return Terminal.Facts(facts);
    }

    private static string PoolingName(RnnModel model) =>
        System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(model.Pooling.ToString());

    private static string Accuracy(float value) => Figures.Percent(value > 0 ? value : null);

    private static Table Layers(RnnModel model)
    {
        var table = Numbers("layer", "shape", "parameters", "bytes", "weight scales", "signals");
        foreach (var layer in model.Layers)
        {
            table.AddRow(
                Kind(layer),
                $"{layer.InputSize} -> {layer.Outputs}",
                Figures.Count(Parameters(layer)),
                Figures.Count(Tensors(layer).Sum(t => t.Tensor.Data.Length + t.Tensor.ScaleData.Length)),
                Range([.. Tensors(layer).SelectMany(t => t.Tensor.Scales.ToArray())]),
                Signals(model, layer));
        }

        return table;
    }

    /// <summary>A table whose first column are names, and the others numbers.</summary>
    private static Table Numbers(params string[] columns)
    {
        var table = new Table().SimpleBorder();
        foreach (string column in columns)
            table.AddColumn(column, c => c.Alignment(column == columns[0] ? Justify.Left : Justify.Right));
        return table;
    }

    private static string Signals(RnnModel model, RnnLayer layer)
    {
        if (model.Precision == Precision.Float32)
            return "float32";
        string cell = layer.Kind == LayerKind.Lstm
            ? $", cell Q{15 - layer.CellFractionBits}.{layer.CellFractionBits}"
            : "";
        return $"in {Figures.Short(layer.InputScale)}{cell}";
    }

    private static Table Inputs(RnnModel model)
    {
        const int Most = 12;
        var table = Numbers("channel", "mean", "deviation");
        for (int c = 0; c < Math.Min(Most, model.InputSize); c++)
        {
            string name = model.Channels.Count > 0 ? model.Channels[c] : c.ToString(CultureInfo.InvariantCulture);
            table.AddRow(
                Markup.Escape(name), Figures.Short(model.Mean.Floats[c]), Figures.Short(model.Deviation.Floats[c]));
        }

        if (model.InputSize > Most)
            table.AddRow($"and {model.InputSize - Most} more");
        return table;
    }

    private static JsonObject Describe(RnnModel model, string path, bool? selfTest, bool signed) => new()
    {
        ["model"] = path,
        ["bytes"] = new FileInfo(path).Length,
        ["checksum"] = model.Checksum.ToString("x8", CultureInfo.InvariantCulture),
        ["format_version"] = model.FormatVersion,
        ["numeric_version"] = RnnModel.CurrentNumericVersion,
        ["precision"] = SharedOptions.NameOf(model.Precision),
        ["parameters"] = model.Layers.Sum(Parameters),
        ["layers"] = new JsonArray([.. model.Layers.Select(Describe)]),
        ["labels"] = new JsonArray([.. model.Labels.Select(l => JsonValue.Create(l))]),
        ["channels"] = new JsonArray([.. model.Channels.Select(c => JsonValue.Create(c))]),
        ["mean"] = new JsonArray([.. model.Mean.Floats.ToArray().Select(v => JsonValue.Create(v))]),
        ["deviation"] = new JsonArray([.. model.Deviation.Floats.ToArray().Select(v => JsonValue.Create(v))]),
        ["features"] = model.Features?.ToString(),
        ["sample_rate_hz"] = model.SampleRateHz,
        ["stream"] = model.StreamMode.ToString().ToLowerInvariant(),
        ["window"] = model.Window,
        ["hop"] = model.Hop,
        ["decide"] = model.Decision.ToText(model.Labels),
        ["output"] = SharedOptions.NameOf(model.OutputKind),
        ["pooling"] = PoolingName(model),
        ["training"] = model.Training is not { } t ? null : new JsonObject
        {
            ["data_set"] = t.DataSet,
            ["seed"] = t.Seed,
            ["validation_accuracy"] = t.ValidationAccuracy,
            ["test_accuracy"] = t.TestAccuracy,
            ["tool_version"] = t.ToolVersion,
        },
        ["self_test"] = selfTest switch { true => "passed", false => "failed", null => null },
        ["signed"] = signed,
    };

    private static JsonObject Describe(RnnLayer layer) => new()
    {
        ["kind"] = Kind(layer),
        ["input_size"] = layer.InputSize,
        ["units"] = layer.Units,
        ["parameters"] = Parameters(layer),
        ["input_scale"] = layer.InputScale,
        ["output_scale"] = layer.OutputScale,
        ["cell_fraction_bits"] = layer.CellFractionBits,
        ["tensors"] = new JsonArray([.. Tensors(layer).Select(t => new JsonObject
        {
            ["name"] = t.Name,
            ["type"] = t.Tensor.Type.ToString().ToLowerInvariant(),
            ["shape"] = new JsonArray(t.Tensor.Rows, t.Tensor.Columns),
            ["bytes"] = t.Tensor.Data.Length + t.Tensor.ScaleData.Length,
            ["smallest_scale"] = t.Tensor.Scales.Length > 0 ? t.Tensor.Scales.ToArray().Min() : null,
            ["largest_scale"] = t.Tensor.Scales.Length > 0 ? t.Tensor.Scales.ToArray().Max() : null,
        })]),
    };

    private static string Kind(RnnLayer layer)
    {
        string kind = layer.Kind == LayerKind.SimpleRnn ? "rnn" : layer.Kind.ToString().ToLowerInvariant();
        string direction = layer.Direction switch
        {
            Direction.Bidirectional => ":bi",
            Direction.Reverse => ":reverse",
            _ => "",
        };
        return kind + direction + (layer.Variant is null ? "" : ":variant") + (layer.Activation == Activation.Relu ? ":relu" : "") + (layer.ResetBefore ? ":reset-before" : "");
    }

    private static IEnumerable<(string Name, Tensor Tensor)> Tensors(RnnLayer layer)
    {
        (string, Tensor?)[] all =
        [
            ("weight_ih", layer.WeightIh),
            ("weight_hh", layer.WeightHh),
            ("bias_ih", layer.BiasIh),
            ("bias_hh", layer.BiasHh),
        ];
        return all.Where(t => t.Item2 is not null).Select(t => (t.Item1, t.Item2!));
    }

    private static int Parameters(RnnLayer layer) => Tensors(layer).Sum(t => t.Tensor.Rows * t.Tensor.Columns);

    private static string Range(float[] scales) =>
        scales.Length == 0 ? "none" : $"{scales.Min():G2} to {scales.Max():G2}";
}

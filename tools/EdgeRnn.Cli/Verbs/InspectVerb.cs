using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using EdgeRnn.Format;
using EdgeRnn.Trainer;

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
                ModelTree.Draw(loaded, path, new FileInfo(path).Length, selfTest, signed));
            return selfTest == false ? CommandLine.Failed : CommandLine.Done;
        });
        return command;
    }

    private static JsonObject Describe(RnnModel model, string path, bool? selfTest, bool signed) => new()
    {
        ["model"] = path,
        ["bytes"] = new FileInfo(path).Length,
        ["checksum"] = model.Checksum.ToString("x8", CultureInfo.InvariantCulture),
        ["format_version"] = model.FormatVersion,
        ["numeric_version"] = RnnModel.CurrentNumericVersion,
        ["precision"] = SharedOptions.NameOf(model.Precision),
        ["parameters"] = model.Layers.Sum(ModelTree.Parameters),
        ["multiply_adds"] = model.Layers.Sum(ModelTree.MultiplyAdds),
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
        ["pooling"] = ModelTree.NameOf(model.Pooling),
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
        ["parameters"] = ModelTree.Parameters(layer),
        ["bytes"] = ModelTree.Bytes(layer),
        ["multiply_adds"] = ModelTree.MultiplyAdds(layer),
        ["input_scale"] = layer.InputScale,
        ["output_scale"] = layer.OutputScale,
        ["cell_fraction_bits"] = layer.CellFractionBits,
        ["epsilon"] = layer.Epsilon,
        ["tensors"] = new JsonArray([.. ModelTree.Tensors(layer).Select(t => new JsonObject
        {
            ["name"] = t.Name,
            ["type"] = t.Tensor.Type.ToString().ToLowerInvariant(),
            ["shape"] = new JsonArray(t.Tensor.Rows, t.Tensor.Columns),
            ["bytes"] = ModelTree.Bytes(t.Tensor),
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
        string form = (layer.Activation == Activation.Relu ? ":relu" : "") + (layer.ResetBefore ? ":reset-before" : "");
        return kind + direction + (layer.Variant is null ? "" : ":variant") + form;
    }
}

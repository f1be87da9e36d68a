using System.CommandLine;
using System.Text.Json.Nodes;
using EdgeRnn.Cli.Onnx;
using EdgeRnn.Onnx;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn import</c>: a network of another program as a float model.</summary>
internal static class ImportVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var onnx = SharedOptions.Required(
            "--onnx", "FILE", "The network, as PyTorch, Keras (tf2onnx) or edgernn export it.");
        var output = SharedOptions.Out("FILE", "The model (.ernn).");
        var labels = new Option<string?>("--labels")
        {
            HelpName = "A,B,…",
            Description = "Names of the classes or values; numbers where neither this nor the file has any.",
        };
        var kind = new Option<OutputKind?>("--output")
        {
            HelpName = "KIND",
            Description =
                "classes, which are given scores by softmax, or values. Left out: values for one unit and for a "
                + "function other than softmax, else classes.",
            CustomParser = result =>
                SharedOptions.Parsed<OutputKind?>(result, text => SharedOptions.ParseName<OutputKind>(text)),
        };
        var window = SharedOptions.Whole(
            "--window", "Steps of a stream's window. Left out: those the network was exported for, or a stream " +
                "without windows.", 1, 1 << 24);
        var hop = SharedOptions.Whole("--hop", "Steps from window to window. Left out: those of a window.", 1, 1 << 24);
        var noVerify = new Option<bool>("--no-verify") { Description = "Do not compare with ONNX Runtime." };
        var force = SharedOptions.Force();
        var json = SharedOptions.Json();
        var command = new Command("import", "Make a model of an ONNX file.")
        {
            onnx, output, labels, kind, window, hop, noVerify, force, json,
        };
        command.SetAction(parsed =>
        {
            string source = parsed.GetRequiredValue(onnx), path = parsed.GetRequiredValue(output);
            SharedOptions.RefuseOutput(path, parsed.GetValue(force), source);
            if (parsed.GetValue(hop) is not null && parsed.GetValue(window) is null)
                throw new UsageException("--hop is given without --window; give both.");
            var options = new OnnxImportOptions
            {
                Labels = parsed.GetValue(labels)?.Split(',', StringSplitOptions.TrimEntries) ?? [],
                Kind = parsed.GetValue(kind),
                Window = parsed.GetValue(window) ?? 0,
                Hop = parsed.GetValue(hop) ?? 0,
            };
            byte[] file = OnnxImport.Load(source);
            var network = Read(source, file, options);
            if (network.IsWhole && !options.IsEmpty)
                throw new UserException($"'{source}' holds a model with labels, outputs and windows of its own; "
                    + "leave out --labels, --output, --window and --hop.");
            double? difference = parsed.GetValue(noVerify) ? null : OnnxVerification.Run(file, network);
            ModelWriter.Save(path, network.Model, parsed.GetValue(force));
            Report(new Terminal(parsed, parsed.GetValue(json)), path, network, difference);
            return CommandLine.Done;
        });
        return command;
    }

    /// <summary>The network of a file.</summary>
    /// <exception cref="UserException">It cannot be imported; the sentence begins with the file.</exception>
    public static ImportedNetwork Read(string path, byte[] file, OnnxImportOptions options)
    {
        try
        {
            return OnnxImport.Read(file, options);
        }
        catch (UserException e)
        {
            throw new UserException($"Cannot import '{path}': {e.Message.TrimEnd('.')}.", e);
        }
    }

    private static void Report(Terminal terminal, string path, ImportedNetwork network, double? difference)
    {
        var model = network.Model;
        foreach (string note in network.Notes)
            terminal.Say($"note: {note}");
        if (model.StreamRefusal is { } refusal)
            terminal.Say($"note: {refusal}");
        string kind = SharedOptions.NameOf(model.OutputKind);
        var json = new JsonObject
        {
            ["model"] = path,
            ["layers"] = new JsonArray([.. model.Layers.Select(layer => JsonValue.Create(ModelTree.NameOf(layer)))]),
            ["inputs"] = model.InputSize,
            ["outputs"] = model.Labels.Count,
            ["output"] = kind,
            ["pooling"] = SharedOptions.NameOf(model.Pooling),
            ["steps"] = network.Steps > 0 ? network.Steps : null,
            ["largest_difference"] = difference,
        };
        terminal.Result(json, Terminal.Facts(
            ("model", path),
            ("layers", string.Join(", ", model.Layers.Select(ModelTree.NameOf))),
            ("input", $"{model.InputSize} a step, " +
                $"{(network.Steps > 0 ? $"{network.Steps} steps" : "any number of steps")}"),
            ("output", $"{model.Labels.Count} {kind}: {string.Join(", ", model.Labels)}"),
            ("verified", difference is { } d
                ? $"differs from ONNX Runtime by at most {Figures.Short(d)}"
                : "no (--no-verify)")));
    }
}

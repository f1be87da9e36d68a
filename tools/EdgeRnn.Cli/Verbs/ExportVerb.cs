using System.CommandLine;
using System.Text.Json.Nodes;
using EdgeRnn.Cli.Onnx;
using EdgeRnn.Onnx;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn export</c>: a model for other programs.</summary>
internal static class ExportVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var model = SharedOptions.Model();
        var onnx = new Option<string?>("--onnx")
        {
            HelpName = "FILE",
            Description = "Write an ONNX file, which ONNX Runtime, Netron and edgernn import read: any number of sequences and "
                + "steps, in float32.",
        };
        var stateful = new Option<bool>("--stateful")
        {
            Description = "For streams: the graph takes the state of each layer and gives it back, with a result each step.",
        };
        var noVerify = new Option<bool>("--no-verify") { Description = "Do not compare with ONNX Runtime." };
        var force = SharedOptions.Force();
        var json = SharedOptions.Json();
        var command = new Command("export", "Write a model for other programs.") { model, onnx, stateful, noVerify, force, json };
        command.SetAction(parsed =>
        {
            string source = parsed.GetRequiredValue(model);
            string path = parsed.GetValue(onnx) ?? throw new UsageException("There is nothing to write; give --onnx FILE.");
            SharedOptions.RefuseOutput(path, parsed.GetValue(force), source);
            var loaded = SharedOptions.LoadModel(source);
            byte[] file = OnnxExport.Write(loaded, parsed.GetValue(stateful));
            double? difference = parsed.GetValue(noVerify)
                ? null
                : OnnxVerification.Run(file, OnnxImport.Read(file, new()));
            AtomicFile.Write(path, file, parsed.GetValue(force));
            Report(new Terminal(parsed, parsed.GetValue(json)), path, loaded, file, parsed.GetValue(stateful), difference);
            return CommandLine.Done;
        });
        return command;
    }

    private static void Report(
        Terminal terminal, string path, RnnModel model, byte[] file, bool isStateful, double? difference)
    {
        string graph = isStateful ? "a result each step, states in and out" : "whole sequences";
        string verified = difference is { } d ? $"ONNX Runtime differs by at most {Figures.Short(d)}" : "no (--no-verify)";
        var json = new JsonObject
        {
            ["onnx"] = path,
            ["bytes"] = file.Length,
            ["stateful"] = isStateful,
            ["largest_difference"] = difference,
        };
        terminal.Result(json, Terminal.Facts(
            ("onnx", $"{path}, {Figures.Bytes(file.Length)}"),
            ("graph", $"{graph}, float32"),
            ("metadata", $"the {SharedOptions.NameOf(model.Precision)} model, which edgernn import takes out again"),
            ("verified", verified)));
    }
}

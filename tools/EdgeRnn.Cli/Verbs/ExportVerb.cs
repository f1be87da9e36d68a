using System.CommandLine;
using System.Text;
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
            Description =
                "Write an ONNX file, which ONNX Runtime, Netron and edgernn import read: any number of sequences "
                + "and steps, in float32.",
        };
        var stateful = new Option<bool>("--stateful")
        {
            Description =
                "The ONNX graph takes the state of each layer and gives it back, with a result each step: for "
                + "streams.",
        };
        var header = new Option<string?>("--c-header")
        {
            HelpName = "FILE",
            Description = "Write weights, scales and shapes as constant arrays of C99, for a microcontroller.",
        };
        var noVerify = new Option<bool>("--no-verify") { Description = "Do not compare with ONNX Runtime." };
        var force = SharedOptions.Force();
        var json = SharedOptions.Json();
        var command = new Command("export", "Write a model for other programs.")
        {
            model, onnx, stateful, header, noVerify, force, json,
        };
        command.SetAction(parsed =>
        {
            string source = parsed.GetRequiredValue(model);
            string? graph = parsed.GetValue(onnx), arrays = parsed.GetValue(header);
            bool isStateful = parsed.GetValue(stateful), overwrite = parsed.GetValue(force);
            if (graph is null && arrays is null)
                throw new UsageException("There is nothing to write; give --onnx FILE or --c-header FILE.");
            if (graph is null && isStateful)
                throw new UsageException("--stateful is given without --onnx; give both.");
            foreach (string path in new[] { graph, arrays }.OfType<string>())
                SharedOptions.RefuseOutput(path, overwrite, source);
            var loaded = SharedOptions.LoadModel(source);
            var result = new JsonObject { ["model"] = source };
            List<(string, string)> facts = [];
            if (graph is not null)
                WriteOnnx(loaded, graph, isStateful, parsed.GetValue(noVerify), overwrite, result, facts);
            if (arrays is not null)
                WriteHeader(loaded, arrays, overwrite, result, facts);
            new Terminal(parsed, parsed.GetValue(json)).Result(result, Terminal.Facts(facts));
            return CommandLine.Done;
        });
        return command;
    }

    private static void WriteOnnx(
        RnnModel model, string path, bool isStateful, bool skipsCheck, bool overwrite, JsonObject result,
        List<(string, string)> facts)
    {
        byte[] file = OnnxExport.Write(model, isStateful);
        double? difference = skipsCheck ? null : OnnxVerification.Run(file, OnnxImport.Read(file, new()));
        AtomicFile.Write(path, file, overwrite);
        result["onnx"] = path;
        result["onnx_bytes"] = file.Length;
        result["stateful"] = isStateful;
        result["largest_difference"] = difference;
        string precision = SharedOptions.NameOf(model.Precision);
        facts.Add(("onnx", $"{path}, {Figures.Bytes(file.Length)}"));
        facts.Add(("graph", isStateful
            ? "a result each step, states in and out, float32"
            : "whole sequences, float32"));
        facts.Add(("metadata", $"the {precision} model, which edgernn import takes out again"));
        facts.Add(("verified", difference is { } d
            ? $"ONNX Runtime differs by at most {Figures.Short(d)}"
            : "no (--no-verify)"));
    }

    private static void WriteHeader(
        RnnModel model, string path, bool overwrite, JsonObject result, List<(string, string)> facts)
    {
        byte[] header = Encoding.ASCII.GetBytes(CHeader.Write(model, path));
        AtomicFile.Write(path, header, overwrite);
        result["c_header"] = path;
        result["c_header_bytes"] = header.Length;
        facts.Add(("c header", $"{path}, {Figures.Bytes(header.Length)}"));
    }
}

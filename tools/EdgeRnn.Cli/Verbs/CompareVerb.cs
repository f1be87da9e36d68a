using System.CommandLine;
using System.Text.Json.Nodes;
using EdgeRnn.Cli.Onnx;
using EdgeRnn.Onnx;
using Spectre.Console;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn compare</c>: a model beside the ONNX graph it came from, or became.</summary>
internal static class CompareVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var model = SharedOptions.Model();
        var onnx = SharedOptions.Required("--onnx", "FILE", "The network that ONNX Runtime runs.");
        var data = SharedOptions.Data("--data", "Data to run both on, as kind:path[?key=value&…].", required: true);
        var json = SharedOptions.Json();
        var command =
            new Command("compare", "Run a model and an ONNX file on the same data.") { model, onnx, data, json };
        command.SetAction((parsed, cancellation) =>
        {
            var terminal = new Terminal(parsed, parsed.GetValue(json));
            var loaded = SharedOptions.LoadModel(parsed.GetRequiredValue(model));
            byte[] file = OnnxImport.Load(parsed.GetRequiredValue(onnx));
            // A graph that pools asks for a window; how long it is does not matter here.
            var options = new OnnxImportOptions { Kind = loaded.OutputKind, Window = Math.Max(1, loaded.Window) };
            var network = ImportVerb.Read(parsed.GetRequiredValue(onnx), file, options);
            var sequences = terminal.Load(parsed.GetRequiredValue(data)!).AlignedTo(loaded, isCut: false);
            var comparison = OnnxComparison.Run(loaded, file, network, sequences, cancellation);
            bool hasLabels = loaded.OutputKind == OutputKind.Classes && !sequences.EachStep;
            terminal.Result(
                Describe(comparison, sequences.Count, loaded, hasLabels),
                Table(comparison, sequences.Count, loaded, hasLabels), Facts(comparison, loaded, sequences.Count));
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }

    private static Table Table(OnnxComparison comparison, int samples, RnnModel model, bool hasLabels)
    {
        var table = new Table().SimpleBorder().AddColumn("");
        foreach (string column in (string[])["edgernn", "ONNX Runtime"])
            table.AddColumn(column, c => c.RightAligned());
        table.AddRow("precision", SharedOptions.NameOf(model.Precision), "float32");
        if (hasLabels)
        {
            (int right, int rightInGraph) = comparison.Correct;
            table.AddRow(
                "accuracy", Figures.Percent((double)right / samples), Figures.Percent((double)rightInGraph / samples));
        }
        (double us, double usOfGraph) = comparison.StepUs;
        table.AddRow("time of a step", Figures.Microseconds(us), Figures.Microseconds(usOfGraph));
        table.AddRow("steps a second", Figures.Count((long)(1e6 / us)), Figures.Count((long)(1e6 / usOfGraph)));
        return table;
    }

    private static Grid Facts(OnnxComparison comparison, RnnModel model, int samples)
    {
        bool areClasses = model.OutputKind == OutputKind.Classes;
        List<(string, string)> facts =
        [
            ("compared",
                $"{Figures.Count(comparison.Outputs)} outputs of {Figures.Count(samples)} whole sequences, one thread"),
            (areClasses ? "scores" : "values",
                $"differ by at most {Figures.Short(comparison.LargestDifference)}, on average " +
                    $"{Figures.Short(comparison.MeanDifference)}"),
        ];
        if (areClasses)
        {
            string percent = Figures.Percent((double)comparison.Agreeing / comparison.Outputs);
            facts.Insert(1, ("labels", $"{Figures.Count(comparison.Agreeing)} are the same ({percent})"));
        }
        return Terminal.Facts(facts);
    }

    private static JsonObject Describe(OnnxComparison comparison, int samples, RnnModel model, bool hasLabels) => new()
    {
        ["samples"] = samples,
        ["outputs"] = comparison.Outputs,
        ["precision"] = SharedOptions.NameOf(model.Precision),
        ["agreement"] = model.OutputKind == OutputKind.Classes
            ? (double)comparison.Agreeing / comparison.Outputs
            : null,
        ["accuracy"] = hasLabels ? (double)comparison.Correct.Model / samples : null,
        ["onnx_accuracy"] = hasLabels ? (double)comparison.Correct.Graph / samples : null,
        ["largest_difference"] = comparison.LargestDifference,
        ["mean_difference"] = comparison.MeanDifference,
        ["step_us"] = comparison.StepUs.Model,
        ["onnx_step_us"] = comparison.StepUs.Graph,
    };
}

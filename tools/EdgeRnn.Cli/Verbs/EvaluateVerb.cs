using System.CommandLine;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn evaluate</c>: how good a model is, by the very step that the board runs.</summary>
internal static class EvaluateVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var model = SharedOptions.Model();
        var data = SharedOptions.Data("--data", "Labelled data, as kind:path[?key=value&…].", required: true);
        var predictions = new Option<string?>("--predictions")
        {
            HelpName = "FILE",
            Description = "Write a CSV file with the predicted class and all scores of each sequence.",
        };
        var stream = new Option<bool>("--stream")
        {
            Description =
                "Run the sequences through a stream in the model's own mode, as the board does, and measure every "
                + "decision.",
        };
        var threads = SharedOptions.Threads();
        var force = SharedOptions.Force();
        var json = SharedOptions.Json();
        var command = new Command("evaluate", "Measure a model on labelled data.")
        {
            model, data, predictions, stream, threads, force, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var terminal = new Terminal(parsed, parsed.GetValue(json));
            string? file = parsed.GetValue(predictions);
            if (file is not null)
                SharedOptions.RefuseOutput(file, parsed.GetValue(force), parsed.GetRequiredValue(model));
            var loaded = SharedOptions.LoadModel(parsed.GetRequiredValue(model));
            bool isStream = parsed.GetValue(stream);
            var sequences = terminal.Load(parsed.GetRequiredValue(data)!).AlignedTo(loaded, isCut: !isStream);
            var evaluation = isStream
                ? Evaluator.EvaluateStream(loaded, sequences, keepPredictions: file is not null)
                : Evaluator.Evaluate(loaded, sequences, parsed.GetValue(threads), keepPredictions: file is not null);
            cancellation.ThrowIfCancellationRequested();
            if (file is not null)
                PredictionsFile.Write(file, evaluation.Predictions, parsed.GetValue(force));
            Report(terminal, loaded, evaluation, isStream, file);
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }

    private static void Report(Terminal terminal, RnnModel model, Evaluation evaluation, bool isStream, string? file)
    {
        int classes = model.Labels.Count;
        var json = new JsonObject
        {
            ["samples"] = evaluation.Samples,
            ["outputs"] = evaluation.Outputs,
            ["precision"] = SharedOptions.NameOf(model.Precision),
            ["labels"] = new JsonArray([.. model.Labels.Select(l => JsonValue.Create(l))]),
            ["replaced_readings"] = evaluation.ReplacedReadings,
            ["seconds"] = Math.Round(evaluation.Seconds, 3),
        };
        bool areValues = model.OutputKind == OutputKind.Values;
        if (areValues)
        {
            json["values"] = EvaluationText.Errors(evaluation);
        }
        else
        {
            json["accuracy"] = evaluation.Accuracy;
            json["loss"] = evaluation.Loss;
            json["confusion"] = Array(classes, row => Array(classes, column => evaluation.Confusion[row, column]));
        }

        if (file is not null)
            json["predictions"] = file;
        List<(string, string)> facts =
        [
            .. EvaluationText.Facts(evaluation, of: isStream ? "decision" : "step"),
            ("precision", SharedOptions.NameOf(model.Precision)),
            ("time", $"{evaluation.Seconds:0.00} s"),
        ];
        if (!areValues)
            facts.Insert(1, ("loss", Figures.Short(evaluation.Loss)));
        if (evaluation.ReplacedReadings > 0)
            facts.Add(("replaced readings", Figures.Count(evaluation.ReplacedReadings)));
        if (file is not null)
            facts.Add(("predictions", file));
        IRenderable confusion = new Text(areValues
            ? ""
            : ConfusionText.Draw(model.Labels, evaluation.Confusion, terminal.Output.Profile.Width));
        terminal.Result(json, Terminal.Facts(facts), confusion);
    }

    private static JsonArray Array(int count, Func<int, JsonNode> item) =>
        [.. Enumerable.Range(0, count).Select(item)];
}

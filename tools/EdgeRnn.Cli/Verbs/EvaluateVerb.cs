using System.CommandLine;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
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
            Description =
                "Write a CSV file with the predicted class and all scores of each sequence; of long recordings with "
                + "each word that was reported.",
        };
        var stream = new Option<bool>("--stream")
        {
            Description =
                "Run the sequences through a stream in the model's own mode, as the board does, and measure every "
                + "decision. On long recordings (room: or long:) words are spotted by the decision rules, and misses, "
                + "false accepts an hour and delays are counted.",
        };
        var decide = SharedOptions.Decide();
        var tolerance = SpottingOutput.Tolerance();
        var report = new Option<string?>("--report")
        {
            HelpName = "FILE",
            Description = "Of long recordings: write an HTML page with misses against false accepts over thresholds.",
        };
        var audio = new Option<string?>("--audio")
        {
            HelpName = "FILE.wav",
            Description = "Write the recording that room: makes, and its labels beside it, as long: reads them.",
        };
        var threads = SharedOptions.Threads();
        var force = SharedOptions.Force();
        var json = SharedOptions.Json();
        var command = new Command("evaluate", "Measure a model on labelled data.")
        {
            model, data, predictions, stream, decide, tolerance, report, audio, threads, force, json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(stream) is not null)
                return;
            foreach (var option in (Option[])[decide, tolerance, report, audio])
            {
                if (result.GetResult(option) is not null)
                    result.AddError($"{option.Name} belongs to --stream; name that too");
            }
        });
        command.SetAction((parsed, cancellation) =>
        {
            var terminal = new Terminal(parsed, parsed.GetValue(json));
            string? file = parsed.GetValue(predictions);
            string? sound = parsed.GetValue(audio);
            string[] outputs = [.. new[]
            {
                file, parsed.GetValue(report), sound, sound is null ? null : LongRecordingFile.LabelsOf(sound),
            }.OfType<string>()];
            foreach (string path in outputs)
                SharedOptions.RefuseOutput(path, parsed.GetValue(force), parsed.GetRequiredValue(model));
            if (outputs.Select(Path.GetFullPath).GroupBy(path => path).FirstOrDefault(g => g.Count() > 1) is { } twice)
            {
                throw new UsageException($"'{twice.Key}' would be written twice, as the labels of --audio go beside it as "
                    + ".csv; choose other names.");
            }

            var loaded = SharedOptions.LoadModel(parsed.GetRequiredValue(model));
            bool isStream = parsed.GetValue(stream);
            var spec = parsed.GetRequiredValue(data)!;
            var all = terminal.Load(spec);
            if (isStream && all.Long is not null)
            {
                var job = new SpottingJob(loaded, parsed.GetRequiredValue(model), spec, all)
                {
                    Decide = parsed.GetValue(decide),
                    Tolerance = parsed.GetValue(tolerance) ?? SpottingOutput.UsualTolerance,
                    Reports = file,
                    Page = parsed.GetValue(report),
                    Audio = parsed.GetValue(audio),
                    Force = parsed.GetValue(force),
                };
                job.Run(terminal, cancellation);
                return Task.FromResult(CommandLine.Done);
            }

            foreach (var option in (Option[])[decide, tolerance, report, audio])
            {
                if (parsed.GetResult(option) is not null)
                    throw new UsageException($"{option.Name} is for long recordings; name room: or long: data.");
            }

            var sequences = all.AlignedTo(loaded, isCut: !isStream);
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

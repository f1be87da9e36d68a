using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Report;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn report</c>: the page of a run once more, from what the run left behind.</summary>
internal static class ReportVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var run = new Argument<string>("RUN") { Description = "The folder that edgernn train wrote." };
        var data = SharedOptions.Data(
            "--data", "Data to examine the model on [default: what the run was tested or validated on]");
        var output = new Option<string?>("--out")
        {
            HelpName = "FILE",
            Description = "The page; one that exists is replaced [default: report.html in the folder]",
        };
        var threads = SharedOptions.Threads();
        var json = SharedOptions.Json();
        var command = new Command("report", "Write the report of a training run anew: one HTML file for a browser.")
        {
            run, data, output, threads, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var terminal = new Terminal(parsed, parsed.GetValue(json));
            string folder = parsed.GetRequiredValue(run);
            string path = parsed.GetValue(output) ?? Path.Combine(folder, "report.html");
            SharedOptions.RefuseOutput(
                path, overwrite: true, Path.Combine(folder, "model.ernn"), Path.Combine(folder, "history.csv"),
                Path.Combine(folder, "options.json"), Path.Combine(folder, "result.json"));
            var report = Read(folder, parsed.GetValue(data), parsed.GetValue(threads), terminal);
            cancellation.ThrowIfCancellationRequested();
            if (!RunPage.Write(path, terminal, report))
                throw new UserException($"'{path}' cannot be drawn on this system.");
            Report(terminal, report, path);
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }

    private static RunReport Read(string folder, DataSpec? other, int threads, Terminal terminal)
    {
        var model = SharedOptions.LoadModel(Path.Combine(folder, "model.ernn"));
        var options = ReadJson(Path.Combine(folder, "options.json"));
        var result = ReadJson(Path.Combine(folder, "result.json"));
        string Option(string name) => options[name]?.ToString()
            ?? throw new UserException($"'{folder}/options.json' has no '{name}'; train the run again.");
        ulong seed = ulong.Parse(Option("seed"), System.Globalization.CultureInfo.InvariantCulture);
        var spec = DataSpec.Parse(Option("data"));
        var all = terminal.Load(spec);
        if (all.IsAudio && model.Features is { } features)
            all = all.WithFeatures(features);
        var (train, validation) = Validation.Parse(Option("validation")).Apply(
            all, seed, allowSharedGroups: true, terminal);
        if (train.Channels.Count != model.InputSize || train.Labels.Count != model.Labels.Count)
        {
            throw new UserException(
                $"'{spec}' has {train.Channels.Count} channels and {train.Labels.Count} classes, but "
                + $"the model of '{folder}' has {model.InputSize} and {model.Labels.Count}; the data have changed " +
                    "since.");
        }

        var test = other ?? (options["test"] is { } text ? DataSpec.Parse(text.ToString()) : null);
        var tested = test is null ? null : terminal.Load(test).AlignedTo(model);
        using (StepTimer.WarmUp(ModelSummary.InAllPrecisions(model, train.Subset([0]))))
            Thread.Sleep(StepTimer.WarmAfter);
        var summary = ModelSummary.Of(model, train);
        return new()
        {
            Network = Option("net"),
            Options = RunPage.OptionsOf(options),
            Histories = [HistoryOf(folder, result, train, validation)],
            Train = train,
            Summary = summary,
            Examinations = RunReport.Examine(summary, train, validation, tested, threads),
            StepsAreRows = spec.Kind.StartsWith("idx", StringComparison.Ordinal),
            ToolVersion = CommandLine.Version,
        };
    }

    private static History HistoryOf(
        string folder, JsonObject result, SequenceDataset train, SequenceDataset? validation)
    {
        var epochs = History.ReadCsv(Path.Combine(folder, "history.csv"));
        string stopped = result["stopped"]?.ToString() ?? "";
        var reason = Enum.GetValues<StopReason>()
            .FirstOrDefault(r => JsonNamingPolicy.SnakeCaseLower.ConvertName(r.ToString()) == stopped);
        int best = Math.Clamp(result["best_epoch"]?.GetValue<int>() ?? 0, 0, epochs.Count);
        return new(
            epochs, best, reason, result["train_seconds"]?.GetValue<double>() ?? 0, train.Count, validation?.Count
                ?? 0);
    }

    private static JsonObject ReadJson(string path)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject ?? throw new JsonException("it is no object");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new UserException(
                $"'{path}' is not what edgernn train writes: {e.Message.TrimEnd('.')}; name the folder of a run.", e);
        }
    }

    private static void Report(Terminal terminal, RunReport report, string path)
    {
        var shown = report.Shown;
        var json = new JsonObject
        {
            ["report"] = path,
            ["part"] = shown.Part,
            ["samples"] = shown.Float.Samples,
            ["accuracy"] = shown.Float.Accuracy,
            ["int8_accuracy"] = shown.Int8Accuracy,
            ["int8_bytes"] = report.Summary.Int8Bytes,
            ["step_us"] = Math.Round(report.Summary.FloatMicroseconds, 3),
            ["int8_step_us"] = report.Summary.Int8Microseconds is { } us ? Math.Round(us, 3) : null,
        };
        if (shown.AreValues)
        {
            json.Remove("accuracy");
            json.Remove("int8_accuracy");
            json["values"] = EvaluationText.Errors(shown.Float);
        }

        var accuracy =
            ("accuracy", $"float {Figures.Percent(shown.Float.Accuracy)}, int8 {Figures.Percent(shown.Int8Accuracy)}");
        terminal.Result(json, Terminal.Facts(
        [
            ("report", path),
            ("examined on", $"{shown.Part} data, {Figures.Count(shown.Float.Samples)} sequences"),
            .. shown.AreValues ? EvaluationText.Facts(shown.Float) : [accuracy],
        ]));
    }
}

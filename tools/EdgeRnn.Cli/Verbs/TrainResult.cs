using System.Text.Json;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Report;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Cli;

/// <summary>What a training run came to.</summary>
/// <param name="Network">What was trained.</param>
/// <param name="History">How.</param>
/// <param name="Test">The look at the test set; null where there was none.</param>
/// <param name="Summary">Sizes and times.</param>
/// <param name="Examinations">What float32 and int8 made of each part of the data.</param>
internal sealed record TrainResult(
    Network Network, History History, Evaluation? Test, ModelSummary Summary, IReadOnlyList<Examination> Examinations)
{
    /// <summary>The model's file.</summary>
    public required string Model { get; init; }

    /// <summary>The page's file; null where it could not be written.</summary>
    public string? Page { get; init; }

    /// <summary>Whether the network gives values and not classes.</summary>
    public bool AreValues { get; init; }

    /// <summary>As <c>result.json</c> and <c>--json</c> have it.</summary>
    public JsonObject Json
    {
        get
        {
            var json = new JsonObject
            {
                ["epochs"] = History.Epochs.Count,
                ["best_epoch"] = History.BestEpoch,
                ["stopped"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(History.StopReason.ToString()),
                ["train_seconds"] = Math.Round(History.Seconds, 3),
                ["samples_per_second"] = Math.Round(History.SamplesPerSecond, 1),
            };
            if (!AreValues)
            {
                json["validation_accuracy"] = History.Best?.ValidationAccuracy;
                json["test_accuracy"] = Test?.Accuracy;
                json["int8_validation_accuracy"] = Int8Accuracy("validation");
                json["int8_test_accuracy"] = Int8Accuracy("test");
            }

            json["parameters"] = Network.ParameterCount;
            json["bytes"] = new FileInfo(Model).Length;
            json["int8_bytes"] = Summary.Int8Bytes;
            json["step_us"] = Math.Round(Summary.FloatMicroseconds, 3);
            json["int8_step_us"] = Summary.Int8Microseconds is { } us ? Math.Round(us, 3) : null;
            json["model"] = Model;
            if (Page is not null)
                json["report"] = Page;
            if (AreValues)
            {
                json["validation_loss"] = History.Best?.ValidationLoss;
                if (Examinations.FirstOrDefault(e => e.Part == "validation") is { } validated)
                {
                    json["validation_values"] = EvaluationText.Errors(validated.Float.Errors);
                    json["int8_validation_values"] = EvaluationText.Errors(validated.Int8Errors);
                }

                json["values"] = Test is null ? null : EvaluationText.Errors(Test);
            }

            return json;
        }
    }

    /// <summary>Shows it.</summary>
    public void Report(Terminal terminal)
    {
        string time = Figures.Time(TimeSpan.FromSeconds(History.Seconds));
        string bytes = Figures.Bytes(new FileInfo(Model).Length);
        List<(string, string)> facts =
        [
            ("model", Model),
            ("size", $"{Figures.Count(Network.ParameterCount)} parameters, {bytes}"),
            ("trained", $"{History.Epochs.Count} epochs in {time}, "
                + $"{Figures.Count((long)History.SamplesPerSecond)} samples/s; kept epoch {History.BestEpoch}"),
        ];
        if (AreValues)
        {
            facts.Add(("validation loss", History.Best?.ValidationLoss is { } loss
                ? Figures.Short(loss)
                : "not measured"));
            facts.AddRange(Test is null ? [("test", "not measured")] : EvaluationText.Facts(Test, "test "));
        }
        else
        {
            facts.Add(("validation accuracy", Figures.Percent(History.Best?.ValidationAccuracy)));
            facts.Add(("test accuracy", Figures.Percent(Test?.Accuracy)));
        }

        if (Page is not null)
            facts.Add(("report", Page));
        terminal.Result(Json, Terminal.Facts(facts));
    }

    private double? Int8Accuracy(string part) => Examinations.FirstOrDefault(e => e.Part == part)?.Int8Accuracy;
}

using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Report;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Cli;

/// <summary>A network of a cross-validation with what it says of the part that it never saw.</summary>
internal sealed record Fold(
    string Name, SequenceDataset Held, Evaluation Evaluation, History History, SequenceDataset Train, RnnModel Model);

/// <summary>The folder of a cross-validation: report.html, options.json and result.json.</summary>
internal sealed class FoldsOutput(string folder, bool force) : IDisposable
{
    private readonly TrainedFiles _files = new(folder, force);
    private readonly List<Fold> _folds = [];
    private JsonObject _options = [];

    /// <summary>Takes in a fold.</summary>
    public void Add(Fold fold, JsonObject options)
    {
        _folds.Add(fold);
        _options = options;
    }

    /// <summary>Writes all three, and adds what is in <c>result.json</c> alone to <paramref name="json"/>.</summary>
    public void Write(JsonObject json, SequenceDataset data, TrainJob job, Terminal terminal)
    {
        var last = _folds[^1];
        var summary = ModelSummary.Of(last.Model, last.Train);
        double? int8 = summary.Int8 is null ? null : Int8Accuracy(job.Threads);
        _options["cross_validation"] = $"{_folds.Count} parts";
        _files.WriteOptions(_options);
        bool hasPage = RunPage.Write(_files.Page, terminal, new()
        {
            Network = _options["net"]!.ToString(),
            Options = RunPage.OptionsOf(_options),
            Histories = [.. _folds.Select(fold => fold.History)],
            Train = data,
            Summary = summary,
            Examinations = [Together(data, int8)],
            Folds = [.. _folds.Select(fold => new FoldResult(fold.Name, fold.Held.Count, fold.Evaluation.Accuracy))],
            StepsAreRows = job.IsImages,
            ToolVersion = CommandLine.Version,
        });
        json["int8_accuracy"] = int8;
        json["parameters"] = summary.Parameters;
        json["int8_bytes"] = summary.Int8Bytes;
        json["step_us"] = Math.Round(summary.FloatMicroseconds, 3);
        json["int8_step_us"] = summary.Int8Microseconds is { } us ? Math.Round(us, 3) : null;
        if (hasPage)
            json["report"] = _files.Page;
        _files.WriteResult(json);
    }

    /// <inheritdoc/>
    public void Dispose() => _files.Dispose();

    private double Int8Accuracy(int threads)
    {
        double correct = 0;
        foreach (var fold in _folds)
        {
            var model = Calibration.Quantize(fold.Model, fold.Train, Precision.Int8);
            correct += Evaluator.Evaluate(model, fold.Held, threads).Accuracy * fold.Held.Count;
        }

        return correct / _folds.Sum(fold => fold.Held.Count);
    }

    /// <summary>Each sequence as the network that never saw it judged it, one fold after the other.</summary>
    private Examination Together(SequenceDataset data, double? int8)
    {
        int classes = data.Labels.Count, samples = _folds.Sum(fold => fold.Evaluation.Outputs), correct = 0;
        var confusion = new int[classes, classes];
        var sequences = new List<Sequence>();
        var predictions = new List<Prediction>();
        foreach (var fold in _folds)
        {
            predictions.AddRange(fold.Evaluation.Predictions.Select(p => p with { Index = p.Index + sequences.Count }));
            sequences.AddRange(fold.Held.Sequences);
            for (int row = 0; row < classes; row++)
            {
                correct += fold.Evaluation.Confusion[row, row];
                for (int column = 0; column < classes; column++)
                    confusion[row, column] += fold.Evaluation.Confusion[row, column];
            }
        }

        double Sum(Func<Evaluation, double> value) => _folds.Sum(fold => value(fold.Evaluation));
        var evaluation = new Evaluation(
            samples, (double)correct / samples, Sum(e => e.Loss * e.Outputs) / samples, confusion,
            (long)Sum(e => e.ReplacedReadings), Sum(e => e.Seconds), predictions);
        return new("held-out", data with { Sequences = sequences }, evaluation, int8);
    }
}

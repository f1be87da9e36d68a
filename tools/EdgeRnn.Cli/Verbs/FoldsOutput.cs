using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Report;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Cli;

/// <summary>A network of a cross-validation with what it says of the part that it never saw.</summary>
internal sealed record Fold(
    string Name, SequenceDataset Held, Evaluation Evaluation, Evaluation? Int8, History History, SequenceDataset Train,
    RnnModel Model);

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
        var int8 = _folds.Any(fold => fold.Int8 is null)
            ? null
            : Evaluation.Together([.. _folds.Select(fold => fold.Int8!)]);
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
            Folds = [.. _folds.Select(fold => new FoldResult(fold.Name, fold.Held.Count, fold.Evaluation))],
            StepsAreRows = job.IsImages,
            ToolVersion = CommandLine.Version,
        });
        if (int8?.Errors.Count > 0)
            json["int8_values"] = EvaluationText.Errors(int8);
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

    /// <summary>Each sequence as the network that never saw it judged it, one fold after the other.</summary>
    private Examination Together(SequenceDataset data, Evaluation? int8)
    {
        var all = Evaluation.Together([.. _folds.Select(fold => fold.Evaluation)]);
        var held = data with
        {
            EachStep = _folds[0].Held.EachStep,
            Sequences = [.. _folds.SelectMany(fold => fold.Held.Sequences)],
        };
        return new("held-out", held, all, all.Errors.Count > 0
            ? null
            : int8?.Accuracy)
        { Int8Errors = int8?.Errors ?? [] };
    }
}

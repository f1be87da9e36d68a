using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Trainer.Report;

/// <summary>How good a model is on one part of the data.</summary>
/// <param name="Part">Which part, as in "test" or "validation".</param>
/// <param name="Data">The sequences.</param>
/// <param name="Float">The float model, with its predictions.</param>
/// <param name="Int8Accuracy">Of the model with int8 weights, 0 to 1; null where there is none.</param>
public sealed record Examination(string Part, SequenceDataset Data, Evaluation Float, double? Int8Accuracy)
{
    /// <summary>How far values of the model with int8 weights are off; empty where there are none.</summary>
    public IReadOnlyList<ValueError> Int8Errors { get; init; } = [];

    /// <summary>Whether the model gives values instead of classes.</summary>
    public bool AreValues => Float.Errors.Count > 0;

    internal string Measure => AreValues ? "R²" : "Accuracy";

    internal string FloatFigure => AreValues ? MeanR2(Float.Errors) : Shown.Percent(Float.Accuracy);

    internal string Int8Figure => AreValues ? MeanR2(Int8Errors) : Shown.Percent(Int8Accuracy);

    private static string MeanR2(IReadOnlyList<ValueError> errors) =>
        Shown.Part(errors.Select(e => e.R2).DefaultIfEmpty().Average(), errors.Count > 0);
}

/// <summary>One network of a cross-validation.</summary>
/// <param name="Name">Its number, or the group that was held out.</param>
/// <param name="Samples">Sequences that were held out.</param>
/// <param name="Evaluation">How good it is on them.</param>
public sealed record FoldResult(string Name, int Samples, Evaluation Evaluation);

/// <summary>All that <see cref="ReportPage"/> shows of a training run or of a cross-validation.</summary>
public sealed record RunReport
{
    private const int MostTrainingSequences = 2000;

    /// <summary>The network in words.</summary>
    public required string Network { get; init; }

    /// <summary>Options of the run with their values.</summary>
    public required IReadOnlyList<(string Name, string Value)> Options { get; init; }

    /// <summary>The course of training; of each fold, where there are folds.</summary>
    public required IReadOnlyList<History> Histories { get; init; }

    /// <summary>What was trained on.</summary>
    public required SequenceDataset Train { get; init; }

    /// <summary>The model; of folds, the last one's.</summary>
    public required ModelSummary Summary { get; init; }

    /// <summary>
    /// Parts of the data it was examined on; the last one is shown in detail. In a cross-validation, all folds
    /// together.
    /// </summary>
    public required IReadOnlyList<Examination> Examinations { get; init; }

    /// <summary>The networks of a cross-validation; else empty.</summary>
    public IReadOnlyList<FoldResult> Folds { get; init; } = [];

    /// <summary>Whether the model gives values instead of classes.</summary>
    public bool AreValues => Shown.AreValues;

    /// <summary>Whether steps are rows of a picture.</summary>
    public bool StepsAreRows { get; init; }

    /// <summary>Version of the program.</summary>
    public required string ToolVersion { get; init; }

    /// <summary>The part that is shown in detail.</summary>
    public Examination Shown => Examinations[^1];

    /// <summary>
    /// Runs a model over the parts that there are. With neither validation nor test data, it is the training data, up
    /// to 2,000 of them spread over all.
    /// </summary>
    /// <param name="summary">The model.</param>
    /// <param name="train">What it was trained on.</param>
    /// <param name="validation">What its epoch was chosen on.</param>
    /// <param name="test">What was held back to the end.</param>
    /// <param name="threads">Threads to work with.</param>
    /// <param name="tested">What the float model says of <paramref name="test"/>, with predictions, where that is
    /// known.
    /// </param>
    public static IReadOnlyList<Examination> Examine(
        ModelSummary summary, SequenceDataset train, SequenceDataset? validation, SequenceDataset? test, int threads,
        Evaluation? tested = null)
    {
        ArgumentNullException.ThrowIfNull(summary);
        ArgumentNullException.ThrowIfNull(train);
        var examinations = new List<Examination>();
        if (validation is not null)
            examinations.Add(Examine(summary, "validation", validation, threads));
        if (test is not null)
            examinations.Add(Examine(summary, "test", test, threads, tested));
        if (examinations.Count > 0)
            return examinations;
        int stride = (train.Count + MostTrainingSequences - 1) / MostTrainingSequences;
        var part = train.Subset(Enumerable.Range(0, train.Count).Where(i => i % stride == 0));
        return [Examine(summary, "training", part, threads)];
    }

    /// <summary>Runs a model, and the same with int8 weights, over one part of the data.</summary>
    public static Examination Examine(
        ModelSummary summary, string part, SequenceDataset data, int threads, Evaluation? evaluation = null)
    {
        ArgumentNullException.ThrowIfNull(summary);
        ArgumentNullException.ThrowIfNull(data);
        data = data.AlignedTo(summary.Model);
        evaluation ??= Evaluator.Evaluate(summary.Model, data, threads, keepPredictions: true);
        var int8 = summary.Int8 is null ? null : Evaluator.Evaluate(summary.Int8, data, threads);
        return evaluation.Errors.Count > 0
            ? new(part, data, evaluation, null) { Int8Errors = int8?.Errors ?? [] }
            : new(part, data, evaluation, int8?.Accuracy);
    }
}

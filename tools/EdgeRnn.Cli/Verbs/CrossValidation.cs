using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Cli;

/// <summary>
/// How good options are, by training data alone: each part is predicted by a network that never saw it. The epoch is
/// the last one, or chosen on a part of the others; choosing it on the part itself would flatter the options.
/// </summary>
internal static class CrossValidation
{
    /// <summary>Trains once a fold and reports each accuracy, their mean and spread.</summary>
    public static int InFolds(
        TrainJob job, int folds, FoldsOutput? output, Terminal terminal, CancellationToken cancellation)
    {
        var data = job.Load(terminal);
        var parts = data.Folds(folds, job.Seed).Select((fold, i) =>
            new Part($"fold {i + 1}/{folds}", fold.Train, fold.Validation));
        var accuracies = Run(job, data, parts, output, terminal, cancellation);
        var scores = new Scores(accuracies);
        var json = scores.Json(data.Count);
        json["folds"] = new JsonArray([.. accuracies.Select(a => JsonValue.Create(a.Accuracy))]);
        output?.Write(json, data, job, terminal);
        terminal.Result(json, Terminal.Facts(
            ("folds", string.Join(", ", accuracies.Select(a => Figures.Percent(a.Accuracy)))),
            ("mean and spread", scores.MeanAndSpread),
            ("accuracy", scores.Pooled)));
        return CommandLine.Done;
    }

    /// <summary>Trains once without each group and reports mean, spread and the group it went worst for.</summary>
    public static int ByGroup(
        TrainJob job, FoldsOutput? output, Terminal terminal, CancellationToken cancellation)
    {
        var data = job.Load(terminal);
        var parts = data.LeaveOneGroupOut().Select(g => new Part(g.Group, g.Train, g.Validation));
        var accuracies = Run(job, data, parts, output, terminal, cancellation);
        var scores = new Scores(accuracies);
        var worst = accuracies.MinBy(a => a.Accuracy)!;
        var json = scores.Json(data.Count);
        json["groups"] = new JsonArray([.. accuracies.Select(a => new JsonObject
        {
            ["group"] = a.Name,
            ["samples"] = a.Samples,
            ["accuracy"] = a.Accuracy,
        })]);
        json["worst_group"] = worst.Name;
        json["worst_accuracy"] = worst.Accuracy;
        output?.Write(json, data, job, terminal);
        terminal.Result(json, Terminal.Facts(
            ("groups", Figures.Count(accuracies.Count)),
            ("mean and spread", scores.MeanAndSpread),
            ("worst group", $"{worst.Name}: {Figures.Percent(worst.Accuracy)} of {worst.Samples}"),
            ("accuracy", scores.Pooled)));
        return CommandLine.Done;
    }

    private static List<PartAccuracy> Run(
        TrainJob job, SequenceDataset data, IEnumerable<Part> parts, FoldsOutput? output, Terminal terminal,
        CancellationToken cancellation)
    {
        var accuracies = new List<PartAccuracy>();
        foreach (var part in parts)
        {
            Leaks.Say(part.Held, "what is held out", part.Rest, terminal);
            var (train, validation) = job.Validation.Apply(part.Rest, job.Seed, job.AllowSharedGroups, terminal);
            if (data.OutputKind == OutputKind.Values)
                throw new UserException($"{data.Name} has values, which folds do not compare; hold out a part with --validation.");
            if (job.Truncate > 0)
                (train, validation) = (train.LabelledEachStep(), validation?.LabelledEachStep());
            var network = job.NetworkFor(data);
            var options = job.OptionsFor(train, validation);
            var history = network.Fit(train, options, cancellation: cancellation);
            cancellation.ThrowIfCancellationRequested();
            var model = network.ToModel(train);
            var evaluation = Evaluator.Evaluate(model, part.Held, job.Threads, keepPredictions: output is not null);
            output?.Add(new(part.Name, part.Held, evaluation, history, train, model), job.Describe(network, options));
            accuracies.Add(new(part.Name, evaluation.Samples, evaluation.Accuracy));
            string accuracy = Figures.Percent(evaluation.Accuracy);
            terminal.Say($"{part.Name}  {evaluation.Samples} sequences  accuracy {accuracy}");
        }

        return accuracies;
    }

    private sealed record Part(string Name, SequenceDataset Rest, SequenceDataset Held);

    private sealed record PartAccuracy(string Name, int Samples, double Accuracy);

    private sealed class Scores(List<PartAccuracy> parts)
    {
        private readonly int _correct = parts.Sum(p => (int)Math.Round(p.Accuracy * p.Samples));
        private readonly int _samples = parts.Sum(p => p.Samples);

        public string MeanAndSpread => $"{Figures.Percent(Mean)} ± {Figures.Percent(Deviation)}, each part alike";

        public string Pooled => $"{Figures.Percent((double)_correct / _samples)} ({_correct} of {_samples})";

        private double Mean => parts.Average(p => p.Accuracy);

        /// <summary>Standard deviation, of a sample.</summary>
        private double Deviation =>
            Math.Sqrt(parts.Sum(p => (p.Accuracy - Mean) * (p.Accuracy - Mean)) / (parts.Count - 1));

        public JsonObject Json(int samples) => new()
        {
            ["samples"] = samples,
            ["accuracy"] = (double)_correct / _samples,
            ["mean"] = Mean,
            ["deviation"] = Deviation,
        };
    }
}

/// <summary>What a part that judges has in common with the one that is learnt from.</summary>
internal static class Leaks
{
    /// <summary>Refuses shared groups and tells of equal sequences.</summary>
    /// <param name="part">What judges.</param>
    /// <param name="option">Where it was named.</param>
    /// <param name="train">What is learnt from.</param>
    /// <param name="allowGroups">Whether groups may be shared.</param>
    /// <param name="terminal">Where equal sequences are told of.</param>
    /// <exception cref="UserException">Both have sequences of one group.</exception>
    public static void Check(
        SequenceDataset part, string option, SequenceDataset train, bool allowGroups, Terminal terminal)
    {
        var groups = part.GroupsSharedWith(train);
        if (groups.Count > 0 && !allowGroups)
        {
            throw new UserException($"{option} has {Count(groups.Count, "group")} of the training data ({Some(groups)}), "
                + "which would flatter the accuracy; take others, or allow it with --allow-shared-groups.");
        }

        Say(part, option, train, terminal);
    }

    /// <summary>Tells of sequences of <paramref name="part"/> that are in <paramref name="train"/> too.</summary>
    public static void Say(SequenceDataset part, string what, SequenceDataset train, Terminal terminal)
    {
        var equal = part.EqualTo(train);
        if (equal.Count == 0)
            return;
        var first = part.Sequences[equal.First];
        string whose = first.Group is null ? "" : $" of {first.Group}";
        terminal.Say($"note: {Count(equal.Count, "sequence")} of {what} {(equal.Count == 1 ? "is" : "are")} in the "
            + $"training data too, which flatters the accuracy: {part.Labels[first.Label]} {equal.First}{whose} equals "
            + $"{train.Labels[train.Sequences[equal.InOther].Label]} {equal.InOther}");
    }

    private static string Count(int count, string thing) => $"{Figures.Count(count)} {thing}{(count == 1 ? "" : "s")}";

    private static string Some(IReadOnlyList<string> groups) =>
        string.Join(", ", groups.Take(3)) + (groups.Count > 3 ? ", …" : "");
}

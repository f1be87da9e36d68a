using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Report;
using EdgeRnn.Trainer.Training;

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
        var cuts = data.Folds(folds, job.Seed);
        foreach (string warning in cuts.SelectMany(cut => cut.Train.Warnings.Concat(cut.Validation.Warnings)).Except(
            data.Warnings))
            terminal.Say($"note: {warning}");
        var parts = cuts.Select((fold, i) =>
            new Part($"fold {i + 1}/{folds}", fold.Train, fold.Validation));
        var scores = Run(job, data, parts, output, terminal, cancellation);
        var json = scores.Json();
        json["folds"] = new JsonArray([.. scores.Parts.Select(p => JsonValue.Create(p.Score))]);
        output?.Write(json, data, job, terminal);
        terminal.Result(json, Terminal.Facts(
        [
            ("folds", string.Join(", ", scores.Parts.Select(p => scores.Figure(p.Score)))), .. scores.Facts(),
        ]));
        return CommandLine.Done;
    }

    /// <summary>Trains once without each group and reports mean, spread and the group it went worst for.</summary>
    public static int ByGroup(
        TrainJob job, FoldsOutput? output, Terminal terminal, CancellationToken cancellation)
    {
        var data = job.Load(terminal);
        var parts = data.LeaveOneGroupOut().Select(g => new Part(g.Group, g.Train, g.Validation));
        var scores = Run(job, data, parts, output, terminal, cancellation);
        var worst = scores.Worst;
        var json = scores.Json();
        json["groups"] = new JsonArray([.. scores.Parts.Select(p => new JsonObject
        {
            ["group"] = p.Name,
            ["samples"] = p.Evaluation.Samples,
            [scores.Measure] = p.Score,
            [$"int8_{scores.Measure}"] = p.Int8 is null ? null : Scores.Of(p.Int8),
        })]);
        json["worst_group"] = worst.Name;
        json[$"worst_{scores.Measure}"] = worst.Score;
        json[$"worst_int8_{scores.Measure}"] = worst.Int8 is null ? null : Scores.Of(worst.Int8);
        output?.Write(json, data, job, terminal);
        terminal.Result(json, Terminal.Facts(
        [
            ("groups", Figures.Count(scores.Parts.Count)),
            ("worst group", $"{worst.Name}: {worst.Text(scores)} of {worst.Evaluation.Samples}"),
            .. scores.Facts(),
        ]));
        return CommandLine.Done;
    }

    private static Scores Run(
        TrainJob job, SequenceDataset data, IEnumerable<Part> parts, FoldsOutput? output, Terminal terminal,
        CancellationToken cancellation)
    {
        bool areValues = data.OutputKind == OutputKind.Values;
        var scores = new Scores(areValues);
        foreach (var part in parts)
        {
            Leaks.Say(part.Held, "what is held out", part.Rest, terminal);
            var (train, validation) = job.Validation.Apply(part.Rest, job.Seed, job.AllowSharedGroups, terminal);
            if (job.Truncate > 0)
                (train, validation) = (train.LabelledEachStep(), validation?.LabelledEachStep());
            var network = job.NetworkFor(data);
            var options = job.OptionsFor(train, validation);
            var history = network.Fit(train, options, cancellation: cancellation);
            cancellation.ThrowIfCancellationRequested();
            var model = network.ToModel(train);
            var held = job.Truncate > 0 ? part.Held.LabelledEachStep() : part.Held;
            var evaluation = Evaluator.Evaluate(
                model, held, job.Threads, keepPredictions: areValues || output is not null, loss: job.Loss
                    ?? LossKind.Mse);
            var int8 = ModelSummary.Quantized(model, train) is { } quantized
                ? Evaluator.Evaluate(quantized, held, job.Threads, areValues, loss: job.Loss ?? LossKind.Mse)
                : null;
            output?.Add(new(part.Name, held, evaluation, int8, history, train, model), job.Describe(network, options));
            scores.Parts.Add(new(part.Name, evaluation, int8));
            terminal.Say($"{part.Name}  {evaluation.Samples} sequences  {scores.Measure} "
                + scores.Parts[^1].Text(scores));
        }

        return scores;
    }

    private sealed record Part(string Name, SequenceDataset Rest, SequenceDataset Held);

    private sealed record PartScore(string Name, Evaluation Evaluation, Evaluation? Int8)
    {
        public double Score => Scores.Of(Evaluation);

        public string Text(Scores scores) =>
            scores.Figure(Score) + (Int8 is null ? "" : $", int8 {scores.Figure(Scores.Of(Int8))}");
    }

    private sealed class Scores(bool areValues)
    {
        public List<PartScore> Parts { get; } = [];

        public string Measure => areValues ? "loss" : "accuracy";

        public PartScore Worst => areValues ? Parts.MaxBy(p => p.Score)! : Parts.MinBy(p => p.Score)!;

        private Evaluation Together => Evaluation.Together([.. Parts.Select(p => p.Evaluation)]);

        /// <summary>All parts by int8 models; null where a network cannot be quantized.</summary>
        private Evaluation? Int8 => Parts.Any(p => p.Int8 is null)
            ? null
            : Evaluation.Together([.. Parts.Select(p => p.Int8!)]);

        /// <summary>Accuracy, or of values the loss.</summary>
        public static double Of(Evaluation evaluation) =>
            evaluation.Errors.Count > 0 ? evaluation.Loss : evaluation.Accuracy;

        private double Mean => Parts.Average(p => p.Score);

        /// <summary>Standard deviation, of a sample.</summary>
        private double Deviation =>
            Math.Sqrt(Parts.Sum(p => (p.Score - Mean) * (p.Score - Mean)) / (Parts.Count - 1));

        public string Figure(double score) => areValues ? Figures.Short(score) : Figures.Percent(score);

        public IEnumerable<(string, string)> Facts()
        {
            var all = Together;
            yield return ("mean and spread", $"{Figure(Mean)} ± {Figure(Deviation)}, each part alike");
            if (areValues)
            {
                foreach (var fact in EvaluationText.Facts(all, ""))
                    yield return fact;
            }
            else
            {
                int correct = (int)Math.Round(all.Accuracy * all.Outputs);
                yield return ("accuracy", $"{Figures.Percent(all.Accuracy)} ({correct} of {all.Outputs})");
            }

            yield return ("as int8", Int8 is { } int8
                ? $"{Figure(Parts.Average(p => Of(p.Int8!)))}, each part alike"
                : "not to be had of this network");
        }

        public JsonObject Json()
        {
            var all = Together;
            var json = new JsonObject
            {
                ["samples"] = all.Samples,
                [Measure] = areValues ? all.Loss : all.Accuracy,
                ["mean"] = Mean,
                ["deviation"] = Deviation,
            };
            if (areValues)
                json["values"] = EvaluationText.Errors(all);
            json[$"int8_{Measure}"] = Int8 is { } int8 ? Of(int8) : null;
            json["int8_mean"] = Int8 is null ? null : Parts.Average(p => Of(p.Int8!));
            return json;
        }
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
            throw new UserException(
                $"{option} has {Count(groups.Count, "group")} of the training data ({Some(groups)}), "
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

using System.Text.Json.Nodes;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary>
/// How good options are, by training data alone: each fold is predicted by a network that never saw it. The epoch is
/// the last one, or chosen on a part of the other folds; choosing it on the fold itself would flatter the options.
/// </summary>
internal static class CrossValidation
{
    /// <summary>Trains once a fold and reports each accuracy and the mean.</summary>
    public static int Run(TrainJob job, int folds, Terminal terminal, CancellationToken cancellation)
    {
        var data = terminal.Load(job.Data);
        var accuracies = new List<double>();
        int correct = 0;
        foreach (var (rest, held) in data.Folds(folds, job.Seed))
        {
            var (train, validation) = job.Validation.Apply(rest, job.Seed, terminal);
            var network = job.NetworkFor(data);
            network.Fit(train, job.OptionsFor(train, validation), cancellation: cancellation);
            cancellation.ThrowIfCancellationRequested();
            var evaluation = Evaluator.Evaluate(network.ToModel(train), held, job.Threads);
            accuracies.Add(evaluation.Accuracy);
            correct += (int)Math.Round(evaluation.Accuracy * evaluation.Samples);
            string accuracy = Figures.Percent(evaluation.Accuracy);
            terminal.Say($"fold {accuracies.Count}/{folds}  {evaluation.Samples} sequences  accuracy {accuracy}");
        }

        var json = new JsonObject
        {
            ["folds"] = new JsonArray([.. accuracies.Select(a => JsonValue.Create(a))]),
            ["samples"] = data.Count,
            ["accuracy"] = (double)correct / data.Count,
        };
        terminal.Result(json, Terminal.Facts(
            ("folds", string.Join(", ", accuracies.Select(a => Figures.Percent(a)))),
            ("accuracy", $"{Figures.Percent((double)correct / data.Count)} ({correct} of {data.Count})")));
        return CommandLine.Done;
    }
}

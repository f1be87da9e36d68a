using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Report;

namespace EdgeRnn.Cli.Sweep;

/// <summary>
/// How good a run of a sweep is, from its <c>result.json</c>: on validation data or over all folds, never on a test
/// set. Of classes it is the accuracy; of values the error that training makes small, RMSE or MAE. One value has it in
/// the user's units; several the mean over them, each in units of σ, its deviation in the data.
/// </summary>
internal sealed class SweepScore
{
    private readonly string _key;
    private readonly double[] _units;

    /// <summary>The measure for data.</summary>
    /// <param name="data">What is trained on.</param>
    /// <param name="loss">What training makes small; null for what is usual.</param>
    public SweepScore(SequenceDataset data, string? loss)
    {
        _key = loss == "mae" ? "mae" : "rmse";
        int values = data.Labels.Count;
        _units = data.OutputKind != OutputKind.Values ? []
            : values == 1 ? [1]
            : [.. Enumerable.Range(0, values).Select(k => Deviation(data, k))];
        Shown = _units.Length == 0
            ? SweepMeasure.Accuracy
            : new(_key.ToUpperInvariant(), values > 1 ? "σ" : "", true);
    }

    /// <summary>What the figures are.</summary>
    public SweepMeasure Shown { get; }

    /// <summary>The figure of a run; null where it has none.</summary>
    /// <param name="result">The run's figures.</param>
    /// <param name="precision">Nothing for the float network, or <c>int8_</c>.</param>
    public double? Of(JsonObject result, string precision)
    {
        if (_units.Length == 0)
            return (double?)(result[precision + "validation_accuracy"] ?? result[precision + "accuracy"]);
        var errors = (result[precision + "validation_values"] ?? result[precision + "values"]) as JsonArray;
        return errors is null || errors.Count != _units.Length
            ? null
            : errors.Zip(_units, (error, unit) => (double)error![_key]! / unit).Average();
    }

    /// <summary>The figure that counts, as text.</summary>
    public string Text(JsonObject result) =>
        (Of(result, "int8_") ?? Of(result, "")) is { } score ? Shown.Text(score) : "unknown";

    private static double Deviation(SequenceDataset data, int value)
    {
        int count = data.Labels.Count;
        var targets = data.Sequences.SelectMany(sequence => Enumerable.Range(0, sequence.Targets.Length / count)
            .Select(row => (double)sequence.Targets.Span[row * count + value]));
        // What is always the same has an error, but no deviation to measure it by.
        return Metrics.Spread([.. targets]).Deviation is > 0 and var deviation ? deviation : 1;
    }
}

namespace EdgeRnn.Trainer.Report;

/// <summary>One choice of options in a sweep, with what its runs gave.</summary>
public sealed record SweepRow
{
    /// <summary>The options that vary, with their values.</summary>
    public required IReadOnlyList<(string Name, string Value)> Options { get; init; }

    /// <summary>Accuracy of the float network, 0 to 1; one a seed that is done.</summary>
    public required IReadOnlyList<double> FloatAccuracies { get; init; }

    /// <summary>Accuracy with int8 weights; empty where the networks cannot have them.</summary>
    public required IReadOnlyList<double> Int8Accuracies { get; init; }

    /// <summary>Bytes of the int8 model; null where there is none.</summary>
    public long? Int8Bytes { get; init; }

    /// <summary>Microseconds a step, int8 where there is such a model; all measured side by side.</summary>
    public double? Microseconds { get; init; }

    /// <summary>What went wrong, a sentence a failed run.</summary>
    public IReadOnlyList<string> Failures { get; init; } = [];

    /// <summary>Whether no other choice is as accurate, as small and as fast, and better in one of these.</summary>
    public bool IsOptimal { get; init; }

    /// <summary>The accuracies that choices are compared by: with int8 weights, or else of the float network.</summary>
    public IReadOnlyList<double> Accuracies => Int8Accuracies.Count > 0 ? Int8Accuracies : FloatAccuracies;

    /// <summary>Mean and sample deviation over the seeds.</summary>
    public (double Mean, double Deviation) Accuracy => Metrics.Spread([.. Accuracies]);

    /// <summary>The options in a line.</summary>
    public string Name => string.Join("  ", Options.Select(o => $"{o.Name}={o.Value}"));
}

/// <summary>The result of a sweep.</summary>
public sealed record SweepReport
{
    /// <summary>The data.</summary>
    public required string Data { get; init; }

    /// <summary>How choices were compared, as in "validation, a part of 0.2".</summary>
    public required string ChosenBy { get; init; }

    /// <summary>Seeds of each choice.</summary>
    public required int Seeds { get; init; }

    /// <summary>Options that are the same in all runs.</summary>
    public required IReadOnlyList<(string Name, string Value)> Fixed { get; init; }

    /// <summary>Choices, the most accurate first; those without any finished run last.</summary>
    public required IReadOnlyList<SweepRow> Rows { get; init; }

    /// <summary>Version of the program.</summary>
    public required string ToolVersion { get; init; }

    /// <summary>Rows by accuracy, equal ones by size, with the Pareto-optimal ones marked.</summary>
    public static IReadOnlyList<SweepRow> Ranked(IEnumerable<SweepRow> rows)
    {
        var sorted = rows.OrderByDescending(r => r.Accuracies.Count > 0)
            .ThenByDescending(r => r.Accuracies.Count > 0 ? r.Accuracy.Mean : 0)
            .ThenBy(r => r.Int8Bytes ?? long.MaxValue).ToList();
        var done = sorted.Where(r => r.Accuracies.Count > 0).ToList();
        bool[] optimal = Metrics.ParetoOptimal([.. done.Select(r =>
            new[] { -r.Accuracy.Mean, r.Int8Bytes ?? double.MaxValue, r.Microseconds ?? double.MaxValue })]);
        return [.. done.Zip(optimal, (row, isOptimal) => row with { IsOptimal = isOptimal }),
            .. sorted.Skip(done.Count)];
    }
}

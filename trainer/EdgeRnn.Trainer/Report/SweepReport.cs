using System.Globalization;

namespace EdgeRnn.Trainer.Report;

/// <summary>What choices of a sweep are compared by.</summary>
/// <param name="Name">accuracy, RMSE or MAE.</param>
/// <param name="Unit">Of the figures shown; empty for the user's.</param>
/// <param name="IsError">Whether less is better; else it is a part of 1, shown in percent.</param>
public sealed record SweepMeasure(string Name, string Unit, bool IsError)
{
    /// <summary>The part of outputs that is right.</summary>
    public static SweepMeasure Accuracy { get; } = new("accuracy", "%", false);

    /// <summary>With its unit, over figures.</summary>
    public string Title => Unit.Length > 0 ? $"{Name}, {Unit}" : Name;

    /// <summary>What a reader of the figures must know; empty for accuracies.</summary>
    public string Note => !IsError ? ""
        : $"{Name}: the lower, the better."
            + (Unit.Length > 0 ? $" It is the mean over the values, each in units of {Unit}, its deviation in the data."
            : "");

    /// <summary>What the pictures show.</summary>
    public string Heading => IsError ? "Error, size and time" : "Accuracy, size and time";

    /// <summary>The choice that is best by it, in two words.</summary>
    public string Best => IsError ? "Least error" : "Most accurate";

    /// <summary>What <see cref="Title"/> has the unit of.</summary>
    public double Shown(double score) => IsError ? score : 100 * score;

    /// <summary>The smaller the better.</summary>
    public double Cost(double score) => IsError ? score : -score;

    /// <summary>A figure with its unit.</summary>
    public string Text(double score) => IsError ? Report.Shown.Short(score) : Report.Shown.Percent(score);

    /// <summary>Mean and sample deviation in the unit of <see cref="Title"/>; – where there are none.</summary>
    public string Spread(IReadOnlyList<double> scores)
    {
        if (scores.Count == 0)
            return "–";
        var (mean, deviation) = Metrics.Spread([.. scores]);
        // Of errors four digits, whatever their unit.
        int decimals = !IsError ? 2 : mean > 0 ? Math.Clamp(3 - (int)Math.Floor(Math.Log10(mean)), 0, 9) : 3;
        string form = $"F{decimals}";
        var invariant = CultureInfo.InvariantCulture;
        return $"{Shown(mean).ToString(form, invariant)} ± {Shown(deviation).ToString(form, invariant)}";
    }
}

/// <summary>One choice of options in a sweep, with what its runs gave.</summary>
public sealed record SweepRow
{
    /// <summary>The options that vary, with their values.</summary>
    public required IReadOnlyList<(string Name, string Value)> Options { get; init; }

    /// <summary>The float network's accuracy, 0 to 1, or its error; one a seed that is done.</summary>
    public required IReadOnlyList<double> FloatScores { get; init; }

    /// <summary>The same with int8 weights; empty where the networks cannot have them.</summary>
    public required IReadOnlyList<double> Int8Scores { get; init; }

    /// <summary>Bytes of the int8 model; null where there is none.</summary>
    public long? Int8Bytes { get; init; }

    /// <summary>Microseconds a step, int8 where there is such a model; all measured side by side.</summary>
    public double? Microseconds { get; init; }

    /// <summary>What went wrong, a sentence a failed run.</summary>
    public IReadOnlyList<string> Failures { get; init; } = [];

    /// <summary>Whether no other choice is as good, as small and as fast, and better in one of these.</summary>
    public bool IsOptimal { get; init; }

    /// <summary>What choices are compared by: with int8 weights, or else of the float network.</summary>
    public IReadOnlyList<double> Scores => Int8Scores.Count > 0 ? Int8Scores : FloatScores;

    /// <summary>Mean and sample deviation over the seeds.</summary>
    public (double Mean, double Deviation) Score => Metrics.Spread([.. Scores]);

    /// <summary>The options in a line.</summary>
    public string Name => string.Join("  ", Options.Select(o => $"{o.Name}={o.Value}"));
}

/// <summary>The result of a sweep.</summary>
public sealed record SweepReport
{
    /// <summary>The data.</summary>
    public required string Data { get; init; }

    /// <summary>By which figure choices were compared.</summary>
    public SweepMeasure Measure { get; init; } = SweepMeasure.Accuracy;

    /// <summary>On what choices were compared, as in "validation, a part of 0.2".</summary>
    public required string ChosenBy { get; init; }

    /// <summary>Seeds of each choice.</summary>
    public required int Seeds { get; init; }

    /// <summary>Options that are the same in all runs.</summary>
    public required IReadOnlyList<(string Name, string Value)> Fixed { get; init; }

    /// <summary>Choices, the best first; those without any finished run last.</summary>
    public required IReadOnlyList<SweepRow> Rows { get; init; }

    /// <summary>Version of the program.</summary>
    public required string ToolVersion { get; init; }

    /// <summary>The best rows first, equal ones by size, with the Pareto-optimal ones marked.</summary>
    public static IReadOnlyList<SweepRow> Ranked(IEnumerable<SweepRow> rows, SweepMeasure measure)
    {
        ArgumentNullException.ThrowIfNull(measure);
        var sorted = rows.OrderByDescending(r => r.Scores.Count > 0)
            .ThenBy(r => r.Scores.Count > 0 ? measure.Cost(r.Score.Mean) : 0)
            .ThenBy(r => r.Int8Bytes ?? long.MaxValue).ToList();
        var done = sorted.Where(r => r.Scores.Count > 0).ToList();
        bool[] optimal = Metrics.ParetoOptimal([.. done.Select(r =>
            new[] { measure.Cost(r.Score.Mean), r.Int8Bytes ?? double.MaxValue, r.Microseconds ?? double.MaxValue })]);
        return [.. done.Zip(optimal, (row, isOptimal) => row with { IsOptimal = isOptimal }),
            .. sorted.Skip(done.Count)];
    }
}

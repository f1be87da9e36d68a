namespace EdgeRnn.Trainer;

/// <summary>How well one class, or the mean of several, is recognised; each part 0 to 1.</summary>
/// <param name="Precision">Of what was given this name, the part that has it; 0 where nothing was given it.</param>
/// <param name="Recall">Of what has this name, the part that was given it; 0 where nothing has it.</param>
/// <param name="F1">Harmonic mean of the two; 0 where both are.</param>
/// <param name="Support">Sequences that have this name.</param>
/// <param name="Predicted">Sequences that were given this name.</param>
public readonly record struct ClassMetrics(double Precision, double Recall, double F1, int Support, int Predicted);

/// <summary>What follows from counts of right and wrong, as scikit-learn defines it.</summary>
public static class Metrics
{
    /// <summary>Precision, recall and F1 of each class.</summary>
    /// <param name="confusion">Counts, <c>[true, predicted]</c>.</param>
    public static IReadOnlyList<ClassMetrics> PerClass(int[,] confusion)
    {
        ArgumentNullException.ThrowIfNull(confusion);
        int classes = confusion.GetLength(0);
        var metrics = new ClassMetrics[classes];
        for (int k = 0; k < classes; k++)
        {
            int support = 0, predicted = 0, hits = confusion[k, k];
            for (int other = 0; other < classes; other++)
            {
                support += confusion[k, other];
                predicted += confusion[other, k];
            }

            // F1 = 2·P·R / (P + R) = 2·hits / (predicted + support), which needs no second case for 0.
            metrics[k] = new(
                Part(hits, predicted), Part(hits, support), Part(2 * hits, predicted + support), support, predicted);
        }

        return metrics;
    }

    /// <summary>The plain mean over the classes that occur, in truth or in prediction.</summary>
    public static ClassMetrics MacroMean(IReadOnlyList<ClassMetrics> classes) =>
        Mean(classes, metrics => metrics.Support + metrics.Predicted > 0 ? 1 : 0);

    /// <summary>The mean weighted by support.</summary>
    public static ClassMetrics WeightedMean(IReadOnlyList<ClassMetrics> classes) =>
        Mean(classes, metrics => metrics.Support);

    /// <summary>
    /// Wilson's interval: where the accuracy on endless data of this kind lies, 95 times of 100 (Wilson, 1927).
    /// </summary>
    public static (double Low, double High) Interval95(int correct, int samples)
    {
        if (samples == 0)
            return (0, 1);
        const double Z = 1.959963984540054; // the normal distribution's 97.5 % point
        double part = (double)correct / samples, z2n = Z * Z / samples;
        double centre = (part + z2n / 2) / (1 + z2n);
        double half = Z / (1 + z2n) * Math.Sqrt(part * (1 - part) / samples + z2n / (4 * samples));
        return (Math.Max(0, centre - half), Math.Min(1, centre + half));
    }

    /// <summary>Mean and sample standard deviation (n - 1); the latter is 0 for a single value.</summary>
    public static (double Mean, double Deviation) Spread(IReadOnlyCollection<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        double mean = values.Average();
        double squares = values.Sum(value => (value - mean) * (value - mean));
        return (mean, values.Count < 2 ? 0 : Math.Sqrt(squares / (values.Count - 1)));
    }

    /// <summary>
    /// Which of several choices are Pareto-optimal: no other is as good in every respect and better in one.
    /// </summary>
    /// <param name="costs">Of each choice, what should be small.</param>
    public static bool[] ParetoOptimal(IReadOnlyList<double[]> costs)
    {
        ArgumentNullException.ThrowIfNull(costs);
        return [.. costs.Select(mine => !costs.Any(other =>
            other.Zip(mine).All(c => c.First <= c.Second) && other.Zip(mine).Any(c => c.First < c.Second)))];
    }

    private static ClassMetrics Mean(IReadOnlyList<ClassMetrics> classes, Func<ClassMetrics, int> weightOf)
    {
        double precision = 0, recall = 0, f1 = 0, weights = 0;
        foreach (var metrics in classes)
        {
            int weight = weightOf(metrics);
            weights += weight;
            precision += weight * metrics.Precision;
            recall += weight * metrics.Recall;
            f1 += weight * metrics.F1;
        }

        weights = Math.Max(1, weights);
        return new(
            precision / weights, recall / weights, f1 / weights, classes.Sum(c => c.Support),
            classes.Sum(c => c.Predicted));
    }

    private static double Part(int count, int whole) => whole == 0 ? 0 : (double)count / whole;
}

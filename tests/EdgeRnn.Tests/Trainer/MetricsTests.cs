using EdgeRnn.Trainer;
using Xunit;

namespace EdgeRnn.Tests.Training;

/// <summary>Against the example in scikit-learn's documentation, and against numpy and scipy.</summary>
public class MetricsTests
{
    /// <summary>classification_report([0, 1, 2, 2, 2], [0, 0, 2, 2, 1]), as its documentation prints it.</summary>
    [Fact]
    public void Scikit_learns_published_report()
    {
        var classes = Metrics.PerClass(new[,] { { 1, 0, 0 }, { 1, 0, 0 }, { 0, 1, 2 } });
        Assert.Equal([(0.50, 1.00, 0.67, 1), (0.00, 0.00, 0.00, 1), (1.00, 0.67, 0.80, 3)], classes.Select(Rounded));
        Assert.Equal((0.50, 0.56, 0.49, 5), Rounded(Metrics.MacroMean(classes)));
        Assert.Equal((0.70, 0.60, 0.61, 5), Rounded(Metrics.WeightedMean(classes)));
    }

    /// <summary>
    /// numpy 1.24: diagonal / column sums, diagonal / row sums, 2PR / (P + R), averages with weights.
    /// </summary>
    [Fact]
    public void Classes_that_never_occur_or_are_never_given()
    {
        var classes = Metrics.PerClass(new[,]
        {
            { 3, 14, 15, 29, 0 }, { 22, 16, 9, 8, 0 }, { 7, 27, 16, 16, 0 }, { 0, 0, 0, 0, 0 }, { 16, 27, 12, 13, 0 },
        });
        Equal([0.0625, 0.19047619047619047, 0.3076923076923077, 0, 0], classes.Select(c => c.Precision));
        Equal([0.04918032786885246, 0.2909090909090909, 0.24242424242424243, 0, 0], classes.Select(c => c.Recall));
        Equal([0.055045871559633024, 0.23021582733812948, 0.2711864406779661, 0, 0], classes.Select(c => c.F1));
        Assert.Equal([61, 55, 66, 0, 68], classes.Select(c => c.Support));
        Assert.Equal([48, 84, 52, 66, 0], classes.Select(c => c.Predicted));
        var macro = Metrics.MacroMean(classes);
        Equal([0.11213369963369964, 0.11650273224043714, 0.11128962791514571],
            [macro.Precision, macro.Recall, macro.F1]);
        var weighted = Metrics.WeightedMean(classes);
        Equal([0.13838553113553115, 0.14, 0.135671895013922], [weighted.Precision, weighted.Recall, weighted.F1]);
    }

    /// <summary>A class that is neither in the truth nor predicted is no part of the plain mean.</summary>
    [Fact]
    public void The_plain_mean_is_over_classes_that_occur()
    {
        var classes = Metrics.PerClass(new[,] { { 2, 0, 0 }, { 2, 2, 0 }, { 0, 0, 0 } });
        Assert.Equal((0.75, 0.75, 0.67, 6), Rounded(Metrics.MacroMean(classes)));
    }

    /// <summary>scipy.stats.binomtest(k, n).proportion_ci(method='wilson').</summary>
    [Theory]
    [InlineData(0, 10, 0, 0.27753279986288926)]
    [InlineData(10, 10, 0.7224672001371109, 1)]
    [InlineData(7, 13, 0.29143795714506016, 0.767939321904617)]
    [InlineData(9879, 10000, 0.9855620053936938, 0.9898632889962)]
    public void The_interval_of_an_accuracy(int correct, int samples, double low, double high)
    {
        var interval = Metrics.Interval95(correct, samples);
        Equal([low, high], [interval.Low, interval.High]);
    }

    /// <summary>
    /// A case by hand: b is larger than a and no better; c is worst but smallest; d and e are equal and both stay.
    /// </summary>
    [Fact]
    public void Pareto_optimal_choices()
    {
        double[][] costs = [[1, 5, 2], [1, 6, 2], [9, 1, 9], [3, 3, 1], [3, 3, 1]];
        Assert.Equal([true, false, true, true, true], Metrics.ParetoOptimal(costs));
    }

    /// <summary>numpy.mean and numpy.std(ddof=1).</summary>
    [Fact]
    public void Mean_and_spread_over_runs()
    {
        var (mean, deviation) = Metrics.Spread([0.91, 0.94, 0.9, 0.97]);
        Equal([0.93, 0.031622776601683764], [mean, deviation]);
        Assert.Equal((0.5, 0), Metrics.Spread([0.5]));
    }

    private static (double Precision, double Recall, double F1, int Support) Rounded(ClassMetrics m) =>
        (Math.Round(m.Precision, 2), Math.Round(m.Recall, 2), Math.Round(m.F1, 2), m.Support);

    private static void Equal(IEnumerable<double> expected, IEnumerable<double> actual) =>
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
}

using System.Runtime.InteropServices;
using System.Security.Cryptography;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;
using Xunit;

namespace EdgeRnn.Tests.Datasets;

public sealed class SyntheticMotionTests
{
    [Fact]
    public void Windows_are_balanced_finite_and_what_a_sensor_resolves()
    {
        var data = DataSpec.Load("synthetic:motion?count=600");
        Assert.Equal(6, data.Labels.Count);
        Assert.Contains("idle", data.Labels);
        Assert.All(data.ClassCounts(), count => Assert.Equal(100, count));
        Assert.Equal((64, 6, 50f), (data.CommonSteps, data.Channels.Count, data.SampleRateHz));
        foreach (var sequence in data.Sequences)
        {
            var values = sequence.Values.Span;
            for (int i = 0; i < values.Length; i++)
            {
                float units = values[i] * (i % 6 < 3 ? 2048 : 16);
                Assert.True(units == MathF.Round(units) && MathF.Abs(units) <= 32768, $"{values[i]}");
            }
        }
    }

    [Fact]
    public void Gravity_is_one_g_on_average()
    {
        var data = DataSpec.Load("synthetic:motion?count=600");
        double sum = 0;
        foreach (var sequence in data.Sequences.Where(s => data.Labels[s.Label] == "idle"))
        {
            var mean = Mean(sequence, 6);
            sum += Math.Sqrt(mean[0] * mean[0] + mean[1] * mean[1] + mean[2] * mean[2]);
        }
        Assert.InRange(sum / 100, 0.97, 1.03);
    }

    [Fact]
    public void The_seed_makes_the_data_and_a_smaller_set_begins_a_larger()
    {
        Assert.Equal(Digest("seed=1&count=60"), Digest("count=60"));
        Assert.Equal(Digest("count=60"), Digest("count=300", first: 60));
        Assert.NotEqual(Digest("count=60"), Digest("count=60&seed=2"));
        Assert.NotEqual(Digest("count=60"), Digest("count=60&part=test"));
        Assert.NotEqual(Digest("count=60&seed=2"), Digest("count=60&part=test"));
    }

    /// <summary>Committed models were made from these bits: a change here makes them stale.</summary>
    [Fact]
    public void Bits_are_those_that_committed_models_saw()
    {
        Assert.Equal("693AD23C9D10415F", Digest("count=120&seed=1"));
        Assert.Equal("B5BD7F361A2D8D00", Digest("count=120&seed=1&part=test"));
    }

    [Fact]
    public void People_of_the_test_part_are_strangers()
    {
        var train = DataSpec.Load("synthetic:motion?count=600");
        var test = DataSpec.Load("synthetic:motion?count=600&part=test");
        Assert.Empty(train.Sequences.Select(s => s.Group).Intersect(test.Sequences.Select(s => s.Group)));
        foreach (var person in train.Sequences.GroupBy(s => s.Group))
            Assert.Equal(6, person.Select(s => s.Label).Distinct().Count());
    }

    /// <summary>
    /// The demo would prove nothing on data whose classes show in their means: multinomial logistic regression on the
    /// means of a window's channels stays far below one half (chance is 1/6), even on the data it was fitted to.
    /// </summary>
    [Fact]
    public void Means_of_a_window_do_not_tell_the_class()
    {
        var regression = new LinearBaseline(DataSpec.Load("synthetic:motion?count=1200"));
        Assert.InRange(regression.Accuracy(DataSpec.Load("synthetic:motion?count=1200")), 0.1, 0.3);
        Assert.InRange(regression.Accuracy(DataSpec.Load("synthetic:motion?part=test")), 0.1, 0.3);
    }

    [Fact]
    public void A_small_lstm_learns_it_in_seconds()
    {
        var train = DataSpec.Load("synthetic:motion?count=1800");
        var network = Network.Parse("lstm:32,dense:6", train.Channels.Count);
        var options = new TrainingOptions { Epochs = 10, BatchSize = 32, LearningRate = 5e-3f };
        network.Fit(train, options, cancellation: TestContext.Current.CancellationToken);
        var test = DataSpec.Load("synthetic:motion?part=test").AlignedTo(train);
        Assert.InRange(Evaluator.Evaluate(network.ToModel(train), test).Accuracy, 0.95, 1);
    }

    private static string Digest(string options, int first = int.MaxValue)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var sequence in DataSpec.Load($"synthetic:motion?{options}").Sequences.Take(first))
            hash.AppendData(MemoryMarshal.AsBytes(sequence.Values.Span));
        return Convert.ToHexString(hash.GetHashAndReset())[..16];
    }

    private static double[] Mean(Sequence sequence, int channels)
    {
        var mean = new double[channels];
        var values = sequence.Values.Span;
        for (int i = 0; i < values.Length; i++)
            mean[i % channels] += (double)values[i] / sequence.Steps;
        return mean;
    }
}

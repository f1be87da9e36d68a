using EdgeRnn.Trainer.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Datasets;

/// <summary>Counts that the data sets' own descriptions give.</summary>
public sealed class RealDataTests
{
    [Fact]
    public void Mnist()
    {
        string folder = RealData.Need("mnist");
        var train = DataSpec.Load($"idx:{folder}/train");
        Assert.Equal([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949], train.ClassCounts());
        Assert.Equal([5, 0, 4, 1, 9], train.Sequences.Take(5).Select(s => s.Label));
        Assert.Equal((28, 28), (train.CommonSteps, train.Channels.Count));
        var pixels = DataSpec.Load($"idx-pixels:{folder}/train?count=10");
        var test = DataSpec.Load($"idx-pixels:{folder}/t10k").AlignedTo(pixels);
        Assert.Equal([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009], test.ClassCounts());
        Assert.Equal((784, 1), (test.CommonSteps, test.Channels.Count));
    }

    [Fact]
    public void BasicMotions()
    {
        string folder = RealData.Need("ucr");
        foreach (string part in new[] { "TRAIN", "TEST" })
        {
            var data = DataSpec.Load($"ts:{folder}/BasicMotions/BasicMotions_{part}.ts");
            Assert.Equal(["Standing", "Running", "Walking", "Badminton"], data.Labels);
            Assert.Equal([10, 10, 10, 10], data.ClassCounts());
            Assert.Equal((100, 6), (data.CommonSteps, data.Channels.Count));
        }
    }

    [Fact]
    public void PickupGesture_has_unequal_lengths()
    {
        string prefix = RealData.Need("ucr") + "/PickupGestureWiimoteZ/PickupGestureWiimoteZ";
        var parts = new[] { "TRAIN", "TEST" }.Select(part => DataSpec.Load($"ts:{prefix}_{part}.ts")).ToArray();
        Assert.All(parts, data => Assert.Equal((50, 10, 1), (data.Count, data.Labels.Count, data.Channels.Count)));
        Assert.Equal(29, parts.Min(data => data.Sequences.Min(s => s.Steps)));
        Assert.Equal(361, parts.Max(data => data.MaxSteps));
    }

    [Theory]
    [InlineData("GunPoint", 150, 50, 150)]
    [InlineData("ItalyPowerDemand", 24, 67, 1029)]
    public void Small_univariate_sets(string name, int steps, int train, int test)
    {
        string folder = RealData.Need("ucr");
        foreach (var (part, count) in new[] { ("TRAIN", train), ("TEST", test) })
        {
            var data = DataSpec.Load($"ts:{folder}/{name}/{name}_{part}.ts");
            Assert.Equal((count, steps, 2), (data.Count, data.CommonSteps, data.Labels.Count));
        }
    }

    [Fact]
    public void Magic_wand_windows()
    {
        string folder = RealData.Need("magic-wand");
        var train = DataSpec.Load($"csv:{folder}/train?window=119&hop=119");
        var test = DataSpec.Load($"csv:{folder}/test?window=119&hop=119").AlignedTo(train);
        Assert.Equal(["aX", "aY", "aZ", "gX", "gY", "gZ"], train.Channels);
        Assert.Equal([19, 18, 23, 19, 21], train.ClassCounts());
        Assert.Equal((25, 119, 5), (test.Count, test.CommonSteps, test.Labels.Count));
        Assert.Empty(train.Warnings);
        Assert.Contains("single recording", Assert.Single(train.Split(0.2, 1).Validation.Warnings));
    }
}

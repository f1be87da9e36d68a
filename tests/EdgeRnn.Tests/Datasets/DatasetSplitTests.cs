using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Datasets;

public sealed class DatasetSplitTests
{
    [Theory]
    [InlineData(0.05, new[] { 5, 15, 1 })]
    [InlineData(0.1, new[] { 10, 30, 1 })]
    [InlineData(0.5, new[] { 50, 150, 5 })]
    public void Every_class_is_split_in_proportion(double fraction, int[] expected)
    {
        var data = Data([.. Enumerable.Range(0, 410).Select(i => (i < 100 ? 0 : i < 400 ? 1 : 2, (string?)null))]);
        var (train, validation) = data.Split(fraction, seed: 3);
        Assert.Equal(expected, validation.ClassCounts());
        AssertPartition(data, train, validation);
    }

    [Fact]
    public void The_seed_alone_chooses()
    {
        var data = Data([.. Enumerable.Range(0, 100).Select(i => (i % 2, (string?)null))]);
        var first = Ids(data.Split(0.2, 1).Validation);
        Assert.Equal(first, Ids(data.Split(0.2, 1).Validation));
        Assert.NotEqual(first, Ids(data.Split(0.2, 2).Validation));
        Assert.Equal(first.Order(), first);
    }

    [Fact]
    public void A_group_is_never_on_both_sides()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            int groups = random.Next(6, 30);
            // Two groups of class 0 and two of class 1 at least; the others mix classes as people do.
            var data = Data([.. Enumerable.Range(0, 300).Select(_ =>
            {
                int group = random.Next(groups);
                return (group < 4 ? group % 2 : random.Next(2), (string?)$"g{group}");
            })]);
            double fraction = 0.05 + 0.5 * random.NextDouble();
            var (train, validation) = data.Split(fraction, (ulong)seed);
            AssertPartition(data, train, validation);
            Assert.True(!Groups(train).Overlaps(Groups(validation)), $"seed {seed}");
            Assert.True(validation.Count > 0 && train.Count > 0, $"seed {seed}");
            // A group holds 300/groups sequences on average, and the share can only be met to within a few of them.
            double off = validation.Count - 300 * fraction;
            Assert.True(Math.Abs(off) <= 3 * 300.0 / groups, $"seed {seed}: off by {off}");
        }
    }

    [Fact]
    public void The_only_group_of_a_class_is_cut_and_said_so()
    {
        var data = Data([.. Enumerable.Range(0, 40).Select(i => (i % 2, i % 2 == 0 ? "one.csv" : $"{i % 10}.csv"))]);
        var (train, validation) = data.Split(0.25, 1);
        AssertPartition(data, train, validation);
        Assert.Equal(5, validation.ClassCounts()[0]);
        Assert.Contains("class c0 of test comes from a single recording", Assert.Single(validation.Warnings));
        Assert.DoesNotContain(Groups(validation), group => group != "one.csv" && Groups(train).Contains(group));
    }

    [Fact]
    public void A_class_of_one_sequence_stays_in_training()
    {
        var data = Data([.. Enumerable.Range(0, 11).Select(i => (i == 10 ? 1 : 0, (string?)null))]);
        var (train, validation) = data.Split(0.1, 1);
        Assert.Equal([9, 1], train.ClassCounts());
        Assert.Contains("none of class c1", Assert.Single(validation.Warnings));
    }

    [Fact]
    public void Folds_partition_and_keep_proportion_and_groups()
    {
        var data = Data([.. Enumerable.Range(0, 120).Select(i => (i % 3, (string?)$"g{i % 30}"))]);
        var folds = data.Folds(5, seed: 9);
        Assert.Equal(5, folds.Count);
        Assert.Equal(Ids(data), folds.SelectMany(f => Ids(f.Validation)).Order());
        foreach (var (train, validation) in folds)
        {
            AssertPartition(data, train, validation);
            Assert.Equal([8, 8, 8], validation.ClassCounts());
            Assert.False(Groups(train).Overlaps(Groups(validation)));
        }
    }

    [Fact]
    public void What_cannot_be_split_is_refused()
    {
        var data = Data([(0, "a"), (0, "a"), (0, "b")]);
        Assert.Contains("between 0 and 1", Assert.Throws<UserException>(() => data.Split(1, 1)).Message);
        Assert.Contains("2 to 3", Assert.Throws<UserException>(() => data.Folds(4, 1)).Message);
        Assert.Contains("2 groups", Assert.Throws<UserException>(() => data.Folds(3, 1)).Message);
    }

    /// <summary>Sequences of one step whose only reading is their number.</summary>
    private static SequenceDataset Data((int Label, string? Group)[] sequences)
    {
        int classes = sequences.Max(s => s.Label) + 1;
        return new("test", ["x"], [.. Enumerable.Range(0, classes).Select(c => $"c{c}")],
            [.. sequences.Select((s, i) => new Sequence(new float[] { i }, 1, s.Label, s.Group))]);
    }

    private static int[] Ids(SequenceDataset data) => [.. data.Sequences.Select(s => (int)s.Values.Span[0])];

    private static HashSet<string?> Groups(SequenceDataset data) => [.. data.Sequences.Select(s => s.Group)];

    private static void AssertPartition(SequenceDataset data, SequenceDataset train, SequenceDataset validation) =>
        Assert.Equal(Ids(data), Ids(train).Concat(Ids(validation)).Order());
}

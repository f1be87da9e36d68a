using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;
using Xunit;

namespace EdgeRnn.Tests.Datasets;

public sealed class DatasetLeakTests : IDisposable
{
    private readonly DataFolder _folder = new();

    [Fact]
    public void Equal_sequences_are_found_whatever_their_label_and_length()
    {
        var train = Data([([1, 2], 0, null), ([1, 2, 3], 0, null), ([0], 1, null)]);
        var test = Data([([3, 2], 0, null), ([1, 2, 3], 1, null), ([1], 0, null), ([1, 2, 3], 0, null)]);
        Assert.Equal(new EqualSequences(2, 1, 1), test.EqualTo(train));
        // To the bit: -0 is another reading than 0.
        Assert.Equal(new EqualSequences(0, -1, -1), Data([([-0f], 0, null)]).EqualTo(train));
    }

    [Fact]
    public void Groups_of_one_name_are_shared_but_files_only_when_they_are_the_same()
    {
        foreach (string name in new[] { "one/a/1.csv", "one/b/1.csv", "two/a/1.csv", "two/b/2.csv" })
            _folder.With(name, "x,who\n1,Ann\n2,Bob\n");
        _folder.With("three/a/1.csv", "x,who\n3,Bob\n4,Cy\n");
        var one = _folder.Load("csv:@/one?channels=x");
        Assert.Empty(_folder.Load("csv:@/two?channels=x").GroupsSharedWith(one));
        Assert.Equal(
            ["a/1.csv", "b/1.csv"], _folder.Load("csv:@/one/../one?channels=x&window=1").GroupsSharedWith(one));
        Assert.Equal(
            ["Bob"], _folder.Load("csv:@/three?group=who").GroupsSharedWith(_folder.Load("csv:@/one?group=who")));
        Assert.Empty(Data([([1], 0, null)]).GroupsSharedWith(Data([([1], 0, null)])));
    }

    [Fact]
    public void Leaving_one_group_out_holds_each_out_once_and_whole()
    {
        var data = Data([([1], 0, "b"), ([2], 1, "a"), ([3], 1, "b"), ([4], 0, "a"), ([5], 0, "c")]);
        var parts = data.LeaveOneGroupOut();
        Assert.Equal(["a", "b", "c"], parts.Select(p => p.Group));
        Assert.Equal(["2 4", "1 3", "5"], parts.Select(p => Readings(p.Validation)));
        Assert.Equal(["1 3 5", "2 4 5", "1 2 3 4"], parts.Select(p => Readings(p.Train)));
    }

    [Fact]
    public void What_no_group_can_be_left_out_of_is_refused()
    {
        string Refusal(params (float[], int, string?)[] sequences) =>
            Assert.Throws<UserException>(() => Data(sequences).LeaveOneGroupOut()).Message;
        Assert.Contains("sequences of no group", Refusal(([1], 0, "a"), ([2], 0, null)));
        Assert.Contains("one group, 'a'", Refusal(([1], 0, "a"), ([2], 1, "a")));
        Assert.Contains("Class c1 of test is in group 'a' alone", Refusal(([1], 0, "a"), ([2], 1, "a"), ([3], 0, "b")));
    }

    [Fact]
    public void Classes_and_channels_that_nothing_can_be_learnt_of_are_refused()
    {
        var fine = TwoChannels([0, 1], [5, 7]);
        Fit(fine, NormalisationMode.Channel);
        var empty = fine with { Labels = ["c0", "c1", "c2"] };
        Assert.Contains("no sequence of class c2", Refusal(empty, NormalisationMode.Channel));
        var dead = TwoChannels([float.NaN, float.NaN], [5, 7]);
        Assert.Contains("Channel a of test has no finite reading", Refusal(dead, NormalisationMode.None));
        var constant = TwoChannels([0, 1], [5, 5]);
        Assert.Contains("Channel b of test always reads 5", Refusal(constant, NormalisationMode.Channel));
        // The borders of images are constant, and all channels are normalised alike.
        Fit(constant, NormalisationMode.Global);
        Assert.Contains("always reads", Refusal(TwoChannels([3, 3], [5, 5]), NormalisationMode.Global));
        Assert.Contains("always reads", Refusal(TwoChannels([3, float.NaN], [5, 7]), NormalisationMode.Channel));
    }

    public void Dispose() => _folder.Dispose();

    private static string Refusal(SequenceDataset data, NormalisationMode mode) =>
        Assert.Throws<UserException>(() => Fit(data, mode)).Message;

    private static void Fit(SequenceDataset data, NormalisationMode mode) =>
        Network.Parse($"rnn:2,dense:{data.Labels.Count}", data.Channels.Count).Fit(
            data, new TrainingOptions { Epochs = 1, Threads = 1, Normalisation = mode }, null,
            TestContext.Current.CancellationToken);

    /// <summary>Four sequences of one step; the channels' readings in turn.</summary>
    private static SequenceDataset TwoChannels(float[] a, float[] b) => new("test", ["a", "b"], ["c0", "c1"],
        [.. Enumerable.Range(0, 4).Select(i => new Sequence(new[] { a[i / 2], b[i / 2] }, 1, i % 2))]);

    private static SequenceDataset Data((float[] Values, int Label, string? Group)[] sequences) => new(
        "test", ["x"], ["c0", "c1"],
        [.. sequences.Select(s => new Sequence(s.Values, s.Values.Length, s.Label, s.Group))]);

    private static string Readings(SequenceDataset data) =>
        string.Join(' ', data.Sequences.Select(s => s.Values.Span[0]));
}

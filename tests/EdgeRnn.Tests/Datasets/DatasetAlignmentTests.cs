using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Datasets;

public sealed class DatasetAlignmentTests
{
    private static readonly SequenceDataset Train = Data(["x", "y"], ["down", "idle", "up"], 0, 1, 2);

    [Fact]
    public void Labels_are_matched_by_name()
    {
        var test = Data(["x", "y"], ["up", "down"], 0, 1).AlignedTo(Train);
        Assert.Equal(Train.Labels, test.Labels);
        Assert.Equal([2, 0], test.Sequences.Select(s => s.Label));
    }

    [Fact]
    public void Equal_labels_change_nothing() => Assert.Same(Train, Train.AlignedTo(Train));

    [Fact]
    public void A_class_without_sequences_need_not_be_known() =>
        Assert.Equal([1], Data(["x", "y"], ["idle", "jump"], 0).AlignedTo(Train).Sequences.Select(s => s.Label));

    [Fact]
    public void Numbered_channels_fit_named_ones() =>
        Assert.Equal(1, Data(["0", "1"], ["up"], 0).AlignedTo(Train).Count);

    [Fact]
    public void Other_data_are_refused()
    {
        Refuses(Data(["x", "y"], ["up", "jump"], 0, 1), "class jump", "expected those of test: down, idle, up");
        Refuses(Data(["x"], ["up"], 0), "has 1 channels, expected the 2 of test");
        Refuses(Data(["y", "x"], ["up"], 0), "has channels y, x", "channels=x,y");
        Refuses(Windows(3), "sequences of 3 steps, expected the 1 of test", "window=1");
    }

    [Fact]
    public void A_model_is_matched_like_data()
    {
        var weights = Tensor.FromFloats(3, 2, new float[6]);
        var model = new RnnModel
        {
            Precision = Precision.Float32,
            Layers = [new() { Kind = LayerKind.Dense, InputSize = 2, Units = 3, WeightIh = weights, BiasIh = weights }],
            Labels = Train.Labels,
            Mean = weights,
            Deviation = weights,
            Window = 4,
            Hop = 4,
        };
        var windows = Windows(4);
        Assert.Equal(2, windows.AlignedTo(model).Sequences[1].Label);
        var error = Assert.Throws<UserException>(() => windows.AlignedTo(model with { Window = 5 }));
        Assert.Contains("sequences of 4 steps, expected the 5 of the model", error.Message);
        Assert.Equal(2, windows.AlignedTo(model with { Window = 0, StreamMode = StreamMode.Continuous }).Count);
    }

    private static void Refuses(SequenceDataset data, params string[] parts)
    {
        var error = Assert.Throws<UserException>(() => data.AlignedTo(Train));
        Assert.All(parts, part => Assert.Contains(part, error.Message));
    }

    private static SequenceDataset Windows(int steps)
    {
        var window = new Sequence(new float[2 * steps], steps, 0);
        return Data(["x", "y"], ["up"], 0) with { Sequences = [window, window] };
    }

    private static SequenceDataset Data(string[] channels, string[] labels, params int[] classes) =>
        new("test", channels, labels, [.. classes.Select(c => new Sequence(new float[channels.Length], 1, c))]);
}

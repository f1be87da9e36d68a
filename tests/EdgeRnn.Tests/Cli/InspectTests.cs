using EdgeRnn.Tests.Format;
using EdgeRnn.Trainer;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>What <c>edgernn inspect</c> says of a model, against numbers worked out by hand.</summary>
public sealed class InspectTests : IDisposable
{
    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Shapes_sizes_and_rules_are_shown()
    {
        var model = RandomModels.Create(2, Precision.Int8, 2, "lstm:5,dense:3", window: 12, hop: 5) with
        {
            Labels = ["circle", "rest", "wing"],
            Channels = ["left", "right"],
            SampleRateHz = 50,
            Decision = new() { Threshold = 0.5f, Average = 4 },
            Training = new("motion", 7, 0.9f, 0.875f, "0.1.0"),
        };
        string tree = Inspect(SelfTests.Attach(model));
        Assert.All(
            [
                "int8,", "input: 2 channels, 50 steps a second", "left   mean", "right  mean",
                // 20·2 + 20·5 weights and 20 biases; bytes: weights, 20 scales of each matrix, biases.
                "layer 1: lstm:5, 2 -> 5", "160 parameters, 380 bytes, 140 multiply-adds a step",
                    "weight_ih  [20, 2]  int8, scales",
                "bias_ih    [20]     float32", "layer 2: dense:3, 5 -> 3",
                    "18 parameters, 39 bytes, 15 multiply-adds a step",
                "output: 3 classes", "circle, rest, wing", "stream: windows of 12 steps, every 5",
                    "decisions: threshold=0.5, average=4",
                "trained: on motion, seed 7", "validation 90.00 %, test 87.50 %", "self-test: passed",
                "in all 178 parameters, 419 bytes, 155 multiply-adds a step",
            ],
            words => Assert.Contains(words, tree, StringComparison.Ordinal));
    }

    [Fact]
    public void Forms_of_cells_and_values_are_shown()
    {
        string tree = Inspect(ModelFiles.Small[3]);
        Assert.All(
            [
                "layer 1: lstm:3:bi, 2 -> 6", "peephole        [18]", "hardsigmoid, softsign, elu", "clip 3, f = 1 - i",
                "output: 2 values, pooling each step", "stream: none, as it reads whole sequences", "self-test: none",
            ],
            words => Assert.Contains(words, tree, StringComparison.Ordinal));
    }

    [Fact]
    public void Json_has_the_same_numbers()
    {
        ModelWriter.Save(_folder["net.ernn"], RandomModels.Create(2, Precision.Int8, 2, "lstm:5,dense:3"));
        var json = CliFolder.Run("inspect", "--model", _folder["net.ernn"], "--json").Works().Json;
        Assert.Equal(
            (178, 155), (json.GetProperty("parameters").GetInt32(), json.GetProperty("multiply_adds").GetInt32()));
        var layer = json.GetProperty("layers")[0];
        Assert.Equal(
            (380, 140), (layer.GetProperty("bytes").GetInt32(), layer.GetProperty("multiply_adds").GetInt32()));
    }

    private string Inspect(RnnModel model)
    {
        ModelWriter.Save(_folder["net.ernn"], model);
        return CliFolder.Run("inspect", "--model", _folder["net.ernn"]).Works().Output;
    }
}

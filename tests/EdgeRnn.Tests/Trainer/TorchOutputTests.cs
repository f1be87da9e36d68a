using System.Text.Json;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;
using Xunit;

namespace EdgeRnn.Tests.Training;

/// <summary>
/// Pooling, both directions, outputs of each step and the losses of values against PyTorch: the values are
/// tools/golden/torch-outputs.py's.
/// </summary>
public class TorchOutputTests
{
    // PyTorch computed in double precision; a handful of single-precision operations a step stay within this of it.
    private const float Tolerance = 3e-6f;

    private static readonly JsonElement Golden =
        JsonDocument.Parse(Repository.Golden("torch-outputs.json")).RootElement;

    public static TheoryData<string> Nets =>
        [.. Golden.EnumerateArray().Select(entry => entry.GetProperty("net").GetString()!)];

    [Theory, MemberData(nameof(Nets))]
    public void Network_gives_the_outputs_and_gradients_of_torch(string net)
    {
        var (golden, fixture, _) = Read(net);
        fixture.Backward();
        Assert.Equal(golden.GetProperty("loss").GetDouble(), fixture.Loss(), Tolerance);
        AssertClose(Floats(golden, "gradients"), fixture.Gradient, net);
    }

    [Theory, MemberData(nameof(Nets))]
    public void Runner_of_the_exported_model_gives_the_outputs_of_torch(string net)
    {
        var (golden, fixture, data) = Read(net);
        // As values without a scale, so that softmax does not hide the logits.
        var runner = new SequenceRunner(
            fixture.Network.ToModel(data with { OutputKind = OutputKind.Values }, StreamMode.Window));
        float[] expected = Floats(golden, "outputs");
        int at = 0;
        foreach (var sequence in data.Sequences)
        {
            float[] outputs = new float[4 * runner.OutputsOf(sequence.Steps)];
            runner.Run(sequence.Values.Span, outputs);
            AssertClose(expected.AsSpan(at, outputs.Length), outputs, net);
            at += outputs.Length;
        }

        Assert.Equal(expected.Length, at);
    }

    private static (JsonElement Golden, TrainingFixture Fixture, SequenceDataset Data) Read(string net)
    {
        var golden = Golden.EnumerateArray().Single(entry => entry.GetProperty("net").GetString() == net);
        bool eachStep = net.Contains("pool:none", StringComparison.Ordinal);
        int[] labels = [.. golden.GetProperty("labels").EnumerateArray().Select(label => label.GetInt32())];
        float[] targets = Floats(golden, "targets");
        var sequences = new List<Sequence>();
        int row = 0;
        foreach (var input in golden.GetProperty("inputs").EnumerateArray())
        {
            float[] values = [.. input.EnumerateArray().Select(x => x.GetSingle())];
            int rows = eachStep ? values.Length / 3 : 1;
            sequences.Add(new(values, values.Length / 3, labels[row])
            {
                StepLabels = labels.AsMemory(row, rows),
                Targets = targets.AsMemory(4 * row, 4 * rows),
            });
            row += rows;
        }

        var data = new SequenceDataset(
            "torch", ["0", "1", "2"], ["a", "b", "c", "d"], sequences)
        { EachStep = eachStep };
        var loss = golden.GetProperty("loss_kind").GetString() switch
        {
            "mse" => LossKind.Mse,
            "mae" => LossKind.Mae,
            _ => LossKind.CrossEntropy,
        };
        var fixture = new TrainingFixture(net, data, loss);
        Floats(golden, "parameters").CopyTo(fixture.Parameters);
        return (golden, fixture, data);
    }

    private static float[] Floats(JsonElement golden, string name) =>
        [.. golden.GetProperty(name).EnumerateArray().Select(x => x.GetSingle())];

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            bool close = MathF.Abs(expected[i] - actual[i]) <= Tolerance * MathF.Max(1f, MathF.Abs(expected[i]));
            Assert.True(close, $"{what}[{i}]: expected {expected[i]}, was {actual[i]}");
        }
    }
}

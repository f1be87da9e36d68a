using System.Text.Json;
using EdgeRnn.Cli;
using EdgeRnn.Cli.Onnx;
using EdgeRnn.Onnx;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Onnx;

/// <summary>
/// Networks that PyTorch exported, with the outputs it gave (tools/golden/torch-onnx.py): imported, they give the same
/// in float, ONNX Runtime gives it too, and what can be quantized stays near in integers.
/// </summary>
public class TorchNetworkTests
{
    // PyTorch computes in single precision as well, with sums in another order.
    private const double FloatTolerance = 1e-5;

    // Of probabilities. Scales are those of 54 readings; the networks are drawn at random and have six units.
    private const double Int8Tolerance = 0.08;

    public static TheoryData<string> Networks =>
        [.. Directory.GetFiles(Path.Combine(Repository.Root, "tests", "EdgeRnn.Tests", "Golden", "onnx"), "*.onnx")
            .Select(path => Path.GetFileNameWithoutExtension(path)).Order()];

    [Fact]
    public void There_are_networks() => Assert.True(Networks.Count >= 20);

    [Theory]
    [MemberData(nameof(Networks))]
    public void Import_gives_the_outputs_of_PyTorch(string name)
    {
        var golden = GoldenNetwork.Read(name);
        var runner = new SequenceRunner(golden.Network.Model);
        for (int s = 0; s < golden.Sequences; s++)
        {
            float[] expected = golden.Expected(s), found = new float[expected.Length];
            runner.Run(golden.Readings(s), found);
            for (int i = 0; i < found.Length; i++)
                Assert.Equal(expected[i], found[i], FloatTolerance);
        }
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void ONNX_Runtime_agrees_on_random_readings(string name)
    {
        var golden = GoldenNetwork.Read(name);
        Assert.InRange(OnnxVerification.Run(golden.File, golden.Network), 0, OnnxVerification.Tolerance);
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void ONNX_Runtime_gives_the_outputs_of_PyTorch(string name)
    {
        var golden = GoldenNetwork.Read(name);
        using var reference = new OnnxReference(golden.File, golden.Network);
        for (int s = 0; s < golden.Sequences; s++)
        {
            float[] expected = golden.Raw(s), found = reference.Run(golden.Readings(s));
            Assert.Equal(expected.Length, found.Length);
            for (int i = 0; i < found.Length; i++)
                Assert.Equal(expected[i], found[i], FloatTolerance);
        }
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Int8_stays_near_or_is_refused(string name)
    {
        var golden = GoldenNetwork.Read(name);
        var model = golden.Network.Model;
        var data = new SequenceDataset(
            name, ["a", "b", "c"], model.Labels,
            [.. Enumerable.Range(0, golden.Sequences).Select(s => new Sequence(golden.Readings(s), 9, 0, null))]);
        if (model.IsOffline || model.Layers.Any(layer => layer.Variant is not null))
        {
            var refusal = Assert.Throws<UserException>(() => Calibration.Quantize(model, data, Precision.Int8));
            Assert.StartsWith("The model cannot be quantized", refusal.Message, StringComparison.Ordinal);
            return;
        }
        var runner = new SequenceRunner(Calibration.Quantize(model, data, Precision.Int8));
        for (int s = 0; s < golden.Sequences; s++)
        {
            float[] expected = golden.Expected(s), found = new float[expected.Length];
            runner.Run(golden.Readings(s), found);
            for (int i = 0; i < found.Length; i++)
                Assert.Equal(expected[i], found[i], Int8Tolerance);
        }
    }

    /// <summary>Logits, scores and their logarithms are brought to one form before they are compared.</summary>
    [Theory]
    [InlineData("lstm-two-mean", OnnxResult.Values)]
    [InlineData("lstm-state-softmax", OnnxResult.Softmax)]
    [InlineData("gru-mlp-logsoftmax", OnnxResult.LogSoftmax)]
    public void Comparing_a_network_with_itself_finds_rounding_alone(string name, OnnxResult result)
    {
        var golden = GoldenNetwork.Read(name);
        Assert.Equal(result, golden.Network.Result);
        var model = golden.Network.Model;
        var data = new SequenceDataset(
            name, ["a", "b", "c"], model.Labels,
            [.. Enumerable.Range(0, golden.Sequences).Select(s => new Sequence(golden.Readings(s), 9, 0, null))]);
        var found = OnnxComparison.Run(model, golden.File, golden.Network, data, TestContext.Current.CancellationToken);
        Assert.Equal((golden.Sequences, golden.Sequences), (found.Outputs, found.Agreeing));
        Assert.InRange(found.LargestDifference, 0, FloatTolerance);
    }

    [Theory]
    [InlineData("lstm-two-mean", "lstm:6,lstm:6,dense:4", Pooling.Mean, Direction.Forward)]
    [InlineData("gru-last", "gru:6,dense:4", Pooling.Last, Direction.Forward)]
    [InlineData("lstm-bi-state", "lstm:6:bi,dense:4", Pooling.Last, Direction.Bidirectional)]
    [InlineData("rnn-bi-last-steps-first", "rnn:6:bi,dense:4", Pooling.LastStep, Direction.Bidirectional)]
    [InlineData("gru-steps", "gru:6,dense:4", Pooling.EachStep, Direction.Forward)]
    [InlineData("lstm-max", "lstm:6,dense:4", Pooling.Max, Direction.Forward)]
    [InlineData("gru-mlp-logsoftmax", "gru:6,dense:5:relu,dense:5,dense:4", Pooling.Last, Direction.Forward)]
    public void Layers_are_those_of_the_network(string name, string layers, Pooling pooling, Direction direction)
    {
        var model = GoldenNetwork.Read(name).Network.Model;
        Assert.Equal(layers, string.Join(",", model.Layers.Select(ModelTree.NameOf)));
        Assert.Equal(pooling, model.Pooling);
        Assert.Equal(direction, model.Layers[0].Direction);
    }
}

/// <summary>A network of PyTorch's.</summary>
internal sealed record GoldenNetwork(
    byte[] File, ImportedNetwork Network, int Sequences, float[] AllReadings, float[] AllOutputs)
{
    public static GoldenNetwork Read(string name)
    {
        byte[] file = Repository.Golden($"onnx/{name}.onnx");
        var json = JsonDocument.Parse(Repository.Golden($"onnx/{name}.json")).RootElement;
        return new(
            file, OnnxImport.Read(file, new() { Window = 9 }), json.GetProperty("shape")[0].GetInt32(),
            Floats(json.GetProperty("readings")), Floats(json.GetProperty("outputs")));
    }

    public float[] Readings(int sequence) => Part(AllReadings, sequence);

    /// <summary>What PyTorch gave.</summary>
    public float[] Raw(int sequence) => Part(AllOutputs, sequence);

    /// <summary>What the model must give: PyTorch's values, or the scores they are logits or logarithms of.</summary>
    public float[] Expected(int sequence)
    {
        float[] raw = Raw(sequence);
        if (Network.Model.OutputKind == OutputKind.Values || Network.Result == OnnxResult.Softmax)
            return raw;
        int units = Network.Model.Labels.Count;
        double[] powers = [.. raw.Select(x => Math.Exp(x))];
        return [.. powers.Select((power, i) => (float)(power / powers.Skip(i / units * units).Take(units).Sum()))];
    }

    private float[] Part(float[] all, int sequence) =>
        all.AsSpan(sequence * (all.Length / Sequences), all.Length / Sequences).ToArray();

    private static float[] Floats(JsonElement array) => [.. array.EnumerateArray().Select(x => x.GetSingle())];
}

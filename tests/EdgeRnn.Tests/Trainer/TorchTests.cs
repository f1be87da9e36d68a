using System.Text.Json;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Numerics;
using EdgeRnn.Trainer.Training;
using Xunit;

namespace EdgeRnn.Tests.Training;

/// <summary>
/// Cells, their gradients and the optimizers against PyTorch: the values are tools/golden/torch-cells.py's.
/// </summary>
public unsafe class TorchTests
{
    private static readonly JsonElement Golden = Read();

    [Theory]
    [InlineData("rnn:5")]
    [InlineData("rnn:5:relu")]
    [InlineData("lstm:5")]
    [InlineData("gru:5")]
    public void Cell_gives_the_logits_and_gradients_of_torch(string name)
    {
        var golden = Find("cells", name);
        var fixture = Fixture(golden);
        fixture.Backward();

        // PyTorch computed in double precision; a handful of single-precision operations a step stay within 2e-6 of
        // that.
        float[] expected = Floats(golden.GetProperty("logits"));
        for (int i = 0; i < 3; i++)
            AssertClose(expected.AsSpan(i * 4, 4), fixture.LogitsOf(i), 2e-6f, $"{name} sequence {i}");
        Assert.Equal(golden.GetProperty("loss").GetDouble(), fixture.Loss(), 2e-6);
        var gradients = golden.GetProperty("gradients");
        var layers = fixture.Network.Layers;
        foreach (var block in layers[0].Parameters)
        {
            float[] gradient = Floats(gradients.GetProperty(block.Name == "bias_hn" ? "bias_hh" : block.Name));
            AssertClose(gradient.AsSpan(^block.Length..), block.Of(fixture.Gradient), 2e-6f, $"{name} {block.Name}");
        }

        var head = layers[^1].Parameters;
        AssertClose(Floats(gradients.GetProperty("head_weight")), head[0].Of(fixture.Gradient), 2e-6f, "head");
        AssertClose(Floats(gradients.GetProperty("head_bias")), head[1].Of(fixture.Gradient), 2e-6f, "head");
    }

    [Theory]
    [InlineData("rnn:5")]
    [InlineData("rnn:5:relu")]
    [InlineData("lstm:5")]
    [InlineData("gru:5")]
    public void Session_of_the_exported_model_gives_the_logits_of_torch(string name)
    {
        var golden = Find("cells", name);
        var fixture = Fixture(golden);
        var data = Data(golden);
        var session = new RnnSession(fixture.Network.ToModel(data));
        float[] expected = Floats(golden.GetProperty("logits"));
        var scores = new float[4];
        for (int i = 0; i < data.Count; i++)
        {
            session.Reset();
            for (int t = 0; t < data.Sequences[i].Steps; t++)
                session.Step(data.Sequences[i].Values.Span.Slice(3 * t, 3), scores);
            AssertClose(expected.AsSpan(i * 4, 4), session.Logits, 2e-6f, $"{name} sequence {i}");
        }
    }

    [Theory]
    [InlineData("sgd", 0)]
    [InlineData("rmsprop", 0)]
    [InlineData("adam", 0)]
    [InlineData("sgd", 0.1)]
    [InlineData("rmsprop", 0.1)]
    [InlineData("adam", 0.1)]
    [InlineData("adamw", 0.1)]
    public void Optimizer_makes_the_steps_of_torch(string name, double decay)
    {
        var golden = Golden.GetProperty("optimizers").EnumerateArray().Single(
            entry => entry.GetProperty("name").GetString() == name && entry.GetProperty("decay").GetDouble() == decay);
        var optimizer = Optimizer.Parse(name);
        Assert.Equal(golden.GetProperty("rate").GetSingle(), optimizer.DefaultLearningRate);
        var weights = new FloatBuffer(5);
        float[] first = [0.5f, -1f, 2f, 0f, -0.25f];
        first.CopyTo(weights.Span);
        var state = new FloatBuffer(5 * optimizer.StateCount);
        var step = new OptimizerStep(0, optimizer.DefaultLearningRate, 2f, (float)decay);
        foreach (var golds in golden.GetProperty("steps").EnumerateArray())
        {
            var gradient = new FloatBuffer(5);
            Floats(golds.GetProperty("gradient")).CopyTo(gradient.Span);
            // Half the gradient at a scale of two: clipping enters as a scale.
            foreach (ref float g in gradient.Span)
                g *= 0.5f;
            step = step with { Number = step.Number + 1 };
            optimizer.Update(weights.Pointer, gradient.Pointer, state.Pointer, 5, 5, step);
            AssertClose(Floats(golds.GetProperty("weights")), weights.Span, 3e-7f, $"{name} step {step.Number}");
        }

        Assert.Equal(5, step.Number);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Loss_and_its_gradient_are_those_of_torch(int index)
    {
        var golden = Golden.GetProperty("losses")[index];
        var weights = golden.GetProperty("weights");
        var loss = new SoftmaxLoss(
            4, golden.GetProperty("smoothing").GetSingle(),
            weights.ValueKind == JsonValueKind.Null ? null : Floats(weights));
        float[] logits = Floats(golden.GetProperty("logits"));
        int[] labels = [.. golden.GetProperty("labels").EnumerateArray().Select(x => x.GetInt32())];
        float weight = labels.Sum(loss.Weight);
        var gradient = new float[logits.Length];
        double sum = 0;
        for (int m = 0; m < labels.Length; m++)
        {
            var row = logits.AsSpan(4 * m, 4);
            var (rowLoss, isCorrect) = loss.Run(row, labels[m], 1 / weight, gradient.AsSpan(4 * m, 4));
            sum += rowLoss;
            Assert.Equal(row[labels[m]] == logits[(4 * m)..(4 * m + 4)].Max(), isCorrect);
        }

        // Ours in single precision, PyTorch's in double.
        Assert.Equal(golden.GetProperty("loss").GetDouble(), sum / weight, 1e-6);
        AssertClose(Floats(golden.GetProperty("gradient")), gradient, 3e-7f, $"loss {index}");
    }

    [Theory]
    [InlineData("step:3:0.5")]
    [InlineData("cosine")]
    [InlineData("plateau:2:0.5")]
    [InlineData("plateau:0:0.1")]
    public void Schedule_has_the_rates_of_torch(string name)
    {
        var golden = Find("schedules", name);
        var schedule = LearningRateSchedule.Parse(name);
        Assert.Equal(name, schedule.Name);
        double[] losses = [.. golden.GetProperty("losses").EnumerateArray().Select(x => x.GetDouble())];
        float[] factors = [.. Enumerable.Range(0, losses.Length)
            .Select(epoch => schedule.Factor(epoch, losses.Length, losses[..epoch]))];
        AssertClose(Floats(golden.GetProperty("factors")), factors, 1e-6f, name);
        // Within an epoch nothing but the cosine moves.
        if (name != "cosine")
            Assert.Equal(factors[7], schedule.Factor(7.9, losses.Length, losses[..7]));
    }

    private static TrainingFixture Fixture(JsonElement golden)
    {
        var fixture = new TrainingFixture(golden.GetProperty("name").GetString() + ",dense:4", Data(golden));
        var parameters = golden.GetProperty("parameters");
        float[] biasIh = Floats(parameters.GetProperty("bias_ih"));
        float[] biasHh = Floats(parameters.GetProperty("bias_hh"));
        var layers = fixture.Network.Layers;
        foreach (var block in layers[0].Parameters)
        {
            var target = block.Of(fixture.Parameters);
            switch (block.Name)
            {
                case "bias_hn":
                    biasHh.AsSpan(^block.Length..).CopyTo(target);
                    break;
                case "bias_ih":
                    // What PyTorch keeps in two biases acts as a sum, save in the n gate of a GRU.
                    int summed = layers[0].Parameters.Count == 4 ? 2 * block.Length / 3 : block.Length;
                    for (int i = 0; i < block.Length; i++)
                        target[i] = biasIh[i] + (i < summed ? biasHh[i] : 0);
                    break;
                default:
                    Floats(parameters.GetProperty(block.Name)).CopyTo(target);
                    break;
            }
        }

        Floats(parameters.GetProperty("head_weight")).CopyTo(layers[^1].Parameters[0].Of(fixture.Parameters));
        Floats(parameters.GetProperty("head_bias")).CopyTo(layers[^1].Parameters[1].Of(fixture.Parameters));
        return fixture;
    }

    private static SequenceDataset Data(JsonElement golden)
    {
        var labels = golden.GetProperty("labels");
        var sequences = golden.GetProperty("inputs").EnumerateArray()
            .Select((input, i) => new Sequence(Floats(input), input.GetArrayLength() / 3, labels[i].GetInt32()));
        return new("torch", ["0", "1", "2"], ["a", "b", "c", "d"], [.. sequences]);
    }

    private static void AssertClose(
        ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, float tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            float bound = tolerance * MathF.Max(1f, MathF.Abs(expected[i]));
            bool close = MathF.Abs(expected[i] - actual[i]) <= bound;
            Assert.True(close, $"{what}[{i}]: expected {expected[i]}, was {actual[i]}");
        }
    }

    private static JsonElement Find(string list, string name) =>
        Golden.GetProperty(list).EnumerateArray().Single(entry => entry.GetProperty("name").GetString() == name);

    private static float[] Floats(JsonElement array) => [.. array.EnumerateArray().Select(x => x.GetSingle())];

    private static JsonElement Read()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "EdgeRnn.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("The tests run outside the repository.");
        string path = Path.Combine(folder.FullName, "tests", "EdgeRnn.Tests", "Golden", "torch-cells.json");
        return JsonDocument.Parse(File.ReadAllText(path)).RootElement;
    }
}

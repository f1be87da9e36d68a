using EdgeRnn.Trainer.Training;
using Xunit;
using TrainerRandom = EdgeRnn.Trainer.Numerics.SeededRandom;

namespace EdgeRnn.Tests.Training;

/// <summary>Every layer's way back against central finite differences of its way forward.</summary>
public class LayerGradientTests
{
    // Four points at ±ε and ±2ε: the error of the difference is ε⁴/30 times the fifth derivative, 2e-9 of it here (with
    // twice this ε, sixteen times as much, the deepest network was off by 2e-4). The loss is near 1 and right to about
    // 2e-7 (single precision in the network, double in the sum), which leaves 2e-5 in the difference; the tolerance is
    // five times that. Gradients are 0.01 to 0.5.
    private const float Epsilon = 0.015f;
    private const double Tolerance = 1e-4;

    public static TheoryData<string> Specifications =>
    [
        "rnn:5,dense:4",
        "lstm:5,dense:4",
        "gru:5,dense:4",
        "gru:5:reset-before,dense:4",
        "lstm:9,gru:6,rnn:4,dense:4",
        "gru:7:reset-before,lstm:5,dense:6,dense:4",
        "dropout:0.3,gru:6,dropout:0.5,lstm:6,dropout:0.25,dense:4",
        "rnn:6:recurrent-dropout=0.4,dense:4",
        "dropout:0.3:sequence,lstm:6:recurrent-dropout=0.4,dropout:0.2:sequence,dense:4",
        "gru:6:recurrent-dropout=0.4,gru:5:reset-before:recurrent-dropout=0.3,dense:4",
        // More than a block of rows and columns of the matrix kernel, and not a multiple of either.
        "lstm:35,dense:4",
        "gru:35,dense:4",
        "lstm:5:bi,dense:4",
        "gru:5:bi,gru:4:reset-before:bi,pool:mean,dense:4",
        "rnn:5:bi,dropout:0.3,lstm:4,pool:mean,dropout:0.2:sequence,dense:5,dense:4",
        "gru:7,norm,lstm:9,norm,dense:5,norm,dense:4",
        "rnn:5:bi,norm:eps=0.1,pool:mean,dense:4",
    ];

    [Theory]
    [MemberData(nameof(Specifications))]
    public void Parameters_agree_with_finite_differences(string specification)
    {
        var fixture = Fixture(specification);
        fixture.Backward();
        Compare(fixture, fixture.Parameters, fixture.Gradient.ToArray(), index => Name(fixture, index));
    }

    [Theory]
    [MemberData(nameof(Specifications))]
    public void Inputs_agree_with_finite_differences(string specification)
    {
        var fixture = Fixture(specification);
        fixture.Backward();
        int count = fixture.Pass.Batch.Rows * fixture.Pass.Batch.Channels;
        var inputs = fixture.Pass.Batch.Inputs.Span[..count];
        Compare(fixture, inputs, fixture.InputGradient[..count].ToArray(), index => $"input {index}");
    }

    // A processor takes many times as long for a product with a denormal number.
    [Theory]
    [InlineData("rnn:20,dense:4")]
    [InlineData("lstm:20,dense:4")]
    [InlineData("gru:20,dense:4")]
    [InlineData("gru:20:reset-before,dense:4")]
    public void A_gradient_that_vanishes_ends_as_zero_and_not_as_denormal_numbers(string specification)
    {
        var fixture = new TrainingFixture(specification, TrainingFixture.Data(4, 600, 500));
        foreach (ref float weight in fixture.Network.Layers[0].Parameters[1].Of(fixture.Parameters))
            weight *= 0.5f;
        fixture.Backward();
        Assert.DoesNotContain(fixture.InputGradient.ToArray(), float.IsSubnormal);
        Assert.Equal(0, fixture.InputGradient[0]);
        Assert.NotEqual(0, fixture.InputGradient[^1]);
    }

    [Theory]
    [InlineData("gru:6,pool:none,dropout:0.2,dense:4", LossKind.CrossEntropy)]
    [InlineData("lstm:6:bi,pool:none,dense:4", LossKind.Mse)]
    public void Outputs_of_each_step_agree_with_finite_differences(string specification, LossKind loss)
    {
        var random = new TrainerRandom(5);
        var data = TrainingFixture.Data(4, TrainingFixtureLengths);
        var sequences = data.Sequences.Select(s => s with
        {
            StepLabels = Enumerable.Range(0, s.Steps).Select(_ => random.NextInt(4)).ToArray(),
            Targets = Enumerable.Range(0, 4 * s.Steps).Select(_ => (float)random.NextNormal()).ToArray(),
        });
        var fixture =
            new TrainingFixture(specification, data with { EachStep = true, Sequences = [.. sequences] }, loss)
            {
                DropoutSeed = 3,
            };
        fixture.Backward();
        Compare(fixture, fixture.Parameters, fixture.Gradient.ToArray(), index => Name(fixture, index));
    }

    [Theory]
    [InlineData("rnn:5,dense:4")]
    [InlineData("lstm:5,gru:6,dense:4")]
    [InlineData("gru:5:reset-before,dense:4")]
    public void A_carried_state_is_a_constant_to_begin_with(string specification)
    {
        var fixture = Fixture(specification);
        fixture.Load(new(2, 5));
        double forgotten = fixture.Loss();
        fixture.Load(new(0, 2));
        double before = fixture.Loss();
        fixture.Pass.KeepState();
        fixture.Load(new(2, 5));
        fixture.Pass.Batch.Carries = true;
        Assert.NotEqual(forgotten, fixture.Loss());
        fixture.Backward();
        Compare(fixture, fixture.Parameters, fixture.Gradient.ToArray(), index => Name(fixture, index));
        fixture.Pass.ForgetState();
        Assert.Equal(forgotten, fixture.Loss());
        fixture.Pass.Batch.Carries = false;
        fixture.Load(new(0, 2));
        Assert.Equal(before, fixture.Loss());
    }

    [Theory]
    [InlineData("rnn:5:relu,dense:4")]
    [InlineData("lstm:5,gru:6,dense:4")]
    [InlineData("gru:5:reset-before,dense:4")]
    public void Parts_with_a_carried_state_give_what_the_whole_gives(string specification)
    {
        var data = TrainingFixture.Data(4, 9, 9, 7, 4, 1);
        var whole = new TrainingFixture(specification, data);
        whole.Loss();
        var parts = new TrainingFixture(specification, data);
        for (int first = 0; first < 9; first += 3)
        {
            parts.Load(new(first, 3));
            parts.Pass.Batch.Carries = first > 0;
            parts.Loss();
            parts.Pass.KeepState();
        }

        // What is left in the last part are the two longest, whose last step it holds.
        Assert.Equal(3, parts.Pass.Batch.Sequences);
        for (int i = 0; i < 2; i++)
            Assert.Equal(whole.LogitsOf(i), parts.LogitsOf(i));
    }

    // Relu has kinks, across which differences mean nothing. With biases far above what weights can take away, all
    // units stay on the slope; with one half far below, they stay at 0 and must give 0.
    [Theory]
    [InlineData("rnn:6:relu,dense:4")]
    [InlineData("lstm:5,dense:6:relu,dense:4")]
    public void Relu_agrees_away_from_its_kink(string specification)
    {
        var fixture = Fixture(specification);
        var relu = fixture.Network.Layers.First(l => l.Specification.EndsWith("relu", StringComparison.Ordinal));
        foreach (ref float weight in relu.Parameters[0].Of(fixture.Parameters))
            weight *= 0.3f;
        var bias = relu.Parameters[^1].Of(fixture.Parameters);
        for (int u = 0; u < bias.Length; u++)
            bias[u] = u % 2 == 0 ? 4f : -8f;
        if (relu.Parameters.Count == 3)
        {
            foreach (ref float weight in relu.Parameters[1].Of(fixture.Parameters))
                weight *= 0.15f;
        }

        fixture.Backward();
        var gradient = fixture.Gradient.ToArray();
        Compare(fixture, fixture.Parameters, gradient, index => Name(fixture, index));
        Assert.Equal(0f, relu.Parameters[^1].Of(gradient)[1]);
        Assert.NotEqual(0f, relu.Parameters[^1].Of(gradient)[0]);
    }

    [Fact]
    public void Steps_after_a_sequences_end_do_not_exist_for_it()
    {
        var fixture = Fixture("lstm:6,gru:6,dense:4");
        int steps = 0;
        for (int t = 0; t < fixture.Pass.Batch.Steps; t++)
            steps += fixture.Pass.Batch.Active[t];
        Assert.Equal(TrainingFixtureLengths.Sum(), steps);
        Assert.Equal(steps, fixture.Pass.Batch.Rows);
    }

    private static readonly int[] TrainingFixtureLengths = [4, 1, 7, 7, 2, 5, 3, 6, 1, 7, 4];

    private static TrainingFixture Fixture(string specification)
    {
        var fixture = new TrainingFixture(specification, TrainingFixture.Data(4, TrainingFixtureLengths))
        {
            DropoutSeed = specification.Contains("dropout", StringComparison.Ordinal) ? 3 : null,
        };
        // Away from 0, where biases start, so that no gradient is small by accident.
        var random = new TrainerRandom(17);
        foreach (ref float x in fixture.Parameters)
            x += (float)(0.2 * random.NextNormal());
        return fixture;
    }

    private static void Compare(TrainingFixture fixture, Span<float> values, float[] gradient, Func<int, string> name)
    {
        // All of a small network, a spread of a large one.
        int stride = Math.Max(1, values.Length / 800);
        double largest = 0;
        for (int i = 0; i < values.Length; i += stride)
        {
            float value = values[i];
            double At(Span<float> v, float offset)
            {
                v[i] = value + offset;
                return fixture.Loss();
            }

            double near = At(values, Epsilon) - At(values, -Epsilon);
            double far = At(values, 2 * Epsilon) - At(values, -2 * Epsilon);
            values[i] = value;
            double expected = (8 * near - far) / (12 * (double)Epsilon);
            Assert.True(
                Math.Abs(expected - gradient[i]) <= Tolerance + 1e-3 * Math.Abs(expected),
                $"{fixture.Network.Specification}, {name(i)}: gradient {gradient[i]}, difference {expected}");
            largest = Math.Max(largest, Math.Abs(expected));
        }

        Assert.True(largest > 100 * Tolerance, $"all gradients are below {largest}: nothing was tested");
    }

    private static string Name(TrainingFixture fixture, int index)
    {
        foreach (var layer in fixture.Network.Layers)
        {
            foreach (var block in layer.Parameters)
            {
                if (index >= block.Offset && index < block.Offset + block.Length)
                    return $"{layer.Specification} {block.Name}[{index - block.Offset}]";
            }
        }

        return $"parameter {index}";
    }
}

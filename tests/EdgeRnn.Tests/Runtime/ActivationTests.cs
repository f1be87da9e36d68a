using System.Numerics;
using EdgeRnn.Quantization;
using Xunit;

namespace EdgeRnn.Tests.Runtime;

/// <summary>The activation functions over every one of their 65,536 fixed-point inputs.</summary>
public sealed unsafe class ActivationTests
{
    private static readonly float[] Inputs =
        [.. Enumerable.Range(short.MinValue, 65536).Select(i => i / 4096f)];

    [Fact]
    public void TanhQ0_15_is_within_2_to_the_minus_15_odd_and_monotonic()
    {
        float[] results = Run(FixedPoint.TanhQ0_15, FixedPoint.TanhQ0_15);
        for (int i = 0; i < Inputs.Length; i++)
        {
            // 1 itself is no Q0.15 number: 32767/32768 is the nearest.
            double truth = Math.Clamp(Math.Tanh(Inputs[i]), -32767 / 32768.0, 32767 / 32768.0);
            Assert.InRange(Math.Abs(results[i] - truth), 0, 0.52 / 32768);
            Assert.True(i == 0 || results[i] >= results[i - 1], $"tanh falls at {Inputs[i]}");
        }
        AssertSymmetric(results, 0f);
        AssertQ0_15(results);
    }

    [Fact]
    public void SigmoidQ0_15_is_within_2_to_the_minus_15_symmetric_and_monotonic()
    {
        float[] results = Run(FixedPoint.SigmoidQ0_15, FixedPoint.SigmoidQ0_15);
        for (int i = 0; i < Inputs.Length; i++)
        {
            double truth = 1 / (1 + Math.Exp(-(double)Inputs[i]));
            Assert.InRange(Math.Abs(results[i] - truth), 0, 0.52 / 32768);
            Assert.True(i == 0 || results[i] >= results[i - 1], $"σ falls at {Inputs[i]}");
            Assert.InRange(results[i], 1 / 32768f, 32767 / 32768f);
        }
        AssertSymmetric(results, 1f);
        AssertQ0_15(results);
    }

    [Fact]
    public void Float_activations_are_within_2e_7_of_the_truth_and_vectors_give_the_scalars_bits()
    {
        float[] tanh = Run(Activations.Tanh, Activations.Tanh);
        float[] sigmoid = Run(Activations.Sigmoid, Activations.Sigmoid);
        for (int i = 0; i < Inputs.Length; i++)
        {
            Assert.InRange(Math.Abs(tanh[i] - Math.Tanh(Inputs[i])), 0, 2e-7);
            Assert.InRange(Math.Abs(sigmoid[i] - 1 / (1 + Math.Exp(-(double)Inputs[i]))), 0, 2e-7);
        }
        Assert.Equal(1f, Activations.Tanh(1e30f));
        Assert.Equal(-1f, Activations.Tanh(-1e30f));
    }

    [Fact]
    public void Exp_is_as_near_the_truth_as_it_says_over_its_whole_range()
    {
        for (double x = -87; x <= 88; x += 0.000731)
        {
            float argument = (float)x;
            double truth = Math.Exp(argument);
            Assert.InRange(Math.Abs(Activations.Exp(argument) - truth) / truth, 0, 2e-7 + 1.2e-7 * Math.Abs(x));
        }
        Assert.Equal(1f, Activations.Exp(0f));
    }

    // IEEE 754's own examples of ties to even, in units of the grid.
    [Theory]
    [InlineData(0.5f, 0f)]
    [InlineData(1.5f, 2f)]
    [InlineData(2.5f, 2f)]
    [InlineData(-0.5f, 0f)]
    [InlineData(-1.5f, -2f)]
    [InlineData(32766.5f, 32766f)]
    [InlineData(32766.51f, 32767f)]
    public void Rounding_takes_the_nearest_and_ties_to_even(float units, float expected)
    {
        foreach (int bits in (int[])[1, 8, 12, 15])
        {
            float unit = MathF.ScaleB(1, -bits);
            float result = FixedPoint.Round(new ScalarLane(units * unit), FixedPoint.Grid(bits)).Value;
            Assert.Equal(expected * unit, result);
        }
    }

    private delegate T Formula<T>(T x) where T : unmanaged, ILanes<T>;

    /// <summary>The scalar results, after asserting that vectors give the same bits.</summary>
    private static float[] Run(Formula<ScalarLane> scalar, Formula<VectorLanes> vector)
    {
        var results = new float[Inputs.Length];
        var vectors = new float[Inputs.Length];
        fixed (float* x = Inputs, y = results, v = vectors)
        {
            for (int i = 0; i < Inputs.Length; i++)
                scalar(ScalarLane.Load(x + i)).Store(y + i);
            for (int i = 0; i < Inputs.Length; i += Vector<float>.Count)
                vector(VectorLanes.Load(x + i)).Store(v + i);
        }
        Assert.Equal(results.Select(BitConverter.SingleToInt32Bits), vectors.Select(BitConverter.SingleToInt32Bits));
        return results;
    }

    // f(-x) = total - f(x); input 0 is -8, which has no positive counterpart.
    private static void AssertSymmetric(float[] results, float total)
    {
        for (int i = 1; i < results.Length; i++)
            Assert.Equal(total - results[i], results[65536 - i]);
    }

    private static void AssertQ0_15(float[] results) => Assert.All(results, r => Assert.Equal(MathF.Round(r * 32768), r * 32768));
}

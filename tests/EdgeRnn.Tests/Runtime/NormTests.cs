using EdgeRnn.Runtime;
using EdgeRnn.Runtime.Kernels;
using Xunit;

namespace EdgeRnn.Tests.Runtime;

/// <summary>Layer normalisation by its equation, in double precision, on every kernel.</summary>
public sealed class NormTests
{
    private const int Inputs = 3;
    private const int Steps = 12;

    // A head has results of 2^-12: eight times as large, they tell all integers of 16 bits apart.
    private const int Magnified = 8;
    private const int MostShown = 200;

    // Less than a vector, whole vectors, and one more.
    public static TheoryData<Precision, int, float> Sizes =>
        new MatrixTheoryData<Precision, int, float>(
            Enum.GetValues<Precision>(), [1, 3, 8, 33, 64, 100, 131], [1e-5f, 0.3f]);

    [Theory, MemberData(nameof(Sizes))]
    public void Outputs_are_those_of_the_equation(Precision precision, int units, float epsilon)
    {
        var model = RandomModels.Create(41, precision, Inputs, $"rnn:{units},norm,dense:2");
        var norm = model.Layers[1] with { Epsilon = epsilon };
        model = model with { Layers = [model.Layers[0], norm, model.Layers[2]] };
        float[] readings = RandomModels.Readings(42, model, Steps);
        foreach (var kernel in Kernel.Available)
        {
            var (all, seen) = (Showing(model, 1, kernel, units), Showing(model, 2, kernel, units));
            for (int t = 0; t < Steps; t++)
            {
                var reading = readings.AsSpan(t * Inputs, Inputs);
                double[] x = Step(all, reading, norm.InputScale), y = Step(seen, reading, norm.OutputScale);
                Assert.Contains(x, value => Math.Abs(value) > 0.01);
                AssertNormalised(norm, precision, x, y, $"{kernel.Name}, step {t}");
            }
        }
    }

    /// <summary>The widest sums: 4,096 units at the ends of their range.</summary>
    [Theory]
    [InlineData(Precision.Int8)]
    [InlineData(Precision.Int8x16)]
    public void Sums_of_the_widest_layer_are_exact(Precision precision)
    {
        var model = RandomModels.Create(44, precision, 1, "rnn:4096,norm,dense:2");
        float[] ends = [.. Enumerable.Range(0, 4096).Select(u => u % 4 == 0 ? -20f : 20f)];
        RnnLayer rnn = model.Layers[0], norm = model.Layers[1];
        rnn = rnn with { BiasIh = Tensor.FromFloats(4096, 1, ends) };
        model = model with { Layers = [rnn, norm, model.Layers[2]] };
        foreach (var kernel in Kernel.Available)
        {
            double[] y = Step(Showing(model, 2, kernel, 4096), [0f], norm.OutputScale);
            double[] x = [.. ends.Select(end => MathF.Sign(end) * (precision == Precision.Int8 ? 127 : 32767)
                * (double)rnn.OutputScale)];
            AssertNormalised(norm, precision, x, y, kernel.Name);
        }
    }

    /// <summary>Where all units are equal there is no deviation to divide by.</summary>
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Int8)]
    [InlineData(Precision.Int8x16)]
    public void Equal_units_become_the_offset(Precision precision)
    {
        var model = RandomModels.Create(43, precision, Inputs, "gru:9,norm,dense:2");
        foreach (var kernel in Kernel.Available)
        {
            // The state before the first step is zero throughout.
            var session = Showing(model, 2, kernel, 9);
            float[] y = new float[9];
            session.Score(y);
            double[] x = new double[9];
            AssertNormalised(model.Layers[1], precision, x, Integers(y, model.Layers[1].OutputScale), kernel.Name);
        }
    }

    // The first layers of a model, and a head that passes on what they give, as values.
    private static RnnSession Showing(RnnModel model, int layers, Kernel kernel, int units)
    {
        int shown = Math.Min(units, MostShown);
        float[] zeros = new float[shown], weights = new float[shown * units];
        for (int i = 0; i < shown; i++)
            weights[i * units + i] = 1;
        bool isFloat = model.Precision == Precision.Float32;
        float[] scales = [.. Enumerable.Repeat((float)Magnified / 127, shown)];
        var head = model.Layers[^1] with
        {
            Units = shown,
            InputScale = model.Layers[layers - 1].OutputScale,
            WeightIh = isFloat
                ? Tensor.FromFloats(shown, units, weights)
                : Tensor.FromInt8s(shown, units, [.. weights.Select(w => (sbyte)(127 * w))], scales),
            BiasIh = Tensor.FromFloats(shown, 1, zeros),
        };
        float unit = isFloat ? 1 : 1f / Magnified;
        return new(
            model with
            {
                Layers = [.. model.Layers.Take(layers), head],
                Labels = [.. Enumerable.Range(0, shown).Select(i => $"{i}")],
                OutputKind = OutputKind.Values,
                OutputMean = Tensor.FromFloats(shown, 1, zeros),
                OutputDeviation = Tensor.FromFloats(shown, 1, [.. Enumerable.Repeat(unit, shown)]),
            },
            kernel);
    }

    private static double[] Step(RnnSession session, ReadOnlySpan<float> readings, float scale)
    {
        float[] values = new float[session.Model.Labels.Count];
        session.Step(readings, values);
        return Integers(values, scale);
    }

    // Float sessions have no scale.
    private static double[] Integers(float[] values, float scale) =>
        [.. values.Select(value => scale == 0 ? value : Math.Round(value / (double)scale) * scale)];

    private static void AssertNormalised(RnnLayer norm, Precision precision, double[] x, double[] y, string where)
    {
        double mean = x.Average(), variance = x.Average(value => (value - mean) * (value - mean));
        // Integers are the nearest, or near a tie one of two; floats are off by some 1e-7 of what they are made of.
        double largest = precision == Precision.Int8 ? 127 : 32767;
        double tolerance = precision == Precision.Float32 ? 1e-5 : 0.51 * norm.OutputScale;
        for (int u = 0; u < y.Length; u++)
        {
            double expected = norm.WeightIh.Floats[u] * (x[u] - mean) / Math.Sqrt(variance + norm.Epsilon)
                + norm.BiasIh.Floats[u];
            if (precision != Precision.Float32)
                expected = Math.Clamp(expected, -largest * norm.OutputScale, largest * norm.OutputScale);
            Assert.True(Math.Abs(expected - y[u]) <= tolerance, $"{where}, unit {u}: {y[u]}, expected {expected}");
        }
    }
}

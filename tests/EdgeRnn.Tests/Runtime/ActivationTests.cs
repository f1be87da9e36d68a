using System.Numerics;
using EdgeRnn.Quantization;
using Xunit;

namespace EdgeRnn.Tests.Runtime;

/// <summary>The activation functions over every one of their 65,536 fixed-point inputs.</summary>
public sealed unsafe class ActivationTests
{
    // The error that a 16-bit activation may have, in units of Q0.15: 2^-12.
    private const double Allowed = 8;

    private static readonly short[] Integers = [.. Enumerable.Range(short.MinValue, 65536).Select(i => (short)i)];
    private static readonly float[] Inputs = [.. Integers.Select(i => i / 4096f)];

    [Fact]
    public void Tanh_of_Q3_12_is_within_2_to_the_minus_12_odd_and_monotonic()
    {
        short[] results = Run(x => FixedPoint.Tanh(x, new(1)), x => FixedPoint.Tanh(x, new(1)));
        AssertNear(results, Math.Tanh, 4096);
        AssertMonotonic(results);
        AssertSymmetric(results, 0);
        Assert.Equal(0, results[32768]);
    }

    [Fact]
    public void Sigmoid_of_twice_a_Q3_12_is_within_2_to_the_minus_12_symmetric_monotonic_and_never_0_or_1()
    {
        short[] results = Run(x => FixedPoint.SigmoidOfTwice(x, new(1)), x => FixedPoint.SigmoidOfTwice(x, new(1)));
        AssertNear(results, t => 1 / (1 + Math.Exp(-2 * t)), 4096);
        AssertMonotonic(results);
        AssertSymmetric(results, 32768);
        Assert.Equal(16384, results[32768]);
        Assert.InRange(results.Min(), 1, 32767);
    }

    [Fact]
    public void Tanh_of_a_cell_state_is_within_2_to_the_minus_12_odd_and_monotonic_in_every_format()
    {
        for (int bits = 1; bits <= FixedPoint.MostCellFractionBits; bits++)
        {
            int fractionBits = bits;
            short[] results =
                Run(x => FixedPoint.TanhOfCell(x, new(fractionBits)), x => FixedPoint.TanhOfCell(x, new(fractionBits)));
            AssertNear(results, Math.Tanh, 1 << bits);
            AssertMonotonic(results);
            AssertSymmetric(results, 0);
            Assert.Equal(0, results[32768]);
        }
    }

    // c = f·c + i·g with f, i and g at their largest leaves a cell where it is, or moves it by 1.
    [Fact]
    public void A_cell_keeps_its_state_grows_by_its_input_and_saturates_in_every_format()
    {
        for (int bits = 1; bits <= FixedPoint.MostCellFractionBits; bits++)
        {
            var format = new FixedPointConstants<ScalarShort>(bits);
            ScalarShort one = new(FixedPoint.One), zero = new(0);
            foreach (short c in (short[])[0, 1, -1, 100, 16000, -16000])
                Assert.Equal(c, FixedPoint.NextCell(one, new ScalarShort(c), zero, zero, format).Value);
            Assert.InRange(FixedPoint.NextCell(one, zero, one, one, format).Value, (1 << bits) - 2, 1 << bits);
            short full = FixedPoint.NextCell(one, new ScalarShort(32767), one, one, format).Value;
            Assert.InRange(full, 32766, 32767);
        }
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

    // IEEE 754's own examples of ties to even, and what lies outside.
    [Theory]
    [InlineData(0.5f, 0)]
    [InlineData(1.5f, 2)]
    [InlineData(2.5f, 2)]
    [InlineData(-0.5f, 0)]
    [InlineData(-1.5f, -2)]
    [InlineData(32766.5f, 32766)]
    [InlineData(32766.51f, 32767)]
    [InlineData(32767.5f, 32767)]
    [InlineData(-32768.5f, -32768)]
    [InlineData(3e9f, 32767)]
    [InlineData(-3e9f, -32768)]
    [InlineData(float.PositiveInfinity, 32767)]
    [InlineData(float.NegativeInfinity, -32768)]
    public void Rounding_takes_the_nearest_ties_to_even_and_saturates(float value, short expected)
    {
        float* source = stackalloc float[VectorShorts.Count];
        short* target = stackalloc short[VectorShorts.Count];
        new Span<float>(source, VectorShorts.Count).Fill(value);
        Assert.Equal(expected, ScalarShort.Round(source).Value);
        VectorShorts.Round(source).Store(target);
        Assert.All(new Span<short>(target, VectorShorts.Count).ToArray(), found => Assert.Equal(expected, found));
        foreach (int bits in (int[])[1, 8, 12])
        {
            if (MathF.Abs(value) < 30000)
            {
                float unit = MathF.ScaleB(1, -bits);
                Assert.Equal(
                    expected * unit, FixedPoint.Round(new ScalarLane(value * unit), FixedPoint.Grid(bits)).Value);
            }
        }
    }

    // The definition of the rounding product in exact arithmetic: floor(a·b / 2^15 + 1/2).
    [Fact]
    public void Products_of_Q0_15_round_to_the_nearest_and_ties_upwards()
    {
        var random = new Random(1);
        short* a = stackalloc short[VectorShorts.Count];
        short* b = stackalloc short[VectorShorts.Count];
        short* found = stackalloc short[VectorShorts.Count];
        for (int trial = 0; trial < 20000; trial++)
        {
            for (int i = 0; i < VectorShorts.Count; i++)
                (a[i], b[i]) = ((short)random.Next(-32767, 32768), (short)random.Next(-32768, 32768));
            if (trial < 2)
                (a[0], b[0]) = trial == 0 ? ((short)-32767, (short)-32768) : ((short)1, (short)16384);
            VectorShorts.Product(VectorShorts.Load(a), VectorShorts.Load(b)).Store(found);
            for (int i = 0; i < VectorShorts.Count; i++)
            {
                decimal exact = Math.Floor((decimal)a[i] * b[i] / 32768 + 0.5m);
                Assert.Equal(exact, found[i]);
                Assert.Equal(exact, ScalarShort.Product(new(a[i]), new(b[i])).Value);
            }
        }
    }

    private delegate T Formula<T>(T x) where T : unmanaged, ILanes<T>;

    private delegate T ShortFormula<T>(T x) where T : unmanaged, IShortLanes<T>;

    /// <summary>
    /// The scalar results over <see cref="Inputs"/>, after asserting that vectors give the same bits.
    /// </summary>
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

    /// <summary>The scalar results over <see cref="Integers"/>, after asserting that vectors give the same.</summary>
    private static short[] Run(ShortFormula<ScalarShort> scalar, ShortFormula<VectorShorts> vector)
    {
        var results = new short[Integers.Length];
        var vectors = new short[Integers.Length];
        fixed (short* x = Integers, y = results, v = vectors)
        {
            for (int i = 0; i < Integers.Length; i++)
                scalar(ScalarShort.Load(x + i)).Store(y + i);
            for (int i = 0; i < Integers.Length; i += VectorShorts.Count)
                vector(VectorShorts.Load(x + i)).Store(v + i);
        }
        Assert.Equal(results, vectors);
        return results;
    }

    // 1 itself is no Q0.15 number: 32767/32768 is the nearest.
    private static void AssertNear(short[] results, Func<double, double> truth, int unit)
    {
        double largest = Integers.Select((x, i) => Math.Abs(results[i] - 32768 * truth(x / (double)unit))).Max();
        Assert.InRange(largest, 0, Allowed);
    }

    private static void AssertMonotonic(short[] results)
    {
        for (int i = 1; i < results.Length; i++)
            Assert.True(results[i] >= results[i - 1], $"falls at {Integers[i]}");
    }

    // f(-x) = total - f(x); input 0 is -32768, which has no positive counterpart.
    private static void AssertSymmetric(short[] results, int total)
    {
        for (int i = 1; i < results.Length; i++)
            Assert.Equal(total - results[i], results[65536 - i]);
    }
}

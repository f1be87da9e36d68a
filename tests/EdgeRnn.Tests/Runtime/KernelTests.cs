using EdgeRnn.Runtime;
using EdgeRnn.Runtime.Kernels;
using Xunit;

namespace EdgeRnn.Tests.Runtime;

/// <summary>
/// Every kernel this machine has gives the scalar kernel's bits: scores, logits, hidden and cell states.
/// </summary>
public sealed class KernelTests
{
    private const int Steps = 200;

    public static TheoryData<string, Precision, string> Cases()
    {
        var cases = new TheoryData<string, Precision, string>();
        foreach (var kernel in Kernel.Available)
        {
            foreach (var precision in Enum.GetValues<Precision>())
            {
                foreach (string cell in (string[])["rnn:{0}", "rnn:{0}:relu", "lstm:{0}", "gru:{0}",
                    "gru:{0}:reset-before"])
                {
                    foreach (int units in (int[])[1, 7, 33, 100])
                        cases.Add(kernel.Name, precision, string.Format(null, cell, units) + ",dense:5");
                }
                cases.Add(kernel.Name, precision, "lstm:16,gru:24,rnn:9,dense:17:relu,dense:3");
                cases.Add(kernel.Name, precision, "gru:4,dense:1");
                // Rows longer than int16 inputs can be summed exactly in one go.
                cases.Add(kernel.Name, precision, "rnn:700,dense:2");
            }
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_kernel_gives_the_bits_of_the_scalar_one(string kernel, Precision precision, string net)
    {
        for (ulong seed = 1; seed <= 3; seed++)
        {
            int inputs = (int)seed * 4 - 3;
            var model = RandomModels.Create(seed, precision, inputs, net);
            float[] readings = RandomModels.Readings(seed + 100, model, Steps);
            float[] expected = Run(new(model, Kernel.Choose("scalar")), readings);
            float[] found = Run(new(model, Kernel.Choose(kernel)), readings);
            for (int i = 0; i < expected.Length; i++)
            {
                Assert.True(BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(found[i]),
                    $"{kernel}, {precision}, {net}, seed {seed}: value {i} is {found[i]:R}, scalar gives " +
                        $"{expected[i]:R}");
            }
        }
    }

    [Fact]
    public void Long_rows_of_extreme_integers_are_summed_exactly()
    {
        const int Columns = 4096;
        foreach (sbyte weight in (sbyte[])[127, -127])
        {
            foreach (float reading in (float[])[1e9f, -1e9f])
            {
                var model = Extreme(Columns, weight);
                long sum = (long)Columns * weight * 127 * Math.Sign(reading);
                foreach (var kernel in Kernel.Available)
                {
                    var session = new RnnSession(model, kernel);
                    var readings = new float[Columns];
                    Array.Fill(readings, reading);
                    session.Step(readings, new float[1]);
                    // One relu unit with scale 1 and an output scale of the expected sum / 127: full deflection or
                    // zero.
                    float expected = sum > 0 ? 127f : 0f;
                    Assert.Equal(expected * 4096, session.IntegerLogits[0]);
                }
            }
        }
    }

    // The input's product leaves a float's range, and the state's has the other sign: fused, they give no NaN.
    [Fact]
    public void Scales_at_their_limits_give_the_same_finite_numbers_on_every_kernel()
    {
        var model = Extreme(64, 127);
        var layer = model.Layers[0] with
        {
            WeightIh = Tensor.FromInt8s(1, 64, Enumerable.Repeat((sbyte)127, 64).ToArray(), [1e12f]),
            WeightHh = Tensor.FromInt8s(1, 1, [-127], [1e12f]),
            InputScale = 1e12f,
            OutputScale = 1e-12f,
        };
        model = model with { Layers = [layer, model.Layers[1] with { InputScale = 1e-12f }] };
        float[] readings = new float[64 * Steps];
        for (int i = 0; i < readings.Length; i++)
            readings[i] = i / 64 % 3 == 2 ? -1e30f : 1e30f;
        float[] expected = Run(new(model, Kernel.Choose("scalar")), readings);
        Assert.DoesNotContain(expected, value => !float.IsFinite(value));
        foreach (var kernel in Kernel.Available)
            Assert.Equal(expected, Run(new(model, kernel), readings));
    }

    [Fact]
    public void An_unknown_kernel_is_refused_with_the_names_of_those_that_run()
    {
        var error = Assert.Throws<PlatformNotSupportedException>(() => Kernel.Choose("mmx"));
        Assert.Contains("'mmx'", error.Message);
        Assert.Contains("scalar", error.Message);
    }

    private static RnnModel Extreme(int columns, sbyte weight)
    {
        var weights = new sbyte[columns];
        Array.Fill(weights, weight);
        var ones = new float[columns];
        Array.Fill(ones, 1f);
        var zero = Tensor.FromFloats(1, 1, [0f]);
        return new()
        {
            Precision = Precision.Int8,
            Labels = ["only"],
            Mean = Tensor.FromFloats(columns, 1, new float[columns]),
            Deviation = Tensor.FromFloats(columns, 1, ones),
            Layers =
            [
                new()
                {
                    Kind = LayerKind.SimpleRnn, Activation = Activation.Relu, InputSize = columns, Units = 1,
                    WeightIh = Tensor.FromInt8s(1, columns, weights, [1f / 127 / 4096]),
                    WeightHh = Tensor.FromInt8s(1, 1, [0], [1f]),
                    BiasIh = zero, InputScale = 1f, OutputScale = 1f,
                },
                new()
                {
                    Kind = LayerKind.Dense, InputSize = 1, Units = 1, WeightIh = Tensor.FromInt8s(1, 1, [1], [1f]),
                    BiasIh = zero, InputScale = 1f, OutputScale = 1f / 4096,
                },
            ],
        };
    }

    private static float[] Run(RnnSession session, float[] readings)
    {
        var values = new List<float>();
        var scores = new float[session.Model.Labels.Count];
        byte[] state = new byte[session.StateBytes];
        int inputs = session.Model.InputSize;
        for (int t = 0; t < Steps; t++)
        {
            session.Step(readings.AsSpan(t * inputs, inputs), scores);
            values.AddRange(scores);
            values.AddRange(session.Logits);
            session.SaveState(state);
            foreach (byte part in state)
                values.Add(part);
        }
        return [.. values];
    }
}

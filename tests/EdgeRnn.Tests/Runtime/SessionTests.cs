using EdgeRnn.Runtime;
using EdgeRnn.Runtime.Kernels;
using EdgeRnn.Trainer;
using Xunit;

namespace EdgeRnn.Tests.Runtime;

/// <summary>
/// What a session promises: the equations, no allocation, state that can be reset and cloned, odd readings.
/// </summary>
public sealed class SessionTests
{
    private const int Inputs = 3;
    private const int Units = 6;

    // The right-hand sides are the equations of PyTorch's documentation of RNN, LSTM and GRU, in double precision.
    [Theory]
    [InlineData("rnn:6")]
    [InlineData("rnn:6:relu")]
    [InlineData("lstm:6")]
    [InlineData("gru:6")]
    [InlineData("gru:6:reset-before")]
    public void A_float_session_computes_the_documented_equations(string cell)
    {
        var model = RandomModels.Create(7, Precision.Float32, Inputs, cell + ",dense:4");
        var layer = model.Layers[0];
        float[] readings = RandomModels.Readings(8, model, 40);
        var session = new RnnSession(model);
        var scores = new float[4];
        var h = new double[Units];
        var c = new double[Units];
        for (int t = 0; t < 40; t++)
        {
            var reading = readings.AsSpan(t * Inputs, Inputs);
            session.Step(reading, scores);
            var x = new double[Inputs];
            for (int i = 0; i < Inputs; i++)
                x[i] = (reading[i] - (double)model.Mean.Floats[i]) / model.Deviation.Floats[i];
            Equations(layer, x, ref h, c);
            double[] logits = Affine(model.Layers[1].WeightIh, model.Layers[1].BiasIh, h);
            double[] powers = [.. logits.Select(l => Math.Exp(l - logits.Max()))];
            // Single precision against double, forty steps of recurrence.
            for (int k = 0; k < 4; k++)
                Assert.Equal(powers[k] / powers.Sum(), scores[k], 2e-6);
        }
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Int8)]
    [InlineData(Precision.Int8x16)]
    public void A_step_allocates_nothing(Precision precision)
    {
        foreach (var kernel in Kernel.Available)
        {
            var model = RandomModels.Create(
                3, precision, Inputs, "lstm:20,norm,gru:9,gru:5:reset-before,rnn:8,norm,dense:11:relu,dense:4");
            var session = new RnnSession(model, kernel);
            float[] readings = RandomModels.Readings(4, model, 1);
            var scores = new float[4];
            session.Step(readings, scores);

            Assert.NotEqual(0, AllocatedBy(() => GC.KeepAlive(new byte[64])));
            Assert.Equal(0, AllocatedBy(() =>
            {
                for (int i = 0; i < 1000; i++)
                    session.Step(readings, scores);
                session.Reset();
            }));
        }
    }

    // Few rows of thousands of columns, where padding rows to a vector's width would cost most.
    [Theory]
    [InlineData("rnn:1,dense:2")]
    [InlineData("rnn:1,dense:4096:relu,dense:1:relu,dense:4096:relu,dense:1:relu,dense:4096:relu,dense:1:relu,dense:2")]
    [InlineData("gru:5,dense:7:relu,dense:3")]
    [InlineData("lstm:10,dense:3")]
    [InlineData("rnn:9,norm,norm,norm,norm,norm,norm,norm,norm,norm,norm,norm,norm,norm,norm,dense:3")]
    [InlineData("rnn:1,dense:4096:relu,dense:1:relu,dense:4096:relu,dense:1:relu,dense:4096:relu,dense:1:relu,dense:4096:relu,dense:1:relu,dense:4096:relu,dense:1:relu,dense:2")]
    public void File_and_packed_weights_stay_within_twice_the_file_and_64_KB(string net)
    {
        foreach (var precision in Enum.GetValues<Precision>())
        {
            foreach (var kernel in Kernel.Available)
            {
                var model = RandomModels.Create(13, precision, RnnModel.MaxInputs, net);
                long file = ModelWriter.Write(model).Length;
                RnnSession? session = null;
                long made = AllocatedBy(() => session = new RnnSession(model, kernel));
                long packed = made - AllocatedBy(() => session!.Clone());
                Assert.True(packed <= file + 65536, $"{net}, {precision}, {kernel.Name}: file {file}, packed {packed}");
            }
        }
    }

    [Fact]
    public void Reset_starts_anew_and_a_clone_is_a_stream_of_its_own()
    {
        foreach (var precision in Enum.GetValues<Precision>())
        {
            var model = RandomModels.Create(5, precision, Inputs, "lstm:20,gru:9,gru:5:reset-before,rnn:8,dense:4");
            float[] readings = RandomModels.Readings(6, model, 3);
            var session = new RnnSession(model);
            float[] first = Scores(session, readings);
            var clone = session.Clone();
            Assert.NotEqual(first, Scores(session, readings));
            session.Reset();
            Assert.Equal(first, Scores(session, readings));
            Assert.Equal(first, Scores(clone, readings));
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_reading_that_is_no_number_is_counted_and_becomes_the_channels_mean(float reading)
    {
        foreach (var precision in Enum.GetValues<Precision>())
        {
            var model = RandomModels.Create(9, precision, Inputs, "gru:9,dense:4");
            var odd = new RnnSession(model);
            var even = new RnnSession(model);
            var scores = new float[4];
            var expected = new float[4];
            odd.Step([0.5f, reading, -0.25f], scores);
            even.Step([0.5f, model.Mean.Floats[1], -0.25f], expected);
            Assert.Equal(expected, scores);
            Assert.Equal(1, odd.ReplacedReadings);
            Assert.Equal(0, even.ReplacedReadings);
        }
    }

    [Fact]
    public void Huge_readings_leave_finite_scores_that_sum_to_one()
    {
        foreach (var precision in Enum.GetValues<Precision>())
        {
            var model = RandomModels.Create(10, precision, Inputs, "rnn:9:relu,lstm:5,dense:4");
            var session = new RnnSession(model);
            var scores = new float[4];
            for (int t = 0; t < 2000; t++)
                session.Step([float.MaxValue, -float.MaxValue, 1e-38f], scores);
            Assert.Equal(1, scores.Sum(), 1e-6);
        }
    }

    [Fact]
    public void Lengths_that_are_not_the_models_are_named()
    {
        var session = new RnnSession(RandomModels.Create(11, Precision.Int8, Inputs, "rnn:4,dense:2"));
        Assert.Contains("4 values, the model needs 3",
            Assert.Throws<ArgumentException>(() => session.Advance(new float[4])).Message);
        Assert.Contains(
            "3 values, the model needs 2", Assert.Throws<ArgumentException>(() => session.Score(new float[3])).Message);
    }

    private static long AllocatedBy(Action action)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static float[] Scores(RnnSession session, float[] readings)
    {
        var scores = new float[session.Model.Labels.Count];
        for (int t = 0; t < readings.Length; t += Inputs)
            session.Step(readings.AsSpan(t, Inputs), scores);
        return scores;
    }

    private static void Equations(RnnLayer layer, double[] x, ref double[] h, double[] c)
    {
        double[] a = Affine(layer.WeightIh, layer.BiasIh, x);
        double[] b = Affine(layer.WeightHh!, layer.BiasHh!, h);
        var next = new double[Units];
        if (layer.Kind == LayerKind.SimpleRnn)
        {
            for (int u = 0; u < Units; u++)
                next[u] = layer.Activation == Activation.Relu ? Math.Max(0, a[u] + b[u]) : Math.Tanh(a[u] + b[u]);
        }
        else if (layer.Kind == LayerKind.Lstm)
        {
            for (int u = 0; u < Units; u++)
            {
                double i = Sigmoid(a[u] + b[u]);
                double f = Sigmoid(a[Units + u] + b[Units + u]);
                double g = Math.Tanh(a[2 * Units + u] + b[2 * Units + u]);
                double o = Sigmoid(a[3 * Units + u] + b[3 * Units + u]);
                c[u] = f * c[u] + i * g;
                next[u] = o * Math.Tanh(c[u]);
            }
        }
        else
        {
            double[] r = [.. Enumerable.Range(0, Units).Select(u => Sigmoid(a[u] + b[u]))];
            double[] old = h;
            double[] resetFirst = Affine(layer.WeightHh!, layer.BiasHh!, [.. r.Select((ru, u) => ru * old[u])]);
            for (int u = 0; u < Units; u++)
            {
                double z = Sigmoid(a[Units + u] + b[Units + u]);
                double recurrent = layer.ResetBefore ? resetFirst[2 * Units + u] : r[u] * b[2 * Units + u];
                double n = Math.Tanh(a[2 * Units + u] + recurrent);
                next[u] = (1 - z) * n + z * h[u];
            }
        }
        h = next;
    }

    private static double[] Affine(Tensor weight, Tensor bias, double[] x) =>
    [
        .. Enumerable.Range(0, weight.Rows).Select(r =>
            bias.Floats[r] + Enumerable.Range(0, weight.Columns).Sum(
                k => weight.Floats[r * weight.Columns + k] * x[k])),
    ];

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}

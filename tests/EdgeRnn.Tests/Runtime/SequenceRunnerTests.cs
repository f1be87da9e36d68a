using System.Globalization;
using EdgeRnn.Onnx;
using EdgeRnn.Onnx.Proto;
using EdgeRnn.Runtime;
using EdgeRnn.Runtime.Kernels;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Xunit;
using static EdgeRnn.Onnx.Proto.AttributeProto.Types;

namespace EdgeRnn.Tests.Runtime;

/// <summary>Whole sequences: against ONNX Runtime, against a session's steps, and on every kernel.</summary>
public sealed class SequenceRunnerTests
{
    private const int Steps = 23;
    private const int Inputs = 3;
    private const int Units = 5;

    // Sums in another order and other activation functions, over 23 steps of feedback.
    private const float Tolerance = 1e-5f;

    // Where ONNX's i o f c and z r h stand in i f g o and r z n.
    private static readonly int[] LstmOrder = [0, 3, 1, 2];
    private static readonly int[] GruOrder = [1, 0, 2];

    public static TheoryData<string, string, float, bool, bool, bool> Cells => new()
    {
        { "lstm:5", "", 0, false, false, false },
        { "lstm:5:bi", "", 0, true, true, false },
        { "lstm:5:reverse", "", 0.8f, true, false, true },
        { "lstm:5:bi", "HardSigmoid:0.3:0.4 Softsign Elu:0.7 Sigmoid ScaledTanh:1.2:0.6 Tanh", 0, true, true, false },
        { "lstm:5", "Affine:0.2:0.4 Softplus LeakyRelu:0.1", 1.5f, false, true, false },
        { "gru:5:bi", "", 0, false, true, false },
        { "gru:5:reverse:reset-before", "Sigmoid Softsign", 0.7f, false, true, false },
        { "gru:5", "HardSigmoid:0.2:0.5 ThresholdedRelu:0.4", 0, false, false, false },
        { "rnn:5:bi", "Relu ScaledTanh:0.9:1.1", 0, false, true, false },
        { "rnn:5:reverse", "Elu:0.5", 0, false, true, false },
    };

    [Theory, MemberData(nameof(Cells))]
    public void Every_form_of_a_cell_gives_what_onnx_runtime_gives(
        string cell, string functions, float clip, bool peephole, bool initial, bool inputForget)
    {
        var model = Model(cell, functions, clip, peephole, initial, inputForget);
        float[] readings = RandomModels.Readings(8, model, Steps);
        float[] expected = OnnxRuntimeOutputs(model.Layers[0], readings);
        foreach (var kernel in Kernel.Available)
        {
            float[] outputs = new float[Steps * model.Labels.Count];
            new SequenceRunner(model, kernel).Run(readings, outputs);
            for (int i = 0; i < outputs.Length; i++)
                Assert.Equal(expected[i], outputs[i], Tolerance);
        }
    }

    [Fact]
    public void Every_kernel_gives_the_same_bits()
    {
        string[] nets = ["lstm:33:bi,gru:20:reverse,dense:7:relu,dense:4",
            "lstm:33:bi,norm,gru:20:bi,norm,dense:7:relu,norm,dense:4", "gru:40:reset-before:bi,rnn:9:bi,dense:3",
            "rnn:70,dense:2"];
        foreach (string net in nets)
        {
            foreach (var pooling in Enum.GetValues<Pooling>())
            {
                var model = RandomModels.Create(9, Precision.Float32, Inputs, net) with { Pooling = pooling };
                AssertSameOnAllKernels(model);
            }
        }
        AssertSameOnAllKernels(Format.ModelFiles.Small[3]);
        foreach (var precision in Enum.GetValues<Precision>())
        {
            foreach (var pooling in (Pooling[])[Pooling.Mean, Pooling.Max])
            {
                AssertSameOnAllKernels(
                    RandomModels.Create(9, precision, Inputs, "rnn:70:relu,gru:33,dense:5", window: Steps) with
                    {
                        Pooling = pooling,
                        OutputKind = OutputKind.Values,
                        OutputMean = Tensor.FromFloats(5, 1, [1, -2, 300, 0, 0.1f]),
                        OutputDeviation = Tensor.FromFloats(5, 1, [1, 2, 3e4f, 1e-3f, 7]),
                    });
            }
        }
    }

    [Theory]
    [InlineData("lstm:9,gru:12,dense:6:relu,dense:4")]
    [InlineData("lstm:9,norm,gru:12,norm,dense:6:relu,norm,dense:4")]
    public void A_forward_model_gives_the_bits_of_its_steps(string net)
    {
        foreach (var precision in Enum.GetValues<Precision>())
        {
            foreach (var pooling in Enum.GetValues<Pooling>())
            {
                var model = RandomModels.Create(10, precision, Inputs, net, window: Steps) with { Pooling = pooling };
                float[] readings = RandomModels.Readings(11, model, Steps);
                var session = new RnnSession(model);
                float[] scores = new float[4];
                var runner = new SequenceRunner(model);
                float[] outputs = new float[runner.OutputsOf(Steps) * 4];
                runner.Run(readings, outputs);
                for (int t = 0; t < Steps; t++)
                {
                    session.Step(readings.AsSpan(t * Inputs, Inputs), scores);
                    if (pooling == Pooling.EachStep)
                        Assert.Equal(scores, outputs.AsSpan(t * 4, 4));
                }
                Assert.Equal(scores, outputs.AsSpan(outputs.Length - 4));
            }
        }
    }

    [Theory]
    [InlineData(Precision.Float32, Pooling.Mean, "gru:9,dense:4")]
    [InlineData(Precision.Int8, Pooling.Mean, "gru:9,dense:4")]
    [InlineData(Precision.Int8x16, Pooling.Max, "gru:9,dense:4")]
    [InlineData(Precision.Int8, Pooling.Mean, "gru:9,norm,dense:4")]
    [InlineData(Precision.Int8, Pooling.Last, "gru:9,norm,dense:4")]
    public void Pooled_windows_stream_save_and_batch_as_they_evaluate(Precision precision, Pooling pooling, string net)
    {
        var model = RandomModels.Create(12, precision, Inputs, net, window: 10, hop: 3) with { Pooling = pooling };
        float[] readings = RandomModels.Readings(13, model, 40);
        var stream = new StreamClassifier(new RnnSession(model));
        var runner = new SequenceRunner(model);
        float[] expected = new float[4];
        int decisions = 0;
        for (int t = 0; t < 40; t++)
        {
            if (!stream.Step(readings.AsSpan(t * Inputs, Inputs)))
                continue;
            runner.Run(readings.AsSpan((t - 9) * Inputs, 10 * Inputs), expected);
            Assert.Equal(expected, stream.Scores);
            decisions++;
        }
        Assert.Equal(11, decisions);

        var session = new RnnSession(model);
        for (int t = 0; t < 5; t++)
            session.Advance(readings.AsSpan(t * Inputs, Inputs));
        byte[] state = new byte[session.StateBytes];
        session.SaveState(state);
        var restored = new RnnSession(model);
        Assert.True(restored.TryRestoreState(state));
        for (int t = 5; t < 10; t++)
            restored.Advance(readings.AsSpan(t * Inputs, Inputs));
        float[] scores = new float[4];
        restored.Score(scores);
        runner.Run(readings.AsSpan(0, 10 * Inputs), expected);
        Assert.Equal(expected, scores);
    }

    [Fact]
    public void Pools_are_the_mean_and_the_maximum_of_a_layers_integers()
    {
        // A head that passes its input on: the pooled integers times a scale of one in 127.
        var last = RandomModels.Create(14, Precision.Int8, Inputs, "gru:6,dense:6", window: 7);
        var head = last.Layers[1] with { WeightIh = Identity(6), BiasIh = Tensor.FromFloats(6, 1, new float[6]) };
        last = last with
        {
            Layers = [last.Layers[0], head],
            OutputKind = OutputKind.Values,
            OutputMean = Tensor.FromFloats(6, 1, new float[6]),
            OutputDeviation = Tensor.FromFloats(6, 1, [1, 1, 1, 1, 1, 1]),
        };
        float[] readings = RandomModels.Readings(15, last, 7);
        double[,] integers = new double[7, 6];
        float[] values = new float[7 * 6];
        new SequenceRunner(last with { Pooling = Pooling.EachStep }).Run(readings, values);
        for (int i = 0; i < values.Length; i++)
            integers[i / 6, i % 6] = Math.Round(values[i] * 127.0);
        foreach (var pooling in (Pooling[])[Pooling.Mean, Pooling.Max])
        {
            float[] pooled = new float[6];
            new SequenceRunner(last with { Pooling = pooling }).Run(readings, pooled);
            for (int u = 0; u < 6; u++)
            {
                double[] steps = [.. Enumerable.Range(0, 7).Select(t => integers[t, u])];
                double expected = pooling == Pooling.Mean ? Math.Round(steps.Average()) : steps.Max();
                Assert.Equal(expected, Math.Round(pooled[u] * 127.0));
            }
        }
    }

    [Fact]
    public void A_session_of_a_model_that_reads_backwards_is_refused_with_the_way_out()
    {
        var model = RandomModels.Create(16, Precision.Float32, Inputs, "gru:4,lstm:5:bi,dense:2");
        const string sentence =
            "layer 2 is bidirectional: it needs the whole sequence; evaluate it with edgernn evaluate, " +
            "or train a forward layer to stream it";
        Assert.Equal(sentence, Assert.Throws<NotSupportedException>(() => new RnnSession(model)).Message);
        string path = Path.GetTempFileName();
        try
        {
            Trainer.ModelWriter.Save(path, model, overwrite: true);
            var thrown = Assert.Throws<InvalidDataException>(() => RnnSession.Load(path));
            Assert.Equal($"{path}: {sentence}", thrown.Message);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static void AssertSameOnAllKernels(RnnModel model)
    {
        float[] readings = RandomModels.Readings(17, model, Steps);
        float[]? expected = null;
        foreach (var kernel in Kernel.Available.Reverse())
        {
            var runner = new SequenceRunner(model, kernel);
            float[] outputs = new float[runner.OutputsOf(Steps) * model.Labels.Count];
            runner.Run(readings, outputs);
            expected ??= outputs;
            Assert.True(
                expected.AsSpan().SequenceEqual(outputs), $"{model.Layers[0].Kind}, {model.Pooling} on {kernel.Name}");
        }
    }

    private static Tensor Identity(int size)
    {
        sbyte[] values = new sbyte[size * size];
        float[] scales = new float[size];
        for (int i = 0; i < size; i++)
            (values[i * size + i], scales[i]) = (127, 1f / 127);
        return Tensor.FromInt8s(size, size, values, scales);
    }

    /// <summary>One layer, whose outputs of each step a head of ones passes on.</summary>
    private static RnnModel Model(
        string cell, string functions, float clip, bool peephole, bool initial, bool inputForget)
    {
        var model = RandomModels.Create(7, Precision.Float32, Inputs, $"{cell},dense:2");
        var layer = model.Layers[0];
        int outputs = layer.Outputs;
        var random = new SeededRandom(18);
        Tensor? Vector(bool isThere, int length) =>
            isThere ? Tensor.FromFloats(length, 1, random.Floats(length, -0.8f, 0.8f)) : null;
        bool isLstm = layer.Kind == LayerKind.Lstm;
        layer = layer with
        {
            Variant = new()
            {
                Functions = [.. functions.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Parse)],
                Clip = clip,
                InputForget = inputForget,
                Peephole = Vector(peephole, 3 * outputs),
                InitialHidden = Vector(initial, outputs),
                InitialCell = Vector(initial && isLstm, outputs),
            },
        };
        float[] identity = new float[outputs * outputs];
        for (int i = 0; i < outputs; i++)
            identity[i * outputs + i] = 1;
        return model with
        {
            Layers =
            [
                layer,
                new()
                {
                    Kind = LayerKind.Dense,
                    InputSize = outputs,
                    Units = outputs,
                    WeightIh = Tensor.FromFloats(outputs, outputs, identity),
                    BiasIh = Tensor.FromFloats(outputs, 1, new float[outputs]),
                },
            ],
            Labels = [.. Enumerable.Range(0, outputs).Select(i => i.ToString(CultureInfo.InvariantCulture))],
            Pooling = Pooling.EachStep,
            OutputKind = OutputKind.Values,
            OutputMean = Tensor.FromFloats(outputs, 1, new float[outputs]),
            OutputDeviation = Tensor.FromFloats(outputs, 1, [.. Enumerable.Repeat(1f, outputs)]),
            Mean = Tensor.FromFloats(Inputs, 1, new float[Inputs]),
            Deviation = Tensor.FromFloats(Inputs, 1, [1, 1, 1]),
        };
    }

    private static Function Parse(string text)
    {
        string[] parts = text.Split(':');
        float Parameter(int i) => parts.Length > i ? float.Parse(parts[i], CultureInfo.InvariantCulture) : 0;
        return new(Enum.Parse<FunctionKind>(parts[0]), Parameter(1), Parameter(2));
    }

    /// <summary>Y of the ONNX operator, <c>[steps, outputs]</c>.</summary>
    private static float[] OnnxRuntimeOutputs(RnnLayer layer, float[] readings)
    {
        var variant = layer.Variant!;
        int directions = layer.Directions;
        int[] order = layer.Kind switch { LayerKind.Lstm => LstmOrder, LayerKind.Gru => GruOrder, _ => [0] };
        var graph = new OnnxGraph("cell");
        string x = graph.Input("x", Steps, 1, Inputs);
        string w = graph.Constant<float>(
            "w", Gates(layer.WeightIh, directions, order), directions, order.Length * Units, Inputs);
        string r = graph.Constant<float>(
            "r", Gates(layer.WeightHh!, directions, order), directions, order.Length * Units, Units);
        float[] bih = Gates(layer.BiasIh, directions, order), bhh = Gates(layer.BiasHh!, directions, order);
        int half = bih.Length / directions;
        float[] both = [.. Enumerable.Range(0, directions).SelectMany(d =>
            bih.AsSpan(d * half, half).ToArray().Concat(bhh.AsSpan(d * half, half).ToArray()))];
        List<string> inputs = [x, w, r, graph.Constant<float>("b", both, directions, 2 * half), ""];
        inputs.Add(Optional(graph, "h0", variant.InitialHidden, directions, 1, Units));
        if (layer.Kind == LayerKind.Lstm)
        {
            inputs.Add(Optional(graph, "c0", variant.InitialCell, directions, 1, Units));
            // Peepholes of i o f there, of i f o here.
            var p = variant.Peephole;
            var reordered = p is null ? null : Tensor.FromFloats(p.Rows, 1, Gates(p, directions, [0, 2, 1]));
            inputs.Add(Optional(graph, "p", reordered, directions, 3 * Units));
        }

        while (inputs[^1] == "")
            inputs.RemoveAt(inputs.Count - 1);
        graph.Output("y", Steps, directions, 1, Units);
        string operation = layer.Kind switch { LayerKind.Lstm => "LSTM", LayerKind.Gru => "GRU", _ => "RNN" };
        graph.Add(operation, [.. inputs], ["y"], [.. Attributes(layer, variant)]);
        using var session = new InferenceSession(graph.Write());
        using var value = OrtValue.CreateTensorValueFromMemory(readings, [Steps, 1, Inputs]);
        using var options = new RunOptions();
        using var results = session.Run(options, ["x"], [value], ["y"]);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }

    private static IEnumerable<AttributeProto> Attributes(RnnLayer layer, CellVariant variant)
    {
        yield return OnnxGraph.Attribute("hidden_size", Units);
        string direction = layer.Direction.ToString().ToLowerInvariant();
        yield return new() { Name = "direction", Type = AttributeType.String, S = ByteString.CopyFromUtf8(direction) };
        if (layer.Kind == LayerKind.Gru)
            yield return OnnxGraph.Attribute("linear_before_reset", layer.ResetBefore ? 0 : 1);
        if (variant.InputForget)
            yield return OnnxGraph.Attribute("input_forget", 1);
        if (variant.Clip > 0)
            yield return new() { Name = "clip", Type = AttributeType.Float, F = variant.Clip };
        if (variant.Functions.Count == 0)
            yield break;
        yield return OnnxGraph.Attribute("activations", variant.Functions.Select(f => f.Kind.ToString()));
        // Each function that has an alpha, or a beta, takes the next of the list.
        var alphas = new AttributeProto { Name = "activation_alpha", Type = AttributeType.Floats };
        alphas.Floats.AddRange(variant.Functions.Where(f => f.Alpha != 0).Select(f => f.Alpha));
        var betas = new AttributeProto { Name = "activation_beta", Type = AttributeType.Floats };
        betas.Floats.AddRange(variant.Functions.Where(f => f.Beta != 0).Select(f => f.Beta));
        yield return alphas;
        yield return betas;
    }

    private static string Optional(OnnxGraph graph, string name, Tensor? tensor, params ReadOnlySpan<int> shape) =>
        tensor is null ? "" : graph.Constant(name, tensor.Floats, shape);

    // Of each direction, the gates' blocks of rows in another order.
    private static float[] Gates(Tensor tensor, int directions, int[] order)
    {
        int block = tensor.Floats.Length / directions / order.Length;
        float[] ordered = new float[tensor.Floats.Length];
        for (int d = 0; d < directions; d++)
        {
            for (int g = 0; g < order.Length; g++)
                tensor.Floats.Slice((d * order.Length + order[g]) * block, block).CopyTo(
                    ordered.AsSpan((d * order.Length + g) * block));
        }
        return ordered;
    }
}

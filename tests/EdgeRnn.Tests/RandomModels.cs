using System.Globalization;
using EdgeRnn.Quantization;

namespace EdgeRnn.Tests;

/// <summary>
/// Models with seeded weights of any shape and precision, for tests that need the form of a model but not its skill.
/// The same arguments give the same bits on every platform and runtime. Shared with the AOT smoke program, so it refers
/// to Core only.
/// </summary>
public static class RandomModels
{
    // Normalised inputs reach about four deviations.
    private const float InputRange = 4f;

    /// <summary>A model whose layers are written as in <c>--net</c>.</summary>
    /// <param name="seed">Decides every number.</param>
    /// <param name="precision">Its arithmetic.</param>
    /// <param name="inputs">Readings a step.</param>
    /// <param name="net">For instance <c>lstm:33,norm,gru:7:reset-before,rnn:5:relu,dense:6:relu,dense:10</c>; float
    /// layers may be <c>:bi</c> or <c>:reverse</c>.</param>
    /// <param name="window">Steps of a window; 0 for continuous mode.</param>
    /// <param name="hop">Steps from window to window; 0 for <paramref name="window"/>.</param>
    public static RnnModel Create(ulong seed, Precision precision, int inputs, string net, int window = 0, int hop = 0)
    {
        var random = new SeededRandom(seed);
        var layers = new List<RnnLayer>();
        float inputScale = InputRange / Largest(precision);
        string[] specs = net.Split(',');
        for (int i = 0; i < specs.Length; i++)
        {
            int columns = layers.Count == 0 ? inputs : layers[^1].Outputs;
            var layer = Layer(random, precision, columns, inputScale, specs[i]);
            bool isQuantizedHead = i == specs.Length - 1 && precision != Precision.Float32;
            layers.Add(isQuantizedHead ? layer with { OutputScale = FixedPoint.LogitScale } : layer);
            inputScale = layers[^1].OutputScale;
        }
        return new()
        {
            Precision = precision,
            Layers = layers,
            Labels = [.. Enumerable.Range(0, layers[^1].Units).Select(i => $"class-{i}")],
            Mean = Tensor.FromFloats(inputs, 1, random.Floats(inputs, -1, 1)),
            Deviation = Tensor.FromFloats(inputs, 1, random.Floats(inputs, 0.5f, 2)),
            StreamMode = layers.Any(layer => layer.Direction != Direction.Forward) ? StreamMode.Offline
                : window == 0 ? StreamMode.Continuous : StreamMode.Window,
            Window = window,
            Hop = window == 0 ? 0 : hop == 0 ? window : hop,
        };
    }

    /// <summary>Readings like those the model's normalisation expects: <c>[steps, inputs]</c>.</summary>
    public static float[] Readings(ulong seed, RnnModel model, int steps)
    {
        var random = new SeededRandom(seed);
        float[] readings = new float[steps * model.InputSize];
        for (int i = 0; i < readings.Length; i++)
        {
            int channel = i % model.InputSize;
            readings[i] = MathF.FusedMultiplyAdd(
                model.Deviation.Floats[channel], random.Float(-3, 3), model.Mean.Floats[channel]);
        }
        return readings;
    }

    private static RnnLayer Layer(SeededRandom random, Precision precision, int inputs, float inputScale, string spec)
    {
        string[] parts = spec.Split(':');
        if (spec == "norm")
            return Norm(random, precision, inputs, inputScale);
        var kind = parts[0] switch
        {
            "rnn" => LayerKind.SimpleRnn,
            "lstm" => LayerKind.Lstm,
            "gru" => LayerKind.Gru,
            "dense" => LayerKind.Dense,
            _ => throw new ArgumentException($"'{parts[0]}' is no kind of layer.", nameof(spec)),
        };
        int units = int.Parse(parts[1], CultureInfo.InvariantCulture);
        bool relu = parts.Contains("relu");
        bool quantized = precision != Precision.Float32;
        var direction = parts.Contains("bi") ? Direction.Bidirectional
            : parts.Contains("reverse") ? Direction.Reverse : Direction.Forward;
        int rows = RnnLayer.GatesOf(kind) * units * (direction == Direction.Bidirectional ? 2 : 1);
        bool recurrent = kind != LayerKind.Dense;
        // What tanh bounds reaches 1, the rest about four.
        bool bounded = recurrent && !relu;
        float outputScale = bounded ? HiddenScale(precision) : InputRange / Largest(precision);
        return new()
        {
            Kind = kind,
            Direction = direction,
            InputSize = inputs,
            Units = units,
            Activation = relu ? Activation.Relu : Activation.Default,
            ResetBefore = parts.Contains("reset-before"),
            WeightIh = Weights(random, precision, rows, inputs),
            WeightHh = recurrent ? Weights(random, precision, rows, units) : null,
            BiasIh = Tensor.FromFloats(rows, 1, random.Floats(rows, -0.5f, 0.5f)),
            // As the quantizer leaves it: folded into bias_ih but for the GRU.
            BiasHh = recurrent && (!quantized || kind == LayerKind.Gru)
                ? Tensor.FromFloats(rows, 1, random.Floats(rows, -0.5f, 0.5f))
                : null,
            InputScale = quantized ? inputScale : 0,
            OutputScale = quantized ? outputScale : 0,
            CellFractionBits = quantized && kind == LayerKind.Lstm ? 1 + (int)(random.Next() % 12) : 0,
        };
    }

    private static RnnLayer Norm(SeededRandom random, Precision precision, int units, float inputScale) => new()
    {
        Kind = LayerKind.Norm,
        InputSize = units,
        Units = units,
        WeightIh = Tensor.FromFloats(units, 1, random.Floats(units, 0.5f, 1.5f)),
        BiasIh = Tensor.FromFloats(units, 1, random.Floats(units, -0.5f, 0.5f)),
        InputScale = precision == Precision.Float32 ? 0 : inputScale,
        OutputScale = precision == Precision.Float32 ? 0 : InputRange / Largest(precision),
        Epsilon = 1e-5f,
    };

    // Uniform of variance 1/columns, so that a sum over a row neither dies nor saturates.
    private static Tensor Weights(SeededRandom random, Precision precision, int rows, int columns)
    {
        float limit = MathF.Sqrt(3f / columns);
        if (precision == Precision.Float32)
            return Tensor.FromFloats(rows, columns, random.Floats(rows * columns, -limit, limit));
        sbyte[] values = new sbyte[rows * columns];
        foreach (ref sbyte value in values.AsSpan())
            value = (sbyte)((int)(random.Next() % 255) - 127);
        float[] scales = random.Floats(rows, 0.8f, 1.2f);
        foreach (ref float scale in scales.AsSpan())
            scale = scale * limit / 127f;
        return Tensor.FromInt8s(rows, columns, values, scales);
    }

    private static float Largest(Precision precision) => precision == Precision.Int8x16 ? 32767f : 127f;

    private static float HiddenScale(Precision precision) =>
        precision == Precision.Int8x16 ? FixedPoint.Int16HiddenScale : FixedPoint.Int8HiddenScale;
}

/// <summary>SplitMix64 (Steele, Lea and Flood, 2014): the same numbers on every platform and runtime.</summary>
public sealed class SeededRandom(ulong seed)
{
    private ulong _state = seed;

    /// <summary>The next 64 random bits.</summary>
    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        return z ^ z >> 31;
    }

    /// <summary>A number from 0 to <paramref name="limit"/> - 1.</summary>
    public int Below(int limit) => (int)(Next() % (ulong)limit);

    /// <summary>A number from <paramref name="low"/> to below <paramref name="high"/>, of 24 random bits.</summary>
    public float Float(float low, float high) => low + (high - low) * ((Next() >> 40) * (1f / (1 << 24)));

    /// <summary>So many numbers from <paramref name="low"/> to <paramref name="high"/>.</summary>
    public float[] Floats(int count, float low, float high)
    {
        float[] values = new float[count];
        foreach (ref float value in values.AsSpan())
            value = Float(low, high);
        return values;
    }
}

using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Cli.Bench;

/// <summary>One of the six networks that every speed figure of EdgeRnn is about.</summary>
/// <param name="Name">A to F.</param>
/// <param name="Inputs">Readings a step.</param>
/// <param name="Net">The layers as <c>--net</c> writes them.</param>
/// <param name="Target">How many times faster than ONNX Runtime's better session the int8 session is to be.</param>
/// <param name="FloatTarget">How many times faster than ONNX Runtime's float session the float session is to be, or
/// 0.</param>
/// <param name="Int8x16Target">The same as <paramref name="Target"/> for int8x16, or 0.</param>
public sealed record SuiteModel(
    string Name, int Inputs, string Net, double Target, double FloatTarget = 0, double Int8x16Target = 0)
{
    /// <summary>Steps of <see cref="Readings"/>.</summary>
    public const int ReadingSteps = 256;

    private const ulong Seed = 1;
    private const int CalibrationSequences = 4;

    /// <summary>The six.</summary>
    public static IReadOnlyList<SuiteModel> All { get; } =
    [
        new("A", 9, "lstm:32,dense:6", 35),
        new("B", 40, "lstm:64,lstm:64,dense:12", 15),
        new("C", 28, "lstm:128,dense:10", 8.5, FloatTarget: 2.8, Int8x16Target: 4.5),
        new("D", 40, "gru:128,dense:12", 11, FloatTarget: 3.2),
        new("E", 28, "rnn:128,dense:10", 17),
        new("F", 64, "lstm:256,dense:12", 3.2, FloatTarget: 1.5),
    ];

    /// <summary>Those that <paramref name="names"/> lists, such as <c>AC</c>.</summary>
    /// <exception cref="UserException">There is no such model.</exception>
    public static IReadOnlyList<SuiteModel> Select(string names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return [.. names.Select(name => All.FirstOrDefault(model => model.Name[0] == char.ToUpperInvariant(name))
            ?? throw new UserException($"'{name}' is no model of the suite; name some of ABCDEF."))];
    }

    /// <summary>Normalised readings, uniform in ±2 from a seed: <c>[ReadingSteps, Inputs]</c>.</summary>
    public float[] Readings(int seed = 1)
    {
        var random = new Random(seed);
        float[] readings = new float[ReadingSteps * Inputs];
        foreach (ref float reading in readings.AsSpan())
            reading = random.NextSingle() * 4 - 2;
        return readings;
    }

    /// <summary>
    /// The network with seeded weights; a quantized one is calibrated on <see cref="Readings"/> of other seeds.
    /// </summary>
    public RnnModel Create(Precision precision)
    {
        var network = Network.Parse(Net, Inputs);
        network.Initialise(Seed);
        var data = new SequenceDataset(
            "seeded readings",
            [.. Enumerable.Range(0, Inputs).Select(c => $"{c}")],
            [.. Enumerable.Range(0, network.OutputSize).Select(c => $"class-{c}")],
            [.. Enumerable.Range(2, CalibrationSequences).Select(
                seed => new Sequence(Readings(seed), ReadingSteps, 0))]);
        var model = network.ToModel(data, StreamMode.Continuous);
        return precision == Precision.Float32 ? model : Calibration.Quantize(model, data, precision);
    }

    /// <summary>Multiply-adds of a step's matrix products.</summary>
    public static long MultiplyAdds(RnnModel model) =>
        model.Layers.Sum(layer => layer.WeightIh.Rows * (long)layer.WeightIh.Columns
            + (layer.WeightHh is { } recurrent ? recurrent.Rows * (long)recurrent.Columns : 0));
}

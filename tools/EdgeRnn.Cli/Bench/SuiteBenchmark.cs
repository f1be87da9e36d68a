using System.Reflection;
using EdgeRnn.Onnx;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli.Bench;

/// <summary>
/// The six models beside ONNX Runtime in one process and one run: the same network, the same readings, state kept
/// between steps, softmax included, one thread.
/// </summary>
public static class SuiteBenchmark
{
    private const int ComparedSteps = 1000;

    /// <summary>Measures.</summary>
    /// <param name="steps">Steps to time of each session.</param>
    /// <param name="names">The models, such as <c>AC</c>.</param>
    /// <param name="progress">Told before each model.</param>
    /// <param name="cancellation">Asks to stop.</param>
    public static SuiteResult Run(
        int steps, string names, Action<string> progress, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(progress);
        var results = new List<SuiteModelResult>();
        double clockNs = 0;
        foreach (var model in SuiteModel.Select(names))
        {
            progress($"{model.Name}: {model.Inputs} inputs, {model.Net}");
            var measurement = new Measurement(steps);
            results.Add(Measure(model, measurement, cancellation));
            clockNs = measurement.ClockNs;
        }
        return new(
            Processor.Name, KernelName(), Versions(), steps, clockNs,
            "median: of blocks of 100 steps; p99, p999, max: of single steps less clock_ns; sessions take turns of " +
                "1,000 steps",
            results);
    }

    /// <summary>Writes the six models, float32, int8 and int8x16, and the graphs of the peers.</summary>
    public static void WriteModels(string folder, bool overwrite)
    {
        foreach (var model in SuiteModel.All)
        {
            foreach (var precision in Enum.GetValues<Precision>())
            {
                var made = model.Create(precision);
                string name = Path.Combine(folder, $"{model.Name}.{precision.ToString().ToLowerInvariant()}");
                ModelWriter.Save($"{name}.ernn", made, overwrite);
                if (HasPeer(made))
                    AtomicFile.Write($"{name}.onnx", OnnxStep.Write(made), overwrite);
            }
        }
    }

    // ONNX Runtime quantizes the LSTM only.
    private static bool HasPeer(RnnModel model) => model.Precision == Precision.Float32
        || (model.Precision == Precision.Int8
            && model.Layers.All(layer => !layer.IsRecurrent || layer.Kind == LayerKind.Lstm));

    private static SuiteModelResult Measure(
        SuiteModel suite, Measurement measurement, CancellationToken cancellation)
    {
        RnnModel float32 = suite.Create(Precision.Float32), int8 = suite.Create(Precision.Int8);
        var int8x16 = suite.Create(Precision.Int8x16);
        float[] readings = suite.Readings();
        using var peerFloat = new OnnxPeer(OnnxStep.Write(float32), readings);
        using var peerInt8 = HasPeer(int8) ? new OnnxPeer(OnnxStep.Write(int8), readings) : null;
        SessionContestant ours =
            new(int8, readings), oursFloat = new(float32, readings), oursInt8x16 = new(int8x16, readings);
        var scores = Compare(oursFloat, peerFloat, peerInt8, ours, oursInt8x16);

        int bare = measurement.Add(new BareProducts(int8));
        int a = measurement.Add(ours), b = measurement.Add(peerFloat);
        int c = measurement.Add(oursInt8x16), d = measurement.Add(oursFloat);
        int? e = peerInt8 is null ? null : measurement.Add(peerInt8);
        measurement.Run(cancellation);

        StepTimes us = measurement.TimesOf(a), peerFloatUs = measurement.TimesOf(b);
        StepTimes int8x16Us = measurement.TimesOf(c), floatUs = measurement.TimesOf(d);
        var peerInt8Us = e is { } number ? measurement.TimesOf(number) : null;
        bool int8Best = peerInt8Us?.Median < peerFloatUs.Median;
        var best = int8Best ? peerInt8Us! : peerFloatUs;
        long multiplyAdds = SuiteModel.MultiplyAdds(int8);
        double rate =
            multiplyAdds / (us.Median * 1e3), bareRate = multiplyAdds / (measurement.TimesOf(bare).Median * 1e3);
        return new(
            suite.Name, $"{suite.Inputs}->{suite.Net}", multiplyAdds,
            us, best, int8Best ? "int8" : "float32", Ratio(best, us), suite.Target,
            measurement.AllocatedBy(a), measurement.AllocatedBy(int8Best ? e!.Value : b),
            Math.Round(rate, 2), Math.Round(bareRate, 2), Math.Round(rate / bareRate, 4),
            floatUs, peerFloatUs, Ratio(peerFloatUs, floatUs), suite.FloatTarget,
            int8x16Us, Ratio(best, int8x16Us), suite.Int8x16Target, peerInt8Us, scores);
    }

    private static double Ratio(StepTimes peer, StepTimes ours) => Math.Round(peer.Median / ours.Median, 3);

    private static ScoreDifferences Compare(
        SessionContestant reference, OnnxPeer peerFloat, OnnxPeer? peerInt8, SessionContestant int8,
            SessionContestant int8x16)
    {
        double[] largest = new double[4];
        for (int t = 0; t < ComparedSteps; t++)
        {
            reference.Step();
            Compare(0, peerFloat, peerFloat.Scores);
            if (peerInt8 is not null)
                Compare(1, peerInt8, peerInt8.Scores);
            Compare(2, int8, int8.Scores);
            Compare(3, int8x16, int8x16.Scores);
        }
        return new(largest[0], peerInt8 is null ? null : largest[1], largest[2], largest[3]);

        void Compare(int place, Contestant contestant, float[] scores)
        {
            contestant.Step();
            for (int k = 0; k < scores.Length; k++)
                largest[place] = Math.Max(largest[place], Math.Abs(scores[k] - reference.Scores[k]));
        }
    }

    private static string KernelName() =>
        Runtime.Kernels.Kernel.Choose(Environment.GetEnvironmentVariable(Runtime.Kernels.Kernel.Variable)).Name;

    private static SuiteVersions Versions() => new(
        typeof(SuiteBenchmark).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion,
        Environment.Version.ToString(), OnnxPeer.Version);
}

using EdgeRnn.Onnx;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli.Onnx;

/// <summary>Holds an imported model to what ONNX Runtime computes from the graph, on random readings.</summary>
internal static class OnnxVerification
{
    /// <summary>Largest difference that is let pass, of numbers up to 1; of larger ones in proportion.</summary>
    public const double Tolerance = 1e-5;

    private const int Sequences = 16;
    private static readonly int[] Lengths = [1, 2, 7, 30];

    /// <summary>The largest difference on sixteen sequences.</summary>
    /// <exception cref="UserException">It is above the tolerance, or ONNX Runtime refuses the graph.</exception>
    public static double Run(byte[] file, ImportedNetwork network)
    {
        using var reference = new OnnxReference(file, network);
        var runner = new SequenceRunner(Comparable(network));
        var random = new Random(1);
        double largest = 0;
        for (int s = 0; s < Sequences; s++)
        {
            int steps = network.Steps > 0 ? network.Steps : Lengths[s % Lengths.Length];
            float[] readings = Readings(random, network.Model, steps);
            float[] expected = reference.Run(readings);
            float[] found = new float[runner.OutputsOf(steps) * network.Model.Labels.Count];
            runner.Run(readings, found);
            if (expected.Length != found.Length)
                throw new UserException($"ONNX Runtime gives {expected.Length} numbers for {steps} steps where the " +
                    $"import gives {found.Length}.");
            for (int i = 0; i < found.Length; i++)
            {
                double y = network.Result == OnnxResult.LogSoftmax ? Math.Exp(expected[i]) : expected[i];
                double difference = Math.Abs(y - found[i]) / Math.Max(1, Math.Abs(y));
                largest = double.IsNaN(difference) ? double.PositiveInfinity : Math.Max(largest, difference);
            }
        }
        return largest <= Tolerance
            ? largest
            : throw new UserException(
                $"The network differs from ONNX Runtime by {Figures.Short(largest)}, expected at most " +
                    $"{Figures.Short(Tolerance)}; "
                + "nothing was written (--no-verify writes it nevertheless).");
    }

    // Logits are compared as they are; what the model makes of them comes after.
    private static RnnModel Comparable(ImportedNetwork network)
    {
        var model = network.Computed;
        if (network.Result != OnnxResult.Values || model.OutputKind == OutputKind.Values)
            return model;
        float[] ones = new float[model.Labels.Count];
        Array.Fill(ones, 1);
        return model with
        {
            OutputKind = OutputKind.Values,
            OutputMean = Tensor.FromFloats(ones.Length, 1, new float[ones.Length]),
            OutputDeviation = Tensor.FromFloats(ones.Length, 1, ones),
        };
    }

    // Normally distributed about the model's mean.
    private static float[] Readings(Random random, RnnModel model, int steps)
    {
        float[] readings = new float[steps * model.InputSize];
        for (int i = 0; i < readings.Length; i++)
        {
            int channel = i % model.InputSize;
            double normal =
                Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            readings[i] = model.Mean.Floats[channel] + model.Deviation.Floats[channel] * (float)normal;
        }
        return readings;
    }
}

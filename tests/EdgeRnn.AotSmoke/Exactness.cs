using System.Globalization;
using System.Runtime.InteropServices;
using EdgeRnn.Runtime;
using EdgeRnn.Runtime.Kernels;
using EdgeRnn.Tests;

namespace EdgeRnn.AotSmoke;

/// <summary>
/// Every bit of outputs and states of every kernel, over some thousand steps of models of odd sizes, hashed and
/// compared with the hashes in the repository: two processors that both agree with the file agree with one another. The
/// same over as many steps of real readings as one likes is what <c>tools/exactness</c> compares.
/// </summary>
internal static class Exactness
{
    private const int Inputs = 5;

    // A row of an MNIST digit is a step; its pixels, divided by 64, reach from 0 to 4 and so fill the models' range.
    private const int RowPixels = 28;
    private const float PixelUnit = 64;

    private static readonly string[] Cells =
        ["rnn:{0}", "rnn:{0}:relu", "lstm:{0}", "gru:{0}", "gru:{0}:reset-before"];

    private static readonly int[] Sizes = [1, 7, 33, 100];

    /// <summary>Writes the table that <see cref="Check"/> reads; the scalar kernel defines what is right.</summary>
    public static void Print(TextWriter output)
    {
        foreach (var run in Runs())
            output.WriteLine($"{run.Name} {HashSeeded(run, Scalar):x8}");
        FeatureExactness.Print(output);
    }

    public static void Check(Checks checks, string hashesPath)
    {
        var expected = File.ReadLines(hashesPath).Select(line => line.Split(' '))
            .ToDictionary(parts => parts[0], parts => uint.Parse(parts[1], NumberStyles.HexNumber));
        foreach (var run in Runs())
        {
            foreach (var kernel in Kernel.Available)
            {
                uint hash = HashSeeded(run, kernel);
                string found = expected.TryGetValue(run.Name, out uint known) ? $"expected {known:x8}" : "unknown";
                checks.That(hash == known, $"{run.Name} on {kernel.Name} has hash {hash:x8}, {found}");
            }
        }
        FeatureExactness.Check(checks, expected);
    }

    /// <summary>
    /// Prints a line <c>net kernel hash</c> for each network as soon as it is done; uses all processors.
    /// </summary>
    /// <param name="count">Steps of each.</param>
    /// <param name="pixelsPath">A byte a pixel, 28 a step, begun anew at the end; or "seeded" for made-up
    /// readings.</param>
    public static int PrintLong(string count, string pixelsPath)
    {
        int steps = int.Parse(count, CultureInfo.InvariantCulture);
        byte[]? pixels = pixelsPath == "seeded" ? null : File.ReadAllBytes(pixelsPath);
        var kernel = Kernel.Choose(Environment.GetEnvironmentVariable(Kernel.Variable));
        // The longest first, so that no processor is left with them at the end.
        Parallel.ForEach(
            Runs().OrderByDescending(run => run.Net.Contains("100", StringComparison.Ordinal)),
            new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount },
            run =>
            {
                var model = RandomModels.Create(11, run.Precision, RowPixels, run.Net);
                uint hash = Hash(model, kernel, steps, pixels is null ? SeededRows(model) : PixelRows(pixels));
                Console.WriteLine($"{run.Precision.ToString().ToLowerInvariant()}/{run.Net} {kernel.Name} {hash:x8}");
            });
        return 0;
    }

    private static Kernel Scalar => Kernel.Available.First(kernel => kernel.Name == "scalar");

    private static IEnumerable<Run> Runs()
    {
        foreach (var precision in Enum.GetValues<Precision>())
        {
            foreach (string cell in Cells)
            {
                // The larger the layer, the fewer steps: each run does about as much work.
                foreach (int size in Sizes)
                    yield return new(precision, $"{string.Format(null, cell, size)},dense:3", size > 50 ? 400 : 2000);
            }
            yield return new(precision, "lstm:20,gru:9,rnn:6,dense:11:relu,dense:4", 2000);
        }
        foreach (var precision in Enum.GetValues<Precision>())
            yield return new(precision, "gru:33,norm,lstm:20,norm,dense:11:relu,norm,dense:4", 2000);
    }

    private static uint HashSeeded(Run run, Kernel kernel)
    {
        var model = RandomModels.Create(11, run.Precision, Inputs, run.Net);
        float[] readings = RandomModels.Readings(12, model, run.Steps);
        // What a sensor should not send, and a network must survive.
        readings[Inputs * 7 + 2] = float.NaN;
        readings[Inputs * 9] = float.NegativeInfinity;
        readings[Inputs * 11 + 4] = 1e30f;
        return Hash(model, kernel, run.Steps, (step, row) => readings.AsSpan(step * Inputs, Inputs).CopyTo(row));
    }

    private static ReadRow PixelRows(byte[] pixels)
    {
        int rows = pixels.Length / RowPixels;
        return (step, row) =>
        {
            for (int i = 0; i < RowPixels; i++)
                row[i] = pixels[step % rows * RowPixels + i] / PixelUnit;
        };
    }

    private static ReadRow SeededRows(RnnModel model)
    {
        const int Rows = 4096;
        float[] readings = RandomModels.Readings(12, model, Rows);
        return (step, row) => readings.AsSpan(step % Rows * RowPixels, RowPixels).CopyTo(row);
    }

    /// <summary>The CRC-32C of scores, logits and saved state of all steps in continuous mode.</summary>
    private static uint Hash(RnnModel model, Kernel kernel, int steps, ReadRow read)
    {
        // The first bytes of a saved state are a checksum of the rest.
        const int StateHeaderBytes = 8;
        var session = new RnnSession(model, kernel);
        float[] row = new float[model.InputSize];
        float[] scores = new float[model.Labels.Count];
        byte[] state = new byte[session.StateBytes];
        uint hash = 0;
        for (int step = 0; step < steps; step++)
        {
            read(step, row);
            session.Step(row, scores);
            session.SaveState(state);
            hash = Crc32C.Compute(MemoryMarshal.AsBytes(scores.AsSpan()), hash);
            hash = Crc32C.Compute(MemoryMarshal.AsBytes(session.Logits), hash);
            hash = Crc32C.Compute(state.AsSpan(StateHeaderBytes), hash);
        }
        return hash;
    }

    private delegate void ReadRow(int step, Span<float> row);

    private sealed record Run(Precision Precision, string Net, int Steps)
    {
        public string Name => $"{Precision.ToString().ToLowerInvariant()}/{Net}/{Steps}";
    }
}

using System.Globalization;
using System.Runtime.InteropServices;
using EdgeRnn.Runtime;
using EdgeRnn.Runtime.Kernels;
using EdgeRnn.Tests;

namespace EdgeRnn.AotSmoke;

/// <summary>
/// Every output bit of every kernel, over some thousand steps of models of odd sizes, hashed and compared with the
/// hashes in the repository: two processors that both agree with the file agree with one another.
/// </summary>
internal static class Exactness
{
    private const int Inputs = 5;

    private static readonly string[] Cells =
        ["rnn:{0}", "rnn:{0}:relu", "lstm:{0}", "gru:{0}", "gru:{0}:reset-before"];

    private static readonly int[] Sizes = [1, 7, 33, 100];

    /// <summary>Writes the table that <see cref="Check"/> reads; the scalar kernel defines what is right.</summary>
    public static void Print(TextWriter output)
    {
        foreach (var run in Runs())
            output.WriteLine($"{run.Name} {run.Hash(Scalar):x8}");
    }

    public static void Check(Checks checks, string hashesPath)
    {
        var expected = File.ReadLines(hashesPath).Select(line => line.Split(' '))
            .ToDictionary(parts => parts[0], parts => uint.Parse(parts[1], NumberStyles.HexNumber));
        foreach (var run in Runs())
        {
            foreach (var kernel in Kernel.Available)
            {
                uint hash = run.Hash(kernel);
                string found = expected.TryGetValue(run.Name, out uint known) ? $"expected {known:x8}" : "unknown";
                checks.That(hash == known, $"{run.Name} on {kernel.Name} has hash {hash:x8}, {found}");
            }
        }
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
    }

    private sealed record Run(Precision Precision, string Net, int Steps)
    {
        public string Name => $"{Precision.ToString().ToLowerInvariant()}/{Net}/{Steps}";

        public uint Hash(Kernel kernel)
        {
            var model = RandomModels.Create(11, Precision, Inputs, Net);
            float[] readings = RandomModels.Readings(12, model, Steps);
            // What a sensor should not send, and a network must survive.
            readings[Inputs * 7 + 2] = float.NaN;
            readings[Inputs * 9] = float.NegativeInfinity;
            readings[Inputs * 11 + 4] = 1e30f;
            var session = new RnnSession(model, kernel);
            float[] scores = new float[model.Labels.Count];
            uint hash = 0;
            for (int step = 0; step < Steps; step++)
            {
                session.Step(readings.AsSpan(step * Inputs, Inputs), scores);
                hash = Crc32C.Compute(MemoryMarshal.AsBytes(scores.AsSpan()), hash);
                hash = Crc32C.Compute(MemoryMarshal.AsBytes(session.Logits), hash);
            }
            return hash;
        }
    }
}

using System.Runtime.InteropServices;
using EdgeRnn.Format;
using EdgeRnn.Runtime;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.AotSmoke;

/// <summary>The models in the repository give the scores they hold, to the bit, on every kernel.</summary>
internal static class Golden
{
    public static void Check(Checks checks, string path)
    {
        bool isRead = ModelReader.TryLoad(path, out var model, out string? error);
        checks.That(isRead && model!.SelfTest is not null, error ?? $"{path} has no self-test");
        if (model?.SelfTest is not { } selfTest)
            return;
        float[] readings = new float[model.InputSize];
        float[] scores = new float[model.Labels.Count];
        foreach (var kernel in Kernel.Available)
        {
            var session = new RnnSession(model, kernel);
            for (int step = 0; step < selfTest.Steps; step++)
            {
                selfTest.Readings(model, step, readings);
                session.Step(readings, scores);
            }
            bool isSame = MemoryMarshal.AsBytes(scores.AsSpan()).SequenceEqual(selfTest.Scores.Span);
            checks.That(isSame, $"{path} on {kernel.Name} gives {string.Join(", ", scores)}, not the scores it holds");
        }
    }
}

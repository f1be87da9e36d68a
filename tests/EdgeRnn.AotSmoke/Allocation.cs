using EdgeRnn.Runtime;
using EdgeRnn.Runtime.Kernels;
using EdgeRnn.Tests;

namespace EdgeRnn.AotSmoke;

/// <summary>A step allocates nothing, read from a meter that is first shown to fire.</summary>
internal static class Allocation
{
    private const int Steps = 1000;

    private static byte[]? _kept;

    public static void Check(Checks checks)
    {
        checks.That(AllocatedBy(() => _kept = new byte[64]) >= 64, "the meter does not see an array of 64 bytes");
        foreach (var precision in Enum.GetValues<Precision>())
        {
            var model = RandomModels.Create(3, precision, 6, "lstm:33,gru:7,rnn:9,dense:5:relu,dense:4");
            float[] readings = RandomModels.Readings(4, model, 1);
            float[] scores = new float[4];
            foreach (var kernel in Kernel.Available)
            {
                var session = new RnnSession(model, kernel);
                long allocated = AllocatedBy(() =>
                {
                    for (int i = 0; i < Steps; i++)
                        session.Step(readings, scores);
                });
                checks.That(allocated == 0, $"{Steps} {precision} steps on {kernel.Name} allocate {allocated} bytes");
            }
        }
    }

    public static long AllocatedBy(Action action)
    {
        // The meter counts all threads, so what earlier sessions leave to the finalizer's thread must be done with.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = GC.GetTotalAllocatedBytes(precise: true);
        action();
        return GC.GetTotalAllocatedBytes(precise: true) - before;
    }
}

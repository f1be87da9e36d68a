using System.Diagnostics;
using System.Runtime.CompilerServices;
using EdgeRnn.Quantization;

namespace EdgeRnn.Trainer.Numerics;

/// <summary>
/// What the processor can do at most: fused multiply-adds between registers, in the vectors that matrix products use.
/// </summary>
public static class MultiplyAddPeak
{
    private const int Rounds = 200_000;

    // Enough independent chains to hide a latency of four cycles in two units.
    private const int Chains = 12;

    /// <summary>Bits of a vector of the matrix products here.</summary>
    public static int VectorBits => Tile.Columns / 2 * 32;

    /// <summary>
    /// Billions of floating-point operations a second (a multiply-add is two), of all threads together: the best of
    /// several short runs, as interruptions only ever slow one down.
    /// </summary>
    public static double MeasureGflops(int threads)
    {
        double best = 0;
        for (int run = 0; run < 8; run++)
        {
            using var start = new Barrier(threads);
            var seconds = new double[threads];
            Thread[] others = [.. Enumerable.Range(0, threads).Select(i => new Thread(() =>
            {
                Loop(Rounds / 20);
                start.SignalAndWait();
                long begin = Stopwatch.GetTimestamp();
                Loop(Rounds);
                seconds[i] = Stopwatch.GetElapsedTime(begin).TotalSeconds;
            }))];
            foreach (var thread in others)
                thread.Start();
            foreach (var thread in others)
                thread.Join();
            double operations = 2.0 * Rounds * Chains * (VectorBits / 32);
            best = Math.Max(best, seconds.Sum(s => operations / s) * 1e-9);
        }

        return best;
    }

    private static float Loop(int rounds) => VectorBits == 512 ? Loop<WideLanes>(rounds) : Loop<VectorLanes>(rounds);

    // c' = c/2 + 1 stays near 2: neither overflow nor denormal numbers, which would be slower.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static unsafe float Loop<T>(int rounds)
        where T : unmanaged, ILanes<T>
    {
        T half = T.All(0.5f), one = T.All(1f);
        T c0 = one, c1 = one, c2 = one, c3 = one, c4 = one, c5 = one, c6 = one, c7 = one, c8 = one, c9 = one;
        T c10 = one, c11 = one;
        for (; rounds > 0; rounds--)
        {
            c0 = T.FusedMultiplyAdd(c0, half, one);
            c1 = T.FusedMultiplyAdd(c1, half, one);
            c2 = T.FusedMultiplyAdd(c2, half, one);
            c3 = T.FusedMultiplyAdd(c3, half, one);
            c4 = T.FusedMultiplyAdd(c4, half, one);
            c5 = T.FusedMultiplyAdd(c5, half, one);
            c6 = T.FusedMultiplyAdd(c6, half, one);
            c7 = T.FusedMultiplyAdd(c7, half, one);
            c8 = T.FusedMultiplyAdd(c8, half, one);
            c9 = T.FusedMultiplyAdd(c9, half, one);
            c10 = T.FusedMultiplyAdd(c10, half, one);
            c11 = T.FusedMultiplyAdd(c11, half, one);
        }

        float* sums = stackalloc float[T.Count];
        (c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11).Store(sums);
        return sums[0];
    }
}

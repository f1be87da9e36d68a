using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

    private static float Loop(int rounds) => VectorBits == 512 ? Loop512(rounds) : LoopNarrow(rounds);

    // c' = c/2 + 1 stays near 2: neither overflow nor denormal numbers, which would be slower.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Loop512(int rounds)
    {
        Vector512<float> half = Vector512.Create(0.5f), one = Vector512<float>.One;
        Vector512<float> c0 = one, c1 = one, c2 = one, c3 = one, c4 = one, c5 = one, c6 = one, c7 = one, c8 = one;
        Vector512<float> c9 = one, c10 = one, c11 = one;
        for (; rounds > 0; rounds--)
        {
            c0 = Vector512.FusedMultiplyAdd(c0, half, one);
            c1 = Vector512.FusedMultiplyAdd(c1, half, one);
            c2 = Vector512.FusedMultiplyAdd(c2, half, one);
            c3 = Vector512.FusedMultiplyAdd(c3, half, one);
            c4 = Vector512.FusedMultiplyAdd(c4, half, one);
            c5 = Vector512.FusedMultiplyAdd(c5, half, one);
            c6 = Vector512.FusedMultiplyAdd(c6, half, one);
            c7 = Vector512.FusedMultiplyAdd(c7, half, one);
            c8 = Vector512.FusedMultiplyAdd(c8, half, one);
            c9 = Vector512.FusedMultiplyAdd(c9, half, one);
            c10 = Vector512.FusedMultiplyAdd(c10, half, one);
            c11 = Vector512.FusedMultiplyAdd(c11, half, one);
        }

        return Vector512.Sum(c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float LoopNarrow(int rounds)
    {
        Vector<float> half = new(0.5f), one = Vector<float>.One;
        Vector<float> c0 = one, c1 = one, c2 = one, c3 = one, c4 = one, c5 = one, c6 = one, c7 = one, c8 = one;
        Vector<float> c9 = one, c10 = one, c11 = one;
        for (; rounds > 0; rounds--)
        {
            c0 = Vector.FusedMultiplyAdd(c0, half, one);
            c1 = Vector.FusedMultiplyAdd(c1, half, one);
            c2 = Vector.FusedMultiplyAdd(c2, half, one);
            c3 = Vector.FusedMultiplyAdd(c3, half, one);
            c4 = Vector.FusedMultiplyAdd(c4, half, one);
            c5 = Vector.FusedMultiplyAdd(c5, half, one);
            c6 = Vector.FusedMultiplyAdd(c6, half, one);
            c7 = Vector.FusedMultiplyAdd(c7, half, one);
            c8 = Vector.FusedMultiplyAdd(c8, half, one);
            c9 = Vector.FusedMultiplyAdd(c9, half, one);
            c10 = Vector.FusedMultiplyAdd(c10, half, one);
            c11 = Vector.FusedMultiplyAdd(c11, half, one);
        }

        return Vector.Sum(c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11);
    }
}

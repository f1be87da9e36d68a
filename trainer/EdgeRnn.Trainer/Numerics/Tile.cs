using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRnn.Trainer.Numerics;

/// <summary>
/// The innermost loop of every matrix product: a block of the result small enough to stay in registers. Each element of
/// it is one chain of fused multiply-adds with k ascending, so a result depends neither on the vector width, nor on the
/// block's place, nor on the rows beside it.
/// </summary>
/// <remarks>
/// Here and in all loops over numbers, <see cref="MethodImplOptions.AggressiveOptimization"/>: with tiers, short runs
/// spent half their time in code that was not optimised yet, and long ones up to four seconds.
/// </remarks>
internal static unsafe class Tile
{
    /// <summary>Rows of a block.</summary>
    // 8 × 2 accumulators of 512 bits, or 6 × 2 of 256 (or 128): with two vectors of b and one broadcast of a they are
    // what 32 or 16 registers hold, and their 12 or 16 chains hide the latency of the multiply-add (4 cycles, 2 units).
    public static readonly int Rows = Lanes.AreWide ? 8 : 6;

    /// <summary>Columns of a block.</summary>
    public static readonly int Columns = Lanes.AreWide ? 32 : 2 * Vector<float>.Count;

    /// <summary><c>c[i, j] = init[i, j] + Σ a[i, p]·b[p, j]</c> for one block.</summary>
    /// <param name="a">Element [i, p] at <c>a[i·rowStride + p·stepStride]</c>.</param>
    /// <param name="rowStride">Floats from a row of a to the next.</param>
    /// <param name="stepStride">Floats from a column of a to the next.</param>
    /// <param name="b"><c>[depth, Columns]</c>, dense.</param>
    /// <param name="depth">Number of products per element.</param>
    /// <param name="init">What the sums start from; may be c itself.</param>
    /// <param name="initStride">Floats from a row of init to the next; 0 repeats one row.</param>
    /// <param name="c">The result.</param>
    /// <param name="cStride">Floats from a row of c to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(
        float* a, nint rowStride, nint stepStride, float* b, int depth, float* init, nint initStride,
        float* c, nint cStride)
    {
        if (Lanes.AreWide)
            Run512(a, rowStride, stepStride, b, depth, init, initStride, c, cStride);
        else
            RunNarrow(a, rowStride, stepStride, b, depth, init, initStride, c, cStride);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    internal static void Run512(
        float* a, nint rowStride, nint stepStride, float* b, int depth, float* init, nint initStride,
        float* c, nint cStride)
    {
        float* d = init;
        Vector512<float> c00 = Vector512.Load(d), c01 = Vector512.Load(d + 16);
        Vector512<float> c10 = Vector512.Load(d += initStride), c11 = Vector512.Load(d + 16);
        Vector512<float> c20 = Vector512.Load(d += initStride), c21 = Vector512.Load(d + 16);
        Vector512<float> c30 = Vector512.Load(d += initStride), c31 = Vector512.Load(d + 16);
        Vector512<float> c40 = Vector512.Load(d += initStride), c41 = Vector512.Load(d + 16);
        Vector512<float> c50 = Vector512.Load(d += initStride), c51 = Vector512.Load(d + 16);
        Vector512<float> c60 = Vector512.Load(d += initStride), c61 = Vector512.Load(d + 16);
        Vector512<float> c70 = Vector512.Load(d += initStride), c71 = Vector512.Load(d + 16);
        nint two = 2 * rowStride, three = 3 * rowStride;
        float* a4 = a + 4 * rowStride;
        for (; depth > 0; depth--)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16);
            Vector512<float> x = Vector512.Create(*a);
            c00 = Vector512.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector512.FusedMultiplyAdd(x, b1, c01);
            x = Vector512.Create(a[rowStride]);
            c10 = Vector512.FusedMultiplyAdd(x, b0, c10);
            c11 = Vector512.FusedMultiplyAdd(x, b1, c11);
            x = Vector512.Create(a[two]);
            c20 = Vector512.FusedMultiplyAdd(x, b0, c20);
            c21 = Vector512.FusedMultiplyAdd(x, b1, c21);
            x = Vector512.Create(a[three]);
            c30 = Vector512.FusedMultiplyAdd(x, b0, c30);
            c31 = Vector512.FusedMultiplyAdd(x, b1, c31);
            x = Vector512.Create(*a4);
            c40 = Vector512.FusedMultiplyAdd(x, b0, c40);
            c41 = Vector512.FusedMultiplyAdd(x, b1, c41);
            x = Vector512.Create(a4[rowStride]);
            c50 = Vector512.FusedMultiplyAdd(x, b0, c50);
            c51 = Vector512.FusedMultiplyAdd(x, b1, c51);
            x = Vector512.Create(a4[two]);
            c60 = Vector512.FusedMultiplyAdd(x, b0, c60);
            c61 = Vector512.FusedMultiplyAdd(x, b1, c61);
            x = Vector512.Create(a4[three]);
            c70 = Vector512.FusedMultiplyAdd(x, b0, c70);
            c71 = Vector512.FusedMultiplyAdd(x, b1, c71);
            a += stepStride;
            a4 += stepStride;
            b += 32;
        }

        Store(c, c00, c01);
        Store(c += cStride, c10, c11);
        Store(c += cStride, c20, c21);
        Store(c += cStride, c30, c31);
        Store(c += cStride, c40, c41);
        Store(c += cStride, c50, c51);
        Store(c += cStride, c60, c61);
        Store(c += cStride, c70, c71);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    internal static void RunNarrow(
        float* a, nint rowStride, nint stepStride, float* b, int depth, float* init, nint initStride,
        float* c, nint cStride)
    {
        int width = Vector<float>.Count;
        float* d = init;
        Vector<float> c00 = Vector.Load(d), c01 = Vector.Load(d + width);
        Vector<float> c10 = Vector.Load(d += initStride), c11 = Vector.Load(d + width);
        Vector<float> c20 = Vector.Load(d += initStride), c21 = Vector.Load(d + width);
        Vector<float> c30 = Vector.Load(d += initStride), c31 = Vector.Load(d + width);
        Vector<float> c40 = Vector.Load(d += initStride), c41 = Vector.Load(d + width);
        Vector<float> c50 = Vector.Load(d += initStride), c51 = Vector.Load(d + width);
        nint two = 2 * rowStride;
        float* a3 = a + 3 * rowStride;
        for (; depth > 0; depth--)
        {
            Vector<float> b0 = Vector.Load(b), b1 = Vector.Load(b + width);
            var x = new Vector<float>(*a);
            c00 = Vector.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector.FusedMultiplyAdd(x, b1, c01);
            x = new Vector<float>(a[rowStride]);
            c10 = Vector.FusedMultiplyAdd(x, b0, c10);
            c11 = Vector.FusedMultiplyAdd(x, b1, c11);
            x = new Vector<float>(a[two]);
            c20 = Vector.FusedMultiplyAdd(x, b0, c20);
            c21 = Vector.FusedMultiplyAdd(x, b1, c21);
            x = new Vector<float>(*a3);
            c30 = Vector.FusedMultiplyAdd(x, b0, c30);
            c31 = Vector.FusedMultiplyAdd(x, b1, c31);
            x = new Vector<float>(a3[rowStride]);
            c40 = Vector.FusedMultiplyAdd(x, b0, c40);
            c41 = Vector.FusedMultiplyAdd(x, b1, c41);
            x = new Vector<float>(a3[two]);
            c50 = Vector.FusedMultiplyAdd(x, b0, c50);
            c51 = Vector.FusedMultiplyAdd(x, b1, c51);
            a += stepStride;
            a3 += stepStride;
            b += 2 * width;
        }

        Store(c, c00, c01);
        Store(c += cStride, c10, c11);
        Store(c += cStride, c20, c21);
        Store(c += cStride, c30, c31);
        Store(c += cStride, c40, c41);
        Store(c += cStride, c50, c51);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, Vector512<float> first, Vector512<float> second)
    {
        first.Store(c);
        second.Store(c + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, Vector<float> first, Vector<float> second)
    {
        first.Store(c);
        second.Store(c + Vector<float>.Count);
    }
}

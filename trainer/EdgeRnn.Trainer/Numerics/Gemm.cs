using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRnn.Trainer.Numerics;

/// <summary>
/// Matrix products of one thread, blocked for the caches in the manner of Goto and van de Geijn, "Anatomy of
/// High-Performance Matrix Multiplication" (2008): a panel of b stays in L1, a block of a in L2.
/// </summary>
internal static unsafe class Gemm
{
    /// <summary>
    /// Rows of b in a block: a panel of 256 × 32 floats is 32 KB, which leaves room beside it in a 48 KB L1.
    /// </summary>
    public const int DepthBlock = 256;

    // Rows of a in a block: 128 × 256 floats are 128 KB.
    private const int RowBlocks = 16;

    /// <summary>
    /// c = a·b, where a is <c>[rows, b.Depth]</c> and c <c>[rows, b.Columns]</c>; strides in floats a row.
    /// </summary>
    public static void Multiply(float* a, int aStride, int rows, PackedMatrix b, float* c, int cStride)
    {
        float* zeros = stackalloc float[Tile.Columns];
        new Span<float>(zeros, Tile.Columns).Clear();
        Product(a, aStride, rows, b, zeros, 0, 0, c, cStride);
    }

    /// <summary>c = c + a·b.</summary>
    /// <inheritdoc cref="Multiply"/>
    public static void MultiplyAdd(float* a, int aStride, int rows, PackedMatrix b, float* c, int cStride) =>
        Product(a, aStride, rows, b, c, cStride, Tile.Columns, c, cStride);

    /// <summary>c = bias + a·b, with the same bias <c>[b.Columns]</c> in each row.</summary>
    /// <inheritdoc cref="Multiply"/>
    public static void MultiplyBias(
        float* a, int aStride, int rows, PackedMatrix b, float* bias, float* c, int cStride) =>
        Product(a, aStride, rows, b, bias, 0, Tile.Columns, c, cStride);

    private static void Product(
        float* a, int aStride, int rows, PackedMatrix b, float* init, int initStride, int initPanel,
        float* c, int cStride)
    {
        int rowBlock = RowBlocks * Tile.Rows;
        for (int first = 0; first < b.Depth; first += DepthBlock)
        {
            int depth = Math.Min(DepthBlock, b.Depth - first);
            if (first > 0)
            {
                init = c;
                initStride = cStride;
                initPanel = Tile.Columns;
            }

            for (int block = 0; block < rows; block += rowBlock)
            {
                int end = Math.Min(rows, block + rowBlock);
                for (int panel = 0; panel < b.Panels; panel++)
                {
                    float* bPanel = b.Panel(first, panel);
                    float* start = init + panel * initPanel;
                    int column = panel * Tile.Columns;
                    int columns = Math.Min(Tile.Columns, b.Columns - column);
                    for (int row = block; row < end; row += Tile.Rows)
                    {
                        Block(
                            a + (long)row * aStride + first, aStride, 1, bPanel, depth,
                            start + (long)row * initStride, initStride,
                            c + (long)row * cStride + column, cStride, Math.Min(Tile.Rows, end - row), columns);
                    }
                }
            }
        }
    }

    /// <summary>
    /// c = c + aᵀ·b, where a is <c>[depth, rows]</c> and b <c>[depth, columns]</c>: the shape of a weight gradient. Row
    /// k of b is taken from <c>bRows[k]</c> when that is given.
    /// </summary>
    public static void TransposedMultiplyAdd(
        float* a, int aStride, int rows, float* b, int bStride, int columns, int* bRows, int depth,
        float* c, int cStride, GemmScratch scratch)
    {
        int rowBlock = RowBlocks * Tile.Rows;
        int panels = (columns + Tile.Columns - 1) / Tile.Columns;
        scratch.Reserve(panels);
        for (int first = 0; first < depth; first += DepthBlock)
        {
            int steps = Math.Min(DepthBlock, depth - first);
            scratch.PackRight(b, bStride, columns, bRows, first, steps);
            for (int block = 0; block < rows; block += rowBlock)
            {
                int end = Math.Min(rows, block + rowBlock);
                scratch.PackLeft(a + (long)first * aStride + block, aStride, end - block, steps);
                for (int panel = 0; panel < panels; panel++)
                {
                    int column = panel * Tile.Columns;
                    int width = Math.Min(Tile.Columns, columns - column);
                    for (int row = block; row < end; row += Tile.Rows)
                    {
                        float* to = c + (long)row * cStride + column;
                        Block(
                            scratch.Left((row - block) / Tile.Rows), 1, Tile.Rows, scratch.Right(panel), steps,
                            to, cStride, to, cStride, Math.Min(Tile.Rows, end - row), width);
                    }
                }
            }
        }
    }

    /// <summary>sum[j] += Σ a[k, j] over the rows of a <c>[depth, columns]</c>: the gradient of a bias.</summary>
    public static void AddColumnSums(float* a, int aStride, int columns, int depth, float* sum)
    {
        // Lanes are columns and rows ascend, so the sum does not depend on the vector width.
        for (int row = 0; row < depth; row++, a += aStride)
        {
            for (int j = 0; j < columns; j += Lanes.Count)
            {
                int n = columns - j;
                Lanes.Store(sum + j, Lanes.Load(sum + j, n) + Lanes.Load(a + j, n), n);
            }
        }
    }

    // A whole block goes straight to the kernel; one at the edge of the matrix goes through copies of full size.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Block(
        float* a, nint rowStride, nint stepStride, float* b, int depth, float* init, nint initStride,
        float* c, nint cStride, int rows, int columns)
    {
        if (rows == Tile.Rows && columns == Tile.Columns)
            Tile.Run(a, rowStride, stepStride, b, depth, init, initStride, c, cStride);
        else
            Edge(a, rowStride, stepStride, b, depth, init, initStride, c, cStride, rows, columns);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Edge(
        float* a, nint rowStride, nint stepStride, float* b, int depth, float* init, nint initStride,
        float* c, nint cStride, int rows, int columns)
    {
        float* sums = stackalloc float[Tile.Rows * Tile.Columns];
        float* left = stackalloc float[Tile.Rows * DepthBlock];
        for (int i = 0; i < rows; i++)
            new ReadOnlySpan<float>(init + i * initStride, columns).CopyTo(new(sums + i * Tile.Columns, columns));
        // Rows of a that are missing may lie beyond its memory. (A transposed a is packed with zeros already.)
        if (rows < Tile.Rows && stepStride == 1)
        {
            new Span<float>(left, Tile.Rows * DepthBlock).Clear();
            for (int i = 0; i < rows; i++)
                new ReadOnlySpan<float>(a + i * rowStride, depth).CopyTo(new(left + i * DepthBlock, depth));
            a = left;
            rowStride = DepthBlock;
        }

        Tile.Run(a, rowStride, stepStride, b, depth, sums, Tile.Columns, sums, Tile.Columns);
        for (int i = 0; i < rows; i++)
            new ReadOnlySpan<float>(sums + i * Tile.Columns, columns).CopyTo(new(c + i * cStride, columns));
    }

    /// <summary>Packed blocks of both factors of <see cref="TransposedMultiplyAdd"/>; one a thread.</summary>
    internal sealed class GemmScratch
    {
        // A line more than a block needs: rows of a go to 16 panels at once, which must not share one cache set.
        private static readonly int LeftStride = DepthBlock * Tile.Rows + 16;
        private readonly FloatBuffer _left = new(RowBlocks * LeftStride);
        private FloatBuffer _right = new(0);

        public void Reserve(int panels)
        {
            long needed = (long)panels * DepthBlock * Tile.Columns;
            if (_right.Length < needed)
                _right = new(needed);
        }

        public float* Left(int panel) => _left.Pointer + (long)panel * LeftStride;

        public float* Right(int panel) => _right.Pointer + (long)panel * DepthBlock * Tile.Columns;

        public void PackLeft(float* a, int aStride, int rows, int steps)
        {
            for (int k = 0; k < steps; k++, a += aStride)
            {
                float* to = _left.Pointer + k * Tile.Rows;
                int row = 0;
                for (; row + Tile.Rows <= rows; row += Tile.Rows, to += LeftStride)
                {
                    if (Tile.Rows == 8)
                        Vector256.Store(Vector256.Load(a + row), to);
                    else
                        new ReadOnlySpan<float>(a + row, Tile.Rows).CopyTo(new(to, Tile.Rows));
                }

                for (int i = 0; row < rows && i < Tile.Rows; i++)
                    to[i] = row + i < rows ? a[row + i] : 0f;
            }
        }

        public void PackRight(float* b, int bStride, int columns, int* bRows, int first, int steps)
        {
            for (int k = 0; k < steps; k++)
            {
                float* from = b + (long)(bRows == null ? first + k : bRows[first + k]) * bStride;
                for (int j = 0, panel = 0; j < columns; j += Tile.Columns, panel++)
                {
                    float* to = Right(panel) + k * Tile.Columns;
                    int n = Math.Min(Tile.Columns, columns - j);
                    new ReadOnlySpan<float>(from + j, n).CopyTo(new(to, n));
                    new Span<float>(to + n, Tile.Columns - n).Clear();
                }
            }
        }
    }
}

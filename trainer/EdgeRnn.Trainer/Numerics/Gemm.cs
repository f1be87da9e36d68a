using System.Runtime.CompilerServices;

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

    /// <summary>Tiles above one another in a block of a: 128 × 256 floats are 128 KB.</summary>
    public const int RowBlocks = 16;

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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
    /// <see cref="Tile.Run"/> for a block that may lie at the edge of the matrix: there it goes through copies of full
    /// size.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Block(
        float* a, nint rowStride, nint stepStride, float* b, int depth, float* init, nint initStride,
        float* c, nint cStride, int rows, int columns)
    {
        if (rows == Tile.Rows && columns == Tile.Columns)
            Tile.Run(a, rowStride, stepStride, b, depth, init, initStride, c, cStride);
        else
            Edge(a, rowStride, stepStride, b, depth, init, initStride, c, cStride, rows, columns);
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Edge(
        float* a, nint rowStride, nint stepStride, float* b, int depth, float* init, nint initStride,
        float* c, nint cStride, int rows, int columns)
    {
        float* sums = stackalloc float[Tile.Rows * Tile.Columns];
        float* left = stackalloc float[Tile.Rows * DepthBlock];
        // Numbers that nobody set might be denormal, with which products are slow.
        new Span<float>(sums, Tile.Rows * Tile.Columns).Clear();
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
}

namespace EdgeRnn.Trainer.Numerics;

/// <summary>
/// The right-hand matrix <c>b [Depth, Columns]</c> of a product in the order in which <see cref="Tile"/> reads it:
/// blocks of at most <see cref="Gemm.DepthBlock"/> rows, in each block panels of <see cref="Tile.Columns"/> columns, in
/// each panel row after row; missing columns are zeros.
/// </summary>
internal sealed unsafe class PackedMatrix
{
    private readonly FloatBuffer _packed;

    /// <summary>Reserves room for <c>[depth, columns]</c>.</summary>
    public PackedMatrix(int depth, int columns)
    {
        Depth = depth;
        Columns = columns;
        Panels = (columns + Tile.Columns - 1) / Tile.Columns;
        _packed = new((long)depth * Panels * Tile.Columns);
    }

    /// <summary>Rows of b.</summary>
    public int Depth { get; }

    /// <summary>Columns of b.</summary>
    public int Columns { get; }

    /// <summary>Panels side by side.</summary>
    public int Panels { get; }

    /// <summary>Panel <paramref name="panel"/> of the block that starts at row <paramref name="firstRow"/>.</summary>
    public float* Panel(int firstRow, int panel)
    {
        int rows = Math.Min(Gemm.DepthBlock, Depth - firstRow);
        return _packed.Pointer + ((long)firstRow * Panels + (long)panel * rows) * Tile.Columns;
    }

    /// <summary>b = source, <c>[Depth, Columns]</c> with <paramref name="stride"/> floats a row.</summary>
    public void Pack(float* source, int stride)
    {
        for (int first = 0; first < Depth; first += Gemm.DepthBlock)
        {
            int rows = Math.Min(Gemm.DepthBlock, Depth - first);
            for (int panel = 0; panel < Panels; panel++)
            {
                float* to = Panel(first, panel);
                float* from = source + (long)first * stride + panel * Tile.Columns;
                int columns = Math.Min(Tile.Columns, Columns - panel * Tile.Columns);
                for (int row = 0; row < rows; row++, to += Tile.Columns, from += stride)
                    new ReadOnlySpan<float>(from, columns).CopyTo(new Span<float>(to, columns));
            }
        }
    }

    /// <summary>
    /// b = sourceᵀ, where source is <c>[Columns, Depth]</c> with <paramref name="stride"/> floats a row.
    /// </summary>
    public void PackTransposed(float* source, int stride)
    {
        for (int first = 0; first < Depth; first += Gemm.DepthBlock)
        {
            int rows = Math.Min(Gemm.DepthBlock, Depth - first);
            for (int column = 0; column < Columns; column++)
            {
                float* to = Panel(first, column / Tile.Columns) + column % Tile.Columns;
                float* from = source + (long)column * stride + first;
                for (int row = 0; row < rows; row++, to += Tile.Columns)
                    *to = from[row];
            }
        }
    }
}

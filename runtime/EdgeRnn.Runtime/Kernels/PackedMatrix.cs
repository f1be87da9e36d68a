namespace EdgeRnn.Runtime.Kernels;

/// <summary>
/// Weights <c>[Rows, Columns]</c> in the order in which a kernel reads them: blocks of rows, in a block column after
/// column, in a column row after row, so that lanes are rows and no sum crosses them.
/// </summary>
internal abstract unsafe class PackedMatrix
{
    protected PackedMatrix(int rows, int columns, int narrowRows)
    {
        Rows = rows;
        Columns = columns;
        PaddedRows = (rows + narrowRows - 1) / narrowRows * narrowRows;
    }

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>Rows with padding; a product writes as many results.</summary>
    public int PaddedRows { get; }

    /// <summary>The first row and the size of the block that holds <paramref name="row"/>.</summary>
    protected (int First, int Size) BlockOf(int row, int wideRows, int narrowRows)
    {
        int firstNarrow = PaddedRows / wideRows * wideRows;
        return row < firstNarrow
            ? (row / wideRows * wideRows, wideRows)
            : (firstNarrow + (row - firstNarrow) / narrowRows * narrowRows, narrowRows);
    }
}

/// <summary>float32 weights: in a block, <c>[Columns, rows of the block]</c>.</summary>
internal sealed unsafe class FloatMatrix : PackedMatrix
{
    private readonly AlignedBuffer<float> _weights;

    /// <param name="kernel">Who will read it.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="weights">Row-major.</param>
    public FloatMatrix(Kernel kernel, int rows, int columns, ReadOnlySpan<float> weights)
        : base(rows, columns, kernel.NarrowFloatRows)
    {
        _weights = new(PaddedRows * columns);
        for (int r = 0; r < rows; r++)
        {
            var (first, size) = BlockOf(r, kernel.WideFloatRows, kernel.NarrowFloatRows);
            float* place = Weights + first * columns + r - first;
            for (int c = 0; c < columns; c++)
                place[c * size] = weights[r * columns + c];
        }
    }

    public float* Weights => _weights.Pointer;
}

/// <summary>
/// int8 weights: in a block, <c>[Groups, rows of the block, columns of a group]</c>, columns padded with zeros. Groups
/// have as many columns as the kernel multiplies at once; those of four have the kernel's order inside tiles of 4 × 4,
/// and may be raised by 128.
/// </summary>
internal sealed unsafe class Int8Matrix : PackedMatrix
{
    private readonly AlignedBuffer<sbyte> _weights;
    private readonly AlignedBuffer<float> _scale;

    /// <param name="kernel">Who will read it.</param>
    /// <param name="precision">What it will be multiplied with.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="weights">Row-major.</param>
    public Int8Matrix(
        Kernel kernel, Precision precision, int rows, int columns, ReadOnlySpan<sbyte> weights)
        : base(rows, columns, kernel.NarrowRows)
    {
        int group = kernel.GroupColumns(precision);
        int wideRows = group == 4 ? kernel.WideRows : kernel.NarrowRows;
        sbyte zero = group == 4 && kernel.RaisesWeights ? sbyte.MinValue : (sbyte)0;
        Groups = (columns + group - 1) / group;
        _weights = new(PaddedRows * Groups * group);
        _weights.Span.Fill(zero);
        _scale = new(PaddedRows);
        for (int r = 0; r < rows; r++)
        {
            var (first, size) = BlockOf(r, wideRows, kernel.NarrowRows);
            int tile = (r - first) / 4, rowInTile = (r - first) % 4;
            sbyte* tiles = Weights + first * Groups * group + tile * 4 * group;
            for (int c = 0; c < columns; c++)
            {
                int place = group == 4 ? kernel.PlaceInTile(rowInTile, c % 4) : rowInTile * group + c % group;
                tiles[c / group * size * group + place] = (sbyte)(weights[r * columns + c] ^ zero);
            }
        }
    }

    /// <summary>Groups of columns.</summary>
    public int Groups { get; }

    public sbyte* Weights => _weights.Pointer;

    /// <summary>What a row's integer sum is multiplied with; for the owner to set.</summary>
    public float* Scale => _scale.Pointer;
}

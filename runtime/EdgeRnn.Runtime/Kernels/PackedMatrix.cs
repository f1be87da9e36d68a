namespace EdgeRnn.Runtime.Kernels;

/// <summary>
/// Weights <c>[Rows, Columns]</c> in the order in which a kernel reads them: blocks of rows, in a block column after
/// column, in a column row after row, so that lanes are rows and no sum crosses them.
/// </summary>
internal abstract unsafe class PackedMatrix
{
    private readonly AlignedBuffer<float> _bias;

    protected PackedMatrix(int rows, int columns, int narrowRows, ReadOnlySpan<float> bias)
    {
        Rows = rows;
        Columns = columns;
        PaddedRows = (rows + narrowRows - 1) / narrowRows * narrowRows;
        _bias = new(PaddedRows);
        bias.CopyTo(_bias.Span);
    }

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>Rows with padding; a product writes as many results.</summary>
    public int PaddedRows { get; }

    public float* Bias => _bias.Pointer;

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
    /// <param name="bias">For each row, or empty for zeros.</param>
    public FloatMatrix(Kernel kernel, int rows, int columns, ReadOnlySpan<float> weights, ReadOnlySpan<float> bias)
        : base(rows, columns, kernel.NarrowFloatRows, bias)
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
/// int8 weights: in a block, <c>[Groups, rows of the block, columns of a group]</c>, columns padded with zeros. For int8
/// inputs a group is four columns, and the order inside tiles of 4 × 4 is the kernel's; for int16 inputs it is two.
/// </summary>
internal sealed unsafe class Int8Matrix : PackedMatrix
{
    private readonly AlignedBuffer<sbyte> _weights;
    private readonly AlignedBuffer<float> _scale;

    /// <summary>Columns of a group for int8 inputs.</summary>
    public const int Quad = 4;

    /// <summary>Columns of a group for int16 inputs.</summary>
    public const int Pair = 2;

    /// <param name="kernel">Who will read it.</param>
    /// <param name="group"><see cref="Quad"/> or <see cref="Pair"/>.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="weights">Row-major.</param>
    /// <param name="rowScales">Real weight per integer, for each row.</param>
    /// <param name="inputScale">Real input per integer.</param>
    /// <param name="bias">Real bias for each row, or empty for zeros.</param>
    public Int8Matrix(
        Kernel kernel, int group, int rows, int columns, ReadOnlySpan<sbyte> weights, ReadOnlySpan<float> rowScales,
        float inputScale, ReadOnlySpan<float> bias)
        : base(rows, columns, kernel.NarrowRows, bias)
    {
        Groups = (columns + group - 1) / group;
        _weights = new(PaddedRows * Groups * group);
        _scale = new(PaddedRows);
        for (int r = 0; r < rows; r++)
        {
            Scale[r] = rowScales[r] * inputScale;
            var (first, size) = BlockOf(r, group == Quad ? kernel.WideRows : kernel.NarrowRows, kernel.NarrowRows);
            sbyte* tiles = Weights + first * Groups * group + (r - first) / 4 * 4 * group;
            for (int c = 0; c < columns; c++)
            {
                int place = group == Quad ? kernel.PlaceInTile(r % 4, c % 4) : r % 4 * 2 + c % 2;
                tiles[c / group * size * group + place] = weights[r * columns + c];
            }
        }
    }

    /// <summary>Groups of columns.</summary>
    public int Groups { get; }

    public sbyte* Weights => _weights.Pointer;

    /// <summary>Real result per unit of the integer sum, for each row.</summary>
    public float* Scale => _scale.Pointer;
}

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
    private readonly AlignedBuffer<int> _firstSums;
    private AlignedBuffer<sbyte> _remainders = new(0);
    private AlignedBuffer<int> _remainderQuads = new(0);
    private AlignedBuffer<int> _remainderStarts = new(0);

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
        _firstSums = new(PaddedRows);
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
        RaisesInputs = group == Quad && kernel.LargestPair > 0 && SplitPairs(kernel);
        for (int i = 0; RaisesInputs && i < rows * columns; i++)
            FirstSums[i / columns] -= 128 * weights[i];
    }

    /// <summary>Groups of columns.</summary>
    public int Groups { get; }

    public sbyte* Weights => _weights.Pointer;

    /// <summary>Where the integer sums begin, for each row.</summary>
    public int* FirstSums => _firstSums.Pointer;

    /// <summary>Whether the sums are of inputs plus 128.</summary>
    public bool RaisesInputs { get; }

    /// <summary>
    /// What <see cref="Kernel.LargestPair"/> forbids, as further tiles of eight rows and four columns: those of the rows
    /// from <c>8 · i</c> on are numbers <c>RemainderStarts[i]</c> to <c>RemainderStarts[i + 1]</c>. Null when there are none.
    /// </summary>
    public int* RemainderStarts { get; private set; }

    /// <summary>The quad of columns that each of these tiles belongs to.</summary>
    public int* RemainderQuads => _remainderQuads.Pointer;

    /// <summary>The tiles.</summary>
    public sbyte* Remainders => _remainders.Pointer;

    /// <summary>Real result per unit of the integer sum, for each row.</summary>
    public float* Scale => _scale.Pointer;

    // Lowers the second weight of each forbidden pair as far as needed and puts what was taken off into a tile of its own;
    // false, with all weights as they were, when that would take more than a quarter as many tiles again.
    private bool SplitPairs(Kernel kernel)
    {
        var tiles = new List<sbyte>();
        var quads = new List<int>();
        var starts = new List<int> { 0 };
        for (int row = 0; row < PaddedRows; row += 8)
        {
            for (int quad = 0; quad < Groups; quad++)
            {
                var remainder = TakeRemainder(Tile(kernel, row, quad), kernel.LargestPair);
                if (remainder is null)
                    continue;
                tiles.AddRange(remainder);
                quads.Add(quad);
            }
            starts.Add(quads.Count);
        }
        if (quads.Count > PaddedRows / 8 * Groups / 4)
        {
            PutBack(kernel, tiles, quads, starts);
            return false;
        }
        if (quads.Count == 0)
            return true;
        _remainders = new(tiles.Count);
        tiles.CopyTo(_remainders.Span);
        _remainderQuads = new(quads.Count);
        quads.CopyTo(_remainderQuads.Span);
        _remainderStarts = new(starts.Count);
        starts.CopyTo(_remainderStarts.Span);
        RemainderStarts = _remainderStarts.Pointer;
        return true;
    }

    private static sbyte[]? TakeRemainder(sbyte* tile, int largestPair)
    {
        sbyte[]? remainder = null;
        for (int i = 0; i < 32; i += 2)
        {
            int excess = Math.Abs(tile[i] + tile[i + 1]) - largestPair;
            if (excess <= 0)
                continue;
            remainder ??= new sbyte[32];
            remainder[i + 1] = (sbyte)(tile[i + 1] > 0 ? excess : -excess);
            tile[i + 1] -= remainder[i + 1];
        }
        return remainder;
    }

    private void PutBack(Kernel kernel, List<sbyte> tiles, List<int> quads, List<int> starts)
    {
        for (int row = 0; row < PaddedRows; row += 8)
        {
            for (int t = starts[row / 8]; t < starts[row / 8 + 1]; t++)
            {
                sbyte* tile = Tile(kernel, row, quads[t]);
                for (int i = 0; i < 32; i++)
                    tile[i] += tiles[32 * t + i];
            }
        }
    }

    private sbyte* Tile(Kernel kernel, int row, int quad)
    {
        var (first, size) = BlockOf(row, kernel.WideRows, kernel.NarrowRows);
        return Weights + (first * Groups + quad * size + row - first) * Quad;
    }
}

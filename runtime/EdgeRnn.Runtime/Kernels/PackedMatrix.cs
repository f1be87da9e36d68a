using System.Runtime.CompilerServices;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>
/// Weights <c>[Rows, Columns]</c> in the order in which a kernel reads them: blocks of rows, in a block column after
/// column, in a column row after row, so that lanes are rows and no sum crosses them.
/// </summary>
internal abstract class PackedMatrix
{
    private readonly int _wideRows, _narrowRows, _wideBlocks;

    protected PackedMatrix(int rows, int columns, (int Wide, int Narrow) blockRows)
    {
        Rows = rows;
        Columns = columns;
        (_wideRows, _narrowRows) = blockRows;
        PaddedRows = (rows + _narrowRows - 1) / _narrowRows * _narrowRows;
        _wideBlocks = PaddedRows / _wideRows;
        BlockCount = _wideBlocks + PaddedRows % _wideRows / _narrowRows;
    }

    public int Rows { get; }

    public int Columns { get; }

    /// <summary>Rows with padding; a product writes as many results.</summary>
    public int PaddedRows { get; }

    /// <summary>Wide blocks, and then narrow ones.</summary>
    public int BlockCount { get; }

    /// <summary>The first row of a block, and how many it has.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (int First, int Rows) Block(int index) => index < _wideBlocks
        ? (index * _wideRows, _wideRows)
        : (_wideBlocks * _wideRows + (index - _wideBlocks) * _narrowRows, _narrowRows);

    /// <summary>The block that holds a row.</summary>
    protected (int First, int Rows) BlockOf(int row)
    {
        int wide = row / _wideRows;
        return Block(wide < _wideBlocks ? wide : _wideBlocks + (row - _wideBlocks * _wideRows) / _narrowRows);
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
        : base(rows, columns, kernel.BlockRows(Precision.Float32))
    {
        _weights = new(PaddedRows * columns);
        for (int r = 0; r < rows; r++)
        {
            var (first, size) = BlockOf(r);
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
        : base(rows, columns, kernel.BlockRows(precision))
    {
        int group = kernel.GroupColumns(precision);
        sbyte zero = group == 4 && kernel.RaisesWeights ? sbyte.MinValue : (sbyte)0;
        Groups = (columns + group - 1) / group;
        _weights = new(PaddedRows * Groups * group);
        _weights.Span.Fill(zero);
        _scale = new(PaddedRows);
        for (int r = 0; r < rows; r++)
        {
            var (first, size) = BlockOf(r);
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

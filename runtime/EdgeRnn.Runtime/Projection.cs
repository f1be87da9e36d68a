using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>y = W·x + b in real units, whatever W and x are made of. Shared by all sessions of a model.</summary>
internal sealed unsafe class Projection
{
    // Half of the smallest first-level cache about, a Cortex-A53's or a Zen's 32 KB.
    private const int NearBytes = 16384;

    private readonly Kernel _kernel;
    private readonly FloatMatrix? _floats;
    private readonly Int8Matrix? _int8s;
    private readonly bool _int16Inputs;
    private readonly int _rowsAtATime;

    /// <param name="kernel">Who multiplies.</param>
    /// <param name="weight"><c>[gates·units, columns]</c></param>
    /// <param name="bias">float32 <c>[gates·units]</c>, or null for zeros.</param>
    /// <param name="precision">What the inputs are made of.</param>
    /// <param name="inputScale">Real input per integer; not read for float weights.</param>
    /// <param name="firstRow">The part of the rows to take: from here</param>
    /// <param name="rows">this many, or all.</param>
    public Projection(
        Kernel kernel, Precision precision, Tensor weight, Tensor? bias, float inputScale, int firstRow = 0, int rows = -1)
    {
        rows = rows < 0 ? weight.Rows : rows;
        int columns = weight.Columns;
        _kernel = Affordable(kernel, weight, rows);
        _int16Inputs = precision == Precision.Int8x16;
        var b = bias is null ? default : bias.Floats.Slice(firstRow, rows);
        if (weight.Type == TensorType.Int8)
        {
            var integers = weight.Int8s.Slice(firstRow * columns, rows * columns);
            int group = _int16Inputs ? Int8Matrix.Pair : Int8Matrix.Quad;
            _int8s = new(_kernel, group, rows, columns, integers, weight.Scales.Slice(firstRow, rows), inputScale, b);
        }
        else
        {
            _floats = new(_kernel, rows, columns, weight.Floats.Slice(firstRow * columns, rows * columns), b);
        }
        PaddedRows = (_int8s as PackedMatrix ?? _floats!).PaddedRows;
        int rowBytes = columns * (_int8s is null ? sizeof(float) : sizeof(sbyte));
        _rowsAtATime = Math.Max(1, NearBytes / rowBytes / Kernel.LargestBlock) * Kernel.LargestBlock;
    }

    // Blocks of many rows waste memory on a matrix of few long ones. Where it is more than the matrix itself and a 32nd of
    // the 64 KB that a hostile model of 16 layers may waste in all, the scalar kernel, which pads little, gives the same bits.
    private static Kernel Affordable(Kernel kernel, Tensor weight, int rows)
    {
        bool isFloat = weight.Type == TensorType.Float32;
        int block = isFloat ? kernel.NarrowFloatRows : kernel.NarrowRows;
        long rowBytes = (long)weight.Columns * (isFloat ? sizeof(float) : sizeof(sbyte));
        int padding = (rows + block - 1) / block * block - rows;
        return padding > rows && padding * rowBytes > 2048 ? Kernel.Scalar : kernel;
    }

    /// <summary>Results that a product writes.</summary>
    public int PaddedRows { get; }

    /// <summary>A buffer for the results, with room for lanes that reach beyond the last gate.</summary>
    public AlignedBuffer<float> NewResult() => new(PaddedRows + 32);

    public void Multiply(Signal x, float* y) => Multiply(x, y, 0, PaddedRows);

    /// <summary>
    /// The products of many streams, as many rows at a time as stay in the nearest cache: each weight comes from further
    /// away once for all streams.
    /// </summary>
    public void Multiply(ReadOnlySpan<Signal> xs, ReadOnlySpan<AlignedBuffer<float>> ys)
    {
        for (int first = 0; first < PaddedRows; first += _rowsAtATime)
        {
            int end = Math.Min(first + _rowsAtATime, PaddedRows);
            for (int s = 0; s < xs.Length; s++)
                Multiply(xs[s], ys[s].Pointer, first, end);
        }
    }

    private void Multiply(Signal x, float* y, int first, int end)
    {
        if (_int8s is null)
            _kernel.Multiply(_floats!, x.Floats, y, first, end);
        else if (_int16Inputs)
            _kernel.Multiply(_int8s, x.Int16s, y, first, end);
        else
            _kernel.Multiply(_int8s, x.Int8s, y, first, end);
    }
}

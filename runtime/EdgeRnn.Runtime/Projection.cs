using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>y = W·x + b in real units, whatever W and x are made of. Shared by all sessions of a model.</summary>
internal sealed unsafe class Projection
{
    private readonly Kernel _kernel;
    private readonly FloatMatrix? _floats;
    private readonly Int8Matrix? _int8s;
    private readonly bool _int16Inputs;

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
        _kernel = kernel;
        _int16Inputs = precision == Precision.Int8x16;
        rows = rows < 0 ? weight.Rows : rows;
        int columns = weight.Columns;
        var b = bias is null ? default : bias.Floats.Slice(firstRow, rows);
        if (weight.Type == TensorType.Int8)
        {
            _int8s = new(kernel, _int16Inputs ? Int8Matrix.Pair : Int8Matrix.Quad, rows, columns,
                 weight.Int8s.Slice(firstRow * columns, rows * columns),
                weight.Scales.Slice(firstRow, rows), inputScale, b);
        }
        else
        {
            _floats = new(kernel, rows, columns, weight.Floats.Slice(firstRow * columns, rows * columns), b);
        }
        PaddedRows = (_int8s as PackedMatrix ?? _floats!).PaddedRows;
    }

    /// <summary>Results that a product writes.</summary>
    public int PaddedRows { get; }

    /// <summary>A buffer for the results, with room for lanes that reach beyond the last gate.</summary>
    public AlignedBuffer<float> NewResult() => new(PaddedRows + 32);

    public void Multiply(Signal x, float* y)
    {
        if (_int8s is null)
            _kernel.Multiply(_floats!, x.Floats, y);
        else if (_int16Inputs)
            _kernel.Multiply(_int8s, x.Int16s, y);
        else
            _kernel.Multiply(_int8s, x.Int8s, y);
    }
}

using EdgeRnn.Quantization;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// y = W·x + U·h + b, or without U·h, whatever the matrices are made of; in real units, or in integers of a quantized
/// session's next rounding. Shared by all sessions of a model.
/// </summary>
internal sealed unsafe class Projection
{
    // Half of the smallest first-level cache about, a Cortex-A53's or a Zen's 32 KB.
    private const int NearBytes = 16384;

    private readonly Kernel _kernel;
    private readonly Precision _precision;
    private readonly Packed _w, _u;
    private readonly int _paddedRows;
    private readonly AlignedBuffer<float> _bias;
    private readonly int _blocksAtATime;

    private Projection(
        Packing packing, Precision precision, RnnLayer layer, Weights w, Weights? u, Tensor? bias, Tensor? secondBias)
    {
        _kernel = packing.KernelFor(precision, w.Rows, w.Tensor.Columns, u?.Tensor.Columns ?? 0);
        _precision = precision;
        _w = w.Pack(_kernel, precision, layer);
        _u = u?.Pack(_kernel, precision, layer) ?? default;
        _paddedRows = _w.Matrix.PaddedRows;
        _bias = new(_paddedRows);
        for (int r = 0; r < w.Rows; r++)
        {
            int row = w.FirstRow + r;
            _bias.Span[r] = (At(bias, row) + At(secondBias, row)) * UnitOf(precision, layer, row);
        }
        long blockBytes = (w.RowBytes + (u?.RowBytes ?? 0)) * _w.Matrix.Block(0).Rows;
        _blocksAtATime = (int)Math.Max(1, NearBytes / blockBytes);
    }

    /// <summary>
    /// W_ih·x + b_ih + W_hh·h + b_hh of <paramref name="gates"/> gates from <paramref name="first"/> on, or of all.
    /// </summary>
    public static Projection OfGates(Packing packing, Precision precision, RnnLayer layer, int first = 0, int gates = 0)
    {
        var (w, u) = (new Weights(layer.WeightIh, layer.InputScale), new Weights(layer.WeightHh!, layer.OutputScale));
        if (gates > 0)
        {
            int firstRow = first * layer.Units, rows = gates * layer.Units;
            (w, u) = (w.Part(firstRow, rows), u.Part(firstRow, rows));
        }
        return new(packing, precision, layer, w, u, layer.BiasIh, layer.BiasHh);
    }

    /// <summary>
    /// W_ih·x + b_ih of one gate, and + b_hh where that stands outside of a product with the reset gate.
    /// </summary>
    public static Projection OfInput(Packing packing, Precision precision, RnnLayer layer, int gate)
    {
        var w = new Weights(layer.WeightIh, layer.InputScale).Part(gate * layer.Units, layer.Units);
        var biasHh = layer.ResetBefore ? layer.BiasHh : null;
        return new(packing, precision, layer, w, null, layer.BiasIh, biasHh);
    }

    /// <summary>W_hh·h + b_hh of one gate.</summary>
    public static Projection OfHidden(Packing packing, Precision precision, RnnLayer layer, int gate)
    {
        var u = new Weights(layer.WeightHh!, layer.OutputScale).Part(gate * layer.Units, layer.Units);
        return new(packing, precision, layer, u, null, layer.BiasHh, null);
    }

    /// <summary>W·x + b of a dense layer.</summary>
    public static Projection OfDense(Packing packing, Precision precision, RnnLayer layer) =>
        new(packing, precision, layer, new Weights(layer.WeightIh, layer.InputScale), null, layer.BiasIh, null);

    /// <summary>A buffer for the results, with room for lanes that reach beyond the last gate.</summary>
    public AlignedBuffer<float> NewResult() => new(_paddedRows + 32);

    /// <summary>y = W·x + U·h + b</summary>
    /// <param name="x">[columns of W]</param>
    /// <param name="h">[columns of U], or null without U.</param>
    /// <param name="y">[rows], and padding.</param>
    /// <param name="addend">What takes the place of b, or null.   [rows]</param>
    /// <param name="descending">Whether to take the rows from the last to the first.</param>
    public void Multiply(Signal x, Signal? h, float* y, float* addend = null, bool descending = false) =>
        Multiply(x, h, y, addend == null ? _bias.Pointer : addend, Blocks.Of(_w.Matrix, descending));

    /// <summary>
    /// The same product of many streams, as many rows at a time as stay in the nearest cache: each weight comes from
    /// further away once for all streams.
    /// </summary>
    public void Multiply(ReadOnlySpan<Product> streams)
    {
        int blocks = _w.Matrix.BlockCount;
        for (int first = 0; first < blocks; first += _blocksAtATime)
        {
            var part = new Blocks(first, Math.Min(first + _blocksAtATime, blocks));
            if (_precision == Precision.Float32)
            {
                _kernel.MultiplyAdd(_w.Floats!, _u.Floats, streams, _bias.Pointer, part);
                continue;
            }
            foreach (ref readonly var stream in streams)
                Multiply(stream.X!, stream.H, stream.Sums.Pointer, _bias.Pointer, part);
        }
    }

    private void Multiply(Signal x, Signal? h, float* y, float* addend, Blocks blocks)
    {
        var right = h ?? x;
        if (_precision == Precision.Int8)
            _kernel.MultiplyAdd(_w.Int8s!, x.Int8s, _u.Int8s, right.Int8s, addend, y, blocks);
        else if (_precision == Precision.Int8x16)
            _kernel.MultiplyAdd(_w.Int8s!, x.Int16s, _u.Int8s, right.Int16s, addend, y, blocks);
        else
            _kernel.MultiplyAdd(_w.Floats!, x.Floats, _u.Floats, right.Floats, addend, y, blocks);
    }

    // What a quantized session rounds next: t of tanh(t) and σ(2t) to Q3.12, a linear result to integers of its own
    // scale.
    private static float UnitOf(Precision precision, RnnLayer layer, int row) => (precision, layer.Kind) switch
    {
        (Precision.Float32, _) => 1f,
        (_, LayerKind.Dense) => 1f / layer.OutputScale,
        (_, LayerKind.SimpleRnn) when layer.Activation == Activation.Relu => 1f / layer.OutputScale,
        (_, LayerKind.SimpleRnn) => FixedPoint.PreActivationUnit,
        // Of the gates i f g o and r z n the third is the tanh.
        _ => FixedPoint.PreActivationUnit * (row / layer.Units == 2 ? 1f : 0.5f),
    };

    private static float At(Tensor? bias, int row) => bias is null ? 0f : bias.Floats[row];

    /// <summary>One of the two, of the model's precision.</summary>
    private readonly record struct Packed(FloatMatrix? Floats, Int8Matrix? Int8s)
    {
        public PackedMatrix Matrix => (PackedMatrix?)Floats ?? Int8s!;
    }

    /// <summary>Some rows of a tensor, with the real input per integer that they multiply.</summary>
    private readonly record struct Weights(Tensor Tensor, float InputScale, int FirstRow, int Rows)
    {
        public Weights(Tensor tensor, float inputScale)
            : this(tensor, inputScale, 0, tensor.Rows)
        {
        }

        public long RowBytes =>
            (long)Tensor.Columns * (Tensor.Type == TensorType.Float32 ? sizeof(float) : sizeof(sbyte));

        public Weights Part(int firstRow, int rows) => this with { FirstRow = firstRow, Rows = rows };

        public Packed Pack(Kernel kernel, Precision precision, RnnLayer layer)
        {
            var (first, length) = (FirstRow * Tensor.Columns, Rows * Tensor.Columns);
            if (precision == Precision.Float32)
                return new(new FloatMatrix(kernel, Rows, Tensor.Columns, Tensor.Floats.Slice(first, length)), null);
            var packed = new Int8Matrix(kernel, precision, Rows, Tensor.Columns, Tensor.Int8s.Slice(first, length));
            for (int r = 0; r < Rows; r++)
                packed.Scale[r] = Tensor.Scales[FirstRow + r] * InputScale * UnitOf(precision, layer, FirstRow + r);
            return new(null, packed);
        }
    }
}

/// <summary>
/// Which kernel packs the weights of a model. Blocks of many rows waste memory on a matrix of few long ones, and groups
/// of columns on one of short ones: what is beyond 48 KB in all, of the 64 that a hostile model may waste, is packed
/// for the scalar kernel, which pads nothing and gives the same bits.
/// </summary>
internal sealed class Packing(Kernel kernel)
{
    private long _left = 49152;

    public Kernel Kernel { get; } = kernel;

    /// <summary>For matrices of <paramref name="rows"/> rows with so many columns in all.</summary>
    public Kernel KernelFor(Precision precision, int rows, int columns, int moreColumns)
    {
        bool isFloat = precision == Precision.Float32;
        int block = Kernel.BlockRows(precision).Narrow;
        int group = isFloat ? 1 : Kernel.GroupColumns(precision);
        int bytes = isFloat ? sizeof(float) : sizeof(sbyte);
        long padded = (rows + block - 1) / block * block * (long)(Padded(columns) + Padded(moreColumns));
        long waste = (padded - rows * (long)(columns + moreColumns)) * bytes;
        if (waste > _left)
            return Kernel.Scalar;
        _left -= waste;
        return Kernel;

        int Padded(int n) => (n + group - 1) / group * group;
    }
}

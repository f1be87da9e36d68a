namespace EdgeRnn.Runtime.Kernels;

/// <summary>
/// The matrix-vector products of one instruction set, which are all that differs between processors. Integer sums are
/// exact in any order; float sums have one accumulator per row, take the columns in ascending order and always fuse, so
/// every kernel gives the bits of <see cref="ScalarKernel"/>.
/// </summary>
public abstract unsafe class Kernel
{
    /// <summary>Names the kernel to use instead of the best one: scalar, avx2, avxvnni, neon or sdot.</summary>
    public const string Variable = "EDGERNN_KERNEL";

    /// <summary>Products of int8 and int16 numbers whose sum fits 32 bits: 516 · 127 · 32767 &lt; 2^31.</summary>
    internal const int ExactColumns = 516;

    private protected Kernel() { }

    /// <summary>The kernels this processor can run, best first.</summary>
    public static IReadOnlyList<Kernel> Available { get; } =
    [
        .. SdotKernel.IsSupported ? [new SdotKernel()] : Array.Empty<Kernel>(),
        .. NeonKernel.IsSupported ? [new NeonKernel()] : Array.Empty<Kernel>(),
        .. AvxVnniKernel.IsSupported ? [new AvxVnniKernel()] : Array.Empty<Kernel>(),
        .. Avx2Kernel.IsSupported ? [new Avx2Kernel()] : Array.Empty<Kernel>(),
        new ScalarKernel(),
    ];

    /// <summary>The kernel that defines the results.</summary>
    internal static Kernel Scalar => Available[^1];

    /// <summary>What <see cref="Variable"/> calls it.</summary>
    public abstract string Name { get; }

    /// <summary>The kernel of that name, or the best one when there is none.</summary>
    /// <exception cref="PlatformNotSupportedException">No kernel of that name runs here.</exception>
    public static Kernel Choose(string? name)
    {
        if (string.IsNullOrEmpty(name))
            return Available[0];
        return Available.FirstOrDefault(kernel => kernel.Name == name) ?? throw new PlatformNotSupportedException(
            $"{Variable} is '{name}', but this processor runs {string.Join(", ", Available.Select(k => k.Name))}; " +
            "name one of these or unset it.");
    }

    /// <summary>Whether the formulas around the products run on vectors too.</summary>
    internal virtual bool IsVectorised => true;

    /// <summary>
    /// Rows of the wide blocks of a matrix, and of the narrow ones that follow; rows are padded to a multiple of these.
    /// </summary>
    internal abstract (int Wide, int Narrow) BlockRows(Precision precision);

    /// <summary>Whether weights in groups of four columns are kept as w + 128, without a sign.</summary>
    internal virtual bool RaisesWeights => false;

    /// <summary>Columns of an int8 matrix whose weights of a row stand together: 1, 2 or 4.</summary>
    internal virtual int GroupColumns(Precision precision) => precision == Precision.Int8 ? 4 : 2;

    /// <summary>Where in a tile of four rows and four columns a weight stands, 0 to 15.</summary>
    internal virtual int PlaceInTile(int row, int column) => row * 4 + column;

    /// <summary>
    /// y[r] = float(Σ_c w[r,c]·x[c]) · scale[r] + addend[r], fused, and then the same of u and h, if there is u, with y
    /// for the addend.   x and h int8, padded to 64 with any values
    /// </summary>
    internal abstract void MultiplyAdd(
        Int8Matrix w, sbyte* x, Int8Matrix? u, sbyte* h, float* addend, float* y, Blocks blocks);

    /// <summary>
    /// The same for int16 inputs, padded with any values: every <see cref="ExactColumns"/> columns are summed as
    /// integers, and these sums as floats in ascending order.
    /// </summary>
    internal void MultiplyAdd(
        Int8Matrix w, short* x, Int8Matrix? u, short* h, float* addend, float* y, Blocks blocks)
    {
        for (int b = blocks.First; b != blocks.End; b += blocks.Step)
        {
            Block(w, b, x, addend, y);
            if (u is not null)
                Block(u, b, h, y, y);
        }
    }

    private protected abstract void Block(Int8Matrix w, int block, short* x, float* addend, float* y);

    /// <summary>y[r] = addend[r] + w[r,0]·x[0] + w[r,1]·x[1] + … + u[r,0]·h[0] + …, each step fused.</summary>
    internal void MultiplyAdd(
        FloatMatrix w, float* x, FloatMatrix? u, float* h, float* addend, float* y, Blocks blocks)
    {
        for (int b = blocks.First; b != blocks.End; b += blocks.Step)
        {
            Block(w, b, x, addend, y);
            if (u is not null)
                Block(u, b, h, y, y);
        }
    }

    private protected abstract void Block(FloatMatrix w, int block, float* x, float* addend, float* y);

    /// <summary>The same for many streams.</summary>
    internal virtual void MultiplyAdd(
        FloatMatrix w, FloatMatrix? u, ReadOnlySpan<Product> streams, float* addend, Blocks blocks)
    {
        foreach (ref readonly var stream in streams)
        {
            float* h = stream.H is { } signal ? signal.Floats : null;
            MultiplyAdd(w, stream.X!.Floats, u, h, addend, stream.Sums.Pointer, blocks);
        }
    }
}

/// <summary>
/// Blocks of a matrix, in the order in which a product takes them. One that takes them the other way round each time
/// finds in the nearest cache what it took last, however much larger the matrix is.
/// </summary>
/// <param name="First">The first one.</param>
/// <param name="End">Behind the last one: less than <paramref name="First"/> if the order is descending.</param>
internal readonly record struct Blocks(int First, int End)
{
    /// <summary>1 or -1.</summary>
    public int Step => First < End ? 1 : -1;

    /// <summary>All of them.</summary>
    public static Blocks Of(PackedMatrix matrix, bool descending = false)
    {
        int count = matrix.BlockCount;
        return descending ? new(count - 1, -1) : new(0, count);
    }
}

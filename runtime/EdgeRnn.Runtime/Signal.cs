using System.Numerics;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// A vector that one layer gives and the next reads: input, hidden state or dense output, in the precision that matrix
/// products read. Writers store floats into <see cref="Staged"/> (in an int8 signal the sum that
/// <see cref="Quantization.FixedPoint.ToInteger"/> gives, whose low byte is the integer) and then call <see cref="Publish"/>.
/// </summary>
internal sealed unsafe class Signal
{
    // Lanes beyond the size are written and read, and mean nothing: weights there are zero, or columns end before.
    private const int Padding = 64;

    private readonly AlignedBuffer<float> _staged;
    private readonly AlignedBuffer<sbyte>? _int8;
    private readonly bool _vectorised;

    public Signal(int size, Precision precision, Kernel kernel)
    {
        Size = size;
        int padded = (size + Padding - 1) / Padding * Padding;
        _staged = new(padded);
        _int8 = precision == Precision.Int8 ? new(padded) : null;
        _vectorised = kernel.IsVectorised;
    }

    public int Size { get; }

    public float* Staged => _staged.Pointer;

    public float* Floats => _staged.Pointer;

    public sbyte* Int8s => _int8!.Pointer;

    public void Publish()
    {
        if (_int8 is null)
            return;
        var integers = (int*)Staged;
        if (!_vectorised)
        {
            for (int i = 0; i < Size; i++)
                Int8s[i] = (sbyte)integers[i];
            return;
        }
        int n = Vector<int>.Count;
        for (int i = 0; i < Size; i += 4 * n)
        {
            var low = Vector.Narrow(Vector.Load(integers + i), Vector.Load(integers + i + n));
            var high = Vector.Narrow(Vector.Load(integers + i + 2 * n), Vector.Load(integers + i + 3 * n));
            Vector.Narrow(low, high).Store(Int8s + i);
        }
    }

    public void Clear()
    {
        _staged.Span.Clear();
        _int8?.Span.Clear();
    }
}

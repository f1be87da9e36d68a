using System.Runtime.InteropServices;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// A vector that one layer gives and the next reads: input, hidden state or dense output, in the precision that matrix
/// products read: float, int8 or int16.
/// </summary>
internal sealed unsafe class Signal
{
    // Lanes beyond the size are written and read, and mean nothing: weights there are zero, or columns end before.
    private const int Padding = 64;

    private readonly AlignedBuffer<byte> _values;

    public Signal(int size, Precision precision)
    {
        Size = size;
        ElementBytes = precision switch
        {
            Precision.Float32 => sizeof(float),
            Precision.Int8x16 => sizeof(short),
            _ => sizeof(sbyte),
        };
        _values = new((size + Padding - 1) / Padding * Padding * ElementBytes);
    }

    public int Size { get; }

    private int ElementBytes { get; }

    public void* Pointer => _values.Pointer;

    public float* Floats => (float*)_values.Pointer;

    public sbyte* Int8s => (sbyte*)_values.Pointer;

    public short* Int16s => (short*)_values.Pointer;

    /// <summary>What a float signal holds.   [size]</summary>
    public ReadOnlySpan<float> Values => MemoryMarshal.Cast<byte, float>(Bytes);

    /// <summary>What products read, without padding.</summary>
    public Span<byte> Bytes => _values.Span[..(Size * ElementBytes)];

    public void Clear() => _values.Span.Clear();
}

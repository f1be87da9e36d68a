using System.Numerics;
using System.Runtime.InteropServices;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// A vector that one layer gives and the next reads: input, hidden state or dense output, in the precision that matrix
/// products read. Writers store floats into <see cref="Staged"/> (in an integer signal the
/// sum that <see cref="Quantization.FixedPoint.ToInteger"/> gives, whose low bits are the integer) and then call <see cref="Publish"/>.
/// </summary>
internal sealed unsafe class Signal
{
    // Lanes beyond the size are written and read, and mean nothing: weights there are zero, or columns end before.
    private const int Padding = 64;

    private readonly AlignedBuffer<float> _staged;
    private readonly AlignedBuffer<sbyte>? _int8;
    private readonly AlignedBuffer<short>? _int16;
    private readonly bool _vectorised;

    public Signal(int size, Precision precision, Kernel kernel)
    {
        Size = size;
        int padded = (size + Padding - 1) / Padding * Padding;
        _staged = new(padded);
        _int8 = precision == Precision.Int8 ? new(padded) : null;
        _int16 = precision == Precision.Int8x16 ? new(padded) : null;
        _vectorised = kernel.IsVectorised;
    }

    public int Size { get; }

    public float* Staged => _staged.Pointer;

    public float* Floats => _staged.Pointer;

    /// <summary>What a float signal holds.   [size]</summary>
    public ReadOnlySpan<float> Values => _staged.Span[..Size];

    public sbyte* Int8s => _int8!.Pointer;

    public short* Int16s => _int16!.Pointer;

    /// <summary>The bytes that products read, without padding.</summary>
    public Span<byte> Published =>
        _int8 is not null ? MemoryMarshal.AsBytes(_int8.Span[..Size]) :
        _int16 is not null ? MemoryMarshal.AsBytes(_int16.Span[..Size]) :
        MemoryMarshal.AsBytes(_staged.Span[..Size]);

    /// <summary>Makes what was staged readable in the signal's precision.</summary>
    public void Publish()
    {
        if (_int8 is not null)
            PublishInt8((int*)Staged, _int8.Pointer);
        else if (_int16 is not null)
            PublishInt16((int*)Staged, _int16.Pointer);
    }

    private void PublishInt8(int* staged, sbyte* target)
    {
        int n = Vector<int>.Count;
        int i = 0;
        for (; _vectorised && i < Size; i += 4 * n)
        {
            var low = Vector.Narrow(Vector.Load(staged + i), Vector.Load(staged + i + n));
            var high = Vector.Narrow(Vector.Load(staged + i + 2 * n), Vector.Load(staged + i + 3 * n));
            Vector.Narrow(low, high).Store(target + i);
        }
        for (; i < Size; i++)
            target[i] = (sbyte)staged[i];
    }

    private void PublishInt16(int* staged, short* target)
    {
        int n = Vector<int>.Count;
        int i = 0;
        for (; _vectorised && i < Size; i += 2 * n)
            Vector.Narrow(Vector.Load(staged + i), Vector.Load(staged + i + n)).Store(target + i);
        for (; i < Size; i++)
            target[i] = (short)staged[i];
    }

    public void Clear()
    {
        _staged.Span.Clear();
        _int8?.Span.Clear();
        _int16?.Span.Clear();
    }
}

using System.Runtime.InteropServices;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>Zeroed memory that does not move, aligned to a cache line, freed by the collector with its owner.</summary>
internal sealed unsafe class AlignedBuffer<T> where T : unmanaged
{
    private const int Alignment = 64;
    private readonly byte[] _bytes;
    private readonly int _offset;

    public AlignedBuffer(int length)
    {
        Length = length;
        _bytes = GC.AllocateArray<byte>(checked(length * sizeof(T) + Alignment), pinned: true);
        fixed (byte* start = _bytes)
        {
            Pointer = (T*)(((nuint)start + Alignment - 1) & ~(nuint)(Alignment - 1));
            _offset = (int)((byte*)Pointer - start);
        }
    }

    /// <summary>Elements.</summary>
    public int Length { get; }

    /// <summary>The first element; valid while this object is alive.</summary>
    public T* Pointer { get; }

    /// <summary>All elements; a span keeps the memory alive, as the pointer does not.</summary>
    public Span<T> Span => MemoryMarshal.Cast<byte, T>(_bytes.AsSpan(_offset, Length * sizeof(T)));
}

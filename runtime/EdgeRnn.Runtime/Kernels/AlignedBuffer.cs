namespace EdgeRnn.Runtime.Kernels;

/// <summary>Zeroed memory that does not move, aligned to a cache line, freed by the collector with its owner.</summary>
internal sealed unsafe class AlignedBuffer<T> where T : unmanaged
{
    private const int Alignment = 64;
    private readonly byte[] _bytes;

    public AlignedBuffer(int length)
    {
        Length = length;
        _bytes = GC.AllocateArray<byte>(checked(length * sizeof(T) + Alignment), pinned: true);
        fixed (byte* start = _bytes)
            Pointer = (T*)(((nuint)start + Alignment - 1) & ~(nuint)(Alignment - 1));
    }

    /// <summary>Elements.</summary>
    public int Length { get; }

    /// <summary>The first element; valid while this object is alive.</summary>
    public T* Pointer { get; }

    public Span<T> Span => new(Pointer, Length);
}

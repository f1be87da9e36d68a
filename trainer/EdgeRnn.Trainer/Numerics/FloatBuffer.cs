namespace EdgeRnn.Trainer.Numerics;

/// <summary>Floats that do not move and start at a cache line, so kernels may hold a pointer to them.</summary>
internal sealed unsafe class FloatBuffer
{
    private const int LineFloats = 16;
    private readonly float[] _storage;

    /// <summary>Reserves <paramref name="length"/> zeros.</summary>
    public FloatBuffer(long length)
    {
        Length = checked((int)length);
        _storage = GC.AllocateArray<float>(Length + LineFloats, pinned: true);
        fixed (float* p = _storage)
            Pointer = (float*)(((nuint)p + 63) & ~(nuint)63);
    }

    /// <summary>Elements.</summary>
    public int Length { get; }

    /// <summary>The first element; valid as long as this object is reachable.</summary>
    public float* Pointer { get; }

    /// <summary>The elements.</summary>
    public Span<float> Span => new(Pointer, Length);
}

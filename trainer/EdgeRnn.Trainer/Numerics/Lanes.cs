using System.Numerics;
using System.Runtime.CompilerServices;

namespace EdgeRnn.Trainer.Numerics;

/// <summary>
/// Vectors at any place of a row, its end included: with them the last few elements go through the very formula that
/// the others go through.
/// </summary>
internal static unsafe class Lanes
{
    /// <summary>Elements of a vector.</summary>
    public static int Count => Vector<float>.Count;

    /// <summary>
    /// The next vector when at least <see cref="Count"/> elements remain, else what remains and zeros.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Load(float* from, int remaining) =>
        remaining >= Vector<float>.Count ? Vector.Load(from) : LoadEnd(from, remaining);

    /// <summary>Stores as many elements as remain.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* to, Vector<float> value, int remaining)
    {
        if (remaining >= Vector<float>.Count)
            value.Store(to);
        else
            StoreEnd(to, value, remaining);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector<float> LoadEnd(float* from, int remaining)
    {
        var value = Vector<float>.Zero;
        new ReadOnlySpan<float>(from, remaining).CopyTo(new Span<float>(&value, Vector<float>.Count));
        return value;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StoreEnd(float* to, Vector<float> value, int remaining) =>
        new ReadOnlySpan<float>(&value, remaining).CopyTo(new Span<float>(to, remaining));
}

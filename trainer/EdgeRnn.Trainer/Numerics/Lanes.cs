using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EdgeRnn.Quantization;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Trainer.Numerics;

/// <summary>
/// Vectors at any place of a row, its end included: with them the last few elements go through the very formula that
/// the others go through.
/// </summary>
internal static unsafe class Lanes
{
    private const float LeastGradient = 1f / (1L << 40) / (1L << 40);

    /// <summary>
    /// Whether <see cref="WideLanes"/> are faster than <see cref="VectorLanes"/> here, and no kernel is forced.
    /// </summary>
    public static bool AreWide { get; } =
        Vector512.IsHardwareAccelerated && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Kernel.Variable));

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

    /// <summary>As <see cref="Load(float*, int)"/>, in lanes of either width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load<T>(float* from, int remaining) where T : unmanaged, ILanes<T> =>
        remaining >= T.Count ? T.Load(from) : LoadEnd<T>(from, remaining);

    /// <summary>
    /// As <see cref="Load{T}"/>, with 0 for what is below 2^-80: a gradient that vanishes over hundreds of steps would
    /// end as a denormal number, with which processors multiply many times more slowly.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T LoadGradient<T>(float* from, int remaining) where T : unmanaged, ILanes<T> =>
        T.ZeroBelow(T.All(LeastGradient), Load<T>(from, remaining));

    /// <summary>As <see cref="Store(float*, Vector{float}, int)"/>, in lanes of either width.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<T>(float* to, T value, int remaining) where T : unmanaged, ILanes<T>
    {
        if (remaining >= T.Count)
            value.Store(to);
        else
            StoreEnd(to, value, remaining);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static T LoadEnd<T>(float* from, int remaining) where T : unmanaged, ILanes<T>
    {
        var value = default(T);
        new ReadOnlySpan<float>(from, remaining).CopyTo(new Span<float>(&value, T.Count));
        return value;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void StoreEnd<T>(float* to, T value, int remaining) where T : unmanaged, ILanes<T> =>
        new ReadOnlySpan<float>(&value, remaining).CopyTo(new Span<float>(to, remaining));

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

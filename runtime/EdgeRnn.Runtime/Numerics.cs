using System.Runtime.CompilerServices;
using EdgeRnn.Quantization;

namespace EdgeRnn.Runtime;

/// <summary>
/// What a precision does to the numbers between the matrix products. The cells' equations are the same for all; a
/// quantized session computes in the fixed-point formats named here, a float session in IEEE single.
/// </summary>
/// <typeparam name="T">Numbers side by side.</typeparam>
/// <typeparam name="TNumber">What one of them is kept as: float, or short.</typeparam>
/// <typeparam name="TConstants">What the formulas need in registers.</typeparam>
internal unsafe interface INumerics<T, TNumber, TConstants>
    where T : unmanaged
    where TNumber : unmanaged
    where TConstants : unmanaged
{
    static abstract int Count { get; }

    /// <summary>The constants for a layer, with its cell format if it is an LSTM.</summary>
    static abstract TConstants Constants(int cellFractionBits);

    /// <summary>
    /// Reads pre-activations that a product wrote, of σ halved if quantized.   quantized: rounded to Q3.12
    /// </summary>
    static abstract T LoadSums(float* source);

    static abstract T Load(TNumber* source);

    static abstract void Store(T value, TNumber* target);

    /// <summary>σ of a pre-activation.   quantized: Q0.15</summary>
    static abstract T Sigmoid(T preActivation, in TConstants k);

    /// <summary>tanh of a pre-activation.   quantized: Q0.15</summary>
    static abstract T Tanh(T preActivation, in TConstants k);

    /// <summary>a + r·b, a GRU's candidate.   quantized: Q3.12</summary>
    static abstract T Candidate(T a, T r, T b);

    /// <summary>(1 - z)·n + z·h, a GRU's next state.   quantized: Q0.15</summary>
    static abstract T Blend(T z, T n, T h);

    /// <summary>f·c + i·g, an LSTM's next state.   quantized: the cell's format, saturated</summary>
    static abstract T NextCell(T f, T c, T i, T g, in TConstants k);

    /// <summary>tanh of an LSTM's state.   quantized: Q0.15</summary>
    static abstract T TanhOfCell(T cell, in TConstants k);

    /// <summary>a · b.   quantized: Q0.15</summary>
    static abstract T Product(T a, T b);

    /// <summary>Writes bounded activations for the next product to read.   quantized: from Q0.15</summary>
    static abstract void StoreBounded(T value, void* signal, nint unit, in TConstants k);

    /// <summary>
    /// Writes what a product gave, or a reading, for the next product to read, with relu if <paramref name="relu"/>.
    /// quantized: from integers of the signal's scale, rounded and saturated
    /// </summary>
    static abstract void StoreLinear(float* source, bool relu, void* signal, nint unit);
}

/// <summary>The formulas of float sessions hold none.</summary>
internal readonly struct NoConstants;

/// <summary>IEEE single throughout.</summary>
internal readonly unsafe struct FloatNumerics<T> : INumerics<T, float, NoConstants>
    where T : unmanaged, ILanes<T>
{
    // Readings and what relu and dense layers give have no bound of their own: stopping here keeps every later sum far
    // from infinity, and so from NaN, with any weights that a model file may hold.
    private const float LargestSignal = 1e6f;

    public static int Count => T.Count;

    public static NoConstants Constants(int cellFractionBits) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T LoadSums(float* source) => T.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load(float* source) => T.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(T value, float* target) => value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid(T preActivation, in NoConstants k) => Activations.Sigmoid(preActivation);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh(T preActivation, in NoConstants k) => Activations.Tanh(preActivation);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Candidate(T a, T r, T b) => T.FusedMultiplyAdd(r, b, a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Blend(T z, T n, T h) => T.FusedMultiplyAdd(z, h, (T.All(1f) - z) * n);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T NextCell(T f, T c, T i, T g, in NoConstants k) => T.FusedMultiplyAdd(f, c, i * g);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T TanhOfCell(T cell, in NoConstants k) => Activations.Tanh(cell);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Product(T a, T b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBounded(T value, void* signal, nint unit, in NoConstants k) =>
        value.Store((float*)signal + unit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLinear(float* source, bool relu, void* signal, nint unit)
    {
        var y = relu ? FixedPoint.Relu(T.Load(source)) : T.Load(source);
        FixedPoint.Clamp(y, -LargestSignal, LargestSignal).Store((float*)signal + unit);
    }
}

/// <summary>How many bits the inputs and hidden activations of a quantized session have.</summary>
internal unsafe interface IActivationBits
{
    static abstract void StoreBounded<T>(T value, void* signal, nint unit, in FixedPointConstants<T> k)
        where T : unmanaged, IShortLanes<T>;

    static abstract void StoreLinear<T>(T value, void* signal, nint unit) where T : unmanaged, IShortLanes<T>;
}

/// <summary>-127 to 127; Q0.15 activations in units of 1/127.</summary>
internal readonly unsafe struct Int8Activations : IActivationBits
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBounded<T>(T value, void* signal, nint unit, in FixedPointConstants<T> k)
        where T : unmanaged, IShortLanes<T> => T.Product(value, k.MostInt8).StoreInt8((sbyte*)signal + unit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLinear<T>(T value, void* signal, nint unit) where T : unmanaged, IShortLanes<T> =>
        T.Max(value, T.All(-127)).StoreInt8((sbyte*)signal + unit);
}

/// <summary>-32767 to 32767; Q0.15 activations as they are.</summary>
internal readonly unsafe struct Int16Activations : IActivationBits
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBounded<T>(T value, void* signal, nint unit, in FixedPointConstants<T> k)
        where T : unmanaged, IShortLanes<T> => value.Store((short*)signal + unit);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLinear<T>(T value, void* signal, nint unit) where T : unmanaged, IShortLanes<T> =>
        T.Max(value, T.All(-32767)).Store((short*)signal + unit);
}

/// <summary>int8 or int16 activations, int16 gates and states.</summary>
internal readonly unsafe struct IntegerNumerics<T, TBits> : INumerics<T, short, FixedPointConstants<T>>
    where T : unmanaged, IShortLanes<T>
    where TBits : struct, IActivationBits
{
    public static int Count => T.Count;

    // Layers without a cell state have some format all the same.
    public static FixedPointConstants<T> Constants(int cellFractionBits) => new(Math.Max(1, cellFractionBits));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T LoadSums(float* source) => T.Round(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Load(short* source) => T.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(T value, short* target) => value.Store(target);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid(T preActivation, in FixedPointConstants<T> k) =>
        FixedPoint.SigmoidOfTwice(preActivation, k);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh(T preActivation, in FixedPointConstants<T> k) => FixedPoint.Tanh(preActivation, k);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Candidate(T a, T r, T b) => T.AddSaturated(a, T.Product(r, b));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Blend(T z, T n, T h) =>
        T.AddSaturated(T.Product(T.All(FixedPoint.One) - z, n), T.Product(z, h));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T NextCell(T f, T c, T i, T g, in FixedPointConstants<T> k) => FixedPoint.NextCell(f, c, i, g, k);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T TanhOfCell(T cell, in FixedPointConstants<T> k) => FixedPoint.TanhOfCell(cell, k);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Product(T a, T b) => T.Product(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBounded(T value, void* signal, nint unit, in FixedPointConstants<T> k) =>
        TBits.StoreBounded(value, signal, unit, k);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreLinear(float* source, bool relu, void* signal, nint unit)
    {
        var y = T.Round(source);
        TBits.StoreLinear(relu ? T.Max(y, T.All(0)) : y, signal, unit);
    }
}

using System.Runtime.CompilerServices;
using EdgeRnn.Quantization;

namespace EdgeRnn.Runtime;

/// <summary>
/// What a precision does to the numbers between the matrix products. The cells' equations are the same for all; a
/// quantized session rounds to the fixed-point formats named here, a float session does not round.
/// </summary>
internal interface INumerics
{
    /// <summary>The 1 of a GRU's 1 - z.</summary>
    static abstract float One { get; }

    /// <summary>σ of a gate's pre-activation.   quantized: Q3.12 -> Q0.15</summary>
    static abstract T Sigmoid<T>(T preActivation) where T : unmanaged, ILanes<T>;

    /// <summary>tanh of a gate's pre-activation.   quantized: Q3.12 -> Q0.15</summary>
    static abstract T Tanh<T>(T preActivation) where T : unmanaged, ILanes<T>;

    /// <summary>tanh of an LSTM's cell state.   quantized: cell format -> Q0.15</summary>
    static abstract T CellTanh<T>(T cell) where T : unmanaged, ILanes<T>;

    /// <summary>An LSTM's next cell state.   quantized: int16 with <paramref name="format"/>'s grid, saturating</summary>
    static abstract T Cell<T>(T cell, CellFormat format) where T : unmanaged, ILanes<T>;

    /// <summary>A GRU's next state.   quantized: Q0.15</summary>
    static abstract T State<T>(T state) where T : unmanaged, ILanes<T>;

    /// <summary>What a signal stages for <paramref name="value"/>.   quantized: round(value · inverseScale) in the low bits</summary>
    static abstract T Output<T>(T value, float inverseScale) where T : unmanaged, ILanes<T>;

    /// <summary>A head's logit.   quantized: a multiple of 2^-12 from -1023 to 1023</summary>
    static abstract T Logit<T>(T value) where T : unmanaged, ILanes<T>;
}

/// <summary>int16 numbers that stand for multiples of 2^-FractionBits.</summary>
internal readonly struct CellFormat(int fractionBits)
{
    public readonly int FractionBits = fractionBits;
    public readonly float Grid = FixedPoint.Grid(fractionBits);
    public readonly float Limit = MathF.ScaleB(32767f, -fractionBits);
}

/// <summary>IEEE single throughout.</summary>
internal readonly struct FloatNumerics : INumerics
{
    // Readings and what relu and dense layers give have no bound of their own: stopping here keeps every later sum far from
    // infinity, and so from NaN, with any weights that a model file may hold.
    private const float LargestSignal = 1e6f;

    public static float One => 1f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid<T>(T preActivation) where T : unmanaged, ILanes<T> => Activations.Sigmoid(preActivation);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T preActivation) where T : unmanaged, ILanes<T> => Activations.Tanh(preActivation);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T CellTanh<T>(T cell) where T : unmanaged, ILanes<T> => Activations.Tanh(cell);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Cell<T>(T cell, CellFormat format) where T : unmanaged, ILanes<T> => cell;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T State<T>(T state) where T : unmanaged, ILanes<T> => state;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Output<T>(T value, float inverseScale) where T : unmanaged, ILanes<T> =>
        FixedPoint.Clamp(value, -LargestSignal, LargestSignal);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Logit<T>(T value) where T : unmanaged, ILanes<T> => value;
}

/// <summary>The integers of an input or hidden activation.</summary>
internal interface IIntegerRange
{
    /// <summary>The largest; the smallest is its negative.</summary>
    static abstract float Largest { get; }
}

/// <summary>-127 to 127.</summary>
internal readonly struct Int8Range : IIntegerRange
{
    public static float Largest => 127f;
}

/// <summary>-32767 to 32767.</summary>
internal readonly struct Int16Range : IIntegerRange
{
    public static float Largest => 32767f;
}

/// <summary>int8 or int16 activations, int16 gates and states.</summary>
internal readonly struct IntegerNumerics<TRange> : INumerics
    where TRange : struct, IIntegerRange
{
    public static float One => FixedPoint.MaxQ0_15;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid<T>(T preActivation) where T : unmanaged, ILanes<T> =>
        FixedPoint.SigmoidQ0_15(FixedPoint.ToQ3_12(preActivation));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T preActivation) where T : unmanaged, ILanes<T> =>
        FixedPoint.TanhQ0_15(FixedPoint.ToQ3_12(preActivation));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T CellTanh<T>(T cell) where T : unmanaged, ILanes<T> => FixedPoint.TanhQ0_15(cell);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Cell<T>(T cell, CellFormat format) where T : unmanaged, ILanes<T> =>
        FixedPoint.Round(FixedPoint.Clamp(cell, -format.Limit, format.Limit), format.Grid);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T State<T>(T state) where T : unmanaged, ILanes<T> => FixedPoint.ToQ0_15(state);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Output<T>(T value, float inverseScale) where T : unmanaged, ILanes<T> =>
        FixedPoint.ToInteger(value, T.All(inverseScale), TRange.Largest);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Logit<T>(T value) where T : unmanaged, ILanes<T> =>
        FixedPoint.Round(FixedPoint.Clamp(value, -1023f, 1023f), 3072f);
}

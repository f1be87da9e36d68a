using System.Runtime.CompilerServices;

namespace EdgeRnn.Quantization;

/// <summary>
/// The arithmetic of integer sessions: the only rounding and saturation of the project, and σ and tanh in 16 bits. A
/// number in the format Qm.n is an int16 that stands for a multiple of 2^-n. Two operations round: <see
/// cref="IShortLanes{T}.Round"/> from real numbers, to the nearest with ties to even, and <see
/// cref="IShortLanes{T}.Product"/>, to the nearest with ties upwards, which AVX2 and NEON have as one instruction
/// (<c>pmulhrsw</c>, <c>sqrdmulh</c>).
/// </summary>
public static class FixedPoint
{
    /// <summary>1.5·2^23: adding and subtracting it rounds a float below 2^22 to an integer.</summary>
    public const float IntegerGrid = 12582912f;

    /// <summary>Integers per unit of t in <see cref="Tanh"/> and <see cref="SigmoidOfTwice"/>, Q3.12.</summary>
    public const float PreActivationUnit = 4096f;

    /// <summary>As many fraction bits of a cell state as its tanh reads.</summary>
    public const int MostCellFractionBits = 12;

    /// <summary>The largest Q0.15 number, which stands for 1 too.</summary>
    public const short One = 32767;

    /// <summary>Hidden activations of tanh-bounded layers are int8 in units of this scale.</summary>
    public const float Int8HiddenScale = 1f / 127f;

    /// <summary>Real logit per integer of a head.</summary>
    public const float LogitScale = 1f / 4096f;

    /// <summary>Hidden activations of tanh-bounded layers are int16 in units of this scale.</summary>
    public const float Int16HiddenScale = 1f / 32768f;

    /// <summary>
    /// What to add and subtract to round a float to <paramref name="fractionBits"/> bits after the point.
    /// </summary>
    public static float Grid(int fractionBits) => MathF.ScaleB(IntegerGrid, -fractionBits);

    /// <summary>
    /// Rounds floats to the nearest number of a grid, ties to even, by the rounding of IEEE addition itself.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Round<T>(T x, float grid) where T : unmanaged, ILanes<T> => x + T.All(grid) - T.All(grid);

    /// <summary>Saturates floats to <paramref name="low"/>..<paramref name="high"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Clamp<T>(T x, float low, float high) where T : unmanaged, ILanes<T> =>
        T.Min(T.Max(x, T.All(low)), T.All(high));

    /// <summary>max(0, x), never -0: which of two zeros a maximum gives differs between processors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Relu<T>(T x) where T : unmanaged, ILanes<T> => T.Max(x + T.All(0f), T.All(0f));

    /// <summary>
    /// The integer that stands for a real value: what calibration and quantizer share with <see
    /// cref="IShortLanes{T}.Round"/>.
    /// </summary>
    /// <param name="x">Real value.</param>
    /// <param name="inverseScale">Integers per unit.</param>
    /// <param name="limit">127 or 32767.</param>
    public static int ToInteger(float x, float inverseScale, float limit) =>
        (int)MathF.Round(Math.Clamp(x * inverseScale, -limit, limit));

    /// <summary>tanh(t) of a Q3.12 number in Q0.15: within 2^-12 of the truth, odd, monotonic.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Tanh<T>(T t, in FixedPointConstants<T> k) where T : unmanaged, IShortLanes<T>
    {
        // tanh(t) = 1 - 2/(e^2t + 1)
        var half = Falling(k.One - T.Abs(t), k);
        return T.WithSign(k.One - T.AddSaturated(half, half), t);
    }

    /// <summary>
    /// σ(2t) of a Q3.12 number in Q0.15: within 2^-12 of the truth, σ(-x) = 1 - σ(x), monotonic, never 0 or 1.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T SigmoidOfTwice<T>(T t, in FixedPointConstants<T> k) where T : unmanaged, IShortLanes<T> =>
        T.ComplementUnlessNegative(T.Max(Falling(k.One - T.Abs(t), k), k.Least), t, k.Half, k.Whole);

    /// <summary>tanh of an LSTM's cell state in Q0.15: within 2^-12 of the truth, odd, monotonic.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T TanhOfCell<T>(T cell, in FixedPointConstants<T> k) where T : unmanaged, IShortLanes<T>
    {
        var t = T.MinUnsigned(T.Abs(cell), k.CellLimit) * k.CellScale;
        var half = Falling(k.One - t, k);
        return T.WithSign(k.One - T.AddSaturated(half, half), cell);
    }

    /// <summary>An LSTM's next cell state, f·c + i·g, saturated.   f, i, g Q0.15</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T NextCell<T>(T f, T c, T i, T g, in FixedPointConstants<T> k) where T : unmanaged, IShortLanes<T> =>
        T.AddSaturated(T.Product(f, c), T.Product(T.Product(i, g), k.CellFactor));

    // 1 / (e^2t + 1) in Q0.15 for u = 1 - t/8 in Q0.15; the integer -1, which the magnitude 32768 gives, counts as 0.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Falling<T>(T u, in FixedPointConstants<T> k) where T : unmanaged, IShortLanes<T>
    {
        var u2 = T.Product(u, u);
        var w = T.Product(u2, u2);
        w = T.Product(w, w);
        var p = T.Product(k.K4, w) + k.K3;
        p = T.Product(p, w) + k.K2;
        p = T.Product(p, w) + k.K1;
        p = T.Product(p, w) + k.K0;
        return T.Product(p, u2);
    }
}

/// <summary>
/// What the formulas of <see cref="FixedPoint"/> need in every lane, and an LSTM layer's cell format. Loops hold them
/// in registers: the compiler makes a constant that it knows anew each time.
/// </summary>
/// <param name="cellFractionBits">Cell states are multiples of 2^-this: 1 to <see
/// cref="FixedPoint.MostCellFractionBits"/>.</param>
public readonly struct FixedPointConstants<T>(int cellFractionBits)
    where T : unmanaged, IShortLanes<T>
{
    // 1 / (e^2t + 1) = u²·(K0 + K1·w + K2·w² + K3·w³ + K4·w⁴) with u = 1 - t/8 and w = u⁸ for t from 0 to 8. Powers of
    // u fall like the exponential function itself, so few terms do. The K come from a minimax fit to the rounded u² and
    // w, and from a search near it for the integers with the least error among those that make both functions monotonic
    // and exact at 0.
    private static readonly short[] Values = [8, 7568, 30724, -30999, 9087, FixedPoint.One, 1, 16384, -32768, 127];

    internal readonly T K0 = T.All(Values[0]);
    internal readonly T K1 = T.All(Values[1]);
    internal readonly T K2 = T.All(Values[2]);
    internal readonly T K3 = T.All(Values[3]);
    internal readonly T K4 = T.All(Values[4]);
    internal readonly T One = T.All(Values[5]);
    internal readonly T Least = T.All(Values[6]);
    internal readonly T Half = T.All(Values[7]);
    internal readonly T Whole = T.All(Values[8]);

    /// <summary>Integers of an int8 signal for each Q0.15 unit.</summary>
    public readonly T MostInt8 = T.All(Values[9]);

    /// <summary>Brings Q0.15 numbers to the cell's format, as a Q0.15 number.</summary>
    internal readonly T CellFactor = T.All((short)(1 << cellFractionBits));

    /// <summary>Magnitudes of cell states saturate here,</summary>
    internal readonly T CellLimit = T.All((short)(32767 >> (FixedPoint.MostCellFractionBits - cellFractionBits)));

    /// <summary>and are then brought to Q3.12.</summary>
    internal readonly T CellScale = T.All((short)(1 << (FixedPoint.MostCellFractionBits - cellFractionBits)));
}

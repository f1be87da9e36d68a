using System.Runtime.CompilerServices;

namespace EdgeRnn.Quantization;

/// <summary>
/// The only rounding and saturation of the project. A number in a fixed-point format Qm.n is carried as the float that it
/// stands for, a multiple of 2^-n: 16 bits fit a float's 24 exactly, so the format is kept by rounding to its grid.
/// <para>
/// Adding 1.5·2^(23-n) to a number below 2^(22-n) leaves a sum whose last bit is worth 2^-n, so the IEEE addition itself
/// rounds to the nearest multiple, ties to even; subtracting it again is exact. No conversion instruction is needed, and
/// those differ between processors where additions do not.
/// </para>
/// </summary>
public static class FixedPoint
{
    /// <summary>1.5·2^23: rounds to integers below 2^22, which then stand in the low bits of the sum.</summary>
    public const float IntegerGrid = 12582912f;

    /// <summary>The largest Q3.12 number; the smallest is -8.</summary>
    public const float MaxQ3_12 = 32767f / 4096f;

    /// <summary>The largest Q0.15 number that an activation gives; the smallest is its negative.</summary>
    public const float MaxQ0_15 = 32767f / 32768f;

    /// <summary>Hidden activations of tanh-bounded layers are int8 in units of this scale.</summary>
    public const float Int8HiddenScale = 1f / 127f;

    /// <summary>Real logit per integer of a head.</summary>
    public const float LogitScale = 1f / 4096f;

    /// <summary>Hidden activations of tanh-bounded layers are int16 in units of this scale.</summary>
    public const float Int16HiddenScale = 1f / 32768f;

    /// <summary>What to add and subtract to round to <paramref name="fractionBits"/> bits after the point.</summary>
    public static float Grid(int fractionBits) => MathF.ScaleB(IntegerGrid, -fractionBits);

    /// <summary>Rounds to the nearest number of a grid, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Round<T>(T x, float grid) where T : unmanaged, ILanes<T> => x + T.All(grid) - T.All(grid);

    /// <summary>Saturates to <paramref name="low"/>..<paramref name="high"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Clamp<T>(T x, float low, float high) where T : unmanaged, ILanes<T> =>
        T.Min(T.Max(x, T.All(low)), T.All(high));

    /// <summary>max(0, x), never -0: which of two zeros a maximum gives differs between processors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Relu<T>(T x) where T : unmanaged, ILanes<T> => T.Max(x + T.All(0f), T.All(0f));

    /// <summary>Saturates and rounds to Q3.12, the format of gate pre-activations.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T ToQ3_12<T>(T x) where T : unmanaged, ILanes<T> => Round(Clamp(x, -8f, MaxQ3_12), 3072f);

    /// <summary>Rounds a number from -1 to 1 to Q0.15, the format of gates and of a GRU's state; ±1 becomes ±32767/32768.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T ToQ0_15<T>(T x) where T : unmanaged, ILanes<T> =>
        Round(Clamp(x, -MaxQ0_15, MaxQ0_15), 384f);

    /// <summary>tanh in Q0.15: within 2^-15 of the truth, odd, monotonic over Q3.12 numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T TanhQ0_15<T>(T x) where T : unmanaged, ILanes<T> =>
        T.WithSign(Round(T.Min(Activations.TanhMagnitude(x), T.All(MaxQ0_15)), 384f), x);

    /// <summary>
    /// σ of a Q3.12 number in Q0.15 as ½ + round(½·tanh(x/2)): within 2^-15 of the truth, σ(-x) = 1 - σ(x) to the bit,
    /// monotonic, and never 0 or 1 since |x| is at most 8.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T SigmoidQ0_15<T>(T x) where T : unmanaged, ILanes<T> =>
        T.FusedMultiplyAdd(T.All(0.5f), Activations.TanhOfHalf(x), T.All(384f)) - T.All(383.5f);

    /// <summary>A real value as an integer of a scale, in the low bits of the sum: what sessions, calibration and quantizer share.</summary>
    /// <param name="x">Real value.</param>
    /// <param name="inverseScale">Integers per unit.</param>
    /// <param name="limit">127 or 32767.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T ToInteger<T>(T x, T inverseScale, float limit) where T : unmanaged, ILanes<T> =>
        Clamp(x * inverseScale, -limit, limit) + T.All(IntegerGrid);
}

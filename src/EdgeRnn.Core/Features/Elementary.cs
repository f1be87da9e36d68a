namespace EdgeRnn.Features;

/// <summary>
/// Functions that tables are computed with, in double precision and by IEEE basic operations alone: the libraries of
/// two machines differ in last bits, these do not. Errors are a few 1e-16, which the rounding to float hides.
/// </summary>
internal static class Elementary
{
    private const double Ln2 = 0.693147180559945309417232121458;

    /// <summary>cos and sin of so many full turns.</summary>
    public static (double Cos, double Sin) OfTurns(double turns)
    {
        // Whole turns and quarters are taken off without rounding: an eighth of a turn at most is left.
        double rest = turns - Math.Round(turns);
        double quarters = Math.Round(4 * rest);
        double x = 2 * Math.PI * (rest - quarters / 4);
        var (cos, sin) = Series(x);
        return (int)quarters switch
        {
            0 => (cos, sin),
            1 => (-sin, cos),
            -1 => (sin, -cos),
            _ => (-cos, -sin),
        };
    }

    /// <summary>ln x for positive, normal x.</summary>
    public static double Log(double x)
    {
        const long LeastMantissa = 0x3FE6A09E667F3BCD; // √½
        long bits = BitConverter.DoubleToInt64Bits(x), exponent = (bits - LeastMantissa) >> 52;
        double m = BitConverter.Int64BitsToDouble(bits - (exponent << 52));
        // ln m = 2·artanh((m - 1) / (m + 1)), and z² is below 0.03.
        double z = (m - 1) / (m + 1), sum = 0;
        for (int n = 25; n >= 1; n -= 2)
            sum = sum * (z * z) + 1.0 / n;
        return exponent * Ln2 + 2 * z * sum;
    }

    /// <summary>e^x for |x| up to 700.</summary>
    public static double Exp(double x)
    {
        double n = Math.Round(x / Ln2), r = x - n * Ln2, sum = 1;
        for (int k = 18; k >= 1; k--)
            sum = 1 + r / k * sum;
        return sum * BitConverter.Int64BitsToDouble((long)(n + 1023) << 52);
    }

    /// <summary>The modified Bessel function I₀(x) = Σ ((x/2)^k / k!)², for |x| up to 20.</summary>
    public static double BesselI0(double x)
    {
        double term = 1, sum = 1;
        for (int k = 1; k < 60; k++)
        {
            term *= x / (2 * k);
            sum += term * term;
        }
        return sum;
    }

    private static (double Cos, double Sin) Series(double x)
    {
        double cos = 1, sin = 1;
        for (int n = 22; n >= 2; n -= 2)
        {
            cos = 1 - x * x / (n * (n - 1)) * cos;
            sin = 1 - x * x / (n * (n + 1)) * sin;
        }
        return (cos, x * sin);
    }
}

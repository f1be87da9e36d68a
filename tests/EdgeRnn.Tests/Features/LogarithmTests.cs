using System.Numerics;
using EdgeRnn.Features;
using EdgeRnn.Quantization;
using Xunit;

namespace EdgeRnn.Tests.Features;

/// <summary>Functions of our own against those of the system's library, over dense sweeps.</summary>
public class LogarithmTests
{
    [Fact]
    public void Log_is_within_its_stated_error_over_every_mantissa_and_every_exponent()
    {
        double worst = 0;
        // Every 32nd float of [½, 2), and 500 of each other power of two.
        for (int bits = 0x3F000000; bits < 0x40000000; bits += 32)
            worst = Math.Max(worst, ErrorAt(BitConverter.Int32BitsToSingle(bits)));
        for (int exponent = 1; exponent < 255; exponent++)
        {
            for (int i = 0; i < 500; i++)
                worst = Math.Max(worst, ErrorAt(BitConverter.Int32BitsToSingle((exponent << 23) + i * 16777)));
        }
        Assert.InRange(worst, 1e-9, 1.5e-7);
    }

    [Fact]
    public void Vector_and_scalar_logarithms_have_the_same_bits()
    {
        var random = new Random(3);
        var values = new float[Vector<float>.Count];
        for (int round = 0; round < 100_000; round++)
        {
            foreach (ref float value in values.AsSpan())
                value = BitConverter.Int32BitsToSingle(random.Next(0x00800000, 0x7F800000));
            var logs = Activations.Log(new Vector<float>(values));
            for (int i = 0; i < values.Length; i++)
                Assert.Equal(BitConverter.SingleToInt32Bits(Activations.Log(values[i])),
                    BitConverter.SingleToInt32Bits(logs[i]));
        }
    }

    [Fact]
    public void Functions_for_tables_are_within_a_rounding_of_the_library()
    {
        for (int i = -3000; i <= 3000; i++)
        {
            double x = i * 0.0123;
            var (cos, sin) = Elementary.OfTurns(x);
            // The library is given 2πx, which is rounded to 2e-16 of itself.
            double tolerance = 5e-16 + 2e-16 * 2 * Math.PI * Math.Abs(x) * 2;
            Assert.Equal(Math.Cos(2 * Math.PI * x), cos, tolerance);
            Assert.Equal(Math.Sin(2 * Math.PI * x), sin, tolerance);
            Assert.Equal(1, Elementary.Exp(x) / Math.Exp(x), 1e-15 + 2e-16 * Math.Abs(x));
            double positive = Math.Pow(10, i / 200.0);
            Assert.Equal(
                Math.Log(positive), Elementary.Log(positive), 4e-16 * Math.Max(1, Math.Abs(Math.Log(positive))));
        }
        Assert.Equal(2815.716628466254, Elementary.BesselI0(10), 1e-11); // Abramowitz and Stegun, table 9.8
        Assert.Equal(1.266065877752008, Elementary.BesselI0(1), 1e-15);
    }

    private static double ErrorAt(float x)
    {
        double exact = Math.Log(x);
        return Math.Abs(Activations.Log(x) - exact) / Math.Max(Math.Abs(exact), Math.Pow(2, -24));
    }
}

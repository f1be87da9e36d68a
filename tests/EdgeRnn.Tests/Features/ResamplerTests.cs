using EdgeRnn.Features;
using Xunit;

namespace EdgeRnn.Tests.Features;

/// <summary>
/// Tones through the rate conversion: those that fit come out as they were, those that do not vanish.
/// </summary>
public class ResamplerTests
{
    public static TheoryData<int, int> Conversions =>
        [.. from a in FeatureSpec.Rates.ToArray() from b in FeatureSpec.Rates.ToArray() where a != b select (a, b)];

    [Theory]
    [MemberData(nameof(Conversions))]
    public void A_tone_below_both_limits_keeps_amplitude_and_phase(int from, int to)
    {
        foreach (double part in (double[])[0, 0.1, 0.5, 0.84])
        {
            double hz = part * Math.Min(from, to) / 2;
            float[] output = Convert(from, to, n => Math.Cos(2 * Math.PI * hz * n / from));
            Assert.InRange(output.Length, to / 5 - to / 1000 - 1, to / 5 + 1);
            // The output is late by half a filter: 32 / 0.92 samples of the lower rate, rounded to the input's.
            double late = Lateness(from, to);
            double worst = 0;
            for (int n = to / 20; n < output.Length; n++)
                worst = Math.Max(worst, Math.Abs(output[n] - Math.Cos(2 * Math.PI * hz * ((double)n / to - late))));
            Assert.True(worst < 1e-3, $"{from} to {to} Hz, {hz} Hz: off by {worst}");
        }
    }

    [Theory]
    [InlineData(48000, 16000)]
    [InlineData(44100, 16000)]
    [InlineData(16000, 8000)]
    [InlineData(44100, 8000)]
    [InlineData(22050, 16000)]
    public void A_tone_above_the_lower_limit_is_80_dB_down(int from, int to)
    {
        foreach (double hz in (double[])[to * 0.5, to * 0.55, Math.Min(to * 0.9, from * 0.49)])
        {
            if (hz >= from / 2)
                continue;
            float[] output = Convert(from, to, n => Math.Sin(2 * Math.PI * hz * n / from));
            double worst = output.Skip(to / 20).Max(x => Math.Abs((double)x));
            Assert.True(worst < 2e-4, $"{from} to {to} Hz: {hz} Hz leaves {worst}");
        }
    }

    [Fact]
    public void A_rate_that_is_none_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new Resampler(11025, 16000));
        Assert.Throws<ArgumentException>(() => new Resampler(16000, 0));
    }

    // Found from the answer to an impulse: its centre of gravity.
    private static double Lateness(int from, int to)
    {
        const int At = 1000;
        float[] answer = Convert(from, to, n => n == At ? 1 : 0);
        double sum = answer.Sum(x => (double)x), moment = answer.Select((x, n) => (double)n * x).Sum();
        return moment / sum / to - (double)At / from;
    }

    private static float[] Convert(int from, int to, Func<int, double> signal)
    {
        float[] input = [.. Enumerable.Range(0, from / 5).Select(n => (float)signal(n))];
        var output = new float[to];
        ReadOnlySpan<float> rest = input;
        return output[..new Resampler(from, to).Convert(ref rest, output)];
    }
}

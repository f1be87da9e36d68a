using EdgeRnn.Quantization;

namespace EdgeRnn.Trainer.Numerics;

/// <summary>Loudness of sound, by IEEE basic operations alone: equal on every machine.</summary>
internal static class Decibels
{
    private const float NepersPerDb = 0.115129255f; // ln 10 / 20

    /// <summary>The factor of so many decibels.</summary>
    public static float Amplitude(double decibels) => Activations.Exp((float)decibels * NepersPerDb);

    /// <summary>The mean square.</summary>
    public static float Power(ReadOnlySpan<float> samples)
    {
        double sum = 0;
        foreach (float sample in samples)
            sum += (double)sample * sample;
        return (float)(sum / samples.Length);
    }

    /// <summary>Makes it louder by a factor.</summary>
    public static void Scale(Span<float> samples, float factor)
    {
        foreach (ref float sample in samples)
            sample *= factor;
    }

    /// <summary>
    /// Plays sound faster by a factor, by Catmull-Rom's cubic between the samples; the ends stay what they are.
    /// </summary>
    public static void Resample(ReadOnlySpan<float> audio, double factor, Span<float> samples)
    {
        int last = audio.Length - 1;
        for (int n = 0; n < samples.Length; n++)
        {
            double at = n * factor;
            int i = Math.Min((int)at, last);
            float t = (float)(at - i);
            float a = audio[Math.Max(i - 1, 0)], b = audio[i], c = audio[Math.Min(i + 1, last)],
                d = audio[Math.Min(i + 2, last)];
            samples[n] = b + 0.5f * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
        }
    }
}

/// <summary>Noise of a colour that is drawn, from white to brown: y[n] = c·y[n-1] + x[n] of normal x.</summary>
internal sealed class ColouredNoise
{
    private const double MostColour = 0.95;

    private readonly SeededRandom _random;
    private readonly double _colour;

    public ColouredNoise(SeededRandom random) => (_random, _colour) = (random, MostColour * random.NextDouble());

    /// <summary>Its mean square.</summary>
    public float Power => (float)(1 / (1 - _colour * _colour));

    /// <summary>Adds it to sound, times a factor.</summary>
    public void AddTo(Span<float> samples, float factor)
    {
        double y = 0;
        foreach (ref float sample in samples)
        {
            y = _colour * y + _random.NextNormal();
            sample += factor * (float)y;
        }
    }
}

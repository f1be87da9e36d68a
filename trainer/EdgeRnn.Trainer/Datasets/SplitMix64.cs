namespace EdgeRnn.Trainer.Datasets;

/// <summary>
/// Steele, Lea and Flood's SplitMix64 (OOPSLA 2014): equal bits on every machine and in every version of .NET, which
/// committed models and repeatable splits rely on.
/// </summary>
internal struct SplitMix64(ulong seed)
{
    private ulong _state = seed;

    /// <summary>A generator of its own for every <paramref name="stream"/> of one <paramref name="seed"/>.</summary>
    public static SplitMix64 Stream(ulong seed, ulong stream) =>
        new(new SplitMix64(seed).Next() ^ new SplitMix64(~stream).Next());

    public ulong Next()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>Uniform in [low, high).</summary>
    public double Uniform(double low, double high) => low + (high - low) * ((Next() >> 11) * (1.0 / (1L << 53)));

    /// <summary>
    /// About normal, deviation 1: a sum of twelve uniform numbers, as logarithm and cosine differ between machines.
    /// </summary>
    public double Normal()
    {
        double sum = -6;
        for (int i = 0; i < 12; i++)
            sum += Uniform(0, 1);
        return sum;
    }

    /// <summary>Fisher-Yates.</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int other = (int)Math.BigMul(Next(), (ulong)i + 1, out _);
            (items[i], items[other]) = (items[other], items[i]);
        }
    }
}

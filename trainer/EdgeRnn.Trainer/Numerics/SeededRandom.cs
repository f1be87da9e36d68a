namespace EdgeRnn.Trainer.Numerics;

/// <summary>
/// SplitMix64 (Steele, Lea and Flood 2014): numbers that follow from the seed alone, on every platform and .NET
/// version.
/// </summary>
internal sealed class SeededRandom(ulong seed)
{
    private ulong _state = seed;

    /// <summary>The next 64 bits.</summary>
    public ulong NextBits()
    {
        ulong x = _state += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    /// <summary>An independent stream: the same for the same seed and number.</summary>
    public static SeededRandom Stream(ulong seed, ulong number) =>
        new(new SeededRandom(seed).NextBits() ^ (number * 0xD1342543DE82EF95));

    /// <summary>Uniform in [0, 1).</summary>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1L << 53));

    /// <summary>Uniform in [0, limit).</summary>
    public int NextInt(int limit) => (int)Math.BigMul(NextBits(), (ulong)limit, out _);

    /// <summary>
    /// About normal, deviation 1: a sum of twelve uniform numbers, as logarithm and cosine differ between machines.
    /// </summary>
    public double NextNormal()
    {
        double sum = -6;
        for (int i = 0; i < 12; i++)
            sum += NextDouble();
        return sum;
    }

    /// <summary>Puts <paramref name="items"/> in an order drawn from all equally (Fisher and Yates).</summary>
    public void Shuffle(Span<int> items)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = NextInt(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }
}

using System.Diagnostics;

namespace EdgeRnn.Host.Pipeline;

/// <summary>Times, sorted into fixed buckets.</summary>
internal sealed class Histogram
{
    private static readonly long[] LimitTicks =
        [.. LimitsUs().ToArray().Select(us => us * Stopwatch.Frequency / 1_000_000)];

    private readonly long[] _counts = new long[LimitTicks.Length + 1];
    private long _ticks;

    /// <summary>Times entered.</summary>
    public long Count { get; private set; }

    /// <summary>Their sum in seconds.</summary>
    public double Seconds => (double)_ticks / Stopwatch.Frequency;

    /// <summary>Times up to each of <see cref="LimitsUs"/>, and then the longer ones.</summary>
    public ReadOnlySpan<long> Counts => _counts;

    /// <summary>The upper limits of the buckets in µs.</summary>
    public static ReadOnlySpan<long> LimitsUs() =>
        [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000];

    /// <summary>Enters a time in ticks of <see cref="Stopwatch"/>.</summary>
    public void Add(long ticks)
    {
        int bucket = 0;
        while (bucket < LimitTicks.Length && ticks > LimitTicks[bucket])
            bucket++;
        _counts[bucket]++;
        _ticks += ticks;
        Count++;
    }
}

using System.Diagnostics;
using System.Text.Json.Serialization;

namespace EdgeRnn.Cli.Bench;

/// <summary>Microseconds of a step.</summary>
/// <param name="Median">Median over blocks of 100 steps, of the block's mean: untouched by what the clock costs.</param>
/// <param name="StepMedian">Median over single steps.</param>
/// <param name="P99">99 of 100 single steps took at most this.</param>
/// <param name="P999">999 of 1,000 single steps took at most this.</param>
/// <param name="Max">The longest single step, interruptions by the operating system included.</param>
public sealed record StepTimes(
    double Median,
    double StepMedian,
    [property: JsonPropertyName("p99")] double P99,
    [property: JsonPropertyName("p999")] double P999,
    double Max);

/// <summary>
/// Times several contestants on one machine in one run. They take turns of 1,000 steps, so that whatever else the machine
/// does meets all alike. In a turn, after some steps that are not counted (the caches still hold another's weights), a
/// contestant runs 10 blocks of 100 steps with the clock read between blocks, which gives the median, and then 1,000
/// steps with the clock read after each, which gives the percentiles. What reading the clock costs, the median of a step
/// that does nothing, is taken off each of the latter.
/// </summary>
public sealed class Measurement
{
    private const int TurnSteps = 1000;
    private const int BlockSteps = 100;
    private const int UncountedSteps = 50;
    private readonly List<Track> _tracks = [];
    private readonly int _turns;

    /// <summary>Prepares a measurement of at least <paramref name="steps"/> steps of each contestant, both ways.</summary>
    public Measurement(int steps)
    {
        _turns = Math.Max(1, (steps + TurnSteps - 1) / TurnSteps);
        Add(new EmptyContestant());
    }

    /// <summary>What reading the clock costs, in nanoseconds; known after <see cref="Run"/>.</summary>
    public double ClockNs { get; private set; }

    /// <summary>Adds a contestant.</summary>
    /// <returns>Its number in <see cref="TimesOf"/>.</returns>
    public int Add(Contestant contestant)
    {
        _tracks.Add(new(contestant, _turns));
        return _tracks.Count - 1;
    }

    /// <summary>Warms up until the JIT has nothing left to improve, then measures.</summary>
    public void Run(CancellationToken cancellation = default)
    {
        // Tiered compilation recompiles what ran 30 times in the background, 100 ms after the last new method; the
        // instrumented tier lies between. A few rounds with pauses pass through all tiers.
        for (int round = 0; round < 6; round++)
        {
            foreach (var track in _tracks)
                track.Turn(record: false);
            Thread.Sleep(150);
        }
        GC.Collect();
        GC.WaitForPendingFinalizers();
        for (int turn = 0; turn < _turns; turn++)
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (var track in _tracks)
                track.Turn(record: true);
        }
        foreach (var track in _tracks)
            track.Sort();
        ClockNs = _tracks[0].Step(0.5) * 1e3;
    }

    /// <summary>The times of a contestant.</summary>
    public StepTimes TimesOf(int number)
    {
        var track = _tracks[number];
        return new(Math.Round(track.Block(0.5), 4), Step(0.5), Step(0.99), Step(0.999), Step(1));

        // The clock counts nanoseconds.
        double Step(double part) => Math.Round(Math.Max(0, track.Step(part) - ClockNs * 1e-3), 3);
    }

    /// <summary>Bytes that this thread allocated in a contestant's measured steps.</summary>
    public long AllocatedBy(int number) => _tracks[number].Allocated;

    private sealed class Track(Contestant contestant, int turns)
    {
        private static readonly double MicrosecondsPerTick = 1e6 / Stopwatch.Frequency;
        private readonly long[] _steps = new long[turns * TurnSteps];
        private readonly long[] _blocks = new long[turns * TurnSteps / BlockSteps];
        private int _turn;

        public long Allocated { get; private set; }

        public double Step(double part) => At(_steps, part) * MicrosecondsPerTick;

        public double Block(double part) => At(_blocks, part) * MicrosecondsPerTick / BlockSteps;

        public void Sort()
        {
            Array.Sort(_steps);
            Array.Sort(_blocks);
        }

        public void Turn(bool record)
        {
            for (int i = 0; i < UncountedSteps; i++)
                contestant.Step();
            long before = GC.GetAllocatedBytesForCurrentThread();
            Time(_blocks.AsSpan(_turn * (TurnSteps / BlockSteps), TurnSteps / BlockSteps), BlockSteps);
            Time(_steps.AsSpan(_turn * TurnSteps, TurnSteps), 1);
            if (!record)
                return;
            Allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            _turn++;
        }

        private void Time(Span<long> ticks, int stepsEach)
        {
            long last = Stopwatch.GetTimestamp();
            foreach (ref long tick in ticks)
            {
                for (int i = 0; i < stepsEach; i++)
                    contestant.Step();
                long now = Stopwatch.GetTimestamp();
                tick = now - last;
                last = now;
            }
        }

        private static long At(long[] sorted, double part) =>
            sorted[Math.Max(0, (int)Math.Ceiling(part * sorted.Length) - 1)];
    }
}

using System.Diagnostics;
using System.Text.Json.Serialization;

namespace EdgeRnn.Cli.Bench;

/// <summary>Microseconds of a step.</summary>
/// <param name="Median">Median over blocks of 100 steps, of the block's mean: untouched by what the clock
/// costs.</param>
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
/// Times several contestants on one machine in one run. They take turns of 1,000 steps, so that whatever else the
/// machine does meets all alike. In a turn, after some steps that are not counted (the caches still hold another's
/// weights), a contestant runs 10 blocks of 100 steps with the clock read between blocks, which gives the median, and
/// then 1,000 steps with the clock read after each, which gives the percentiles. What reading the clock costs, the
/// median of a step that does nothing, is taken off each of the latter.
/// </summary>
public sealed class Measurement
{
    private const int TurnSteps = 1000;
    private const int BlockSteps = 100;
    private const int UncountedSteps = 50;
    private const int MostWarmUpRounds = 100;
    private const int PatientRounds = 12;
    private readonly List<Track> _tracks = [];
    private readonly int _turns;

    /// <summary>
    /// Prepares a measurement of at least <paramref name="steps"/> steps of each contestant, both ways.
    /// </summary>
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
        // Tiered compilation recompiles in the background what ran 30 times, through an instrumented tier, and takes
        // the longer the busier the machine is: rounds with pauses go on until none has been faster for a while.
        int sinceFaster = 0;
        for (int round = 0; round < MostWarmUpRounds && sinceFaster < PatientRounds; round++)
        {
            cancellation.ThrowIfCancellationRequested();
            bool isFaster = false;
            foreach (var track in _tracks)
                isFaster |= track.WarmUp();
            sinceFaster = isFaster ? 0 : sinceFaster + 1;
            Thread.Sleep(150);
        }
        GC.Collect();
        GC.WaitForPendingFinalizers();
        for (int turn = 0; turn < _turns; turn++)
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (var track in _tracks)
                track.Turn();
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
        private long _least = long.MaxValue;

        public long Allocated { get; private set; }

        public double Step(double part) => At(_steps, part) * MicrosecondsPerTick;

        public double Block(double part) => At(_blocks, part) * MicrosecondsPerTick / BlockSteps;

        public void Sort()
        {
            Array.Sort(_steps);
            Array.Sort(_blocks);
        }

        /// <summary>A turn that is not counted; whether a block of it was clearly faster than any before.</summary>
        public bool WarmUp()
        {
            Run();
            long least = long.MaxValue;
            foreach (long ticks in Blocks)
                least = Math.Min(least, ticks);
            bool isFaster = least < _least * 0.97;
            _least = Math.Min(_least, least);
            return isFaster;
        }

        public void Turn()
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Run();
            Allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            _turn++;
        }

        private Span<long> Blocks => _blocks.AsSpan(_turn * (TurnSteps / BlockSteps), TurnSteps / BlockSteps);

        private void Run()
        {
            for (int i = 0; i < UncountedSteps; i++)
                contestant.Step();
            Time(Blocks, BlockSteps);
            Time(_steps.AsSpan(_turn * TurnSteps, TurnSteps), 1);
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

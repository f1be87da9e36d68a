using System.Diagnostics;
using System.Globalization;
using EdgeRnn.Runtime;
using EdgeRnn.Tests;

namespace EdgeRnn.AotSmoke;

/// <summary>
/// A session that runs for long: how the times of its steps are spread, and that nothing is allocated on any thread and
/// no collection happens. The network has the shape of model C, LSTM 28->128, Dense 10, in int8. Each step takes turns
/// with a loop of the same length that touches no memory, which shows what of the spread is the machine's.
/// </summary>
internal static class RealTime
{
    private const int Different = 256;
    private const double MostSpread = 3;

    private static ulong _kept;

    /// <summary>
    /// Prints the figures; fails where something was allocated, or the spread is too large and not the machine's.
    /// </summary>
    public static int Run(string count)
    {
        var run = Measure(long.Parse(count, CultureInfo.InvariantCulture));
        bool isSilent = run is { AllocatedBytes: 0, Collections: 0 };
        bool isNarrow = run.Step.Spread <= MostSpread, isIdle = run.Loop.Spread <= MostSpread;
        string verdict = !isSilent || (!isNarrow && isIdle) ? "MISSED"
            : isNarrow ? "held"
            : "held but for the spread, which cannot be shown here: a bare loop has as much";
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            model C, int8, kernel {run.Kernel}: {run.Step.Count} steps, microseconds, reading the clock included
                             a step   a bare loop
            median     {run.Step.At(0.5),12:0.00}  {run.Loop.At(0.5),12:0.00}
            p99        {run.Step.At(0.99),12:0.00}  {run.Loop.At(0.99),12:0.00}
            p99.9      {run.Step.At(0.999),12:0.00}  {run.Loop.At(0.999),12:0.00}
            p99.99     {run.Step.At(0.9999),12:0.00}  {run.Loop.At(0.9999),12:0.00}
            slowest    {run.Step.Slowest,12:0.00}  {run.Loop.Slowest,12:0.00}
            p99.9 to median  {run.Step.Spread,6:0.0}  {run.Loop.Spread,12:0.0}   at most {MostSpread:0} on an idle core
            allocated  {run.AllocatedBytes} bytes, on all threads
            collected  {run.Collections} times
            preempted  {run.Preemptions} times by other programs
            {verdict}
            """));
        return verdict == "MISSED" ? 1 : 0;
    }

    /// <summary>The short form: how time is spread is the machine's affair, but nothing is allocated.</summary>
    public static void Check(Checks checks)
    {
        var run = Measure(20_000);
        checks.That(run.AllocatedBytes == 0, $"{run.Step.Count} steps of model C allocate {run.AllocatedBytes} bytes");
        checks.That(run.Collections == 0, $"{run.Step.Count} steps of model C bring {run.Collections} collections");
    }

    private static Result Measure(long steps)
    {
        var model = RandomModels.Create(1, Precision.Int8, 28, "lstm:128,dense:10");
        var session = new RnnSession(model);
        float[] readings = RandomModels.Readings(2, model, Different);
        float[] scores = new float[model.Labels.Count];
        Times step = new(), loop = new();
        int rounds = RoundsAsLongAs(session, readings, scores);
        GC.Collect();
        GC.WaitForPendingFinalizers();

        long preemptions = Preemptions();
        int collections = Collections();
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        for (long t = 0; t < steps; t++)
        {
            long start = Stopwatch.GetTimestamp();
            session.Step(readings.AsSpan((int)(t % Different) * model.InputSize, model.InputSize), scores);
            long middle = Stopwatch.GetTimestamp();
            Spin(rounds);
            long end = Stopwatch.GetTimestamp();
            step.Add(middle - start);
            loop.Add(end - middle);
        }
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        collections = Collections() - collections;
        return new(session.Kernel.Name, step, loop, allocated, collections, Preemptions() - preemptions);
    }

    // Rounds of the bare loop that take the time of a step.
    private static int RoundsAsLongAs(RnnSession session, float[] readings, float[] scores)
    {
        const int Rounds = 1_000_000;
        int size = session.Model.InputSize;
        long start = Stopwatch.GetTimestamp();
        for (int t = 0; t < Different; t++)
            session.Step(readings.AsSpan(t * size, size), scores);
        long middle = Stopwatch.GetTimestamp();
        Spin(Rounds);
        long end = Stopwatch.GetTimestamp();
        return Math.Max(1, (int)((double)(middle - start) / Different / (end - middle) * Rounds));
    }

    private static void Spin(int rounds)
    {
        ulong x = _kept;
        for (int i = 0; i < rounds; i++)
            x = x * 6364136223846793005 + 1;
        _kept = x;
    }

    private static int Collections() => GC.CollectionCount(0) + GC.CollectionCount(1) + GC.CollectionCount(2);

    // How often another program got this core while the main thread, which is the one that measures, wanted it.
    private static long Preemptions()
    {
        const string Field = "nonvoluntary_ctxt_switches:";
        string line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(Field, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(Field.Length).Trim(), CultureInfo.InvariantCulture);
    }

    private sealed record Result(
        string Kernel, Times Step, Times Loop, long AllocatedBytes, int Collections, long Preemptions);

    /// <summary>A histogram of times, in microseconds; counting one allocates nothing.</summary>
    private sealed class Times
    {
        // Up to 10 ms; whatever takes longer is in the last bucket.
        private const int BucketNs = 10;
        private const int Buckets = 1_000_000;
        private static readonly double NanosecondsPerTick = 1e9 / Stopwatch.Frequency;

        private readonly int[] _buckets = new int[Buckets];
        private long _slowest;

        public Times()
        {
            // The operating system gives memory when it is first written, which must not happen between two steps.
            _buckets.AsSpan().Fill(1);
            _buckets.AsSpan().Clear();
        }

        public long Count { get; private set; }

        public double Slowest => _slowest * NanosecondsPerTick / 1000;

        public double Spread => At(0.999) / At(0.5);

        public void Add(long ticks)
        {
            _buckets[(int)Math.Min(Buckets - 1, ticks * NanosecondsPerTick / BucketNs)]++;
            _slowest = Math.Max(_slowest, ticks);
            Count++;
        }

        /// <summary>What this part of the times stays within, to the bucket's upper end.</summary>
        public double At(double part)
        {
            long seen = 0;
            for (int i = 0; i < Buckets; i++)
            {
                seen += _buckets[i];
                if (seen >= part * Count)
                    return (i + 1) * BucketNs / 1000.0;
            }
            return Slowest;
        }
    }
}

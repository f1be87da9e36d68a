using System.Diagnostics;
using System.Globalization;
using EdgeRnn.Runtime;
using EdgeRnn.Tests;

namespace EdgeRnn.AotSmoke;

/// <summary>
/// A session that runs for long: how the times of its steps are spread, and that nothing is allocated on any thread and
/// no collection happens. The network has the shape of model C, LSTM 28->128, Dense 10, in int8.
/// </summary>
internal static class RealTime
{
    private const int Different = 256;

    // Buckets of 10 ns up to 10 ms; whatever takes longer is in the last one, and its time is kept as the slowest.
    private const int BucketNs = 10;
    private const int Buckets = 1_000_000;

    /// <summary>Prints the figures; fails where something was allocated or the spread is too large.</summary>
    public static int Run(string count)
    {
        var run = Measure(long.Parse(count, CultureInfo.InvariantCulture));
        double spread = run.Microseconds(0.999) / run.Microseconds(0.5);
        bool isSilent = run is { AllocatedBytes: 0, Collections: 0 };
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
            model C, int8, kernel {run.Kernel}: {run.Steps} steps, reading the clock included
            median     {run.Microseconds(0.5),10:0.00} us
            p99        {run.Microseconds(0.99),10:0.00} us
            p99.9      {run.Microseconds(0.999),10:0.00} us   {spread:0.0} times the median, at most 3 on an idle core
            p99.99     {run.Microseconds(0.9999),10:0.00} us
            slowest    {run.SlowestUs,10:0.00} us
            allocated  {run.AllocatedBytes,10} bytes, on all threads
            collected  {run.Collections,10} times
            {(isSilent && spread <= 3 ? "held" : "MISSED")}
            """));
        return isSilent && spread <= 3 ? 0 : 1;
    }

    /// <summary>The short form: how time is spread is the machine's affair, but nothing is allocated.</summary>
    public static void Check(Checks checks)
    {
        var run = Measure(100_000);
        checks.That(run.AllocatedBytes == 0, $"{run.Steps} steps of model C allocate {run.AllocatedBytes} bytes");
        checks.That(run.Collections == 0, $"{run.Steps} steps of model C bring {run.Collections} collections");
    }

    private static Times Measure(long steps)
    {
        var model = RandomModels.Create(1, Precision.Int8, 28, "lstm:128,dense:10");
        var session = new RnnSession(model);
        float[] readings = RandomModels.Readings(2, model, Different);
        float[] scores = new float[model.Labels.Count];
        int[] histogram = new int[Buckets];
        // Each bucket's memory is given out by the operating system when it is first touched.
        histogram.AsSpan().Fill(1);
        for (int t = 0; t < Different; t++)
            session.Step(readings.AsSpan(t * model.InputSize, model.InputSize), scores);
        histogram.AsSpan().Clear();
        GC.Collect();
        GC.WaitForPendingFinalizers();

        double nanoseconds = 1e9 / Stopwatch.Frequency;
        long slowest = 0;
        int collections = Collections();
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        long last = Stopwatch.GetTimestamp();
        for (long t = 0; t < steps; t++)
        {
            session.Step(readings.AsSpan((int)(t % Different) * model.InputSize, model.InputSize), scores);
            long now = Stopwatch.GetTimestamp();
            histogram[Math.Min(Buckets - 1, (int)((now - last) * nanoseconds / BucketNs))]++;
            slowest = Math.Max(slowest, now - last);
            last = now;
        }
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        return new(session.Kernel.Name, steps, histogram, slowest * nanoseconds / 1000, allocated, Collections() - collections);
    }

    private static int Collections() => GC.CollectionCount(0) + GC.CollectionCount(1) + GC.CollectionCount(2);

    private sealed record Times(
        string Kernel, long Steps, int[] Histogram, double SlowestUs, long AllocatedBytes, int Collections)
    {
        /// <summary>The time that this part of the steps took at most, to the bucket's upper end.</summary>
        public double Microseconds(double part)
        {
            long seen = 0;
            for (int i = 0; i < Histogram.Length; i++)
            {
                seen += Histogram[i];
                if (seen >= part * Steps)
                    return (i + 1) * BucketNs / 1000.0;
            }
            return SlowestUs;
        }
    }
}

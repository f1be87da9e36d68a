using System.Collections.Concurrent;
using System.Globalization;
using EdgeRnn.Format;
using EdgeRnn.Runtime;
using Xunit;

namespace EdgeRnn.Tests.Format;

/// <summary>
/// Mutations of trained models, with structure in mind and without: each is refused with a sentence, or loaded and run.
/// <c>tools/fuzz-model</c> sets <c>EDGERNN_MUTATIONS</c> and shows what is printed here.
/// </summary>
public sealed class ModelFuzzTests
{
    private const int Default = 3000;
    private const int HangSeconds = 120;

    private static readonly byte[][] Files =
        [.. ModelFiles.GoldenNames.Select(Repository.Golden), .. ModelFiles.Small.Select(Trainer.ModelWriter.Write)];

    private readonly ConcurrentBag<string> _failures = [];
    private long _models;
    private long _errors;
    private long _reading = long.MinValue;
    private long _packed = long.MinValue;

    [Fact]
    public void Mutated_models_are_refused_or_run()
    {
        string? asked = Environment.GetEnvironmentVariable("EDGERNN_MUTATIONS");
        long count = asked is null ? Default : long.Parse(asked, CultureInfo.InvariantCulture);
        long done = 0;
        var running = new ConcurrentDictionary<long, long>();
        using var watch = new Timer(_ => StopIfHanging(running), null, 1000, 1000);
        Parallel.For(0, count, new() { MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
        {
            running[i] = Environment.TickCount64;
            Try(i);
            running.TryRemove(i, out long _);
            long now = Interlocked.Increment(ref done);
            if (asked is not null && now % 10_000 == 0)
                Console.Error.WriteLine($"{now} of {count}; at work on {string.Join(", ", running.Keys)}");
        });
        if (asked is not null)
            Console.WriteLine($"""
                {_models} models, {_errors} typed errors, {_failures.Count} failures
                largest memory against its bound, 2 x file + 65536 bytes:
                reading {_reading:+#;-#;0} bytes; file and packed weights {_packed:+#;-#;0} bytes
                """);
        Assert.Empty(_failures);
        Assert.Equal(count, _models + _errors);
        Assert.True(_reading <= 0, $"reading takes {_reading} bytes more than its bound");
        Assert.True(_packed <= 0, $"packed weights take {_packed} bytes more than their bound");
    }

    private void Try(long number)
    {
        var random = new SeededRandom((ulong)number);
        byte[] file = Mutate(Files[random.Below(Files.Length)], random);
        try
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            bool isRead = ModelReader.TryRead(file, out var model, out string? error);
            Raise(ref _reading, GC.GetAllocatedBytesForCurrentThread() - before - Bound(file));
            if (!isRead && string.IsNullOrEmpty(error))
                _failures.Add($"mutation {number} is refused without a sentence");
            Interlocked.Increment(ref isRead ? ref _models : ref _errors);
            if (model is not null)
                Run(file, model);
        }
        catch (Exception e)
        {
            _failures.Add($"mutation {number}: {e}");
        }
    }

    // One in four without structure in mind: some bytes anywhere, and a checksum that fits in half of the cases.
    private static byte[] Mutate(byte[] file, SeededRandom random)
    {
        byte[] message = file[..^ModelReader.ChecksumFieldBytes];
        if (random.Below(4) != 0)
            return ModelFiles.WithChecksum(ModelMutator.Mutate(message, random));
        bool fits = random.Below(2) == 0;
        byte[] bytes = fits ? message : (byte[])file.Clone();
        for (int i = random.Below(8); i >= 0; i--)
            bytes[random.Below(bytes.Length)] = (byte)random.Next();
        if (random.Below(4) == 0)
            bytes = bytes[..random.Below(bytes.Length + 1)];
        return fits ? ModelFiles.WithChecksum(bytes) : bytes;
    }

    private void Run(byte[] file, RnnModel model)
    {
        float[] extremes = [0, 1, -1e30f, float.NaN];
        if (model.IsOffline)
        {
            float[] outputs = new float[(model.Pooling == Pooling.EachStep ? extremes.Length : 1) * model.Labels.Count];
            new SequenceRunner(model).Run(
                [.. extremes.SelectMany(x => Enumerable.Repeat(x, model.InputSize))], outputs);
            AssertOutputs(model, outputs);
            return;
        }
        long before = GC.GetAllocatedBytesForCurrentThread();
        var session = new RnnSession(model);
        long made = GC.GetAllocatedBytesForCurrentThread();
        var clone = session.Clone();
        // A clone has everything but the packed weights.
        long packed = 2 * made - before - GC.GetAllocatedBytesForCurrentThread();
        Raise(ref _packed, file.Length + packed - Bound(file));
        var stream = new StreamClassifier(clone);
        float[] scores = new float[model.Labels.Count];
        float[] readings = new float[model.InputSize];
        foreach (float reading in extremes)
        {
            readings.AsSpan().Fill(reading);
            session.Step(readings, scores);
            stream.Step(readings);
            AssertOutputs(model, scores);
        }
    }

    private static void AssertOutputs(RnnModel model, float[] outputs) => Assert.All(
        outputs, output =>
            Assert.True(model.OutputKind == OutputKind.Values ? float.IsFinite(output) : output is >= 0 and <= 1));

    private static long Bound(byte[] file) => 2L * file.Length + 65536;

    private static void Raise(ref long largest, long value)
    {
        for (long seen = Volatile.Read(ref largest); value > seen;)
            seen = Interlocked.CompareExchange(ref largest, value, seen) == seen ? value : Volatile.Read(ref largest);
    }

    private static void StopIfHanging(ConcurrentDictionary<long, long> running)
    {
        foreach (var (number, since) in running)
        {
            if (Environment.TickCount64 - since > 1000L * HangSeconds)
                Environment.FailFast($"mutation {number} is not done after {HangSeconds} s");
        }
    }
}

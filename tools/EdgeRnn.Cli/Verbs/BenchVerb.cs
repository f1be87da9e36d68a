using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using EdgeRnn.Cli.Bench;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn bench</c>: how long steps, and training, take on this machine.</summary>
internal static class BenchVerb
{
    private const int WarmUpSteps = 20_000;
    private const int DefaultSteps = 50_000;

    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var model = new Option<string?>("--model") { HelpName = "FILE", Description = "The model (.ernn)." };
        var steps = SharedOptions.Whole(
            "--steps", $"Steps to time [{DefaultSteps}; with --suite {SuiteVerb.DefaultSteps}].", 100, 10_000_000);
        var suite = new SuiteVerb();
        var json = SharedOptions.Json();
        var command =
            new Command("bench", "Time single steps of a model, or training, on this machine.") { model, steps, json };
        suite.AddTo(command);
        var training = new TrainingBenchVerb();
        training.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            var terminal = new Terminal(parsed, parsed.GetValue(json));
            if (training.IsAsked(parsed))
            {
                bool isAgainstTorch = suite.PeerOf(parsed) == SuiteVerb.Torch;
                return Task.FromResult(
                    TrainingBenchVerb.Run(terminal, isAgainstTorch, suite.FolderOf(parsed), cancellation));
            }

            if (suite.IsAsked(parsed))
                return Task.FromResult(
                    suite.Run(parsed, terminal, parsed.GetValue(steps) ?? SuiteVerb.DefaultSteps, cancellation));
            string path = parsed.GetValue(model)
                ?? throw new UsageException("Nothing to time; name a --model, or use --suite or --training.");
            var loaded = SharedOptions.LoadModel(path);
            if (loaded.StreamRefusal is { } refusal)
                throw new UserException($"'{path}' has no steps to time: {refusal}.");
            var session = new RnnSession(loaded);
            var (micros, allocated) = Time(session, parsed.GetValue(steps) ?? DefaultSteps, cancellation);
            Report(terminal, path, session, micros, allocated);
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }

    /// <summary>Times each step on its own; the readings are noise about the model's mean.</summary>
    private static (double[] Microseconds, long AllocatedBytes) Time(
        RnnSession session, int steps, CancellationToken cancellation)
    {
        const int Different = 256;
        var model = session.Model;
        var random = new Random(1);
        var readings = new float[Different * model.InputSize];
        for (int i = 0; i < readings.Length; i++)
        {
            int channel = i % model.InputSize;
            float normalised = 3 * random.NextSingle() - 1.5f;
            readings[i] = model.Mean.Floats[channel] + model.Deviation.Floats[channel] * normalised;
        }

        var scores = new float[model.Labels.Count];
        var ticks = new long[steps];
        // The warm-up lasts until the compiler has put its best code in place.
        for (int t = 0; t < WarmUpSteps && !cancellation.IsCancellationRequested; t++)
            session.Step(readings.AsSpan(t % Different * model.InputSize, model.InputSize), scores);
        Thread.Sleep(TimeSpan.FromMilliseconds(250));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int t = 0; t < steps; t++)
        {
            long start = Stopwatch.GetTimestamp();
            session.Step(readings.AsSpan(t % Different * model.InputSize, model.InputSize), scores);
            ticks[t] = Stopwatch.GetTimestamp() - start;
            if ((t & 0xFFF) == 0 && cancellation.IsCancellationRequested)
                break;
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        cancellation.ThrowIfCancellationRequested();
        return ([.. ticks.Order().Select(t => t * 1e6 / Stopwatch.Frequency)], allocated);
    }

    private static void Report(Terminal terminal, string path, RnnSession session, double[] sorted, long allocated)
    {
        double At(double part) => sorted[(int)Math.Min(sorted.Length - 1, part * sorted.Length)];
        long products = session.Model.Layers.Sum(
            l => (long)l.WeightIh.Rows * l.WeightIh.Columns + (l.WeightHh is { } w ? (long)w.Rows * w.Columns : 0));
        double perNanosecond = products / (At(0.5) * 1000);
        var json = new JsonObject
        {
            ["model"] = path,
            ["precision"] = SharedOptions.NameOf(session.Model.Precision),
            ["kernel"] = session.Kernel.Name,
            ["steps"] = sorted.Length,
            ["edgernn_us"] = new JsonObject
            {
                ["median"] = Math.Round(At(0.5), 3),
                ["p99"] = Math.Round(At(0.99), 3),
                ["p999"] = Math.Round(At(0.999), 3),
                ["max"] = Math.Round(sorted[^1], 3),
            },
            ["mac"] = products,
            ["mac_per_ns"] = Math.Round(perNanosecond, 2),
            ["allocated_bytes"] = allocated,
        };
        terminal.Result(json, Terminal.Facts(
            ("model", $"{path} ({SharedOptions.NameOf(session.Model.Precision)}, kernel {session.Kernel.Name})"),
            ("a step, median", Figures.Microseconds(At(0.5))),
            ("99 of 100 steps", Figures.Microseconds(At(0.99))),
            ("999 of 1,000 steps", Figures.Microseconds(At(0.999))),
            ("slowest", $"{Figures.Microseconds(sorted[^1])} of {Figures.Count(sorted.Length)} steps"),
            ("work", $"{Figures.Count(products)} products a step, {perNanosecond:0.0} a nanosecond"),
            ("allocated", Figures.Bytes(allocated))));
    }
}

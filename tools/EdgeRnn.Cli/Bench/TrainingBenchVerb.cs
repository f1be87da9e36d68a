using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Numerics;
using Spectre.Console;

namespace EdgeRnn.Cli.Bench;

/// <summary><c>edgernn bench --training</c>: how fast networks train here, of what the processor could do.</summary>
internal sealed class TrainingBenchVerb
{
    private static readonly JsonSerializerOptions Json =
        new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly Option<bool> _training = new("--training")
    {
        Description = "Time the training of four networks, with one thread and with two.",
    };

    /// <summary>Adds the option to the verb.</summary>
    public void AddTo(Command bench) => bench.Add(_training);

    /// <summary>Whether it is asked for.</summary>
    public bool IsAsked(ParseResult parsed) => parsed.GetValue(_training);

    /// <summary>Measures and reports.</summary>
    /// <param name="terminal">Where to report.</param>
    /// <param name="againstTorch">Whether PyTorch is measured too.</param>
    /// <param name="save">Folder to keep the result in, by processor; null for none.</param>
    /// <param name="cancellation">Asks to stop.</param>
    public static int Run(Terminal terminal, bool againstTorch, string? save, CancellationToken cancellation)
    {
        int[] threads = Environment.ProcessorCount > 1 ? [1, 2] : [1];
        TorchSpeed? torch = null;
        if (againstTorch)
        {
            terminal.Say("PyTorch …");
            torch = TrainingBenchmark.MeasureTorch(threads);
        }

        var speeds = new List<TrainingSpeed>();
        foreach (var workload in TrainingWorkload.All)
        {
            foreach (int count in threads)
            {
                terminal.Say($"{workload.Cell}, {count} thread{(count == 1 ? "" : "s")} …");
                var speed = TrainingBenchmark.Measure(workload, count, cancellation);
                double? peer = torch?.SamplesPerSecond[(workload.Cell, count)];
                speeds.Add(speed with
                {
                    TorchSamplesPerSecond = peer,
                    Ratio = peer is { } p ? Math.Round(speed.SamplesPerSecond / p, 3) : null,
                });
            }
        }

        string table = Table(speeds, torch?.Name);
        var json = new JsonObject
        {
            ["processor"] = Processor.Name,
            ["vector_bits"] = MultiplyAddPeak.VectorBits,
            ["torch"] = torch?.Name,
            ["models"] = JsonSerializer.SerializeToNode(speeds, Json),
        };
        if (save is not null)
        {
            string folder = Path.Combine(save, Processor.Slug);
            byte[] text = Encoding.UTF8.GetBytes($"```\n{table}\n```\n");
            AtomicFile.Write(
                Path.Combine(folder, "training.json"), Encoding.UTF8.GetBytes(json.ToJsonString(Indented) + "\n"), true);
            AtomicFile.Write(Path.Combine(folder, "training.md"), text, overwrite: true);
        }

        terminal.Result(json, new Text(table));
        return CommandLine.Done;
    }

    /// <summary>The result in at most 80 columns.</summary>
    public static string Table(IReadOnlyList<TrainingSpeed> speeds, string? torch)
    {
        var text = new StringBuilder();
        bool hasPeer = speeds.Any(s => s.Ratio is not null);
        Line($"{Processor.Name}");
        Line($"EdgeRnn {CommandLine.Version}, vectors of {MultiplyAddPeak.VectorBits} bits{(torch is null ? "" : $"; PyTorch {torch}")}");
        Line($"Training with Adam in float32, sequences a second. Batches of 128 x 28 steps of");
        Line($"28 readings; for lstm:32, of 64 x 128 steps of 9. GFLOP/s of the cell's matrix");
        Line($"products; peak: of multiply-adds between registers, in the same run.");
        Line($"");
        Line($"  network    threads  samples/s   GFLOP/s      peak   share{(hasPeer ? "   PyTorch   ratio" : "")}");
        foreach (var s in speeds)
        {
            string peer = s.Ratio is { } ratio
                ? string.Create(CultureInfo.InvariantCulture, $"{s.TorchSamplesPerSecond,10:N0} {ratio,7:0.00}")
                : "";
            Line($"  {s.Cell,-10} {s.Threads,7} {s.SamplesPerSecond,10:N0} {s.Gflops,9:0.0} {s.PeakGflops,9:0.0} {s.Share,7:0 %}{peer}");
        }

        foreach (var pair in speeds.GroupBy(s => s.Cell).Where(pair => pair.Count() == 2))
        {
            var both = pair.OrderBy(s => s.Threads).ToArray();
            Line($"  {pair.Key,-10} two threads train {both[1].SamplesPerSecond / both[0].SamplesPerSecond:0.00} times as fast as one");
        }

        return text.ToString().TrimEnd();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }
}

using System.Diagnostics;
using System.Text.Json;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Numerics;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Cli.Bench;

/// <summary>One network whose training is timed.</summary>
/// <param name="Cell">As in <c>--net</c>.</param>
/// <param name="Gates">Gates of the cell.</param>
/// <param name="Units">Units of the cell.</param>
/// <param name="Inputs">Readings a step.</param>
/// <param name="Steps">Steps of a sequence.</param>
/// <param name="Batch">Sequences a step of the optimizer.</param>
/// <param name="Classes">Units of the head.</param>
public sealed record TrainingWorkload(
    string Cell, int Gates, int Units, int Inputs, int Steps, int Batch, int Classes)
{
    /// <summary>All of them; <c>training-peer.py</c> has the same.</summary>
    public static IReadOnlyList<TrainingWorkload> All { get; } =
    [
        new("lstm:128", 4, 128, 28, 28, 128, 10),
        new("gru:128", 3, 128, 28, 28, 128, 10),
        new("rnn:128", 1, 128, 28, 28, 128, 10),
        new("lstm:32", 4, 32, 9, 128, 64, 6),
    ];

    /// <summary>
    /// Floating-point operations of the cell's products for a sequence: forward and weight gradients of both matrices,
    /// and the gradient of the state (of the inputs nobody needs one).
    /// </summary>
    public double Operations => (double)Steps * (4.0 * Gates * Units * Inputs + 6.0 * Gates * Units * Units);
}

/// <summary>How fast a network trained.</summary>
/// <param name="Cell">The network's cell.</param>
/// <param name="Threads">Threads.</param>
/// <param name="SamplesPerSecond">Sequences a second, of the median epoch.</param>
/// <param name="Gflops">Operations of the cell's products, 10^9 a second.</param>
/// <param name="PeakGflops">What multiply-adds between registers reached in the same run, with as many threads.</param>
/// <param name="Share">Gflops of the peak, 0 to 1.</param>
/// <param name="TorchSamplesPerSecond">PyTorch's, where it was asked for.</param>
/// <param name="Ratio">Times faster than PyTorch.</param>
public sealed record TrainingSpeed(
    string Cell, int Threads, double SamplesPerSecond, double Gflops, double PeakGflops, double Share,
    double? TorchSamplesPerSecond, double? Ratio);

/// <summary>How fast PyTorch trained the same networks.</summary>
/// <param name="Name">Its version, and what it multiplies matrices with.</param>
/// <param name="SamplesPerSecond">By cell and number of threads.</param>
public sealed record TorchSpeed(string Name, IReadOnlyDictionary<(string Cell, int Threads), double> SamplesPerSecond);

/// <summary>Training of the usual networks on made-up data: Adam, float32, no clipping, no validation.</summary>
public static class TrainingBenchmark
{
    private const int Batches = 12;
    private const int UncountedEpochs = 3;
    private const int CountedEpochs = 7;

    /// <summary>Measures one network.</summary>
    public static TrainingSpeed Measure(TrainingWorkload workload, int threads, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(workload);
        // On both sides of the work, so that a slow moment of the machine does not flatter.
        double peak = MultiplyAddPeak.MeasureGflops(threads);
        var network = Network.Parse($"{workload.Cell},dense:{workload.Classes}", workload.Inputs);
        var history = network.Fit(
            Noise(workload),
            new()
            {
                Epochs = UncountedEpochs + CountedEpochs,
                BatchSize = workload.Batch,
                Threads = threads,
                ClipNorm = 0,
                Schedule = new ConstantSchedule(),
            },
            cancellation: cancellation);
        cancellation.ThrowIfCancellationRequested();
        peak = Math.Max(peak, MultiplyAddPeak.MeasureGflops(threads));
        double speed = history.Epochs.Skip(UncountedEpochs).Select(e => e.SamplesPerSecond).Order()
            .ElementAt(CountedEpochs / 2);
        double gflops = speed * workload.Operations * 1e-9;
        return new(
            workload.Cell, threads, Math.Round(speed, 1), Math.Round(gflops, 2), Math.Round(peak, 2),
            Math.Round(gflops / peak, 4), null, null);
    }

    /// <summary>Measures PyTorch with <c>training-peer.py</c>.</summary>
    /// <exception cref="UserException">There is no python3 with a torch that is worth to be measured.</exception>
    public static TorchSpeed MeasureTorch(IEnumerable<int> threads)
    {
        const string missing = "--against torch needs python3 with torch: install it, on Debian with "
            + "apt-get install python3-torch libopenblas0-openmp.";
        try
        {
            // Debian's own interpreter first: another on the path does not see Debian's packages.
            string python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
            using var process = Process.Start(
                new ProcessStartInfo(python, ["-", "--json", .. threads.Select(n => $"{n}")])
                {
                    RedirectStandardInput = true,
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                })!;
            using (var script = typeof(TrainingBenchmark).Assembly.GetManifestResourceStream("training-peer.py")!)
                script.CopyTo(process.StandardInput.BaseStream);
            process.StandardInput.Close();
            var error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                string last = error.Result.Trim().Split('\n')[^1];
                throw new UserException(error.Result switch
                {
                    var text when text.Contains("No module named", StringComparison.Ordinal) => missing,
                    var text when text.Contains("Traceback", StringComparison.Ordinal) => $"PyTorch failed: {last}.",
                    _ => last,
                });
            }

            var result = JsonDocument.Parse(output).RootElement;
            return new(
                $"{result.GetProperty("torch").GetString()} with {result.GetProperty("blas").GetString()}",
                result.GetProperty("models").EnumerateArray().ToDictionary(
                    m => (m.GetProperty("cell").GetString()!, m.GetProperty("threads").GetInt32()),
                    m => m.GetProperty("samples_per_second").GetDouble()));
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new UserException(missing, e);
        }
    }

    private static SequenceDataset Noise(TrainingWorkload workload)
    {
        var random = new Random(1);
        var sequences = new Sequence[Batches * workload.Batch];
        for (int i = 0; i < sequences.Length; i++)
        {
            var values = new float[workload.Steps * workload.Inputs];
            foreach (ref float x in values.AsSpan())
                x = 2 * random.NextSingle() - 1;
            sequences[i] = new(values, workload.Steps, i % workload.Classes);
        }

        return new(
            "noise", [.. Enumerable.Range(0, workload.Inputs).Select(i => $"{i}")],
            [.. Enumerable.Range(0, workload.Classes).Select(i => $"class {i}")], sequences);
    }
}

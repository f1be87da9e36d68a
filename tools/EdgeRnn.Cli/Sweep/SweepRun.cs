using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace EdgeRnn.Cli.Sweep;

/// <summary>
/// One training run of a sweep: a process of this program, so that nothing it does can take the sweep down. Its folder
/// is named after its options and data, so that a sweep that goes on, or a larger one, finds what is done.
/// </summary>
internal sealed class SweepRun
{
    private const int LongestName = 80;
    private readonly string[] _arguments;

    /// <summary>A run, not begun.</summary>
    /// <param name="folder">Where the sweep's runs are.</param>
    /// <param name="point">The choice it belongs to.</param>
    /// <param name="seed">Its seed.</param>
    /// <param name="arguments">Arguments of <c>train</c>, but for seed and output.</param>
    /// <param name="digest">Of the data.</param>
    public SweepRun(
        string folder, IReadOnlyList<(string Name, string Value)> point, int seed, IEnumerable<string> arguments,
            string digest)
    {
        Point = point;
        Seed = seed;
        string[] all = ["train", .. arguments, "--seed", $"{seed}"];
        string name = string.Concat(string.Join('_', point.Select(p => $"{p.Name}-{p.Value}")).Select(
            c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '-'));
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', all.Append(digest))));
        Name = $"{name[..Math.Min(name.Length, LongestName)]}_seed-{seed}_{Convert.ToHexStringLower(hash)[..8]}";
        Folder = Path.Combine(folder, Name);
        _arguments = [.. all, "--out", Folder, "--force", "--json"];
    }

    /// <summary>The choice it belongs to.</summary>
    public IReadOnlyList<(string Name, string Value)> Point { get; }

    /// <summary>Its seed.</summary>
    public int Seed { get; }

    /// <summary>Its network.</summary>
    public required string Net { get; init; }

    /// <summary>Name of its folder.</summary>
    public string Name { get; }

    /// <summary>Its folder.</summary>
    public string Folder { get; }

    /// <summary>Its figures, once it is done.</summary>
    public JsonObject? Result { get; private set; }

    /// <summary>Why it failed, in a sentence; else null.</summary>
    public string? Failure { get; private set; }

    /// <summary>Looks whether it was done before: the figures are the last file that a run writes.</summary>
    public bool IsDone()
    {
        try
        {
            var result = JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, "result.json"))) as JsonObject;
            if (result is null || (string?)result["stopped"] == "cancelled")
                return false;
            Result = result;
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return false;
        }
    }

    /// <summary>Runs it to its end.</summary>
    /// <param name="cancellation">Asks it to stop as Ctrl-C would; it is waited for.</param>
    public async Task RunAsync(CancellationToken cancellation)
    {
        Directory.CreateDirectory(Folder);
        string log = Folder + ".log";
        using var process = Start();
        // A byte asks the run to stop; the end of its input tells it that the sweep is gone.
        await using var stop = cancellation.Register(() => Ask(process));
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        string errors = await process.StandardError.ReadToEndAsync(CancellationToken.None);
        await output;
        await process.WaitForExitAsync(CancellationToken.None);
        await File.WriteAllTextAsync(log, errors, CancellationToken.None);
        if (process.ExitCode == CommandLine.Done && IsDone())
        {
            File.Delete(log);
            return;
        }

        string last = errors.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault() ?? "it said nothing.";
        if (!cancellation.IsCancellationRequested)
            Failure = process.ExitCode is CommandLine.Failed or CommandLine.WrongUsage
                ? last
                : $"It ended with code {process.ExitCode}; what it said is in {log}.";
    }

    private Process Start()
    {
        // What an earlier sweep had to leave in the middle goes on from its checkpoint.
        bool isBegun =
            File.Exists(Path.Combine(Folder, "arguments.json")) && File.Exists(Path.Combine(Folder, "checkpoint.bin"));
        string[] arguments = isBegun ? ["train", "--resume", Folder, "--json"] : _arguments;
        var start = new ProcessStartInfo(Program.Itself[0], [.. Program.Itself.Skip(1), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[Program.StopsByInput] = "1";
        return Process.Start(start) ?? throw new InvalidOperationException("no process was made");
    }

    private static void Ask(Process process)
    {
        try
        {
            process.StandardInput.Write('q');
            process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // It has ended by itself.
        }
    }
}

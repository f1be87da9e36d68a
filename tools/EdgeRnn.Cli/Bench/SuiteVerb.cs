using System.CommandLine;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using Spectre.Console;

namespace EdgeRnn.Cli.Bench;

/// <summary><c>edgernn bench --suite</c>: the options of the six models, and what the verb does with them.</summary>
internal sealed class SuiteVerb
{
    /// <summary>Steps timed when nothing else is asked for.</summary>
    public const int DefaultSteps = 200_000;

    /// <summary>The peer of training.</summary>
    public const string Torch = "torch";

    private const string OnnxRuntime = "onnxruntime";
    private static readonly JsonSerializerOptions Json =
        new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private static readonly JsonSerializerOptions Indented = new(Json)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly Option<bool> _suite =
        new("--suite") { Description = "Time the six models of the suite instead of one of yours." };
    private readonly Option<string> _names = SharedOptions.Named(
        "--only", "NAMES", "Some models of the suite.", "ABCDEF", SuiteModel.Select);

    private readonly Option<string> _against = SharedOptions.Named(
        "--against", "PEER", "What is held against: onnxruntime for the suite, torch for training.", OnnxRuntime,
        name => name is OnnxRuntime or Torch
            ? name
            : throw new UserException($"'{name}' is not a peer; use {OnnxRuntime} or {Torch}."));

    private readonly Option<string?> _writeModels = new("--write-models")
    {
        HelpName = "DIR",
        Description = "Write the suite's models and ONNX graphs to a folder instead of timing them.",
    };

    private readonly Option<string?> _save = new("--save")
    {
        HelpName = "DIR",
        Description = "Keep the result as DIR/<processor>/suite.json (or training.json) and .md.",
    };

    private readonly Option<bool> _force = SharedOptions.Force();

    /// <summary>Adds the suite's options to the verb.</summary>
    public void AddTo(Command bench)
    {
        foreach (var option in new Option[] { _suite, _against, _names, _save, _writeModels, _force })
            bench.Add(option);
    }

    /// <summary>Whether the suite is asked for.</summary>
    public bool IsAsked(ParseResult parsed) => parsed.GetValue(_suite);

    /// <summary>The peer that is asked for.</summary>
    public string PeerOf(ParseResult parsed) => parsed.GetRequiredValue(_against);

    /// <summary>The folder that results are kept in, if any.</summary>
    public string? FolderOf(ParseResult parsed) => parsed.GetValue(_save);

    /// <summary>Runs the suite.</summary>
    /// <returns>The exit code: a failure where scores differ from the peer's.</returns>
    public int Run(ParseResult parsed, Terminal terminal, int steps, CancellationToken cancellation)
    {
        if (parsed.GetValue(_writeModels) is { } folder)
        {
            SuiteBenchmark.WriteModels(folder, parsed.GetValue(_force));
            terminal.Result(new JsonObject { ["models"] = folder }, new Text($"The suite's models are in {folder}."));
            return CommandLine.Done;
        }

        if (PeerOf(parsed) != OnnxRuntime)
            throw new UsageException($"The suite is held against {OnnxRuntime}; {Torch} is for --training.");
        var result = SuiteBenchmark.Run(steps, parsed.GetRequiredValue(_names), terminal.Say, cancellation);
        string table = SuiteTable.Format(result);
        terminal.Result(JsonSerializer.SerializeToNode(result, Json)!.AsObject(), new Text(table));
        if (parsed.GetValue(_save) is { } kept)
            Save(Path.Combine(kept, Processor.Slug), result, table);
        if (!result.Agrees)
            terminal.Say("Scores differ by more than the tolerance; the times compare different networks.");
        return result.Agrees ? CommandLine.Done : CommandLine.Failed;
    }

    // A newer result takes the older one's place: which is better is for the reader of the change to judge.
    private static void Save(string folder, SuiteResult result, string table)
    {
        string json = JsonSerializer.Serialize(result, Indented);
        AtomicFile.Write(Path.Combine(folder, "suite.json"), Encoding.UTF8.GetBytes($"{json}\n"), overwrite: true);
        AtomicFile.Write(
            Path.Combine(folder, "suite.md"), Encoding.UTF8.GetBytes($"```\n{table}\n```\n"), overwrite: true);
    }
}

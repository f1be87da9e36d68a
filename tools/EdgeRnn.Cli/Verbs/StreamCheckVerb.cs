using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn stream-check</c>: the board's own binary against the offline evaluation.</summary>
public static class StreamCheckVerb
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var model = SharedOptions.Model();
        var data = SharedOptions.Data("--data", "The sequences to play.", required: true);
        var count = SharedOptions.Whole("--count", "How many of them, from the first (default: all).", 1, int.MaxValue);
        var host = new Option<string>("--host")
        {
            HelpName = "PROGRAM",
            Description = "The host with what goes before it, split at spaces.",
            DefaultValueFactory = _ => "edgernn-host",
        };
        var predictions = new Option<string?>("--predictions")
        {
            HelpName = "FILE",
            Description = "What evaluate --predictions wrote, to be held against the labels.",
        };
        var node = new Option<string?>("--node")
        {
            HelpName = "ELF",
            Description = "A program for QEMU's mps2-an385 that plays the sequences over its UART.",
        };
        var json = SharedOptions.Json();
        const string Summary = "Stream sequences through edgernn-host over a virtual serial line, and compare every "
            + "label with the offline evaluation.";
        var command = new Command("stream-check", Summary)
        {
            model, data, count, host, predictions, node, json,
        };
        command.SetAction(parsed =>
        {
            string path = parsed.GetRequiredValue(model);
            var sequences = parsed.GetRequiredValue(data)!.Load().AlignedTo(SharedOptions.LoadModel(path));
            var result = StreamCheck.Run(
                path,
                sequences,
                parsed.GetValue(count) ?? int.MaxValue,
                HostCommand(parsed.GetRequiredValue(host)),
                parsed.GetValue(predictions) is { } file ? ReadPredictions(file) : null,
                parsed.GetValue(node));
            var output = parsed.InvocationConfiguration.Output;
            output.WriteLine(parsed.GetValue(json) ? JsonSerializer.Serialize(result, Json) : Describe(result));
            return result.Passed ? 0 : 1;
        });
        return command;
    }

    /// <summary>The words of a host command, or a single file; a managed <c>.dll</c> is run by <c>dotnet</c>.</summary>
    public static IReadOnlyList<string> HostCommand(string text)
    {
        string[] words = File.Exists(text) ? [text] : text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0)
            throw new UserException("--host is empty; name the edgernn-host program.");
        return words[0].EndsWith(".dll", StringComparison.OrdinalIgnoreCase) ? ["dotnet", .. words] : words;
    }

    /// <summary>The column <c>predicted</c>.</summary>
    private static int[] ReadPredictions(string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"Cannot read the predictions '{path}': {e.Message}", e);
        }
        int column = lines.Length == 0 ? -1 : Array.IndexOf(lines[0].Split(','), "predicted");
        if (column < 0)
            throw new UserException($"'{path}' has no column 'predicted'; make it with evaluate --predictions.");
        return [.. lines.Skip(1).Select(line => line.Split(',').ElementAtOrDefault(column)).Select((cell, row) =>
            int.TryParse(cell, CultureInfo.InvariantCulture, out int value)
                ? value
                : throw new UserException($"'{path}', row {row + 1}: 'predicted' is not a number."))];
    }

    private static string Describe(StreamCheckResult result)
    {
        var account = result.Account;
        List<FormattableString> parts =
        [
            $"{result.Matches:N0} of {result.Expected:N0} decisions equal to the bit",
            $"{account.Delivered:N0} of {account.Expected:N0} readings delivered",
            $"{account.Lost:N0} lost, {account.Damaged:N0} damaged",
            $"{account.AllocatedBytes:N0} bytes allocated",
            $"{result.MicrosecondsPerStep:0.00} µs a step",
        ];
        if (result.PredictionMatches is { } matches)
            parts.Add($"{matches:N0} of {result.Sequences:N0} labels as predicted");
        if (result.FirstDifference is { } difference)
            parts.Add($"first difference: {difference}");
        return string.Join("; ", parts.Select(FormattableString.Invariant));
    }
}

using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary>
/// What the folder of a run holds until the run is finished: its arguments, from before data are read, and its
/// checkpoint. Together they are all that <c>train --resume DIR</c> needs.
/// </summary>
internal sealed class UnfinishedRun : IDisposable
{
    // What a run was started with; null when it is resumed.
    private readonly string[]? _words;

    private UnfinishedRun(string folder, string[]? words)
    {
        Folder = folder;
        _words = words;
    }

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>The trainer's file.</summary>
    public string Checkpoint => Path.Combine(Folder, "checkpoint.bin");

    /// <summary>The command that goes on with the run.</summary>
    public string Command => $"edgernn train --resume {Quoted(Folder)}";

    private string Arguments => Path.Combine(Folder, "arguments.json");

    /// <summary>A run that has yet to begin.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="parsed">The arguments of the run.</param>
    /// <param name="threads">The number of threads, which may have been left to the machine.</param>
    /// <param name="force">Whether a run that is there already is given up.</param>
    /// <exception cref="UserException">The folder holds an unfinished run.</exception>
    public static UnfinishedRun New(string folder, ParseResult parsed, Option<int> threads, bool force)
    {
        List<string> words = [.. parsed.Tokens.Where(t => t.Type != TokenType.Command).Select(t => t.Value)];
        // Another machine may have another number, and with that come other bits.
        if (parsed.GetResult(threads) is not { Implicit: false })
            words.AddRange([threads.Name, parsed.GetValue(threads).ToString(CultureInfo.InvariantCulture)]);
        var run = new UnfinishedRun(folder, [.. words]);
        if (!force && File.Exists(run.Arguments))
        {
            throw new UserException(
                $"'{folder}' holds a run that was interrupted; go on with {run.Command}, or use --force to begin " +
                    "anew.");
        }

        return run;
    }

    /// <summary>Finds the run in a folder.</summary>
    /// <exception cref="UserException">There is none that could go on.</exception>
    public static UnfinishedRun Find(string folder)
    {
        var run = new UnfinishedRun(folder, words: null);
        if (!File.Exists(run.Arguments))
        {
            throw new UserException(File.Exists(Path.Combine(folder, "model.ernn"))
                ? $"The run in '{folder}' is finished; there is nothing to resume."
                : $"'{folder}' holds no run to resume; start one with edgernn train --out {Quoted(folder)}.");
        }

        // What was being written when the run was killed.
        foreach (string file in Directory.EnumerateFiles(folder, "*.tmp"))
            File.Delete(file);
        return run;
    }

    /// <summary>Writes the arguments of a new run; one that is resumed has them.</summary>
    /// <returns>This.</returns>
    public UnfinishedRun Begin()
    {
        if (_words is null)
            return this;
        // In this order: at no moment do arguments stand beside the checkpoint of another run.
        File.Delete(Checkpoint);
        AtomicFile.Write(Arguments, JsonSerializer.SerializeToUtf8Bytes(_words), overwrite: true);
        return this;
    }

    /// <summary>The arguments that the run was started with, in the words of <paramref name="command"/>.</summary>
    /// <param name="command">The verb.</param>
    /// <param name="given">What is on the command line now; options there must be those of the run.</param>
    /// <param name="free">Options that may differ.</param>
    /// <exception cref="UserException">They cannot be read, or <paramref name="given"/> has others.</exception>
    public ParseResult Parse(Command command, ParseResult given, params ReadOnlySpan<Option> free)
    {
        string[]? words;
        try
        {
            words = JsonSerializer.Deserialize<string[]>(File.ReadAllBytes(Arguments));
        }
        catch (JsonException e)
        {
            throw new UserException($"'{Arguments}' is damaged; train anew.", e);
        }

        var saved = command.Parse(words ?? []);
        if (saved.Errors.Count > 0)
            throw new UserException($"'{Arguments}' is of another version: {saved.Errors[0].Message}; train anew.");
        foreach (var option in command.Options)
        {
            if (given.GetResult(option) is not { Implicit: false } now || free.Contains(option))
                continue;
            string was = saved.GetResult(option) is { Implicit: false } result ? Text(result)
                : option.HasDefaultValue ? Convert.ToString(option.GetDefaultValue(), CultureInfo.InvariantCulture)!
                : "";
            if (was != Text(now))
            {
                throw new UserException(
                    $"The run in '{Folder}' has {(was == "" ? "no " : "")}{option.Name}{(was == "" ? "" : " ")}{was}, "
                    + $"not {Text(now)}; leave the option out, or train anew with another --out.");
            }
        }

        return saved;
    }

    /// <summary>The model is there: nothing needs to be resumed.</summary>
    public void Finish()
    {
        File.Delete(Arguments);
        File.Delete(Checkpoint);
    }

    /// <summary>A run that came to nothing before its first checkpoint leaves nothing.</summary>
    public void Dispose()
    {
        if (_words is not null && !File.Exists(Checkpoint))
            File.Delete(Arguments);
    }

    private static string Text(OptionResult result) => string.Join(' ', result.Tokens.Select(t => t.Value));

    private static string Quoted(string path) =>
        path.All(c => char.IsAsciiLetterOrDigit(c) || "/._-+=:,@%".Contains(c, StringComparison.Ordinal))
            ? path
            : $"'{path.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}

using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer.Datasets;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace EdgeRnn.Cli;

/// <summary>Where a verb speaks: results on standard output, all else on standard error.</summary>
internal sealed class Terminal
{
    private static readonly JsonSerializerOptions Plain = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
    private readonly TextWriter _output;
    private readonly TextWriter _error;
    private readonly bool _json;

    /// <summary>The terminal of a running command.</summary>
    /// <param name="parsed">What was parsed; knows the writers.</param>
    /// <param name="json">Whether results are one JSON object.</param>
    public Terminal(ParseResult parsed, bool json)
    {
        _json = json;
        _output = parsed.InvocationConfiguration.Output;
        _error = parsed.InvocationConfiguration.Error;
        Output = ConsoleOn(_output);
        Error = ConsoleOn(_error);
    }

    /// <summary>Standard output.</summary>
    public IAnsiConsole Output { get; }

    /// <summary>Standard error.</summary>
    public IAnsiConsole Error { get; }

    /// <summary>Whether somebody watches standard error.</summary>
    public bool IsWatched => Error.Profile.Out.IsTerminal;

    /// <summary>Says something about the work, in a line of its own.</summary>
    public void Say(string line) => _error.WriteLine(line);

    /// <summary>Reads data, and passes on what the user should know of them.</summary>
    public SequenceDataset Load(DataSpec spec)
    {
        var data = spec.Load();
        foreach (string warning in data.Warnings)
            Say($"note: {warning}");
        return data;
    }

    /// <summary>Prints the result: one JSON object, or what <paramref name="views"/> draw.</summary>
    public void Result(JsonObject json, params IEnumerable<IRenderable> views)
    {
        if (_json)
        {
            _output.WriteLine(json.ToJsonString(Plain));
            return;
        }

        foreach (var view in views)
        {
            Output.Write(view);
            if (view is Text)
                Output.WriteLine();
        }
    }

    /// <summary>A list of names and values.</summary>
    public static Grid Facts(params IEnumerable<(string Name, string Value)> facts)
    {
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();
        foreach (var (name, value) in facts)
            grid.AddRow(Markup.Escape(name), Markup.Escape(value));
        return grid;
    }

    private static IAnsiConsole ConsoleOn(TextWriter writer)
    {
        var output = new AnsiConsoleOutput(writer);
        return AnsiConsole.Create(new()
        {
            Out = output,
            Ansi = output.IsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            Interactive = output.IsTerminal ? InteractionSupport.Detect : InteractionSupport.No,
        });
    }
}

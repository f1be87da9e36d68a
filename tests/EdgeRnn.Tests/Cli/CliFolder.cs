using System.Text.Json;
using EdgeRnn.Cli;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>What a command left behind.</summary>
internal sealed record CliResult(int ExitCode, string Output, string Error)
{
    /// <summary>The one JSON object on standard output.</summary>
    public JsonElement Json
    {
        get
        {
            Assert.Equal(1, Output.AsSpan().Count('\n'));
            return JsonDocument.Parse(Output).RootElement;
        }
    }

    /// <summary>Holds the command to having failed with one sentence.</summary>
    public CliResult Fails(int exitCode, params string[] words)
    {
        Assert.Equal("", Output);
        Assert.Equal(exitCode, ExitCode);
        string sentence = Error.TrimEnd('\n');
        Assert.DoesNotContain('\n', sentence);
        Assert.EndsWith(".", sentence, StringComparison.Ordinal);
        Assert.All(words, word => Assert.Contains(word, sentence, StringComparison.Ordinal));
        return this;
    }

    /// <summary>Holds the command to having done its job.</summary>
    public CliResult Works()
    {
        Assert.True(ExitCode == 0, Error);
        return this;
    }
}

/// <summary>Runs commands in this process, with files in a folder of its own.</summary>
internal sealed class CliFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("edgernn-cli-");

    /// <summary>What a training run leaves in its folder "run".</summary>
    public static string[] FilesOfARun { get; } =
    [
        "run", "run/history.csv", "run/model.ernn", "run/options.json", "run/report.html", "run/result.json",
    ];

    /// <summary>A path in the folder.</summary>
    public string this[string name] => Path.Combine(_folder.FullName, name);

    /// <summary>All that is in it, by relative path.</summary>
    public string[] Entries =>
    [
        .. _folder.EnumerateFileSystemInfos("*", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(_folder.FullName, f.FullName))
            .Order(),
    ];

    /// <summary>Runs a command.</summary>
    public static CliResult Run(params string[] args) => Run(CancellationToken.None, args);

    /// <summary>Runs a command that <paramref name="cancellation"/> interrupts as Ctrl-C would.</summary>
    public static CliResult Run(CancellationToken cancellation, params string[] args)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        int exitCode = CommandLine.Run(args, output, error, cancellation);
        return new(exitCode, output.ToString(), error.ToString());
    }

    /// <summary>Trains a small model.</summary>
    public CliResult Train(string name, params string[] more) => Run(
        [
            "train", "--data", "synthetic:motion?count=240", "--net", "lstm:8,dense:6", "--epochs", "2",
            "--threads", "1", "--out", this[name], "--json", .. more,
        ]);

    public void Dispose() => _folder.Delete(recursive: true);
}

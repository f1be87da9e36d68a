using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Reflection;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary>The words of a command line are wrong: the sentence is for the user, and the exit code is 2.</summary>
internal sealed class UsageException(string message, Exception? innerException = null)
    : Exception(message, innerException);

/// <summary>From arguments to an exit code; the only place where errors become sentences.</summary>
internal static class CommandLine
{
    /// <summary>The job is done.</summary>
    public const int Done = 0;

    /// <summary>The job failed; one sentence on standard error says why.</summary>
    public const int Failed = 1;

    /// <summary>The arguments are wrong; one sentence on standard error says how.</summary>
    public const int WrongUsage = 2;

    /// <summary>
    /// Stopped by Ctrl-C: what shells expect of a program ended by SIGINT, so that a script stops as well.
    /// </summary>
    public const int Stopped = 130;

    /// <summary>Version of the tool.</summary>
    public static string Version { get; } = typeof(CommandLine).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    /// <summary>Runs one command.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="output">Where results go.</param>
    /// <param name="error">Where progress and errors go.</param>
    /// <param name="cancellation">Asks the job to stop and keep what it has.</param>
    /// <returns>The exit code.</returns>
    public static int Run(
        IReadOnlyList<string> args, TextWriter output, TextWriter error, CancellationToken cancellation = default)
    {
        try
        {
            var parsed = Create().Parse(args);
            if (parsed.Errors.Count > 0 && parsed.Action is not System.CommandLine.Help.HelpAction)
                throw new UsageException(Sentence(parsed));
            var configuration = new InvocationConfiguration
            {
                Output = output,
                Error = error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            return parsed.InvokeAsync(configuration, cancellation).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            error.WriteLine("Stopped on request; nothing was written.");
            return Stopped;
        }
        catch (Exception e) when (Environment.GetEnvironmentVariable("EDGERNN_TRACE") is null)
        {
            error.WriteLine(Sentence(e));
            return e is UsageException ? WrongUsage : Failed;
        }
    }

    private static RootCommand Create()
    {
        var root = new RootCommand("Trains small recurrent networks on sequences, and puts them on a board.")
        {
            DemoVerb.Create(),
            RecordVerb.Create(),
            ListenVerb.Create(),
            TrainVerb.Create(),
            QuantizeVerb.Create(),
            EvaluateVerb.Create(),
            TuneVerb.Create(),
            ReportVerb.Create(),
            Sweep.SweepVerb.Create(),
            RunVerb.Create(),
            BenchVerb.Create(),
            ImportVerb.Create(),
            ExportVerb.Create(),
            CompareVerb.Create(),
            InspectVerb.Create(),
            KeygenVerb.Create(),
            SignVerb.Create(),
            StreamCheckVerb.Create(),
        };
        root.Options.OfType<VersionOption>().Single().Action = new PrintVersion();
        return root;
    }

    private static string Sentence(ParseResult parsed)
    {
        var words = new List<string>();
        for (var command = parsed.CommandResult; command is not null; command = command.Parent as CommandResult)
            words.Insert(0, command.Command is RootCommand ? "edgernn" : command.Command.Name);
        // A misspelt verb counts as a missing one too, and comes second.
        string message = parsed.Errors.Select(e => e.Message)
            .FirstOrDefault(m => m.StartsWith("Unrecognized", StringComparison.Ordinal))
            ?? parsed.Errors[0].Message;
        return $"{message.TrimEnd('.')}; see {string.Join(' ', words)} --help.";
    }

    private static string Sentence(Exception e) => e switch
    {
        UserException or UsageException => e.Message,
        PlatformNotSupportedException => e.Message, // the environment names a kernel that does not run here
        InvalidDataException or IOException or UnauthorizedAccessException => e.Message,
        OutOfMemoryException => "There is not enough memory; use less data, a smaller batch or a smaller network.",
        _ => $"This should not happen: {e.GetType().Name}: {e.Message} (set EDGERNN_TRACE=1 to see where).",
    };

    private sealed class PrintVersion : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            parseResult.InvocationConfiguration.Output.WriteLine(
                $"edgernn {Version}, model format {RnnModel.CurrentFormatVersion}, "
                + $"numeric version {RnnModel.CurrentNumericVersion}");
            return Done;
        }
    }
}

using System.Runtime.InteropServices;

namespace EdgeRnn.Cli;

/// <summary>The program: arguments in, exit code out, signals and a parent's wishes heard.</summary>
internal static class Program
{
    /// <summary>
    /// Environment variable by which a sweep asks its runs to watch their standard input: a byte is Ctrl-C, and its end
    /// means that the sweep is gone, however it went, so that no run is left behind.
    /// </summary>
    public const string StopsByInput = "EDGERNN_STOPS_BY_INPUT";

    /// <summary>This program, to be started once more: a command and its first arguments.</summary>
    public static IReadOnlyList<string> Itself
    {
        get
        {
            string? started = Environment.ProcessPath;
            string own = typeof(Program).Assembly.Location;
            if (started is not null && Path.GetFileNameWithoutExtension(started) == "edgernn")
                return [started];
            bool byDotnet = started is not null && Path.GetFileNameWithoutExtension(started) == "dotnet";
            return [byDotnet ? started! : "dotnet", own];
        }
    }

    private static int Main(string[] args)
    {
        using var stop = new CancellationTokenSource();

        // The first request ends the job at its next safe point; a second one, should that take too long, ends the
        // process.
        void Stop(PosixSignalContext context)
        {
            context.Cancel = !stop.IsCancellationRequested;
            stop.Cancel();
        }

        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        if (Environment.GetEnvironmentVariable(StopsByInput) is not null)
            new Thread(() => Watch(stop)) { IsBackground = true }.Start();
        return CommandLine.Run(args, Console.Out, Console.Error, stop.Token);
    }

    private static void Watch(CancellationTokenSource stop)
    {
        using var input = Console.OpenStandardInput();
        while (input.ReadByte() >= 0)
            stop.Cancel();
        Environment.Exit(CommandLine.Stopped);
    }
}

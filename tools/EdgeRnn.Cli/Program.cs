using System.Runtime.InteropServices;
using EdgeRnn.Cli;

using var stop = new CancellationTokenSource();

// The first request ends the job at its next safe point; a second one, should that take too long, ends the process.
void Stop(PosixSignalContext context)
{
    context.Cancel = !stop.IsCancellationRequested;
    stop.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
return CommandLine.Run(args, Console.Out, Console.Error, stop.Token);

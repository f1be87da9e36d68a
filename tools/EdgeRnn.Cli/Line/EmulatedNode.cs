using System.Diagnostics;
using System.Text.RegularExpressions;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary>
/// A microcontroller in QEMU: an Arm MPS2 board with a Cortex-M3 (mps2-an385), its UART 0 on a pseudo-terminal. It
/// waits before its first instruction until <see cref="Run"/>, as the emulator throws away what the UART sends to a
/// terminal that nobody has opened.
/// </summary>
internal sealed partial class EmulatedNode : VirtualLine
{
    private const string Emulator = "qemu-system-arm";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Process _process;

    /// <summary>Starts the emulator.</summary>
    /// <param name="firmware">The program, an ELF file.</param>
    /// <exception cref="UserException">It cannot be started.</exception>
    public EmulatedNode(string firmware)
    {
        if (!File.Exists(firmware))
            throw new UserException($"There is no firmware '{firmware}'; tools/node-check makes it.");
        string[] arguments =
        [
            "-M", "mps2-an385", "-kernel", firmware, "-S", "-display", "none", "-serial", "pty", "-monitor", "stdio",
        ];
        try
        {
            _process = Process.Start(new ProcessStartInfo(Emulator, arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            }) ?? throw new InvalidOperationException("no process was made");
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            throw new UserException($"{Emulator} cannot be started: {e.Message}; install {Emulator}.", e);
        }
        PortName = ReadPortName();
        _ = _process.StandardOutput.BaseStream.CopyToAsync(Stream.Null); // the monitor's prompts
    }

    public override string PortName { get; }

    public override void Send(ReadOnlySpan<byte> bytes, CancellationToken hostIsGone) =>
        throw new NotSupportedException("Only the firmware sends over its line.");

    /// <summary>Lets the microcontroller run, once the host has opened the terminal.</summary>
    public void Run(HostProcess host)
    {
        var waiting = Stopwatch.StartNew();
        while (!host.HasOpened(PortName))
        {
            if (host.Gone.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(10)) || waiting.Elapsed > Patience)
                return; // what the host says of it, WaitForEnd reports
        }
        _process.StandardInput.WriteLine("cont");
        _process.StandardInput.Flush();
    }

    protected override void Dispose(bool disposing)
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    // "char device redirected to /dev/pts/3 (label serial0)"
    private string ReadPortName()
    {
        while (_process.StandardOutput.ReadLine() is { } line)
        {
            if (Redirected().Match(line) is { Success: true } match)
                return match.Groups[1].Value;
        }
        throw new UserException($"{Emulator} did not open a pseudo-terminal; see what it wrote on standard error.");
    }

    [GeneratedRegex("redirected to (/dev/[^ ]+)")]
    private static partial Regex Redirected();
}

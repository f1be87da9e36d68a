using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using EdgeRnn.Cli;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>What systemd hears of a host.</summary>
public sealed partial class NotifierTests : IDisposable
{
    private const int Terminate = 15;
    private const int Pause = 19; // SIGSTOP
    private const int Continue = 18;
    private const int WatchdogMs = 600;

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"edgernn-{Guid.NewGuid():n}.sock");
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly ModelFile _model = new(RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 1));

    public void Dispose()
    {
        _socket.Dispose();
        File.Delete(_path);
        _model.Dispose();
    }

    [Fact]
    public void The_loop_alone_feeds_the_watchdog_and_a_stopped_process_does_not()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "systemd is Linux's");
        _socket.Bind(new UnixDomainSocketEndPoint(_path));
        using var line = VirtualLine.Open();
        using var host = Start(line);
        Assert.Equal("READY=1\n", Receive(10_000));

        // Idle: fed in time, with a status at first.
        Assert.StartsWith("WATCHDOG=1\nSTATUS=0 readings", Receive(WatchdogMs), StringComparison.Ordinal);
        for (int i = 0; i < 5; i++)
            Assert.StartsWith("WATCHDOG=1\n", Receive(WatchdogMs), StringComparison.Ordinal);

        // Stopped for longer than the watchdog waits, while a sensor goes on: systemd would hear nothing.
        var encoder = new FrameEncoder(Descriptor.ForModel(_model.Model));
        line.Send(encoder.EncodeDescriptor(0), TestContext.Current.CancellationToken);
        Assert.Equal(0, Kill(host.Id, Pause));
        while (Receive(100) is not null)
        {
        }
        for (uint i = 0; i < 50; i++)
            line.Send(encoder.EncodeData([1, 2], i), TestContext.Current.CancellationToken);
        Assert.Null(Receive(2 * WatchdogMs));

        // It goes on where it was, and nothing is missing.
        Assert.Equal(0, Kill(host.Id, Continue));
        Assert.NotNull(Receive(10_000));
        for (int i = 0; i < 50; i++)
            Assert.NotNull(host.StandardOutput.ReadLine());

        var clock = Stopwatch.StartNew();
        Assert.Equal(0, Kill(host.Id, Terminate));
        string account = host.StandardError.ReadToEnd();
        host.WaitForExit();
        Assert.True(clock.ElapsedMilliseconds < 500, $"{clock.ElapsedMilliseconds} ms to stop");
        Assert.Contains("\"expected\":50,\"delivered\":50,\"lost\":0", account);
        string? last = null;
        while (Receive(100) is { } message)
            last = message;
        Assert.Equal("STOPPING=1\n", last);
    }

    private Process Start(VirtualLine line)
    {
        var start = new ProcessStartInfo(HostRun.Command[0])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] arguments = [.. HostRun.Command.Skip(1), "--model", _model.Name, "--port", line.PortName];
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["NOTIFY_SOCKET"] = _path;
        start.Environment["WATCHDOG_USEC"] = $"{WatchdogMs * 1000}";
        return Process.Start(start)!;
    }

    /// <summary>The next message, or null when none comes in time.</summary>
    private string? Receive(int timeoutMs)
    {
        byte[] buffer = new byte[1024];
        return _socket.Poll(timeoutMs * 1000, SelectMode.SelectRead)
            ? Encoding.UTF8.GetString(buffer, 0, _socket.Receive(buffer))
            : null;
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}

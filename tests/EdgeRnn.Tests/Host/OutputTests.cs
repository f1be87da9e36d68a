using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using EdgeRnn.Cli;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>What leaves the host, and what comes in other than from a serial port.</summary>
public sealed partial class OutputTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("edgernn-output-");
    private readonly ModelFile _file = new(RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 1) with
    {
        Labels = ["a,b", "say \"c\""],
    });

    public void Dispose()
    {
        _file.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void A_reader_that_sleeps_costs_decisions_and_never_readings()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "pseudo-terminals are Linux's");
        const int Readings = 20_000; // some megabytes of lines, for a pipe and a queue of a third of one
        using var line = VirtualLine.Open();
        using var process = HostRun.Start("--model", _file.Name, "--port", line.PortName, "--exit-at-end");
        line.Send(Frames(Readings), TestContext.Current.CancellationToken); // returns when the host has read nearly all
        string errors = process.StandardError.ReadToEnd(); // the host ends though nobody has read a line
        string[] lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        var account = JsonDocument.Parse(errors).RootElement;
        Assert.Equal(Readings, account.GetProperty("delivered").GetInt32());
        Assert.Equal(Readings, account.GetProperty("decisions").GetInt32());
        int dropped = account.GetProperty("dropped_output").GetInt32();
        Assert.True(dropped > 0);
        Assert.Equal(Readings, lines.Length + dropped);
        // Whole lines, in order.
        var indices = lines.Select(l => JsonDocument.Parse(l).RootElement.GetProperty("index").GetInt32()).ToArray();
        Assert.Equal(indices.Order(), indices);
    }

    [Fact]
    public void A_closed_reader_stops_a_host_that_must_not_drop_and_no_other()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "pseudo-terminals are Linux's");
        foreach (string rule in new[] { "drop", "block" })
        {
            using var line = VirtualLine.Open();
            using var process = HostRun.Start(
                "--model", _file.Name, "--port", line.PortName, "--exit-at-end", "--on-output-full", rule);
            process.StandardOutput.Close();
            using var gone = new CancellationTokenSource();
            process.Exited += (_, _) => gone.Cancel();
            process.EnableRaisingEvents = true;
            try
            {
                line.Send(Frames(5000), gone.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Equal("block", rule);
            }
            string[] errors = process.StandardError.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
            process.WaitForExit();
            Assert.StartsWith("nobody reads standard output any more", errors[0], StringComparison.Ordinal);
            Assert.Equal(2, errors.Length);
            var account = JsonDocument.Parse(errors[1]).RootElement;
            Assert.Equal(rule == "drop" ? 0 : 1, process.ExitCode);
            if (rule == "drop")
                Assert.Equal((5000, 5000), (
                    account.GetProperty("delivered").GetInt32(), account.GetProperty("dropped_output").GetInt32()));
        }
    }

    [Fact]
    public void A_host_whose_reader_sleeps_stops_when_asked_to()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "pseudo-terminals are Linux's");
        using var line = VirtualLine.Open();
        using var process = HostRun.Start(
            "--model", _file.Name, "--port", line.PortName, "--on-output-full", "block");
        line.Send(Frames(10), TestContext.Current.CancellationToken);
        Assert.NotNull(process.StandardOutput.ReadLine());
        // More than pipe and queue hold: the host now waits for its reader.
        using var full = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        Assert.Throws<OperationCanceledException>(() => line.Send(Frames(100_000), full.Token));
        long asked = Stopwatch.GetTimestamp();
        _ = Kill(process.Id, 15);
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.InRange(Stopwatch.GetElapsedTime(asked).TotalMilliseconds, 0, 2000);
        Assert.Contains("{\"final\":true", errors, StringComparison.Ordinal);
        process.StandardOutput.ReadToEnd();
    }

    [Fact]
    public async Task A_stopped_host_goes_on_where_the_line_was()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "signals are Linux's");
        using var line = VirtualLine.Open();
        using var process = HostRun.Start(
            "--model", _file.Name, "--port", line.PortName, "--exit-at-end", "--on-output-full", "block");
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        byte[] frames = Frames(2000);
        line.Send(frames.AsSpan(0, frames.Length / 2), TestContext.Current.CancellationToken);
        _ = Kill(process.Id, 19); // SIGSTOP
        var sending = Task.Run(
            () => line.Send(frames.AsSpan(frames.Length / 2), TestContext.Current.CancellationToken),
            TestContext.Current.CancellationToken);
        await Task.Delay(500, TestContext.Current.CancellationToken);
        _ = Kill(process.Id, 18); // SIGCONT
        await sending;
        var account = JsonDocument.Parse(process.StandardError.ReadToEnd()).RootElement;
        Assert.Equal((2000, 2000), (
            account.GetProperty("expected").GetInt32(), account.GetProperty("delivered").GetInt32()));
        Assert.Equal(2000, (await output).Count(c => c == '\n'));
    }

    [Fact]
    public void Csv_has_a_header_and_quotes_what_must_be()
    {
        var run = HostRun.Of(Frames(3), "--model", _file.Name, "--port", "-", "--output", "csv");
        Assert.Equal("index,step,sequence,label,class,score,device_us,host_us,bridged,event", run.Output[0]);
        Assert.Equal(4, run.Output.Length);
        Assert.Matches("^0,0,0,(\"a,b\",0|\"say \"\"c\"\"\",1),0\\.\\d+,0,\\d+,0,1$", run.Output[1]);
        Assert.Matches("^2,2,2,.*,2000,\\d+,0,[01]$", run.Output[3]);
    }

    [Fact]
    public void The_plotter_gets_a_curve_for_each_class()
    {
        var run = HostRun.Of(Frames(3), "--model", _file.Name, "--port", "-", "--output", "plotter");
        Assert.All(run.Output, line => Assert.Matches("^a_b:0\\.\\d+,say_\"c\":0\\.\\d+$", line));
        Assert.Equal(3, run.Output.Length);
    }

    [Fact]
    public void Events_are_the_changes_alone()
    {
        string[] every = HostRun.Of(Frames(300), "--model", _file.Name, "--port", "-", "--decide", "average=3").Output;
        string[] events = HostRun.Of(
            Frames(300), "--model", _file.Name, "--port", "-", "--decide", "average=3", "--report", "events").Output;
        Assert.Equal(
            every.Where(l => l.EndsWith("true}", StringComparison.Ordinal)).Select(Timeless), events.Select(Timeless));
        Assert.InRange(events.Length, 1, 299);
    }

    [Fact]
    public void A_capture_plays_back_to_the_same_decisions()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "captures are written on Linux");
        string capture = Path.Combine(_folder.FullName, "line.capture");
        var live = HostRun.Of(Frames(500), "--model", _file.Name, "--port", "-", "--capture", capture);
        var played = HostRun.Of([], "--model", _file.Name, "--replay", capture, "--speed", "max");
        Assert.Equal(0, played.ExitCode);
        Assert.Equal(500, played.Output.Length);
        Assert.Equal(live.Output.Select(Timeless), played.Output.Select(Timeless));

        var refused = HostRun.Of([], "--model", _file.Name, "--replay", _file.Name);
        Assert.Equal($"{_file.Name} is no capture; name a file that edgernn-host --capture wrote", refused.Errors[0]);
        // Cut anywhere, a capture is what it still holds.
        byte[] bytes = File.ReadAllBytes(capture);
        File.WriteAllBytes(capture, bytes[..(bytes.Length * 2 / 3)]);
        played = HostRun.Of([], "--model", _file.Name, "--replay", capture, "--speed", "max");
        Assert.Equal(0, played.ExitCode);
        Assert.InRange(played.Output.Length, 1, 499);
    }

    [Fact]
    public void A_line_over_the_network_is_read_and_called_again()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the host calls on Linux");
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using var process = HostRun.Start("--model", _file.Name, "--port", $"tcp:127.0.0.1:{port}", "--exit-at-end");
        using (var first = listener.AcceptTcpClient())
        {
            first.GetStream().Write(Frames(100).AsSpan(0, 2000));
            Assert.Contains("\"sequence\":0,", process.StandardOutput.ReadLine(), StringComparison.Ordinal);
        }
        Assert.StartsWith($"tcp:127.0.0.1:{port} is gone", process.StandardError.ReadLine(), StringComparison.Ordinal);
        using var second = listener.AcceptTcpClient();
        second.GetStream().Write(Frames(100, stream: 2));
        string[] errors = process.StandardError.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal($"tcp:127.0.0.1:{port} is back", errors[0]);
        var account = JsonDocument.Parse(errors[1]).RootElement;
        Assert.Equal(
            (1, 1), (account.GetProperty("reconnects").GetInt32(), account.GetProperty("restarts").GetInt32()));
        Assert.True(account.GetProperty("delivered").GetInt32() > 100);
    }

    private static string Timeless(string line) => HostUs().Replace(line, "");

    private byte[] Frames(int count, ushort stream = 1)
    {
        var encoder = new FrameEncoder(Descriptor.ForModel(_file.Model), stream);
        float[] readings = RandomModels.Readings(6, _file.Model, count);
        using var bytes = new MemoryStream();
        bytes.Write(encoder.EncodeDescriptor(0));
        for (int i = 0; i < count; i++)
            bytes.Write(encoder.EncodeData(readings.AsSpan(2 * i, 2), (uint)i * 1000));
        bytes.Write(encoder.EncodeEnd(0));
        return bytes.ToArray();
    }

    [System.Text.RegularExpressions.GeneratedRegex("\"host_us\":\\d+")]
    private static partial System.Text.RegularExpressions.Regex HostUs();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}

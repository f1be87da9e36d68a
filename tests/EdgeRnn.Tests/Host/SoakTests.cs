using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using EdgeRnn.Cli;
using EdgeRnn.Format;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>
/// The host at work for a while, at a steady rate and as fast as the line goes. tools/soak makes it long, on the native
/// host, with a model of the suite; then the limits hold, too.
/// </summary>
public sealed class SoakTests : IDisposable
{
    private static readonly double Seconds = Number("EDGERNN_SOAK_SECONDS", 2);
    private static readonly int Rate = (int)Number("EDGERNN_SOAK_RATE", 1000);
    private static readonly long Frames = (long)Number("EDGERNN_SOAK_FRAMES", 20_000);
    private static readonly bool IsLong = Environment.GetEnvironmentVariable("EDGERNN_SOAK_SECONDS") is not null;

    private readonly ModelFile _file = new(
        Environment.GetEnvironmentVariable("EDGERNN_SOAK_MODEL") is { Length: > 0 } path
        && ModelReader.TryLoad(path, out var model, out _)
            ? model
            : RandomModels.Create(3, Precision.Int8, 3, "gru:8,dense:3", 1));

    private readonly VirtualLine _line = VirtualLine.Open();
    private readonly FrameEncoder _encoder;
    private readonly float[] _readings;

    public SoakTests()
    {
        _encoder = new(Descriptor.ForModel(_file.Model));
        _readings = RandomModels.Readings(5, _file.Model, 1000);
    }

    public void Dispose()
    {
        _line.Dispose();
        _file.Dispose();
    }

    [Fact]
    public async Task At_a_steady_rate_nothing_grows_and_nothing_is_missing()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "pseudo-terminals are Linux's");
        int port = FreePort();
        using var process = HostRun.Start(
            "--model", _file.Name, "--port", _line.PortName, "--exit-at-end", "--metrics", $"{port}");
        long count = (long)(Seconds * Rate);
        long[] sent = new long[count];
        var latencies = new List<double>((int)count);
        var reader = Task.Factory.StartNew(() => ReadLabels(process, sent, latencies), TaskCreationOptions.LongRunning);
        using var http = new HttpClient();
        List<Look> looks = [];
        Send(_encoder.EncodeDescriptor(0));
        await Listening(http, port);
        long due = Stopwatch.GetTimestamp();
        for (long i = 0; i < count; i++)
        {
            while (Stopwatch.GetTimestamp() < due)
                Thread.Sleep(1);
            // What this machine was late by is not made up for at once: that would be another test.
            due = Math.Max(due, Stopwatch.GetTimestamp() - Stopwatch.Frequency / 50) + Stopwatch.Frequency / Rate;
            byte[] frame = _encoder.EncodeData(Reading(i), (uint)i).ToArray();
            Volatile.Write(ref sent[i], Stopwatch.GetTimestamp());
            Send(frame);
            if (i % (5 * Rate) == 5 * Rate - 1)
                Send(_encoder.EncodeDescriptor((uint)i));
            if (i % Rate == Rate / 2) // a scrape a second
                looks.Add(await Look.At(process, http, port));
        }
        Send(_encoder.EncodeEnd(0));
        await reader;
        string[] errors = (await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var account = JsonDocument.Parse(errors[^1]).RootElement;

        latencies.Sort();
        TestContext.Current.SendDiagnosticMessage(
            "{0:N0} frames at {1:N0} a second: label after {2:0.000} ms (median), {3:0.000} ms (p99), {4:0.0} ms " +
                "(longest); resident "
            + "{5:N0} to {6:N0} kB, {7} to {8} descriptors; {9}",
            count, Rate, latencies[latencies.Count / 2], latencies[latencies.Count * 99 / 100], latencies[^1],
            looks[0].ResidentKb, looks[^1].ResidentKb, looks[0].Descriptors, looks[^1].Descriptors, account);
        Assert.Equal((count, count, 0, 0), (
            account.GetProperty("expected").GetInt64(), account.GetProperty("delivered").GetInt64(),
            account.GetProperty("noise").GetInt64(), account.GetProperty("dropped_output").GetInt64()));
        Assert.Equal(count, latencies.Count);
        if (!HostRun.IsNative)
            return;
        Assert.Equal(0, account.GetProperty("allocated_bytes").GetInt64());
        Assert.Equal(0, account.GetProperty("collections").GetInt64());
        var warm = looks[Math.Min(1, looks.Count - 1)];
        Assert.All(looks.Skip(1), look => Assert.Equal(warm.AllocatedBytes, look.AllocatedBytes));
        // One more may be the connection of the scrape, which the host has not closed yet.
        Assert.All(looks.Skip(1), look => Assert.InRange(look.Descriptors, 0, warm.Descriptors + 1));
        Assert.All(looks.Skip(1), look => Assert.InRange(look.ResidentKb, 0, warm.ResidentKb + 256));
    }

    [Fact]
    public async Task As_fast_as_the_line_goes_every_frame_is_decided()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "pseudo-terminals are Linux's");
        using var process = HostRun.Start(
            "--model", _file.Name, "--port", _line.PortName, "--exit-at-end", "--report", "events", "--decide",
                "threshold=0");
        var events = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
        byte[] many = new byte[28 * 1024];
        long begun = Stopwatch.GetTimestamp();
        Send(_encoder.EncodeDescriptor(0));
        int length = 0;
        for (long i = 0; i < Frames; i++)
        {
            var frame = _encoder.EncodeData(Reading(i), (uint)i);
            if (frame.Length > many.Length - length)
            {
                Send(many.AsSpan(0, length));
                length = 0;
            }
            frame.CopyTo(many.AsSpan(length));
            length += frame.Length;
        }
        Send(many.AsSpan(0, length));
        double seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        await Task.Delay(100, TestContext.Current.CancellationToken); // for what the line still holds
        process.Refresh();
        double cpu = process.TotalProcessorTime.TotalSeconds;
        Send(_encoder.EncodeEnd(0));
        string[] errors = (await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        await events;
        var account = JsonDocument.Parse(errors[^1]).RootElement;
        TestContext.Current.SendDiagnosticMessage(
            "{0:N0} frames in {1:0.0} s: {2:N0} a second over the line, {3:N0} a second of the host's processor " +
                "time; {4}",
            Frames, seconds, Frames / seconds, Frames / cpu, account);
        Assert.Equal((Frames, Frames), (
            account.GetProperty("expected").GetInt64(), account.GetProperty("delivered").GetInt64()));
        if (HostRun.IsNative)
            Assert.Equal(0, account.GetProperty("allocated_bytes").GetInt64());
        if (IsLong)
            Assert.InRange(Frames / cpu, 200_000, double.MaxValue);
    }

    [Fact]
    public void An_open_port_on_which_nothing_comes_costs_nothing()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "pseudo-terminals are Linux's");
        using var process =
            HostRun.Start("--model", _file.Name, "--port", _line.PortName, "--metrics", $"{FreePort()}");
        Send(_encoder.EncodeDescriptor(0));
        for (int i = 0; i < Math.Max(1, _file.Model.Window); i++)
            Send(_encoder.EncodeData(Reading(i), 0));
        Assert.NotNull(process.StandardOutput.ReadLine());
        Thread.Sleep(HostRun.IsNative ? 100 : 1000); // the compiler of a host that is not native works on for a while
        process.Refresh();
        var before = process.TotalProcessorTime;
        double seconds = Math.Clamp(Seconds, 1, 30);
        Thread.Sleep(TimeSpan.FromSeconds(seconds));
        process.Refresh();
        double share = (process.TotalProcessorTime - before).TotalSeconds / seconds;
        process.Kill();
        TestContext.Current.SendDiagnosticMessage("idle on an open port: {0:0.000} % of a core", 100 * share);
        if (HostRun.IsNative)
            Assert.InRange(share, 0, 0.001);
    }

    [Fact]
    public void A_hundred_restarts_of_the_sender_are_told_apart()
    {
        using var bytes = new MemoryStream();
        for (int session = 0; session <= 100; session++)
        {
            // Half of them have no number of their own, and are known by their counting anew.
            var encoder = new FrameEncoder(Descriptor.ForModel(_file.Model), (ushort)(session < 50 ? session : 50));
            bytes.Write(encoder.EncodeDescriptor(0));
            for (int i = 0; i < 50; i++)
                bytes.Write(encoder.EncodeData(Reading(i), 0));
        }
        var run = HostRun.Of(bytes.ToArray(), "--model", _file.Name, "--port", "-");
        var account = JsonDocument.Parse(run.Errors[^1]).RootElement;
        Assert.Equal((100, 5050, 5050), (
            account.GetProperty("restarts").GetInt32(), account.GetProperty("expected").GetInt32(),
            account.GetProperty("delivered").GetInt32()));
    }

    private ReadOnlySpan<float> Reading(long i) =>
        _readings.AsSpan((int)(i % 1000) * _file.Model.InputSize, _file.Model.InputSize);

    private void Send(ReadOnlySpan<byte> bytes) => _line.Send(bytes, TestContext.Current.CancellationToken);

    private static void ReadLabels(Process process, long[] sent, List<double> latencies)
    {
        while (process.StandardOutput.ReadLine() is { } line)
        {
            long now = Stopwatch.GetTimestamp();
            int start = line.IndexOf("\"sequence\":", StringComparison.Ordinal) + 11;
            int end = line.IndexOf(',', start);
            long sequence = long.Parse(line.AsSpan(start, end - start), CultureInfo.InvariantCulture);
            latencies.Add(Stopwatch.GetElapsedTime(Volatile.Read(ref sent[sequence]), now).TotalMilliseconds);
        }
    }

    /// <summary>Waits until the host has started.</summary>
    private static async Task Listening(HttpClient http, int port)
    {
        while (true)
        {
            try
            {
                await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/"), TestContext.Current.CancellationToken);
                return;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(10, TestContext.Current.CancellationToken);
            }
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static double Number(string name, double otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text
            ? double.Parse(text, CultureInfo.InvariantCulture)
            : otherwise;

    private sealed record Look(long AllocatedBytes, long ResidentKb, int Descriptors)
    {
        public static async Task<Look> At(Process process, HttpClient http, int port)
        {
            string metrics = await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/metrics"));
            string status = await File.ReadAllTextAsync($"/proc/{process.Id}/status");
            return new(
                After(metrics, "\nedgernn_allocated_bytes_total "), After(status, "\nVmRSS:"),
                Directory.GetFiles($"/proc/{process.Id}/fd").Length);
        }

        private static long After(string text, string name)
        {
            var rest = text.AsSpan(text.IndexOf(name, StringComparison.Ordinal) + name.Length).TrimStart();
            return long.Parse(rest[..rest.IndexOfAny(" \n")], CultureInfo.InvariantCulture);
        }
    }
}

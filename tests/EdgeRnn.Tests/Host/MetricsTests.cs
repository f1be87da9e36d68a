using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using EdgeRnn.Cli;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>The host seen from outside, while it works.</summary>
public sealed class MetricsTests : IDisposable
{
    private readonly ModelFile _file = new(RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 1) with
    {
        Labels = ["quote \"", "back \\ slash"],
    });

    public void Dispose() => _file.Dispose();

    [Fact]
    public async Task Counters_are_served_while_the_line_goes_on()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "pseudo-terminals are Linux's");
        int port = FreePort();
        using var line = VirtualLine.Open();
        using var process = HostRun.Start(
            "--model", _file.Name, "--port", line.PortName, "--exit-at-end", "--metrics", $"{port}");
        var cancel = TestContext.Current.CancellationToken;
        var encoder = new FrameEncoder(Descriptor.ForModel(_file.Model));
        line.Send(encoder.EncodeDescriptor(0), cancel);
        for (int i = 0; i < 100; i++)
        {
            byte[] frame = encoder.EncodeData([i, -i], (uint)i).ToArray();
            if (i is not (50 or 51))
                line.Send(frame, cancel);
        }
        for (int i = 0; i < 98; i++)
        {
            if (await process.StandardOutput.ReadLineAsync(cancel) is null)
                Assert.Fail(await process.StandardError.ReadToEndAsync(cancel));
        }

        // One that says nothing keeps nobody waiting for long, and many in a row are served.
        using var silent = new TcpClient();
        await silent.ConnectAsync(IPAddress.Loopback, port, cancel);
        using var http = new HttpClient();
        string text = "";
        for (int i = 0; i < 20; i++)
            text = await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/metrics"), cancel);
        var found = Parse(text);
        Assert.Equal((100, 98, 2), (
            found["edgernn_readings_expected_total"], found["edgernn_readings_total{outcome=\"delivered\"}"],
            found["edgernn_readings_total{outcome=\"lost\"}"]));
        Assert.Equal(98, found["edgernn_steps_total"]);
        Assert.Equal(1, found["edgernn_state_resets_total"]);
        Assert.Equal(98, found["edgernn_decisions_total{label=\"quote \\\"\"}"]
            + found["edgernn_decisions_total{label=\"back \\\\ slash\"}"]);
        Assert.Equal(98, found["edgernn_step_seconds_count"]);
        Assert.Equal(98, found["edgernn_step_seconds_bucket{le=\"+Inf\"}"]);
        Assert.InRange(found["edgernn_step_seconds_sum"], 1e-9, 60);
        Assert.Equal(98, found["edgernn_output_queue_seconds_count"]);
        Assert.True(found["edgernn_uptime_seconds"] > 0);
        uint checksum = BitConverter.ToUInt32(File.ReadAllBytes(_file.Name).AsSpan()[^4..]);
        Assert.Equal(1, found[$"edgernn_model_info{{crc32c=\"{checksum:x8}\"}}"]);
        var buckets = text.Split('\n').Where(l => l.StartsWith("edgernn_step_seconds_bucket", StringComparison.Ordinal))
            .Select(l => double.Parse(l[(l.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture)).ToArray();
        Assert.Equal(buckets.Order(), buckets);

        using var missing = await http.GetAsync(new Uri($"http://127.0.0.1:{port}/favicon.ico"), cancel);
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        line.Send(encoder.EncodeEnd(0), cancel);
        var account = JsonDocument.Parse((await process.StandardError.ReadToEndAsync(cancel)).Trim()).RootElement;
        Assert.Equal(98, account.GetProperty("delivered").GetInt32());
        if (HostRun.IsNative)
            Assert.Equal(0, account.GetProperty("allocated_bytes").GetInt64());
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("127.0.0.1:99999")]
    public void An_address_that_is_none_is_named(string where)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the host serves on Linux");
        var run = HostRun.Of([], "--model", _file.Name, "--port", "-", "--metrics", where);
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith($"--metrics {where} is no address and port", run.Errors[0], StringComparison.Ordinal);
    }

    /// <summary>
    /// Samples by name and labels; fails unless every line is a sample or a type that comes before its samples.
    /// </summary>
    private static Dictionary<string, double> Parse(string text)
    {
        Dictionary<string, double> found = [];
        HashSet<string> types = [];
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                Assert.True(types.Add(line.Split(' ')[2]), line);
                continue;
            }
            int space = line.LastIndexOf(' ');
            string name = line[..line.IndexOfAny(['{', ' '])];
            Assert.Contains(types, type => name == type || name.StartsWith(type + "_", StringComparison.Ordinal));
            found.Add(line[..space], double.Parse(line[(space + 1)..], CultureInfo.InvariantCulture));
        }
        return found;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

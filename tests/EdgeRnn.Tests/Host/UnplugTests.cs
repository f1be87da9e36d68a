using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using EdgeRnn.Cli;
using EdgeRnn.Host.Transport;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>The host on a line that comes and goes. EDGERNN_CYCLES makes it many times.</summary>
public sealed partial class UnplugTests : IDisposable
{
    private static readonly int Cycles = int.Parse(
        Environment.GetEnvironmentVariable("EDGERNN_CYCLES") ?? "20", CultureInfo.InvariantCulture);

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("EDGERNN_CYCLES") is not null;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("edgernn-unplug-");
    private readonly ModelFile _file = new(RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 1));

    public void Dispose()
    {
        _file.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void A_device_that_comes_back_under_another_name_is_heard_again()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "pseudo-terminals are Linux's");
        string link = Path.Combine(_folder.FullName, "usb-sensor-if00");
        var line = Plug(VirtualLine.Open(), link);
        using var process = HostRun.Start("--model", _file.Name, "--port", link);
        List<double> noticed = [], heard = [];
        HashSet<string> names = [line.PortName];
        int descriptors = 0;
        for (int cycle = 1; ; cycle++)
        {
            long plugged = Stopwatch.GetTimestamp();
            Send(line, (ushort)cycle);
            for (int i = 0; i < 3; i++)
                Assert.Contains($"\"sequence\":{i},", process.StandardOutput.ReadLine(), StringComparison.Ordinal);
            if (cycle > 1)
            {
                heard.Add(Stopwatch.GetElapsedTime(plugged).TotalMilliseconds);
                Assert.Equal($"{link} is back", process.StandardError.ReadLine());
            }
            int open = Directory.GetFiles($"/proc/{process.Id}/fd").Length;
            descriptors = cycle <= 2 ? open : descriptors;
            // The runtime with a compiler opens some of its own; one leaked each time would be many more.
            Assert.InRange(open, descriptors - 8, HostRun.IsNative ? descriptors : descriptors + Cycles / 2);
            if (cycle > Cycles)
                break;
            File.Delete(link);
            var next = VirtualLine.Open(); // while the old terminal is there, so it gets another number
            long unplugged = Stopwatch.GetTimestamp();
            line.Dispose();
            Assert.Equal($"{link} is gone; it is looked for until it is back", process.StandardError.ReadLine());
            noticed.Add(Stopwatch.GetElapsedTime(unplugged).TotalMilliseconds);
            line = Plug(next, link);
            names.Add(line.PortName);
        }
        _ = Kill(process.Id, 15);
        var account = JsonDocument.Parse(process.StandardError.ReadToEnd()).RootElement;
        process.WaitForExit();
        line.Dispose();

        TestContext.Current.SendDiagnosticMessage(
            "noticed within {0:0.0} ms, heard again within {1:0.0} ms (medians {2:0.0} and {3:0.0})",
            noticed.Max(), heard.Max(), Median(noticed), Median(heard));
        Assert.Equal(0, process.ExitCode);
        Assert.Equal(Cycles, account.GetProperty("reconnects").GetInt32());
        Assert.Equal(Cycles, account.GetProperty("restarts").GetInt32());
        Assert.Equal(3 * (Cycles + 1), account.GetProperty("delivered").GetInt32());
        Assert.Equal(3 * (Cycles + 1), account.GetProperty("expected").GetInt32());
        if (HostRun.IsNative)
            Assert.Equal(0, account.GetProperty("allocated_bytes").GetInt64());
        Assert.True(names.Count > 1);
        // On a machine that does other things, too, half the waiting may be for the processor; a host that looked for
        // the device every 50 ms instead of being woken would pass neither.
        double usual = IsLong ? Median(noticed) : noticed.Order().ElementAt(noticed.Count / 4);
        Assert.InRange(usual, 0, 10);
        Assert.InRange(Median(heard), 0, 250);
    }

    [Fact]
    public void A_sender_that_went_on_meanwhile_is_accounted_for_across_the_gap()
    {
        var line = new FrameReceiver(2);
        var encoder = new FrameEncoder(Descriptor.ForModel(_file.Model));
        byte[] descriptor = encoder.EncodeDescriptor(0).ToArray();
        byte[][] frames = [.. Enumerable.Range(0, 10).Select(i => encoder.EncodeData([i, i], 0).ToArray())];
        byte[] before = [.. descriptor, .. frames[0], .. frames[1].AsSpan(0, 9)];
        Assert.Equal(LineAnswer.Reading, line.Next(before, out int consumed));
        line.Break(before.AsSpan(consumed));
        Assert.Equal(LineAnswer.Reading, line.Next(frames[9], out _));
        Assert.Equal(8, line.Missing);
        Assert.Equal(
            (10, 2, 7, 1), (line.Counts.Expected, line.Counts.Delivered, line.Counts.Lost, line.Counts.Damaged));
    }

    [Fact]
    public void A_sender_that_is_behind_after_a_break_has_begun_anew()
    {
        var encoder = new FrameEncoder(Descriptor.ForModel(_file.Model));
        byte[] descriptor = encoder.EncodeDescriptor(0).ToArray();
        byte[][] frames = [.. Enumerable.Range(0, 10).Select(i => encoder.EncodeData([i, i], 0).ToArray())];
        foreach (bool isBroken in new[] { false, true })
        {
            var line = new FrameReceiver(2);
            byte[] before = [.. descriptor, .. frames[8]];
            Assert.Equal(LineAnswer.Reading, line.Next(before, out _));
            if (isBroken)
                line.Break([]);
            Assert.Equal(isBroken ? LineAnswer.Reading : LineAnswer.NeedMore, line.Next(frames[2], out _));
            Assert.Equal(isBroken ? (1, 0) : (0, 1), (line.Counts.Restarts, line.Counts.Duplicates));
        }
    }

    [Fact]
    public void The_only_device_is_found_and_several_are_named()
    {
        Assert.Null(PortNames.OnlyCandidate(Path.Combine(_folder.FullName, "none"), out string? error));
        Assert.StartsWith("there is no serial device under", error);
        string first = Link("usb-a", "/dev/null");
        Assert.Equal(first, PortNames.OnlyCandidate(_folder.FullName, out error));
        string second = Link("usb-b", "/dev/zero");
        Assert.Null(PortNames.OnlyCandidate(_folder.FullName, out error));
        Assert.Equal($"there are 2 serial devices ({first}, {second}); name one of them with --port", error);
    }

    [Fact]
    public void A_port_is_called_by_the_id_that_leads_to_it()
    {
        string id = Link("usb-a", "/dev/null");
        Link("usb-b", "/dev/zero");
        Assert.Equal(id, PortNames.ById("/dev/null", _folder.FullName));
        Assert.Equal("/dev/full", PortNames.ById("/dev/full", _folder.FullName));
        Assert.Equal(id, PortNames.ById(id, _folder.FullName));
    }

    private string Link(string name, string target)
    {
        string link = Path.Combine(_folder.FullName, name);
        File.CreateSymbolicLink(link, target);
        return link;
    }

    private static VirtualLine Plug(VirtualLine line, string link)
    {
        File.CreateSymbolicLink(link, line.PortName);
        return line;
    }

    private void Send(VirtualLine line, ushort stream)
    {
        var encoder = new FrameEncoder(Descriptor.ForModel(_file.Model), stream);
        line.Send(encoder.EncodeDescriptor(0), TestContext.Current.CancellationToken);
        for (int i = 0; i < 3; i++)
            line.Send(encoder.EncodeData([i, i], 0), TestContext.Current.CancellationToken);
    }

    private static double Median(List<double> times) => times.Order().ElementAt(times.Count / 2);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}

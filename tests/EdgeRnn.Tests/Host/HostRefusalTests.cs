using System.Text;
using EdgeRnn.Cli;
using EdgeRnn.Host.Transport;
using EdgeRnn.Runtime.Kernels;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>What the host says when it cannot do what it is asked to: one sentence and an exit code.</summary>
public sealed class HostRefusalTests : IDisposable
{
    private readonly ModelFile _file = new(RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 10));

    public void Dispose() => _file.Dispose();

    [Theory]
    [InlineData("--model FILE is missing", "--port", "x")]
    [InlineData("--port PORT is missing", "--model", "x")]
    [InlineData("there is no option --velocity", "--velocity", "9")]
    [InlineData("--speed 0 is not a speed", "--speed", "0")]
    [InlineData("--on-gap interpolate:0 is unknown", "--on-gap", "interpolate:0")]
    [InlineData("--on-gap reset:3 is unknown", "--on-gap", "reset:3")]
    [InlineData("--on-restart hold is unknown", "--on-restart", "hold")]
    [InlineData("--on-output-full wait is unknown", "--on-output-full", "wait")]
    [InlineData("--dtr up is unknown", "--dtr", "up")]
    [InlineData("--port needs a value", "--port")]
    [InlineData("--baud fast is not a speed", "--model", "x", "--port", "x", "--baud", "fast")]
    [InlineData("--input mp3 is unknown", "--model=x", "--port=x", "--input=mp3")]
    [InlineData("--rate 11025 is unknown; give 8000", "--rate", "11025")]
    [InlineData("--channels 0 is unknown; give 1 to 64", "--channels", "0")]
    [InlineData("--rate and --channels are for --input pcm", "--model=x", "--port=x", "--rate=8000")]
    [InlineData("--wav is played in place of a port", "--model=x", "--port=x", "--wav=y")]
    public void Wrong_usage_is_exit_code_2(string sentence, params string[] arguments)
    {
        var run = HostRun.Of([], arguments);
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith(sentence, Assert.Single(run.Errors), StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public void A_kernel_that_does_not_run_here_is_refused_with_the_names_of_those_that_do()
    {
        string names = string.Join(", ", Kernel.Available.Select(k => k.Name));
        var run = HostRun.With("EDGERNN_KERNEL", "mmx", "--model", _file.Name, "--port", "-");
        Assert.Equal(2, run.ExitCode);
        Assert.Equal(
            $"EDGERNN_KERNEL is 'mmx', but this processor runs {names}; name one of these or unset it",
            Assert.Single(run.Errors));
        Assert.Equal(0, HostRun.With("EDGERNN_KERNEL", "scalar", "--model", _file.Name, "--port", "-").ExitCode);
    }

    [Theory]
    [InlineData("/no/such/port", "there is no port /no/such/port")]
    [InlineData("/dev/null", "/dev/null is not a serial port")]
    [InlineData("/tmp", "/tmp is a folder")]
    [InlineData("tcp:host", "tcp:host names no host and port")]
    [InlineData("tcp:127.0.0.1:1", "tcp:127.0.0.1:1 does not answer")]
    public void A_port_that_is_none_is_named(string port, string sentence)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "ports are Linux's");
        AssertFails(HostRun.Of([], "--model", _file.Name, "--port", port), sentence);
    }

    [Fact]
    public void A_busy_port_is_named()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "ports are Linux's");
        using var line = VirtualLine.Open();
        using var first = HostRun.Start("--model", _file.Name, "--port", line.PortName);
        try
        {
            // The first host has the port once it answers.
            var encoder = new FrameEncoder(Descriptor.ForModel(_file.Model));
            line.Send(encoder.EncodeDescriptor(0), TestContext.Current.CancellationToken);
            for (int i = 0; i < 10; i++)
                line.Send(encoder.EncodeData([1, 2], 0), TestContext.Current.CancellationToken);
            Assert.NotNull(first.StandardOutput.ReadLine());
            AssertFails(HostRun.Of([], "--model", _file.Name, "--port", line.PortName), $"{line.PortName} is in use");
        }
        finally
        {
            first.Kill();
            first.WaitForExit();
        }
    }

    // Root, as whom these tests may run, is forbidden nothing.
    [Fact]
    public void A_forbidden_port_is_named() =>
        Assert.StartsWith("x may not be read by this user", PortNames.Explain("x", Libc.EACCES));

    [Fact]
    public void A_model_that_is_missing_or_broken_is_named()
    {
        AssertFails(HostRun.Of([], "--model", "/no/such.ernn", "--port", "-"),
            "the model cannot be used: /no/such.ernn: there is no such file");
        string folder = Path.GetTempPath();
        AssertFails(
            HostRun.Of([], "--model", folder, "--port", "-"), $"the model cannot be used: {folder}: this is a folder");
        byte[] bytes = File.ReadAllBytes(_file.Name);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(_file.Name, bytes);
        AssertFails(
            HostRun.Of([], "--model", _file.Name, "--port", "-"), $"the model cannot be used: {_file.Name}: crc32c is");
    }

    [Fact]
    public void A_line_of_another_width_is_named_and_accounted_for()
    {
        var encoder = new FrameEncoder(new(SampleType.Float32, [new("a"), new("b"), new("c")]));
        var run = HostRun.Of(encoder.EncodeDescriptor(0).ToArray(), "--model", _file.Name, "--port", "-");
        AssertFails(run with { Errors = run.Errors[..^1] }, "the line carries 3 channels, and the model reads 2");
        Assert.StartsWith("{\"final\":true", run.Errors[^1], StringComparison.Ordinal);

        byte[] rows = Encoding.UTF8.GetBytes("1,2,3\n1,2,3\n");
        run = HostRun.Of(rows, "--model", _file.Name, "--port", "-", "--input", "text");
        AssertFails(run with { Errors = run.Errors[..^1] }, "the line carries 3 numbers a row, and the model reads 2");
    }

    [Fact]
    public void A_line_that_holds_no_frame_is_hinted_at()
    {
        var run = HostRun.Of(Encoding.UTF8.GetBytes("0.1,0.2\n0.3,0.4\n"), "--model", _file.Name, "--port", "-");
        Assert.Equal(0, run.ExitCode);
        Assert.Equal("no reading among the 16 bytes that came; check --input and --baud", run.Errors[0]);
        Assert.StartsWith("{\"final\":true", run.Errors[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Help_and_version_are_printed()
    {
        Assert.Contains("  --exit-at-end", string.Join('\n', HostRun.Of([], "--help").Output));
        Assert.StartsWith("edgernn-host ", Assert.Single(HostRun.Of([], "--version").Output), StringComparison.Ordinal);
    }

    private static void AssertFails(HostRun run, string sentence)
    {
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith(sentence, Assert.Single(run.Errors), StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }
}

using EdgeRnn.Cli;
using EdgeRnn.Host.Commands;
using EdgeRnn.Host.Transport;
using EdgeRnn.Trainer;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>What doctor finds on a board that is made up: each thing in order, and each thing to be mended.</summary>
public sealed class DoctorTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("edgernn-doctor-").FullName;
    private readonly ModelFile _model = new(RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 1));
    private readonly VirtualLine _line;
    private readonly string _port;

    public DoctorTests()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "doctor looks at Linux");
        _line = VirtualLine.Open();
        _port = Path.Combine(_root, "dev/serial/by-id/usb-sensor");
        Write("proc/cmdline", "console=tty1 root=/dev/mmcblk0p2\n");
        Write("etc/group", "root:x:0:\ndialout:x:20:pi\n");
        Directory.CreateDirectory(Path.GetDirectoryName(_port)!);
        File.CreateSymbolicLink(_port, _line.PortName);
    }

    private string Tty => Path.GetFileName(_line.PortName);

    public void Dispose()
    {
        _line?.Dispose();
        _model.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public void A_board_in_order_has_nothing_to_mend()
    {
        string state = Directory.CreateDirectory(Path.Combine(_root, "state")).FullName;
        Write($"sys/class/tty/{Tty}/device/latency_timer", "1\n");
        Write("proc/77/comm", "sshd\n");
        var doctor = Doctor();
        string[] lines = doctor.Examine("auto", _model.Name, state, null).Split('\n');
        Assert.All(lines, line => Assert.StartsWith("ok    ", line, StringComparison.Ordinal));
        Assert.Equal(0, doctor.Faults);
        Assert.Equal(
            ["processor", "glibc", "port", "latency", "daemons", "model", "state"],
            lines.Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]));
        Assert.Contains(_port, lines[2], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2.33", true)]
    [InlineData("2.34", false)]
    [InlineData("2.9", true)]
    [InlineData("3.0", false)]
    [InlineData("", true)]
    public void An_old_c_library_is_told(string version, bool isOld) =>
        AssertMends(isOld, "glibc", "2.34 or later", Doctor(glibc: version));

    [Theory]
    [InlineData("mmx", true)]
    [InlineData("scalar", false)]
    [InlineData("", false)]
    public void A_kernel_that_does_not_run_here_is_told(string kernel, bool isWrong) =>
        AssertMends(isWrong, "processor", "scalar in EDGERNN_KERNEL, or unset it", Doctor(kernel: kernel));

    [Fact]
    public void A_port_that_cannot_be_is_told()
    {
        AssertMends(true, "port", "there is no port /no/such/port", Doctor(), "/no/such/port");
        AssertMends(true, "port", "name one such as /dev/ttyUSB0", Doctor(), _model.Name);
        File.CreateSymbolicLink(_port + "-2", "/dev/null");
        AssertMends(true, "port", "there are 2 serial devices", Doctor());
        File.Delete(_port);
        File.Delete(_port + "-2");
        AssertMends(true, "port", "there is no serial device", Doctor());
    }

    [Fact]
    public void A_port_of_another_group_is_told_with_that_group()
    {
        string device = Write("dev/ttyUSB7", "");
        uint group = Libc.GroupOf(device);
        Write("etc/group", $"other:x:{group + 1}:\nserial:x:{group}:\n");
        Assert.Contains("-> sudo usermod -aG serial $USER", Closed(device), StringComparison.Ordinal);
        Write("etc/group", "");
        Assert.Contains("-> sudo usermod -aG dialout $USER", Closed(device), StringComparison.Ordinal);

        string Closed(string name)
        {
            var doctor = Doctor();
            doctor.Closed(name, Libc.EACCES);
            Assert.Equal(1, doctor.Faults);
            return doctor.Examine("/no/such/port", null, null, null);
        }
    }

    [Fact]
    public void A_port_in_use_is_told_with_its_user()
    {
        Write("proc/4711/comm", "screen\n");
        Directory.CreateDirectory(Path.Combine(_root, "proc/4711/fd"));
        string open = Path.Combine(_root, "proc/4711/fd/3");
        File.CreateSymbolicLink(open, "/dev/ptmx");
        AssertMends(false, "port", "", Doctor());
        File.Delete(open);
        File.CreateSymbolicLink(open, _line.PortName);
        AssertMends(true, "port", "in use by screen (process 4711)", Doctor());
        Directory.Delete(Path.Combine(_root, "proc/4711"), recursive: true);

        // A program whose descriptors cannot be seen is known by its lock.
        using var port = SerialPort.Open(_line.PortName, new(115200, null, null), out string? error);
        Assert.Null(error);
        AssertMends(true, "port", "it is in use: end that program", Doctor(), _line.PortName);
    }

    [Theory]
    [InlineData("16", true)]
    [InlineData("2", true)]
    [InlineData("1", false)]
    public void An_adapter_that_holds_bytes_back_is_told(string ms, bool isSlow)
    {
        Write($"sys/class/tty/{Tty}/device/latency_timer", ms + "\n");
        AssertMends(isSlow, "latency", "echo 1 | sudo tee", Doctor());
    }

    [Fact]
    public void A_port_that_the_kernel_writes_to_is_told()
    {
        foreach (string words in new[] { $"console={Tty}", $"console={Tty},115200 quiet" })
        {
            Write("proc/cmdline", $"root=/dev/sda1 {words}\n");
            AssertMends(true, "console", "no login shell", Doctor());
        }
        Write("proc/cmdline", $"console={Tty}0 xconsole={Tty}\n");
        Assert.DoesNotContain("console", Doctor().Examine(_port, null, null, null), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ModemManager", "sudo systemctl disable --now ModemManager")]
    [InlineData("brltty", "sudo systemctl mask --now brltty-udev")]
    [InlineData("gpsd", "sudo systemctl disable --now gpsd.socket")]
    public void A_daemon_that_takes_ports_is_told(string name, string remedy)
    {
        AssertMends(false, "daemons", "", Doctor());
        Write("proc/99/comm", name + "\n");
        AssertMends(true, "daemons", remedy, Doctor());
        foreach (string folder in new[] { "usr/lib", "etc" })
        {
            string rule = Write($"{folder}/udev/rules.d/60-edgernn-host.rules", "");
            AssertMends(name != "ModemManager", "daemons", name == "ModemManager" ? "" : remedy, Doctor());
            File.Delete(rule);
        }
    }

    [Fact]
    public void A_model_that_cannot_be_used_is_told()
    {
        string tested = Write("tested.ernn", ModelWriter.Write(SelfTests.Attach(_model.Model)));
        AssertMends(false, "model", "", Doctor(), _port, tested);
        Assert.Contains("its self-test gives the same bits here", Doctor().Examine(_port, tested, null, null),
            StringComparison.Ordinal);
        Assert.Contains(
            "it has no self-test", Doctor().Examine(_port, _model.Name, null, null), StringComparison.Ordinal);
        byte[] bytes = File.ReadAllBytes(_model.Name);
        bytes[^20] ^= 1;
        AssertMends(true, "model", "bad.ernn", Doctor(), _port, Write("bad.ernn", bytes));
        AssertMends(true, "model", "/no/such/model.ernn", Doctor(), _port, "/no/such/model.ernn");
    }

    [Fact]
    public void A_state_folder_is_described()
    {
        string state = Path.Combine(_root, "state");
        Assert.Contains("-> sudo mkdir -p", Doctor().Examine(_port, null, state, null), StringComparison.Ordinal);
        Directory.CreateDirectory(state);
        Assert.Contains(
            "no host runs on it, no new model", Doctor().Examine(_port, null, state, null), StringComparison.Ordinal);
        File.Copy(_model.Name, Path.Combine(state, "trial"));
        Assert.Contains("a new model waits", Doctor().Examine(_port, null, state, null), StringComparison.Ordinal);
        File.Move(Path.Combine(state, "trial"), Path.Combine(state, "trial.running"));
        Assert.Contains(
            "a new model is on trial", Doctor().Examine(_port, null, state, null), StringComparison.Ordinal);

        // The kernel tells a lock's holder to other processes alone.
        File.Move(Path.Combine(state, "trial.running"), Path.Combine(state, "current"));
        using var host = HostRun.Start("--state", state, "--port", _line.PortName);
        var encoder = new FrameEncoder(Descriptor.ForModel(_model.Model));
        _line.Send(encoder.EncodeDescriptor(0), TestContext.Current.CancellationToken);
        _line.Send(encoder.EncodeData([1, 2], 0), TestContext.Current.CancellationToken);
        Assert.NotNull(host.StandardOutput.ReadLine());
        string text = Doctor().Examine("/no/such/port", null, state, null);
        host.Kill();
        Assert.Contains($"process {host.Id} runs on it", text, StringComparison.Ordinal);
    }

    private DoctorCommand Doctor(string glibc = "2.36", string? kernel = null) => new(_root, glibc, kernel);

    /// <summary>Exactly the line of <paramref name="what"/> is to be mended, or nothing is.</summary>
    private void AssertMends(
        bool mends, string what, string remedy, DoctorCommand doctor, string? port = null, string? model = null)
    {
        string text = doctor.Examine(port ?? "auto", model, null, null);
        Assert.Equal(mends ? 1 : 0, doctor.Faults);
        string[] lines = text.Split('\n');
        int found = Array.FindIndex(lines, l => l.StartsWith("mend", StringComparison.Ordinal));
        Assert.Equal(mends, found >= 0);
        if (!mends)
            return;
        Assert.StartsWith($"mend  {what} ", lines[found], StringComparison.Ordinal);
        Assert.StartsWith("      -> ", lines[found + 1], StringComparison.Ordinal);
        Assert.Contains(remedy, lines[found + 1], StringComparison.Ordinal);
    }

    private string Write(string path, string text) => Write(path, System.Text.Encoding.UTF8.GetBytes(text));

    private string Write(string path, byte[] bytes)
    {
        string full = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllBytes(full, bytes);
        return full;
    }
}

using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using System.Text;
using EdgeRnn.Host.Models;
using EdgeRnn.Host.Transport;

namespace EdgeRnn.Host.Commands;

/// <summary><c>edgernn-host doctor</c>: what keeps a host from working on this board, and what to do about it.</summary>
internal static partial class DoctorCommand
{
    private static readonly StringBuilder Text = new();
    private static int _faults;

    /// <summary>Runs the command; gives null, or what failed. A sentence in <paramref name="usage"/>: wrong words.</summary>
    public static string? Run(string[] args, out string? usage)
    {
        var words = CommandArguments.Parse(args, takesWord: false, out usage, "--port", "--model", "--state", "--trust");
        if (words is null)
            return null;
        if (!OperatingSystem.IsLinux())
            return "doctor needs Linux";
        Processor();
        Libraries();
        Port(words["--port"]);
        Daemons();
        if (words["--model"] is { } model)
            Model(model, words["--trust"]);
        if (words["--state"] is { } state)
            State(state);
        StandardStreams.Print(Text.ToString().TrimEnd());
        return _faults == 0 ? null : $"{_faults} to mend; do what the arrows say and run edgernn-host doctor again";
    }

    private static void Processor()
    {
        string name = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        string vectors = Dp.IsSupported ? "NEON with SDOT" : AdvSimd.IsSupported ? "NEON"
            : AvxVnni.IsSupported ? "AVX-VNNI" : Avx2.IsSupported ? "AVX2" : "no vector instructions";
        Fine("processor", $"{name}, {vectors}");
    }

    private static unsafe void Libraries()
    {
        string version = Marshal.PtrToStringUTF8((nint)LibcVersion()) ?? "";
        bool isRead = Version.TryParse(version, out var number);
        Judge("glibc", $"version {version}", !isRead || number < new Version(2, 34)
            ? "2.34 or later is needed: use Raspberry Pi OS bookworm or another system of 2022 or later" : null);
    }

    private static void Port(string? name)
    {
        if (name is null or "auto")
        {
            name = PortNames.OnlyCandidate("/dev/serial/by-id", out string? error);
            if (name is null)
            {
                Judge("port", "none chosen", error);
                return;
            }
        }
        int fd = Libc.Open(name, Libc.O_RDONLY | Libc.O_NOCTTY | Libc.O_NONBLOCK | Libc.O_CLOEXEC, 0);
        if (fd < 0)
        {
            int error = Libc.LastError;
            string remedy = error == Libc.EACCES
                ? $"sudo usermod -aG {GroupOf(name)} $USER, and log in again"
                : PortNames.Explain(name, error);
            Judge("port", error == Libc.EACCES ? $"{name} may not be read by this user" : name, remedy);
            return;
        }
        bool isTerminal = SerialSettings.IsTerminal(fd);
        bool isBusy = isTerminal && Libc.Flock(fd, Libc.LOCK_EX | Libc.LOCK_NB) < 0;
        _ = Libc.Close(fd);
        string device = File.ResolveLinkTarget(name, returnFinalTarget: true)?.FullName ?? name;
        string user = UsersOf(device);
        Judge("port", isTerminal ? name : $"{name} is no serial port",
            isBusy || user.Length > 0 ? $"it is in use{(user.Length > 0 ? $" by {user}" : "")}: end that program"
            : isTerminal ? null : "name one such as /dev/ttyUSB0 or /dev/ttyACM0");
        Latency(Path.GetFileName(device));
        Console(Path.GetFileName(device));
    }

    private static void Latency(string tty)
    {
        string path = $"/sys/class/tty/{tty}/device/latency_timer";
        if (!int.TryParse(FirstLine(path), CultureInfo.InvariantCulture, out int ms))
            return; // not an FTDI chip
        Judge("latency", $"{tty} holds bytes back for up to {ms} ms",
            ms > 1 ? $"echo 1 | sudo tee {path} (the Debian package's udev rule does so)" : null);
    }

    private static void Console(string tty)
    {
        bool isConsole = FirstLine("/proc/cmdline").Split(' ').Any(word => word == $"console={tty}"
            || word.StartsWith($"console={tty},", StringComparison.Ordinal));
        if (isConsole)
            Judge("console", $"the kernel writes its messages to {tty}",
                "sudo raspi-config, Interface Options, Serial Port: no login shell; then restart");
    }

    private static void Daemons()
    {
        (string Name, string Remedy)[] known =
        [
            ("ModemManager", "it sends AT commands to serial ports: install the Debian package's udev rule, or "
                + "sudo systemctl disable --now ModemManager"),
            ("brltty", "it takes CH340 and CP210x adapters for braille displays: sudo systemctl mask --now brltty-udev"),
            ("gpsd", "it opens serial ports that it takes for receivers: sudo systemctl disable --now gpsd.socket"),
        ];
        var running = Processes().Select(process => FirstLine($"{process}/comm")).ToHashSet();
        string[] rules = ["/usr/lib/udev/rules.d/60-edgernn-host.rules", "/etc/udev/rules.d/60-edgernn-host.rules"];
        bool hasRule = rules.Any(File.Exists);
        foreach (var (name, remedy) in known)
        {
            bool isKeptAway = name == "ModemManager" && hasRule;
            if (running.Contains(name))
                Judge("daemons", isKeptAway ? $"{name} runs, and the udev rule keeps it away" : $"{name} runs",
                    isKeptAway ? null : remedy);
        }
        if (!known.Any(daemon => running.Contains(daemon.Name)))
            Fine("daemons", "none that takes serial ports");
    }

    private static void Model(string path, string? trust)
    {
        string? error = null;
        var key = trust is null ? null : TrustedKey.Load(trust, out error);
        var stream = error is null ? new ModelLoader(key).Load(path, out error) : null;
        string selfTest = stream?.Model.SelfTest is null ? "it has no self-test" : "its self-test gives the same bits here";
        Judge("model", stream is null ? path : $"{path}, {selfTest}", error);
    }

    private static void State(string folder)
    {
        if (!Directory.Exists(folder))
        {
            Judge("state", $"there is no folder {folder}", $"sudo mkdir -p {folder}, owned by the host's user");
            return;
        }
        int host = StateLock.Holder(folder);
        var store = new ModelStore(new StateFolder(folder));
        string models = store.HasRunning ? "a new model is on trial" : store.HasTrial ? "a new model waits" : "no new model";
        Fine("state", $"{folder}: {(host == 0 ? "no host runs on it" : $"process {host} runs on it")}, {models}");
    }

    private static string UsersOf(string device)
    {
        List<string> users = [];
        foreach (string process in Processes())
        {
            try
            {
                if (Directory.EnumerateFileSystemEntries($"{process}/fd").Any(fd => new FileInfo(fd).LinkTarget == device))
                    users.Add($"{FirstLine($"{process}/comm")} (process {Path.GetFileName(process)})");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another user's process, or one that is gone: flock tells of those that ask it.
            }
        }
        return string.Join(", ", users);
    }

    private static string GroupOf(string path)
    {
        uint group = Libc.GroupOf(path);
        string[] groups = File.Exists("/etc/group") ? File.ReadAllLines("/etc/group") : [];
        return groups.Select(line => line.Split(':'))
            .FirstOrDefault(fields => fields.Length > 2 && fields[2] == group.ToString(CultureInfo.InvariantCulture))?[0]
            ?? "dialout";
    }

    private static IEnumerable<string> Processes() => Directory.EnumerateDirectories("/proc")
        .Where(folder => char.IsAsciiDigit(Path.GetFileName(folder)[0])
            && Path.GetFileName(folder) != Environment.ProcessId.ToString(CultureInfo.InvariantCulture));

    private static string FirstLine(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadLines(path).FirstOrDefault() ?? "" : "";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    private static void Fine(string what, string found) => Judge(what, found, null);

    private static void Judge(string what, string found, string? remedy)
    {
        Text.Append(remedy is null ? "ok    " : "mend  ").Append(what.PadRight(11)).Append(found).Append('\n');
        if (remedy is null)
            return;
        _faults++;
        Text.Append("      -> ").Append(remedy).Append('\n');
    }

    [LibraryImport("libc", EntryPoint = "gnu_get_libc_version")]
    private static unsafe partial byte* LibcVersion();
}

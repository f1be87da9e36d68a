using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using EdgeRnn.Host.Models;
using EdgeRnn.Host.Transport;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Host.Commands;

/// <summary>
/// <c>edgernn-host doctor</c>: what keeps a host from working on this board, and what to do about it.
/// </summary>
/// <param name="root">The folder under which /dev, /etc, /proc, /sys and /usr are; tests make up one of their
/// own.</param>
/// <param name="glibcVersion">Of the C library that runs.</param>
/// <param name="kernel">The one that the environment asks for; may be null.</param>
internal sealed partial class DoctorCommand(string root, string glibcVersion, string? kernel)
{
    private static readonly Version OldestGlibc = new(2, 34);

    private readonly StringBuilder _text = new();

    /// <summary>What is to be mended.</summary>
    public int Faults { get; private set; }

    /// <summary>
    /// Runs the command; gives null, or what failed. A sentence in <paramref name="usage"/>: wrong words.
    /// </summary>
    public static string? Run(string[] args, out string? usage)
    {
        var words = CommandArguments.Parse(
            args, takesWord: false, out usage, "--port", "--model", "--state", "--trust");
        if (words is null)
            return null;
        if (!OperatingSystem.IsLinux())
            return "doctor needs Linux";
        var doctor = new DoctorCommand("/", GlibcVersion(), Environment.GetEnvironmentVariable(Kernel.Variable));
        StandardStreams.Print(doctor.Examine(words["--port"], words["--model"], words["--state"], words["--trust"]));
        return doctor.Faults == 0
            ? null
            : $"{doctor.Faults} to mend; do what the arrows say and run edgernn-host doctor again";
    }

    /// <summary>Looks at everything; gives a line for each finding and, behind an arrow, what mends it.</summary>
    public string Examine(string? port, string? model, string? state, string? trust)
    {
        Processor();
        Libraries();
        Port(port);
        Daemons();
        if (model is not null)
            Model(model, trust);
        if (state is not null)
            State(state);
        return _text.ToString().TrimEnd();
    }

    private void Processor()
    {
        string name = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        string kernels = string.Join(", ", Kernel.Available.Select(k => k.Name));
        bool isKnown = string.IsNullOrEmpty(kernel) || Kernel.Available.Any(k => k.Name == kernel);
        string chosen = string.IsNullOrEmpty(kernel) ? "" : $"; {Kernel.Variable} chooses {kernel}";
        Judge("processor", $"{name}, runs {kernels}{chosen}",
            isKnown ? null : $"name one of {kernels} in {Kernel.Variable}, or unset it");
    }

    private void Libraries()
    {
        bool isRead = Version.TryParse(glibcVersion, out var number);
        Judge("glibc", $"version {glibcVersion}", !isRead || number < OldestGlibc
            ? $"{OldestGlibc} or later is needed: use Raspberry Pi OS bookworm or another system of 2022 or later"
            : null);
    }

    private void Port(string? name)
    {
        if (name is null or "auto")
        {
            name = PortNames.OnlyCandidate(At("dev/serial/by-id"), out string? error);
            if (name is null)
            {
                Judge("port", "none chosen", error);
                return;
            }
        }
        int fd = Libc.Open(name, Libc.O_RDONLY | Libc.O_NOCTTY | Libc.O_NONBLOCK | Libc.O_CLOEXEC, 0);
        if (fd < 0)
        {
            Closed(name, Libc.LastError);
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

    /// <summary>A port that cannot be opened, with the error number.</summary>
    internal void Closed(string name, int error) => Judge(
        "port",
        error == Libc.EACCES ? $"{name} may not be read by this user" : name,
        error == Libc.EACCES
            ? $"sudo usermod -aG {GroupOf(name)} $USER, and log in again"
            : PortNames.Explain(name, error));

    private void Latency(string tty)
    {
        string path = At($"sys/class/tty/{tty}/device/latency_timer");
        if (!int.TryParse(FirstLine(path), CultureInfo.InvariantCulture, out int ms))
            return; // not an FTDI chip
        Judge("latency", $"{tty} holds bytes back for up to {ms} ms",
            ms > 1 ? $"echo 1 | sudo tee {path} (the Debian package's udev rule does so)" : null);
    }

    private void Console(string tty)
    {
        bool isConsole = FirstLine(At("proc/cmdline")).Split(' ').Any(word => word == $"console={tty}"
            || word.StartsWith($"console={tty},", StringComparison.Ordinal));
        if (isConsole)
            Judge("console", $"the kernel writes its messages to {tty}",
                "sudo raspi-config, Interface Options, Serial Port: no login shell; then restart");
    }

    private void Daemons()
    {
        (string Name, string Remedy)[] known =
        [
            ("ModemManager", "it sends AT commands to serial ports: install the Debian package's udev rule, or "
                + "sudo systemctl disable --now ModemManager"),
            ("brltty", "it takes CH340 and CP210x adapters for braille displays: sudo systemctl mask --now " +
                "brltty-udev"),
            ("gpsd", "it opens serial ports that it takes for receivers: sudo systemctl disable --now gpsd.socket"),
        ];
        var running = Processes().Select(process => FirstLine($"{process}/comm")).ToHashSet();
        bool hasRule = File.Exists(At("usr/lib/udev/rules.d/60-edgernn-host.rules"))
            || File.Exists(At("etc/udev/rules.d/60-edgernn-host.rules"));
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

    private void Model(string path, string? trust)
    {
        string? error = null;
        var key = trust is null ? null : TrustedKey.Load(trust, out error);
        var stream = error is null ? new ModelLoader(key).Load(path, out error) : null;
        string selfTest = stream?.Model.SelfTest is null
            ? "it has no self-test"
            : "its self-test gives the same bits here";
        Judge("model", stream is null ? path : $"{path}, {selfTest}", error);
    }

    private void State(string folder)
    {
        if (!Directory.Exists(folder))
        {
            Judge("state", $"there is no folder {folder}", $"sudo mkdir -p {folder}, owned by the host's user");
            return;
        }
        int host = StateLock.Holder(folder);
        var store = new ModelStore(new StateFolder(folder));
        string models =
            store.HasRunning ? "a new model is on trial" : store.HasTrial ? "a new model waits" : "no new model";
        Fine("state", $"{folder}: {(host == 0 ? "no host runs on it" : $"process {host} runs on it")}, {models}");
    }

    private string UsersOf(string device)
    {
        List<string> users = [];
        foreach (string process in Processes())
        {
            try
            {
                if (Directory.EnumerateFileSystemEntries($"{process}/fd").Any(
                    fd => new FileInfo(fd).LinkTarget == device))
                    users.Add($"{FirstLine($"{process}/comm")} (process {Path.GetFileName(process)})");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another user's process, or one that is gone: flock tells of those that ask it.
            }
        }
        return string.Join(", ", users);
    }

    private string GroupOf(string path)
    {
        uint group = Libc.GroupOf(path);
        string[] groups = File.Exists(At("etc/group")) ? File.ReadAllLines(At("etc/group")) : [];
        return groups.Select(line => line.Split(':'))
            .FirstOrDefault(
                fields => fields.Length > 2 && fields[2] == group.ToString(CultureInfo.InvariantCulture))?[0]
            ?? "dialout";
    }

    private IEnumerable<string> Processes() => Directory.EnumerateDirectories(At("proc"))
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

    private string At(string path) => Path.Combine(root, path);

    private void Fine(string what, string found) => Judge(what, found, null);

    private void Judge(string what, string found, string? remedy)
    {
        _text.Append(remedy is null ? "ok    " : "mend  ").Append(what.PadRight(11)).Append(found).Append('\n');
        if (remedy is null)
            return;
        Faults++;
        _text.Append("      -> ").Append(remedy).Append('\n');
    }

    private static unsafe string GlibcVersion() => Marshal.PtrToStringUTF8((nint)LibcVersion()) ?? "";

    [LibraryImport("libc", EntryPoint = "gnu_get_libc_version")]
    private static unsafe partial byte* LibcVersion();
}

namespace EdgeRnn.Host.Transport;

/// <summary>From what <c>--port</c> says to an open port.</summary>
internal static class PortNames
{
    private const string Ids = "/dev/serial/by-id";

    /// <summary>
    /// Opens <paramref name="name"/>: <c>auto</c>, <c>stdin</c>, <c>-</c>, <c>tcp:HOST:PORT</c> or a path.
    /// </summary>
    /// <returns>The port, or null and a sentence.</returns>
    public static Port? Open(string name, SerialSettings settings, out string? error)
    {
        if (!OperatingSystem.IsLinux())
            return StreamPort.Open(name, out error);
        error = null;
        if (name is "stdin" or "-")
            return new FilePort("standard input", 0);
        if (name.StartsWith("tcp:", StringComparison.Ordinal))
            return TcpPort.Open(name, out error);
        string? path = name == "auto" ? OnlyCandidate(Ids, out error) : name;
        return path is null ? null : OpenPath(path, settings, out error);
    }

    /// <summary>The one link in <paramref name="folder"/>, or null and a sentence.</summary>
    internal static string? OnlyCandidate(string folder, out string? error)
    {
        string[] found = Directory.Exists(folder) ? Directory.GetFileSystemEntries(folder) : [];
        Array.Sort(found, StringComparer.Ordinal);
        error = found.Length switch
        {
            1 => null,
            0 => $"there is no serial device under {folder}; plug one in, or name the port with --port",
            _ => $"there are {found.Length} serial devices ({string.Join(", ", found)}); name one of them with --port",
        };
        return error is null ? found[0] : null;
    }

    /// <summary>
    /// The link in <paramref name="folder"/> that leads to <paramref name="path"/>, or the path itself: the link is
    /// there again when the device comes back as another ttyUSB.
    /// </summary>
    internal static string ById(string path, string folder)
    {
        if (!Directory.Exists(folder) || File.ResolveLinkTarget(path, returnFinalTarget: true) is not null)
            return path; // a link is the user's own choice of name
        foreach (string link in Directory.GetFileSystemEntries(folder))
        {
            if (File.ResolveLinkTarget(link, returnFinalTarget: true)?.FullName == path)
                return link;
        }
        return path;
    }

    private static Port? OpenPath(string path, SerialSettings settings, out string? error)
    {
        // O_NONBLOCK for serial ports; a FIFO without a writer yet would otherwise be waited for, here it is in poll.
        int fd = Libc.Open(path, Libc.O_RDONLY | Libc.O_NOCTTY | Libc.O_NONBLOCK | Libc.O_CLOEXEC, 0);
        if (fd < 0)
        {
            error = Explain(path, Libc.LastError);
            return null;
        }
        ushort type = Libc.FileType(fd);
        bool isTerminal = SerialSettings.IsTerminal(fd);
        error = type switch
        {
            _ when isTerminal => null,
            Libc.S_IFREG or Libc.S_IFIFO or Libc.S_IFSOCK => null,
            Libc.S_IFDIR => $"{path} is a folder; name a serial port such as /dev/ttyUSB0, or a file",
            _ => $"{path} is not a serial port; name one such as /dev/ttyUSB0 or /dev/ttyACM0, or a file",
        };
        if (error is null && !isTerminal)
            return new FilePort(path, fd);
        // A terminal is opened again by the name it will be looked for; without HUPCL that moves no modem line.
        _ = Libc.Close(fd);
        return error is null ? SerialPort.Open(ById(path, Ids), settings, out error) : null;
    }

    /// <summary>Why a port could not be opened, and what to do.</summary>
    internal static string Explain(string name, int error) => error switch
    {
        Libc.ENOENT => $"there is no port {name}; plug the device in, or look under {Ids} for its name",
        Libc.EACCES or Libc.EPERM =>
            $"{name} may not be read by this user; add the user to the port's group (usually dialout) and log in again",
        Libc.EBUSY => $"{name} is in use by another program; close that first",
        Libc.ENXIO or Libc.ENODEV or Libc.EIO => $"{name} has no device behind it; plug the device in",
        _ => $"{name} cannot be opened (error {error}); name a serial port such as /dev/ttyUSB0",
    };
}

namespace EdgeRnn.Host.Transport;

/// <summary>
/// A serial port, file, FIFO or standard input through the kernel's own calls: SerialPort allocates at each read and
/// takes a hundred times as long, and after an unplug it never returns.
/// </summary>
internal sealed class LinuxPort : Port
{
    private readonly int _fd;
    private readonly bool _isTerminal;
    private readonly StopSignal _stop;

    private LinuxPort(int fd, bool isTerminal)
    {
        _fd = fd;
        _isTerminal = isTerminal;
        _stop = new();
        StandardStreams.StopFd = _stop.Fd;
    }

    public override bool JoinsMidway => _isTerminal;

    public static new Port? Open(string name, int baud, out string? error)
    {
        error = null;
        if (name is "stdin" or "-")
            return new LinuxPort(0, isTerminal: false);
        // O_NONBLOCK: an open must not wait for a carrier. The host only reads, so read permission is enough.
        int fd = Libc.Open(name, Libc.O_RDONLY | Libc.O_NOCTTY | Libc.O_NONBLOCK | Libc.O_CLOEXEC, 0);
        if (fd < 0)
        {
            error = Explain(name, Libc.LastError);
            return null;
        }
        bool isTerminal = SerialSettings.IsTerminal(fd);
        if (isTerminal ? TryClaim(name, fd, baud, out error) : IsReadable(name, fd, out error))
            return new LinuxPort(fd, isTerminal);
        _ = Libc.Close(fd);
        return null;
    }

    public override unsafe PortState Read(Span<byte> buffer, out int count)
    {
        count = 0;
        var waiting = stackalloc Libc.PollFd[2];
        waiting[0] = new() { Fd = _fd, Events = Libc.POLLIN };
        waiting[1] = new() { Fd = _stop.Fd, Events = Libc.POLLIN };
        while (true)
        {
            if (Libc.Poll(waiting, 2, -1) < 0)
            {
                if (Libc.LastError == Libc.EINTR)
                    continue;
                return PortState.Failed;
            }
            if (waiting[1].Revents != 0)
                return PortState.Stopped;
            nint read;
            fixed (byte* bytes = buffer)
                read = Libc.Read(_fd, bytes, buffer.Length);
            if (read > 0)
            {
                count = (int)read;
                BytesRead += read;
                return PortState.Open;
            }
            if (read == 0)
                return PortState.Ended;
            int error = Libc.LastError;
            if (error is not (Libc.EINTR or Libc.EAGAIN))
                return error == Libc.EIO ? PortState.Ended : PortState.Failed; // EIO: a terminal without its other end
        }
    }

    public override unsafe void Dispose()
    {
        if (_isTerminal) // or it would outlive this process where another one holds the terminal open
            _ = Libc.Ioctl(_fd, Libc.TIOCNXCL, null);
        if (_fd != 0)
            _ = Libc.Close(_fd);
        StandardStreams.StopFd = -1;
        _stop.Dispose();
    }

    private static unsafe bool TryClaim(string name, int fd, int baud, out string? error)
    {
        error = null;
        if (Libc.Flock(fd, Libc.LOCK_EX | Libc.LOCK_NB) < 0)
            error = Explain(name, Libc.EBUSY);
        else if (!SerialSettings.TrySetRaw(fd, baud))
            error = $"{name} cannot be set to {baud} baud (error {Libc.LastError}); choose another speed with --baud";
        else
            _ = Libc.Ioctl(fd, Libc.TIOCEXCL, null); // flock decides; this also turns away programs that do not ask it
        return error is null;
    }

    private static bool IsReadable(string name, int fd, out string? error)
    {
        error = Libc.FileType(fd) switch
        {
            Libc.S_IFREG or Libc.S_IFIFO or Libc.S_IFSOCK => null,
            Libc.S_IFDIR => $"{name} is a folder; name a serial port such as /dev/ttyUSB0, or a file",
            _ => $"{name} is not a serial port; name one such as /dev/ttyUSB0 or /dev/ttyACM0, or a file",
        };
        return error is null;
    }

    /// <summary>Why a port could not be opened, and what to do.</summary>
    internal static string Explain(string name, int error) => error switch
    {
        Libc.ENOENT => $"there is no port {name}; plug the device in, or look under /dev/serial/by-id for its name",
        Libc.EACCES or Libc.EPERM =>
            $"{name} may not be read by this user; add the user to the port's group (usually dialout) and log in again",
        Libc.EBUSY => $"{name} is in use by another program; close that first",
        Libc.ENXIO or Libc.ENODEV or Libc.EIO => $"{name} has no device behind it; plug the device in",
        _ => $"{name} cannot be opened (error {error}); name a serial port such as /dev/ttyUSB0",
    };
}

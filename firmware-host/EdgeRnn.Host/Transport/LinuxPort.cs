using System.Runtime.InteropServices;
using System.Text;

namespace EdgeRnn.Host.Transport;

/// <summary>A descriptor that is read without waiting.</summary>
internal abstract unsafe class LinuxPort : Port
{
    private int _fd = -1;

    public sealed override int Fd => _fd;

    public override void Dispose() => Close();

    /// <summary>Takes a descriptor over, or closes it with -1.</summary>
    protected void Use(int fd)
    {
        if (_fd > 0)
            _ = Libc.Close(_fd);
        _fd = fd;
    }

    protected virtual void Close() => Use(-1);

    /// <summary>
    /// Reads; <see cref="PortState.Ended"/> for the end, <see cref="PortState.Failed"/> for an error.
    /// </summary>
    protected PortState ReadFd(Span<byte> buffer, out int count)
    {
        nint read;
        fixed (byte* bytes = buffer)
            read = Libc.Read(_fd, bytes, buffer.Length);
        count = (int)Math.Max(0, read);
        BytesRead += count;
        return read > 0 ? PortState.Open
            : read == 0 ? PortState.Ended
            : Libc.LastError is Libc.EINTR or Libc.EAGAIN ? PortState.Idle
            : PortState.Failed;
    }
}

/// <summary>A file, FIFO or standard input: when it ends, it ends.</summary>
internal sealed class FilePort : LinuxPort
{
    public FilePort(string name, int fd)
    {
        Name = name;
        Use(fd);
        MayBeLive = Libc.FileType(fd) != Libc.S_IFREG;
    }

    public override bool MayBeLive { get; }

    public override PortState Read(Span<byte> buffer, out int count) => ReadFd(buffer, out count);
}

/// <summary>A port whose other end may go away, and is looked for until it is back.</summary>
internal abstract class ReturningPort : LinuxPort
{
    /// <summary>
    /// So often is looked for what went away: well within the 250 ms in which it is to be open again.
    /// </summary>
    private const int RetryMs = 50;

    private long _retryAt;

    public override bool IsLive => true;

    public override bool JoinsMidway => true;

    public override int TimeoutMs => Fd >= 0 ? -1 : (int)Math.Max(0, _retryAt - Environment.TickCount64);

    public sealed override PortState Read(Span<byte> buffer, out int count)
    {
        count = 0;
        if (Fd < 0)
            return LookForIt();
        var state = ReadFd(buffer, out count);
        if (state is PortState.Open or PortState.Idle)
            return state;
        Close();
        _retryAt = Environment.TickCount64;
        return PortState.Lost;
    }

    /// <summary>Tries to open it; must not wait. The descriptor is then in use.</summary>
    protected abstract bool TryOpen();

    private PortState LookForIt()
    {
        if (Environment.TickCount64 < _retryAt)
            return PortState.Idle;
        if (TryOpen())
        {
            Reconnects++;
            return PortState.Back;
        }
        _retryAt = Environment.TickCount64 + RetryMs;
        return PortState.Idle;
    }
}

/// <summary>
/// A serial port through the kernel's own calls: SerialPort allocates at each read and takes a hundred times as long,
/// and after an unplug it never returns.
/// </summary>
internal sealed unsafe class SerialPort : ReturningPort
{
    private readonly byte* _path;
    private readonly SerialSettings _settings;
    private DriverErrors? _countedAtOpen;
    private DriverErrors? _errors;

    private SerialPort(string path, SerialSettings settings)
    {
        Name = path;
        _settings = settings;
        // Opening again must not allocate, so the path is kept as open() takes it, for as long as the program runs.
        byte[] bytes = Encoding.UTF8.GetBytes(path + '\0');
        _path = (byte*)NativeMemory.Alloc((nuint)bytes.Length);
        bytes.CopyTo(new Span<byte>(_path, bytes.Length));
    }

    /// <summary>Opens <paramref name="path"/>, which is then looked for by that name.</summary>
    /// <param name="path">A by-id link where there is one: it leads to the device under any other name.</param>
    /// <param name="settings">Speed and modem lines.</param>
    /// <param name="error">A sentence, where the port cannot be opened; null where it is no serial port at all.</param>
    public static SerialPort? Open(string path, SerialSettings settings, out string? error)
    {
        var port = new SerialPort(path, settings);
        int fault = port.Claim();
        error = fault == 0 ? null
            : fault == NotSet ? $"{path} cannot be set to {settings.Baud} baud; choose another speed with --baud"
            : PortNames.Explain(path, fault);
        if (fault == 0)
            return port;
        port.Dispose();
        return null;
    }

    public override DriverErrors? Errors() => _errors is { } before && Now() is { } now && _countedAtOpen is { } start
        ? before + (now - start)
        : _errors;

    public override void Dispose()
    {
        base.Dispose();
        NativeMemory.Free(_path);
    }

    protected override bool TryOpen() => Claim() == 0;

    protected override void Close()
    {
        _errors = Errors();
        _countedAtOpen = null;
        if (Fd >= 0) // or it would outlive this process where another one holds the terminal open
            _ = Libc.Ioctl(Fd, Libc.TIOCNXCL, null);
        base.Close();
    }

    private const int NotSet = -1;

    /// <summary>Opens, locks and sets the port; gives 0, an error number, or <see cref="NotSet"/>.</summary>
    private int Claim()
    {
        // O_NONBLOCK: an open must not wait for a carrier. The host only reads, so read permission is enough.
        int fd = Libc.Open(_path, Libc.O_RDONLY | Libc.O_NOCTTY | Libc.O_NONBLOCK | Libc.O_CLOEXEC, 0);
        if (fd < 0)
            return Libc.LastError;
        int fault = !SerialSettings.IsTerminal(fd) ? Libc.ENOTTY
            : Libc.Flock(fd, Libc.LOCK_EX | Libc.LOCK_NB) < 0 ? Libc.EBUSY
            : !_settings.TryApply(fd) ? NotSet
            : 0;
        if (fault != 0)
        {
            _ = Libc.Close(fd);
            return fault;
        }
        _ = Libc.Ioctl(fd, Libc.TIOCEXCL, null); // flock decides; this also turns away programs that do not ask it
        Use(fd);
        _countedAtOpen = Now();
        if (_countedAtOpen is not null)
            _errors ??= default(DriverErrors);
        return 0;
    }

    private DriverErrors? Now()
    {
        const int Framing = 6, Overrun = 7, Parity = 8, BufferOverrun = 10; // struct serial_icounter_struct
        int* counters = stackalloc int[20];
        return Fd >= 0 && Libc.Ioctl(Fd, Libc.TIOCGICOUNT, counters) == 0
            ? new(counters[Overrun] + counters[BufferOverrun], counters[Parity], counters[Framing])
            : null;
    }
}

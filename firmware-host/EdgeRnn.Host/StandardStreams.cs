using System.Text;
using EdgeRnn.Host.Transport;

namespace EdgeRnn.Host;

/// <summary>Standard output and error without System.Console, which would allocate and double the binary.</summary>
internal static class StandardStreams
{
    public const int Output = 1;
    public const int Error = 2;

    /// <summary>
    /// Readable once the program shall stop: a reader that sleeps must not keep it from that. -1 for none.
    /// </summary>
    public static int StopFd { get; set; } = -1;

    /// <summary>Writes all of <paramref name="bytes"/>, waiting as long as the reader takes.</summary>
    /// <returns>False when nobody reads any more, or the program shall stop and nobody reads now.</returns>
    public static bool Write(int fd, ReadOnlySpan<byte> bytes) =>
        OperatingSystem.IsLinux() ? WriteLinux(fd, bytes) : WriteElsewhere(fd, bytes);

    /// <summary>Writes a sentence and a line's end to standard error.</summary>
    public static void Say(string sentence) => Write(Error, Encoding.UTF8.GetBytes(sentence + "\n"));

    /// <summary>Writes a text and a line's end to standard output.</summary>
    public static void Print(string text) => Write(Output, Encoding.UTF8.GetBytes(text + "\n"));

    /// <summary>Writes a line to standard error if its reader takes it at once: nothing here waits.</summary>
    public static unsafe void TrySay(ReadOnlySpan<byte> line)
    {
        if (!OperatingSystem.IsLinux())
        {
            _ = WriteElsewhere(Error, line);
            return;
        }
        var waiting = new Libc.PollFd { Fd = Error, Events = Libc.POLLOUT };
        if (Libc.Poll(&waiting, 1, 0) <= 0 || (waiting.Revents & Libc.POLLOUT) == 0)
            return;
        fixed (byte* start = line)
            _ = Libc.Write(Error, start, Math.Min(line.Length, OutputFd.NeverBlocks));
    }

    private static unsafe bool WriteLinux(int fd, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            for (int done = 0; done < bytes.Length;)
            {
                if (!WaitUntilWritable(fd))
                    return false;
                nint written = Libc.Write(fd, start + done, Math.Min(bytes.Length - done, OutputFd.NeverBlocks));
                if (written >= 0)
                    done += (int)written;
                else if (Libc.LastError is not (Libc.EAGAIN or Libc.EINTR))
                    return false;
            }
        }
        return true;
    }

    /// <summary>Waits, for a descriptor that another program made non-blocking too.</summary>
    /// <returns>False when the program shall stop first.</returns>
    private static unsafe bool WaitUntilWritable(int fd)
    {
        var waiting = stackalloc Libc.PollFd[2];
        waiting[0] = new() { Fd = fd, Events = Libc.POLLOUT };
        waiting[1] = new() { Fd = StopFd, Events = Libc.POLLIN }; // poll passes over -1
        _ = Libc.Poll(waiting, 2, -1);
        return waiting[0].Revents != 0 || waiting[1].Revents == 0;
    }

    private static bool WriteElsewhere(int fd, ReadOnlySpan<byte> bytes)
    {
        try
        {
            using var stream = fd == Output ? Console.OpenStandardOutput() : Console.OpenStandardError();
            stream.Write(bytes);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}

/// <summary>A standard stream that is written without waiting.</summary>
internal sealed unsafe class OutputFd
{
    /// <summary>The answer of <see cref="TryWrite"/> when the other end is closed.</summary>
    public const int NobodyReads = -1;

    private const int NoWait = 0x4040; // MSG_DONTWAIT | MSG_NOSIGNAL

    /// <summary>
    /// A pipe that poll calls writable takes so many bytes without blocking, and all of them (PIPE_BUF).
    /// </summary>
    public const int NeverBlocks = 4096;

    private readonly bool _isSocket;

    public OutputFd(int fd)
    {
        Fd = fd;
        if (!OperatingSystem.IsLinux())
            return;
        ushort type = Libc.FileType(fd);
        _isSocket = type == Libc.S_IFSOCK;
        // O_NONBLOCK on the descriptor itself would be shared with every program that has it too, such as the shell. A
        // pipe or terminal can be opened once more, for us alone; a file must not be, as that writes from its start.
        if (type is Libc.S_IFIFO or Libc.S_IFCHR)
        {
            int own = Libc.Open(
                $"/proc/self/fd/{fd}", Libc.O_WRONLY | Libc.O_NOCTTY | Libc.O_NONBLOCK | Libc.O_CLOEXEC, 0);
            Fd = own >= 0 ? own : fd;
        }
    }

    /// <summary>What to poll.</summary>
    public int Fd { get; }

    /// <summary>Writes what the reader takes now; 0 for nothing, or <see cref="NobodyReads"/>.</summary>
    public int TryWrite(ReadOnlySpan<byte> bytes)
    {
        if (!OperatingSystem.IsLinux())
            return StandardStreams.Write(Fd, bytes) ? bytes.Length : NobodyReads;
        if (!IsWritable(0, alsoStop: false))
            return 0;
        nint written;
        fixed (byte* start = bytes)
            written = _isSocket
                ? Libc.Send(Fd, start, bytes.Length, NoWait)
                : Libc.Write(Fd, start, Math.Min(bytes.Length, NeverBlocks));
        return written >= 0 ? (int)written : Libc.LastError is Libc.EAGAIN or Libc.EINTR ? 0 : NobodyReads;
    }

    /// <summary>Waits for the reader.</summary>
    /// <returns>False when the time is over or the program shall stop, and the reader takes nothing.</returns>
    public bool Wait(int timeoutMs) => !OperatingSystem.IsLinux() || IsWritable(timeoutMs, alsoStop: true);

    private bool IsWritable(int timeoutMs, bool alsoStop)
    {
        var waiting = stackalloc Libc.PollFd[2];
        waiting[0] = new() { Fd = Fd, Events = Libc.POLLOUT };
        waiting[1] = new() { Fd = alsoStop ? StandardStreams.StopFd : -1, Events = Libc.POLLIN };
        _ = Libc.Poll(waiting, 2, timeoutMs);
        return waiting[0].Revents != 0;
    }
}

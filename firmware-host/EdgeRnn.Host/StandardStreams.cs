using System.Text;
using EdgeRnn.Host.Transport;

namespace EdgeRnn.Host;

/// <summary>Standard output and error without System.Console, which would allocate and double the binary.</summary>
internal static class StandardStreams
{
    public const int Output = 1;
    public const int Error = 2;

    // A pipe that poll calls writable takes so many bytes without blocking (PIPE_BUF).
    private const int NeverBlocks = 4096;

    /// <summary>Readable once the program shall stop: a reader that sleeps must not keep it from that. -1 for none.</summary>
    public static int StopFd { get; set; } = -1;

    /// <summary>Writes all of <paramref name="bytes"/>, waiting as long as the reader takes.</summary>
    /// <returns>False when nobody reads any more, or the program shall stop and nobody reads now.</returns>
    public static bool Write(int fd, ReadOnlySpan<byte> bytes) =>
        OperatingSystem.IsLinux() ? WriteLinux(fd, bytes) : WriteElsewhere(fd, bytes);

    /// <summary>Writes a sentence and a line's end to standard error.</summary>
    public static void Say(string sentence) => Write(Error, Encoding.UTF8.GetBytes(sentence + "\n"));

    /// <summary>Writes a text and a line's end to standard output.</summary>
    public static void Print(string text) => Write(Output, Encoding.UTF8.GetBytes(text + "\n"));

    private static unsafe bool WriteLinux(int fd, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            for (int done = 0; done < bytes.Length;)
            {
                if (!WaitUntilWritable(fd))
                    return false;
                nint written = Libc.Write(fd, start + done, Math.Min(bytes.Length - done, NeverBlocks));
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

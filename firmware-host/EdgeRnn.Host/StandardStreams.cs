using System.Text;
using EdgeRnn.Host.Transport;

namespace EdgeRnn.Host;

/// <summary>Standard output and error without System.Console, which would allocate and double the binary.</summary>
internal static class StandardStreams
{
    public const int Output = 1;
    public const int Error = 2;

    /// <summary>Writes all of <paramref name="bytes"/>, waiting as long as the reader takes.</summary>
    /// <returns>False when nobody reads any more.</returns>
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
                nint written = Libc.Write(fd, start + done, bytes.Length - done);
                if (written >= 0)
                    done += (int)written;
                else if (Libc.LastError == Libc.EAGAIN)
                    WaitUntilWritable(fd);
                else if (Libc.LastError != Libc.EINTR)
                    return false;
            }
        }
        return true;
    }

    /// <summary>A terminal or pipe that another program made non-blocking is waited for all the same.</summary>
    private static unsafe void WaitUntilWritable(int fd)
    {
        var waiting = new Libc.PollFd { Fd = fd, Events = Libc.POLLOUT };
        _ = Libc.Poll(&waiting, 1, -1);
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

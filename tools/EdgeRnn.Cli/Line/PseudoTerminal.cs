using System.Runtime.InteropServices;
using System.Text;

namespace EdgeRnn.Cli;

/// <summary>
/// A pseudo-terminal pair: this program has the master, and holds the slave open as a plugged-in device would.
/// </summary>
internal sealed partial class PseudoTerminal : VirtualLine
{
    private const int ReadWriteNoControl = 0x102; // O_RDWR | O_NOCTTY
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;
    private const int TryAgain = 11;
    private const int Interrupted = 4;
    private const short Writable = 4;

    private readonly int _master;
    private readonly int _slave;

    public PseudoTerminal()
    {
        _master = Check(Native.OpenPt(ReadWriteNoControl | NonBlocking | CloseOnExec), "posix_openpt");
        _ = Check(Native.GrantPt(_master), "grantpt");
        _ = Check(Native.UnlockPt(_master), "unlockpt");
        PortName = SlaveName(_master);
        _slave = Check(Native.Open(PortName, ReadWriteNoControl | CloseOnExec, 0), "open");
        SetRaw(_slave);
    }

    public override string PortName { get; }

    public override unsafe void Send(ReadOnlySpan<byte> bytes, CancellationToken hostIsGone)
    {
        fixed (byte* start = bytes)
        {
            for (int sent = 0; sent < bytes.Length;)
            {
                hostIsGone.ThrowIfCancellationRequested();
                nint written = Native.Write(_master, start + sent, bytes.Length - sent);
                if (written > 0)
                    sent += (int)written;
                else if (Marshal.GetLastPInvokeError() is TryAgain or Interrupted)
                    WaitUntilWritable();
                else
                    throw Failure("write");
            }
        }
    }

    protected override void Dispose(bool disposing)
    {
        _ = Native.Close(_slave);
        _ = Native.Close(_master);
    }

    /// <summary>Waits, but not for long: the kernel does not wake a master for every byte its slave takes.</summary>
    private unsafe void WaitUntilWritable()
    {
        const int TimeoutMs = 2;
        var waiting = new PollFd { Fd = _master, Events = Writable };
        _ = Native.Poll(&waiting, 1, TimeoutMs);
    }

    private static unsafe string SlaveName(int master)
    {
        var name = stackalloc byte[128];
        int error = Native.PtsName(master, name, 128);
        if (error != 0)
            throw new IOException($"A pseudo-terminal could not be opened: ptsname_r gave error {error}.");
        return Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name));
    }

    private static unsafe void SetRaw(int slave)
    {
        var settings = stackalloc byte[128]; // struct termios: 60 bytes in glibc and musl
        _ = Check(Native.GetAttributes(slave, settings), "tcgetattr");
        Native.MakeRaw(settings);
        _ = Check(Native.SetAttributes(slave, 0, settings), "tcsetattr");
    }

    private static int Check(int result, string call) => result >= 0 ? result : throw Failure(call);

    private static IOException Failure(string call) =>
        new($"The pseudo-terminal failed: {call}: {Marshal.GetLastPInvokeErrorMessage()}.");

    [StructLayout(LayoutKind.Sequential)]
    private struct PollFd
    {
        public int Fd;
        public short Events;
        public short Revents;
    }

    private static unsafe partial class Native
    {
        [LibraryImport("libc", EntryPoint = "posix_openpt", SetLastError = true)]
        public static partial int OpenPt(int flags);

        [LibraryImport("libc", EntryPoint = "grantpt", SetLastError = true)]
        public static partial int GrantPt(int master);

        [LibraryImport("libc", EntryPoint = "unlockpt", SetLastError = true)]
        public static partial int UnlockPt(int master);

        [LibraryImport("libc", EntryPoint = "ptsname_r")]
        public static partial int PtsName(int master, byte* name, nuint length);

        [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
        public static partial int Open(string path, int flags, int mode);

        [LibraryImport("libc", EntryPoint = "close")]
        public static partial int Close(int fd);

        [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
        public static partial nint Write(int fd, byte* bytes, nint count);

        [LibraryImport("libc", EntryPoint = "poll")]
        public static partial int Poll(PollFd* fds, nuint count, int timeoutMs);

        [LibraryImport("libc", EntryPoint = "tcgetattr", SetLastError = true)]
        public static partial int GetAttributes(int fd, byte* settings);

        [LibraryImport("libc", EntryPoint = "cfmakeraw")]
        public static partial void MakeRaw(byte* settings);

        [LibraryImport("libc", EntryPoint = "tcsetattr", SetLastError = true)]
        public static partial int SetAttributes(int fd, int when, byte* settings);
    }
}

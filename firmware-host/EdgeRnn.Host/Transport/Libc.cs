using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace EdgeRnn.Host.Transport;

/// <summary>
/// The few system calls the host makes itself. Constants and layouts are those of Linux's asm-generic headers, which
/// x64 and arm64 share.
/// </summary>
internal static partial class Libc
{
    public const int EPERM = 1;
    public const int ENOENT = 2;
    public const int EINTR = 4;
    public const int EIO = 5;
    public const int ENXIO = 6;
    public const int EAGAIN = 11;
    public const int EACCES = 13;
    public const int EBUSY = 16;
    public const int ENODEV = 19;
    public const int EPIPE = 32;
    public const int ENOTTY = 25;
    public const int EINPROGRESS = 115;

    public const int O_RDONLY = 0;
    public const int O_WRONLY = 1;
    public const int O_RDWR = 2;
    public const int O_CREAT = 0x40;
    public const int O_TRUNC = 0x200;
    public const int O_NOCTTY = 0x100;
    public const int O_NONBLOCK = 0x800;
    public const int O_CLOEXEC = 0x80000;

    public const ushort S_IFIFO = 0x1000;
    public const ushort S_IFCHR = 0x2000;
    public const ushort S_IFDIR = 0x4000;
    public const ushort S_IFREG = 0x8000;
    public const ushort S_IFSOCK = 0xC000;

    public const int LOCK_EX = 2;
    public const int LOCK_NB = 4;

    public const short POLLIN = 1;
    public const short POLLOUT = 4;
    public const short POLLERR = 8;
    public const short POLLHUP = 16;

    public const nuint TCGETS = 0x5401;
    public const nuint TCSETS = 0x5402;
    public const nuint TIOCEXCL = 0x540C;
    public const nuint TIOCNXCL = 0x540D;
    public const nuint TIOCMBIS = 0x5416;
    public const nuint TIOCMBIC = 0x5417;
    public const nuint TIOCGICOUNT = 0x545D;
    public const nuint TCGETS2 = 0x802C542A;
    public const nuint TCSETS2 = 0x402C542B;

    public static int LastError => Marshal.GetLastPInvokeError();

    /// <summary>The type of file behind a descriptor; 0 when the kernel does not tell.</summary>
    public static unsafe ushort FileType(int fd)
    {
        const int EmptyPath = 0x1000; // AT_EMPTY_PATH
        const uint TypeOnly = 1; // STATX_TYPE
        var statx = stackalloc byte[256]; // whose layout, unlike that of stat, is one for all processors
        byte nothing = 0;
        bool told = StatX(fd, &nothing, EmptyPath, TypeOnly, statx) >= 0;
        return told ? (ushort)(*(ushort*)(statx + 28) & 0xF000) : (ushort)0; // stx_mode & S_IFMT
    }

    /// <summary>The group that owns a file; 0 when the kernel does not tell.</summary>
    public static unsafe uint GroupOf(string path)
    {
        const int Here = -100; // AT_FDCWD
        const uint GroupOnly = 16; // STATX_GID
        var statx = stackalloc byte[256];
        fixed (byte* name = System.Text.Encoding.UTF8.GetBytes(path + '\0'))
            return StatX(Here, name, 0, GroupOnly, statx) >= 0 ? *(uint*)(statx + 24) : 0; // stx_gid
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true)]
    public static unsafe partial int Open(byte* path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int Flock(int fd, int operation);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static unsafe partial int Ioctl(int fd, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static unsafe partial nint Read(int fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static unsafe partial nint Write(int fd, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static unsafe partial int Poll(PollFd* fds, nuint count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "signalfd", SetLastError = true)]
    public static unsafe partial int SignalFd(int fd, ulong* mask, int flags);

    [LibraryImport("libc", EntryPoint = "pthread_sigmask")]
    public static unsafe partial int SignalMask(int how, ulong* set, ulong* old);

    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    public static unsafe partial int Pipe2(int* fds, int flags);

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    public static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    public static unsafe partial int Connect(int fd, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    public static unsafe partial int Bind(int fd, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    public static partial int Listen(int fd, int backlog);

    [LibraryImport("libc", EntryPoint = "accept4", SetLastError = true)]
    public static unsafe partial int Accept(int fd, byte* address, uint* length, int flags);

    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    public static unsafe partial int GetSocketOption(int fd, int level, int option, int* value, uint* length);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    public static unsafe partial int SetSocketOption(int fd, int level, int option, int* value, uint length);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static unsafe partial nint Send(int fd, byte* buffer, nint count, int flags);

    [LibraryImport("libc", EntryPoint = "getaddrinfo", StringMarshalling = StringMarshalling.Utf8)]
    public static unsafe partial int GetAddressInfo(string host, string port, AddressInfo* hints, AddressInfo** found);

    [LibraryImport("libc", EntryPoint = "freeaddrinfo")]
    public static unsafe partial void FreeAddressInfo(AddressInfo* found);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static unsafe partial int StatX(int folder, byte* path, int flags, uint mask, byte* statx);

    /// <summary>struct pollfd</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollFd
    {
        public int Fd;
        public short Events;
        public short Revents;
    }

    /// <summary>struct addrinfo</summary>
    [StructLayout(LayoutKind.Sequential)]
    public unsafe struct AddressInfo
    {
        public int Flags;
        public int Family;
        public int SocketType;
        public int Protocol;
        public uint AddressLength;
        public byte* Address;
        public byte* CanonicalName;
        public AddressInfo* Next;
    }

    /// <summary>The kernel's struct termios (36 bytes) and, with the two speeds, struct termios2 (44 bytes).</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Termios2
    {
        public uint Input;
        public uint Output;
        public uint Control;
        public uint Local;
        public byte Line;
        public ControlChars Chars;
        public uint InputSpeed;
        public uint OutputSpeed;
    }

    /// <summary>c_cc</summary>
    [InlineArray(19)]
    public struct ControlChars
    {
        private byte _first;
    }
}

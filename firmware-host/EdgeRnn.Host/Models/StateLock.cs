using System.Runtime.InteropServices;
using EdgeRnn.Host.Transport;

namespace EdgeRnn.Host.Models;

/// <summary>
/// The mark of the host that runs on a state folder: a lock that the kernel takes back when its process ends, and of
/// which it tells the holder.
/// </summary>
internal sealed unsafe partial class StateLock : IDisposable
{
    private const string Name = "host.lock";
    private const int ReadWriteCreate = 0x42; // O_RDWR | O_CREAT
    private const int OwnerWritesAllRead = 0x1A4; // 0644
    private const int GetLock = 5; // F_GETLK
    private const int SetLock = 6; // F_SETLK
    private const short WriteLock = 1; // F_WRLCK
    private const short Unlocked = 2; // F_UNLCK

    private readonly int _fd;

    private StateLock(int fd) => _fd = fd;

    /// <summary>Takes the lock; gives null and a sentence where another host has it, or the folder is none.</summary>
    public static StateLock? Take(string folder, out string? error)
    {
        error = null;
        int fd = Libc.Open(Path.Combine(folder, Name), ReadWriteCreate | Libc.O_CLOEXEC, OwnerWritesAllRead);
        if (fd < 0)
        {
            error = $"the state folder {folder} cannot be written (error {Libc.LastError}); make it, or look at its " +
                "permissions";
            return null;
        }
        var wanted = new FileLock { Type = WriteLock };
        if (Control(fd, SetLock, &wanted) == 0)
            return new(fd);
        error = $"another edgernn-host runs on the state folder {folder} (process {Holder(folder)}); give each one " +
            "its own";
        _ = Libc.Close(fd);
        return null;
    }

    /// <summary>The process that has the lock; 0 for none.</summary>
    public static int Holder(string folder)
    {
        int fd = Libc.Open(Path.Combine(folder, Name), Libc.O_RDONLY | Libc.O_CLOEXEC, 0);
        if (fd < 0)
            return 0;
        var asked = new FileLock { Type = WriteLock };
        bool told = Control(fd, GetLock, &asked) == 0 && asked.Type != Unlocked;
        _ = Libc.Close(fd);
        return told ? asked.Process : 0;
    }

    public void Dispose() => _ = Libc.Close(_fd);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(int fd, int command, FileLock* fileLock);

    /// <summary>struct flock of 64-bit systems; zeros mean the whole file.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FileLock
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length;
        public int Process;
    }
}

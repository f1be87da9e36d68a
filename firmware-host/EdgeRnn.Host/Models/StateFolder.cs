using System.Runtime.InteropServices;
using EdgeRnn.Format;
using EdgeRnn.Host.Transport;

namespace EdgeRnn.Host.Models;

/// <summary>
/// The folder that <see cref="ModelStore"/> works in, as the calls whose order decides what a power cut leaves behind.
/// Each gives 0 or an error number.
/// </summary>
internal interface IStateFolder
{
    /// <summary>Whether there is a file of this name.</summary>
    bool Has(string name);

    /// <summary>Reads a file; gives null and a sentence where it cannot.</summary>
    byte[]? Read(string name, out string? error);

    /// <summary>Writes a file, in place of one of this name. Nothing of it is durable yet.</summary>
    int Write(string name, ReadOnlySpan<byte> content);

    /// <summary>Makes a file's content durable, though not its name.</summary>
    int SyncFile(string name);

    /// <summary>Gives a file another name, in place of one of that name, in one step.</summary>
    int Rename(string from, string to);

    /// <summary>Deletes a file.</summary>
    int Delete(string name);

    /// <summary>Makes names durable.</summary>
    int SyncNames();
}

/// <summary>A folder of the file system.</summary>
internal sealed partial class StateFolder(string path) : IStateFolder
{
    private const int OpenFolder = 0x10000; // O_DIRECTORY on x64
    private const int OpenFolderArm = 0x4000; // and on arm64
    private const int OwnerWritesAllRead = 0x1A4; // 0644

    private readonly string _path = path;

    /// <summary>The folder.</summary>
    public string Name => _path;

    /// <summary>The path of a file in it.</summary>
    public string PathOf(string name) => Path.Combine(_path, name);

    public bool Has(string name) => File.Exists(PathOf(name));

    public byte[]? Read(string name, out string? error)
    {
        _ = ModelReader.TryReadFile(PathOf(name), out byte[]? file, out error);
        return file;
    }

    public unsafe int Write(string name, ReadOnlySpan<byte> content)
    {
        const int WriteNew = 0x241; // O_WRONLY | O_CREAT | O_TRUNC
        int fd = Libc.Open(PathOf(name), WriteNew | Libc.O_CLOEXEC, OwnerWritesAllRead);
        if (fd < 0)
            return Libc.LastError;
        int error = 0;
        fixed (byte* bytes = content)
        {
            for (nint done = 0; done < content.Length && error == 0;)
            {
                nint written = Libc.Write(fd, bytes + done, content.Length - done);
                if (written >= 0)
                    done += written;
                else if (Libc.LastError != Libc.EINTR)
                    error = Libc.LastError;
            }
        }
        return Libc.Close(fd) < 0 && error == 0 ? Libc.LastError : error;
    }

    public int SyncFile(string name) => Sync(PathOf(name), Libc.O_RDONLY);

    public int Rename(string from, string to) => Answer(RenameFile(PathOf(from), PathOf(to)));

    public int Delete(string name) => Answer(Unlink(PathOf(name)));

    public int SyncNames() =>
        Sync(_path, RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? OpenFolderArm : OpenFolder);

    private static int Sync(string path, int flags)
    {
        int fd = Libc.Open(path, flags | Libc.O_CLOEXEC, 0);
        if (fd < 0)
            return Libc.LastError;
        int error = Answer(FileSync(fd));
        _ = Libc.Close(fd);
        return error;
    }

    private static int Answer(int result) => result < 0 ? Libc.LastError : 0;

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameFile(string from, string to);

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Unlink(string path);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FileSync(int fd);
}

namespace EdgeRnn.Trainer;

/// <summary>
/// Files that are there whole or not at all: written under a temporary name in the same folder, flushed to the disk,
/// then renamed, which a file system does in one step.
/// </summary>
public static class AtomicFile
{
    /// <summary>Writes <paramref name="bytes"/> to <paramref name="path"/>.</summary>
    /// <inheritdoc cref="Write(string, Action{Stream}, bool, bool)"/>
    public static void Write(string path, ReadOnlyMemory<byte> bytes, bool overwrite = false) =>
        Write(path, stream => stream.Write(bytes.Span), overwrite);

    /// <summary>Writes what <paramref name="content"/> writes to its stream; missing folders are made.</summary>
    /// <param name="path">The file.</param>
    /// <param name="content">Writes the content; when it throws, nothing is left behind.</param>
    /// <param name="overwrite">Whether a file that exists is replaced.</param>
    /// <param name="isPrivate">Whether its owner alone may read it, from its first byte on.</param>
    /// <exception cref="UserException">The file exists, or the folder cannot be written.</exception>
    public static void Write(string path, Action<Stream> content, bool overwrite = false, bool isPrivate = false)
    {
        RefuseExisting(path, overwrite);
        string full = Path.GetFullPath(path);
        string temporary = $"{full}.{Environment.ProcessId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(full) ?? full);
            var options = new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                Share = FileShare.None,
            };
            if (isPrivate && !OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var stream = new FileStream(temporary, options))
            {
                content(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, full, overwrite);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A file of this name may have appeared while the content was being made.
            RefuseExisting(path, overwrite);
            string cause = e.Message.TrimEnd('.');
            throw new UserException($"Cannot write '{path}': {cause}; choose a folder that can be written.", e);
        }
        finally
        {
            // Deleting a file that is not there is no error; a folder that is not there would be one.
            if (File.Exists(temporary))
                File.Delete(temporary);
        }
    }

    /// <summary>Refuses an output that exists, so that long work can be refused before it starts.</summary>
    /// <exception cref="UserException">
    /// The file exists and <paramref name="overwrite"/> is false, or it is a folder.
    /// </exception>
    public static void RefuseExisting(string path, bool overwrite)
    {
        if (Directory.Exists(path))
            throw new UserException($"Cannot write '{path}': it is a folder; name a file.");
        if (!overwrite && File.Exists(path))
            throw new UserException($"'{path}' exists; use --force to overwrite it, or choose another name.");
    }
}

using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace EdgeRnn.Format;

/// <summary>
/// Bytes to <see cref="RnnModel"/>, all or nothing, as <c>edgernn.proto</c> lays down. Written by hand because the
/// board reads with it: tensors stay where they are in the file, so only names and a few objects are reserved, after
/// every size was checked. Whatever the bytes are, the answer is a model or one sentence, never an exception.
/// </summary>
public static class ModelReader
{
    /// <summary>The largest file that is read: 1 GiB.</summary>
    public const int MaxFileBytes = 1 << 30;

    /// <summary>Tag of the last field, <c>fixed32 crc32c = 15</c>.</summary>
    public const byte ChecksumTag = 15 << 3 | 5;

    /// <summary>Bytes of the last field.</summary>
    public const int ChecksumFieldBytes = 1 + sizeof(uint);

    // format_version = 1 and numeric_version = 1, two bytes each: what every version of the format begins with.
    private const int ShortestFile = 4 + ChecksumFieldBytes;

    /// <summary>Reads a model whose tensors refer to <paramref name="file"/>; it must not change afterwards.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="model">The model, or null.</param>
    /// <param name="error">Which field is wrong, what was found and what was expected; or null.</param>
    public static bool TryRead(
        ReadOnlyMemory<byte> file, [NotNullWhen(true)] out RnnModel? model, [NotNullWhen(false)] out string? error)
    {
        model = null;
        error = Checksum(file.Span, out uint checksum);
        if (error is not null)
            return false;
        var message = new ModelMessage(file[..^ChecksumFieldBytes]);
        error = message.Check();
        if (error is null)
            model = message.ToModel(checksum);
        return error is null;
    }

    /// <summary>Reads the model file <paramref name="path"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">The model, or null.</param>
    /// <param name="error">One sentence that begins with the path; or null.</param>
    public static bool TryLoad(
        string path, [NotNullWhen(true)] out RnnModel? model, [NotNullWhen(false)] out string? error)
    {
        model = null;
        if (TryReadFile(path, out byte[]? file, out error) && !TryRead(file, out model, out error))
            error = $"{path}: {error}";
        return model is not null;
    }

    /// <summary>Reads the bytes of a file of at most <see cref="MaxFileBytes"/>, whatever they are.</summary>
    /// <param name="path">The file.</param>
    /// <param name="file">Its bytes, or null.</param>
    /// <param name="error">One sentence that begins with the path; or null.</param>
    public static bool TryReadFile(
        string path, [NotNullWhen(true)] out byte[]? file, [NotNullWhen(false)] out string? error)
    {
        string? reason = ReadFile(path, out byte[] bytes);
        file = reason is null ? bytes : null;
        error = reason is null ? null : $"{path}: {reason}";
        return reason is null;
    }

    private static string? Checksum(ReadOnlySpan<byte> file, out uint found)
    {
        found = 0;
        if (file.Length is < ShortestFile or > MaxFileBytes)
            return $"the file has {file.Length} bytes, expected a model of {ShortestFile} to {MaxFileBytes} bytes";
        if (file[^ChecksumFieldBytes] != ChecksumTag)
            return "the file does not end with its checksum: it is cut short, or not an .ernn model";
        found = BinaryPrimitives.ReadUInt32LittleEndian(file[^sizeof(uint)..]);
        uint expected = Crc32C.Compute(file[..^ChecksumFieldBytes]);
        return found == expected ? null : $"crc32c is {found:x8}, expected {expected:x8}: the file is damaged";
    }

    // The file system reports by exception; only here, before a byte is looked at. The sentences are our own because
    // the board's build leaves out the framework's.
    private static string? ReadFile(string path, out byte[] file)
    {
        file = [];
        try
        {
            if (Directory.Exists(path))
                return "this is a folder, expected a model file";
            using var handle = File.OpenHandle(path, options: FileOptions.SequentialScan);
            long length = RandomAccess.GetLength(handle);
            if (length > MaxFileBytes)
                return $"the file has {length} bytes, expected at most {MaxFileBytes}";
            file = GC.AllocateUninitializedArray<byte>((int)length);
            int read = 0;
            for (int part; read < file.Length; read += part)
            {
                part = RandomAccess.Read(handle, file.AsSpan(read), read);
                if (part == 0)
                    return $"the file ended after {read} bytes, expected {length}";
            }
            return null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return "there is no such file";
        }
        catch (UnauthorizedAccessException)
        {
            return "the file may not be read: look at its permissions";
        }
        catch (Exception e) when (e is IOException or NotSupportedException or ArgumentException)
        {
            return "the file cannot be read";
        }
    }
}

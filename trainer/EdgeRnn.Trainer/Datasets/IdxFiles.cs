using System.Buffers.Binary;
using System.IO.Compression;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>
/// A pair of IDX files, the form that MNIST comes in: PREFIX-images-idx3-ubyte and PREFIX-labels-idx1-ubyte, each
/// with or without <c>.gz</c>. A header of big-endian int32 (magic, then one size per dimension) and unsigned bytes.
/// </summary>
internal static class IdxFiles
{
    /// <summary>Deflate cannot expand a byte further than this, so a header that promises more lies.</summary>
    private const long MostBytesPerDeflatedByte = 1032;

    public static SequenceDataset Load(string prefix, bool rowsAsSteps, int? count)
    {
        var images = Read(prefix + "-images-idx3-ubyte", dimensions: 3);
        var labels = Read(prefix + "-labels-idx1-ubyte", dimensions: 1);
        if (images.Sizes[0] != labels.Sizes[0])
        {
            throw new UserException(
                $"{images.File} has {images.Sizes[0]} images but {labels.File} has {labels.Sizes[0]} labels; " +
                "use two files of one data set.");
        }
        int height = images.Sizes[1], width = images.Sizes[2], pixels = height * width;
        int wanted = Math.Min(count ?? int.MaxValue, images.Sizes[0]);
        if (pixels == 0 || wanted == 0)
            throw new UserException(
                $"{images.File} has {images.Sizes[0]} images of {height} × {width} pixels; expected at least one " +
                "pixel.");
        if ((long)wanted * pixels > Array.MaxLength)
            throw new UserException(
                $"{images.File} has {(long)wanted * pixels} pixels, more than memory holds; read fewer with count=N.");

        // One array for all images: 60,000 small ones would cost the collector more than they hold.
        var values = new float[wanted * pixels];
        for (int i = 0; i < values.Length; i++)
            values[i] = images.Data[i];

        var (steps, channels) = rowsAsSteps ? (height, width) : (pixels, 1);
        var sequences = new Sequence[wanted];
        for (int i = 0; i < wanted; i++)
            sequences[i] = new(values.AsMemory(i * pixels, pixels), steps, labels.Data[i]);
        // Classes are those of the whole file, so that the first few images have no fewer of them.
        int classes = labels.Data.Max() + 1;
        string name = Path.GetFileName(prefix);
        return new(name, SequenceDataset.Numbered(channels), SequenceDataset.Numbered(classes), sequences);
    }

    private static IdxFile Read(string path, int dimensions)
    {
        string found = File.Exists(path) ? path : path + ".gz";
        if (!File.Exists(found))
            throw new UserException(
                $"{path}[.gz] does not exist; write the prefix before '-images-idx3-ubyte', for example " +
                "idx:DIR/train.");
        try
        {
            using var stream = Open(found, out long mostBytes);
            return Parse(found, stream, dimensions, mostBytes);
        }
        catch (InvalidDataException e)
        {
            throw new UserException($"{found} is damaged or cut short: {e.Message.TrimEnd('.')}; fetch it again.", e);
        }
    }

    /// <summary>Told by its first two bytes, as browsers unpack files and keep their names.</summary>
    private static Stream Open(string path, out long mostBytes)
    {
        var file = File.OpenRead(path);
        bool gzip = file.ReadByte() == 0x1F && file.ReadByte() == 0x8B;
        file.Position = 0;
        mostBytes = file.Length * (gzip ? MostBytesPerDeflatedByte : 1);
        return gzip ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    private static IdxFile Parse(string name, Stream stream, int dimensions, long mostBytes)
    {
        var header = new byte[4 + 4 * dimensions];
        int read = stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        if (read < header.Length)
            throw new UserException(
                $"{name} is cut short: its header has {read} bytes, expected {header.Length}; fetch it again.");
        // 0, 0, type (8: unsigned byte), dimensions.
        uint magic = BinaryPrimitives.ReadUInt32BigEndian(header);
        uint expectedMagic = 0x800 | (uint)dimensions;
        if (magic != expectedMagic)
        {
            throw new UserException($"{name} begins with 0x{magic:X8}, expected 0x{expectedMagic:X8} " +
                $"(IDX, unsigned bytes, {dimensions} dimension{(dimensions > 1 ? "s" : "")}); check that it is the " +
                "file its name says.");
        }
        var sizes = new int[dimensions];
        long expected = 1;
        for (int d = 0; d < dimensions; d++)
        {
            sizes[d] = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4 + 4 * d));
            // Each size is below 2^31 and the product before it below 2^31, so the new one fits in 63 bits.
            if (sizes[d] < 0 || (expected *= sizes[d]) > Array.MaxLength)
                throw new UserException(
                    $"{name}: dimension {d} is {(uint)sizes[d]}, more than this program reads; fetch the file again.");
        }
        var data = new byte[Math.Min(expected, mostBytes)];
        read = stream.ReadAtLeast(data, data.Length, throwOnEndOfStream: false);
        if (read < expected)
            throw new UserException(
                $"{name} is cut short: {read} bytes after the header, expected {expected} " +
                $"({string.Join(" × ", sizes)}); fetch it again.");
        if (stream.ReadByte() >= 0)
            throw new UserException(
                $"{name} goes on after the {expected} bytes ({string.Join(" × ", sizes)}) its header promises; fetch " +
                "it again.");
        return new(name, sizes, data);
    }

    private sealed record IdxFile(string File, int[] Sizes, byte[] Data);
}

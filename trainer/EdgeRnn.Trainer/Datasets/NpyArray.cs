using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>
/// An array in NumPy's <c>.npy</c> format (versions 1 to 3): C order, little-endian.
/// </summary>
/// <param name="Path">The file, for messages.</param>
/// <param name="Type">NumPy's type string: <c>&lt;f4</c>, <c>&lt;i8</c>, <c>|S5</c> …</param>
/// <param name="Shape">Sizes, slowest first.</param>
/// <param name="Data">The elements' bytes.</param>
public sealed partial record NpyArray(string Path, string Type, int[] Shape, ReadOnlyMemory<byte> Data)
{
    /// <summary>Number of elements.</summary>
    public int Count => Shape.Aggregate(1, (product, size) => product * size);

    /// <summary>Reads an array.</summary>
    /// <exception cref="UserException">Missing, not an array, Fortran order, cut short or too long.</exception>
    public static NpyArray Read(string path)
    {
        if (!File.Exists(path))
            throw new UserException($"{path} does not exist; check the path.");
        var file = File.ReadAllBytes(path);
        if (!file.AsSpan().StartsWith(Magic))
            throw new UserException(
                $"{path} does not begin with \\x93NUMPY, expected NumPy's .npy format; write it with np.save.");
        if (file.Length < 12)
            throw CutShort(path, file.Length, "a header");
        // Version 1 has a header length of two bytes, later ones of four.
        int start = file[6] == 1 ? 10 : 12;
        long headerLength = file[6] == 1
            ? BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(8))
            : BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(8));
        if (start + headerLength > file.Length)
            throw CutShort(path, file.Length, $"a header of {headerLength} bytes");
        string header = Encoding.UTF8.GetString(file, start, (int)headerLength).Trim();
        return Parse(path, header, file.AsMemory(start + (int)headerLength));
    }

    /// <summary>Writes float32 values, for a whole file or nothing use <see cref="AtomicFile"/>.</summary>
    public static void Write(Stream stream, ReadOnlySpan<int> shape, ReadOnlySpan<float> values)
    {
        string sizes = string.Concat(shape.ToArray().Select(size => $"{size}, "));
        string header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({sizes.TrimEnd()}), }}";
        // NumPy pads with spaces so that the data begin at a multiple of 64, and ends the header with a line feed.
        int length = (10 + header.Length + 1 + 63) / 64 * 64 - 10;
        stream.Write([.. Magic, 1, 0, (byte)length, (byte)(length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(header.PadRight(length - 1) + '\n'));
        stream.Write(MemoryMarshal.AsBytes(values));
    }

    /// <summary>The elements of a float32 or float64 array as float32.</summary>
    /// <exception cref="UserException">Another type, or a value that is not finite.</exception>
    public float[] ToFloats()
    {
        var values = new float[Count];
        if (Type == "<f4")
            MemoryMarshal.Cast<byte, float>(Data.Span).CopyTo(values);
        else if (Type == "<f8")
        {
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(Data.Span[(8 * i)..]);
        }
        else
            throw new UserException(
                $"{Path} has elements of type {Type}, expected <f4 (float32) or <f8; write it with np.save(file, " +
                "X.astype('float32')).");
        int bad = Array.FindIndex(values, v => !float.IsFinite(v));
        return bad < 0
            ? values
            : throw new UserException(
                $"{Path}: found {values[bad].ToString(CultureInfo.InvariantCulture)} at [{Position(bad)}], expected " +
                "a finite number; fill or remove it.");
    }

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    private static NpyArray Parse(string path, string header, ReadOnlyMemory<byte> data)
    {
        var match = HeaderPattern().Match(header);
        string type = TypePattern().Match(header).Groups[1].Value;
        string order = OrderPattern().Match(header).Groups[1].Value;
        if (!match.Success || type.Length < 3 || order.Length == 0)
            throw new UserException(
                $"{path}: found header {TextFile.Quote(Encoding.UTF8.GetBytes(header))}, expected descr, " +
                "fortran_order and shape of a plain array; write it with np.save.");
        if (order == "True")
            throw new UserException(
                $"{path} is in Fortran order, expected C order; write it with np.save(file, np.ascontiguousarray(X)).");

        if (type[0] == '>')
            throw new UserException(
                $"{path} has big-endian elements ({type}), expected little-endian; write it with np.save(file, " +
                $"X.astype('<{type[1..]}')).");

        string[] sizes = match.Groups[1].Value.Replace(" ", "", StringComparison.Ordinal)
            .Split(',', StringSplitOptions.RemoveEmptyEntries);
        var shape = new int[sizes.Length];
        long elements = 1;
        for (int d = 0; d < sizes.Length; d++)
        {
            if (!int.TryParse(sizes[d], NumberStyles.None, CultureInfo.InvariantCulture, out shape[d])
                || (elements *= shape[d]) > Array.MaxLength)
                throw new UserException(
                    $"{path} has shape ({match.Groups[1].Value}), more than this program reads; write fewer " +
                    "sequences.");
        }
        // 'U' counts characters of four bytes.
        if (!int.TryParse(type.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out int size))
            throw new UserException(
                $"{path} has elements of type {type}, expected numbers or strings; write it with np.save.");
        long bytes = elements * size * (type[1] == 'U' ? 4 : 1);
        if (data.Length < bytes)
            throw CutShort(path, data.Length, $"{bytes} for {type} ({match.Groups[1].Value}) after the header");
        if (data.Length > bytes)
            throw new UserException(
                $"{path} has {data.Length} bytes after the header, expected {bytes} for {type} " +
                $"({match.Groups[1].Value}); write it again.");
        return new(path, type, shape, data);
    }

    private string Position(int index)
    {
        var position = new int[Shape.Length];
        for (int d = Shape.Length - 1; d >= 0; d--)
            (index, position[d]) = Math.DivRem(index, Shape[d]);
        return string.Join(", ", position);
    }

    private static UserException CutShort(string path, int found, string expected) =>
        new($"{path} is cut short: {found} bytes, expected {expected}; write it again.");

    [GeneratedRegex(@"'shape':\s*\(([\d,\s]*)\)")]
    private static partial Regex HeaderPattern();

    [GeneratedRegex(@"'descr':\s*'([^']*)'")]
    private static partial Regex TypePattern();

    [GeneratedRegex(@"'fortran_order':\s*(True|False)")]
    private static partial Regex OrderPattern();
}

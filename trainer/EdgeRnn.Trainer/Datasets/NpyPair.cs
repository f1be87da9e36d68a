using System.Buffers.Binary;
using System.Text;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>
/// Two NumPy files: readings <c>[n, steps, channels]</c> and labels <c>[n]</c>. Integer labels are named by their
/// number, classes from 0 to the largest; strings name themselves, in ordinal order.
/// </summary>
internal static class NpyPair
{
    public static SequenceDataset Load(string paths)
    {
        const string between = ".npy,";
        int cut = paths.IndexOf(between, StringComparison.OrdinalIgnoreCase);
        if (cut < 0)
            throw new UserException($"'{paths}' does not name two .npy files; write npy:X.npy,y.npy.");
        var x = NpyArray.Read(paths[..(cut + between.Length - 1)]);
        var y = NpyArray.Read(paths[(cut + between.Length)..]);
        if (x.Shape.Length != 3 || x.Count == 0)
            throw new UserException(
                $"{x.Path} has shape ({string.Join(", ", x.Shape)}), expected (n, steps, channels), none of them 0; " +
                "reshape it.");
        if (y.Shape.Length != 1 || y.Shape[0] != x.Shape[0])
            throw new UserException(
                $"{y.Path} has shape ({string.Join(", ", y.Shape)}), expected ({x.Shape[0]}), a label for each of " +
                $"{x.Path}; write class numbers or names.");

        var values = x.ToFloats();
        var (labels, of) = Labels(y);
        int steps = x.Shape[1], channels = x.Shape[2];
        var sequences = new Sequence[x.Shape[0]];
        for (int i = 0; i < sequences.Length; i++)
            sequences[i] = new(values.AsMemory(i * steps * channels, steps * channels), steps, of[i]);
        return new(Path.GetFileNameWithoutExtension(x.Path), SequenceDataset.Numbered(channels), labels, sequences);
    }

    /// <summary>The names of the classes, and the class of each element.</summary>
    private static (string[] Names, int[] Classes) Labels(NpyArray y)
    {
        int size = y.Data.Length / y.Count;
        if (y.Type[1] is 'S' or 'U')
        {
            var encoding = y.Type[1] == 'S' ? Encoding.UTF8 : Encoding.UTF32;
            string[] names = [.. Enumerable.Range(0, y.Count)
                .Select(i => encoding.GetString(y.Data.Span.Slice(i * size, size)).TrimEnd('\0'))];
            string[] distinct = [.. names.Distinct().Order(StringComparer.Ordinal)];
            return (distinct, [.. names.Select(name => Array.BinarySearch(distinct, name, StringComparer.Ordinal))]);
        }
        var classes = new int[y.Count];
        for (int i = 0; i < classes.Length; i++)
        {
            var element = y.Data.Span.Slice(i * size, size);
            long label = y.Type switch
            {
                "|u1" => element[0],
                "|i1" => (sbyte)element[0],
                "<i4" => BinaryPrimitives.ReadInt32LittleEndian(element),
                "<u4" => BinaryPrimitives.ReadUInt32LittleEndian(element),
                "<i8" => BinaryPrimitives.ReadInt64LittleEndian(element),
                _ => throw new UserException(
                    $"{y.Path} has elements of type {y.Type}, expected class numbers (int32, int64, uint8) or names; " +
                    "write y.astype('int32')."),
            };
            if (label is < 0 or >= RnnModel.MaxLabels)
                throw new UserException(
                    $"{y.Path}: found label {label} at [{i}], expected 0 to {RnnModel.MaxLabels - 1}; number the " +
                    "classes from 0.");
            classes[i] = (int)label;
        }
        return (SequenceDataset.Numbered(classes.Max() + 1), classes);
    }
}

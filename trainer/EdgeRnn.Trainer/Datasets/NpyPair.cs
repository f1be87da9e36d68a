using System.Buffers.Binary;
using System.Text;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>
/// Two NumPy files: readings <c>[n, steps, channels]</c> and what they are to give. Integers and strings are classes,
/// <c>[n]</c> or, one a step, <c>[n, steps]</c>: integers are named by their number, from 0 to the largest, strings
/// name themselves, in ordinal order. Floats are values: <c>[n]</c>, <c>[n, outputs]</c> or <c>[n, steps, outputs]</c>.
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
        bool areValues = y.Type is "<f4" or "<f8";
        int n = x.Shape[0], steps = x.Shape[1], channels = x.Shape[2];
        bool fits = y.Count > 0 && y.Shape[0] == n && (y.Shape.Length, areValues) switch
        {
            (1, _) or (2, true) => true,
            (2, false) or (3, true) => y.Shape[1] == steps,
            _ => false,
        };
        if (!fits)
            throw new UserException(
                $"{y.Path} has shape ({string.Join(", ", y.Shape)}), expected ({n}), a label for each of {x.Path}, " +
                    $"or " +
                $"({n}, {steps}), one for each step, or ({n}, outputs) or ({n}, {steps}, outputs) of float32; " +
                    "reshape it.");

        var values = x.ToFloats();
        var sequences = new Sequence[n];
        for (int i = 0; i < n; i++)
            sequences[i] = new(values.AsMemory(i * steps * channels, steps * channels), steps, 0);
        string name = Path.GetFileNameWithoutExtension(x.Path);
        var data = new SequenceDataset(name, SequenceDataset.Numbered(channels), [], sequences);
        return areValues ? WithTargets(data, y) : WithLabels(data, y);
    }

    private static SequenceDataset WithTargets(SequenceDataset data, NpyArray y)
    {
        int outputs = y.Shape.Length == 1 ? 1 : y.Shape[^1], each = y.Count / data.Count;
        if (outputs > RnnModel.MaxLabels)
            throw new UserException(
                $"{y.Path} has {outputs} values an output, expected at most {RnnModel.MaxLabels}; predict fewer.");
        float[] targets = y.ToFloats();
        return data with
        {
            Labels = SequenceDataset.Numbered(outputs),
            OutputKind = OutputKind.Values,
            EachStep = y.Shape.Length == 3,
            Sequences = [.. data.Sequences.Select((s, i) => s with { Targets = targets.AsMemory(i * each, each) })],
        };
    }

    private static SequenceDataset WithLabels(SequenceDataset data, NpyArray y)
    {
        var (labels, of) = Labels(y);
        int steps = y.Count / data.Count;
        bool eachStep = y.Shape.Length == 2;
        return data with
        {
            Labels = labels,
            EachStep = eachStep,
            // A sequence counts as one of its last step's class, where splits and reports ask for one.
            Sequences = [.. data.Sequences.Select((s, i) => s with
            {
                Label = of[(i + 1) * steps - 1],
                StepLabels = eachStep ? of.AsMemory(i * steps, steps) : default,
            })],
        };
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

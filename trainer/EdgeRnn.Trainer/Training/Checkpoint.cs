using System.Buffers.Binary;
using System.Collections;
using System.Globalization;
using System.Reflection;
using EdgeRnn.Trainer.Datasets;
using Google.Protobuf;

namespace EdgeRnn.Trainer.Training;

/// <summary>
/// Files that hold a training run between two of its steps: <c>checkpoint.proto</c>. They are written whole or not at
/// all, so what interrupts a run leaves the one before.
/// </summary>
internal static class Checkpoint
{
    private const uint Version = 1;
    private const int ChecksumBytes = 4;

    // What decides where a run is kept, not what it computes; data are known by their digests.
    private static readonly string[] NotCompared =
        [nameof(TrainingOptions.Validation), nameof(TrainingOptions.Checkpoint), nameof(TrainingOptions.Resume)];

    /// <summary>A checkpoint without a state: what it belongs to.</summary>
    public static Proto.Checkpoint Of(
        Network network, SequenceDataset train, SequenceDataset? validation, TrainingOptions options) => new()
        {
            Version = Version,
            Network = FormattableString.Invariant($"{network.Specification} for {network.InputSize} inputs"),
            Options = { Lines(options) },
            Data = train.Digest(),
            Validation = validation?.Digest() ?? "",
        };

    /// <summary>Writes a checkpoint and waits for the disk.</summary>
    public static void Write(string path, Proto.Checkpoint checkpoint)
    {
        int length = checkpoint.CalculateSize();
        byte[] file = new byte[length + ChecksumBytes];
        checkpoint.WriteTo(file.AsSpan(0, length));
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(length), Crc32C.Compute(file.AsSpan(0, length)));
        AtomicFile.Write(path, file, overwrite: true);
    }

    /// <summary>Reads a checkpoint of the run that <paramref name="expected"/> belongs to.</summary>
    /// <exception cref="UserException">It is damaged, or of another network, options or data.</exception>
    public static Proto.Checkpoint Read(string path, Proto.Checkpoint expected)
    {
        byte[] file = File.ReadAllBytes(path);
        int length = file.Length - ChecksumBytes;
        if (length < 0 || BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(length))
            != Crc32C.Compute(file.AsSpan(0, length)))
        {
            throw new UserException($"'{path}' is damaged: its checksum is wrong; train anew.");
        }

        Proto.Checkpoint found;
        try
        {
            found = Proto.Checkpoint.Parser.ParseFrom(file, 0, length);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new UserException($"'{path}' is not a checkpoint; train anew.", e);
        }

        RefuseOther(path, found, expected);
        return found;
    }

    private static void RefuseOther(string path, Proto.Checkpoint found, Proto.Checkpoint expected)
    {
        void Compare(string what, string was, string @is)
        {
            if (was != @is)
                throw new UserException(
                    $"The checkpoint '{path}' is of {what} {was}, not {@is}; use that, or train anew elsewhere.");
        }

        Compare("version", $"{found.Version}", $"{expected.Version}");
        Compare("the network", found.Network, expected.Network);
        foreach (var (was, @is) in found.Options.Zip(expected.Options))
            Compare("a run with", was, @is);
        Compare("a run with", $"{found.Options.Count} options", $"{expected.Options.Count} options");
        if (found.Data != expected.Data)
            throw new UserException(
                $"The checkpoint '{path}' is of other training data than these; put those back, or train anew " +
                    "elsewhere.");
        if (found.Validation != expected.Validation)
            throw new UserException(
                $"The checkpoint '{path}' is of other validation data than these; put those back, or train anew "
                + "elsewhere.");
    }

    // Whatever options there are, now or later: every public property, so that none can be forgotten.
    private static IEnumerable<string> Lines(TrainingOptions options) => Properties(options)
        .Where(p => !NotCompared.Contains(p.Name))
        .Select(p => $"{p.Name} = {Text(p.GetValue(options))}");

    private static IEnumerable<PropertyInfo> Properties(object value) => value.GetType()
        .GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(p => p.GetIndexParameters().Length == 0)
        .OrderBy(p => p.Name, StringComparer.Ordinal);

    private static string Text(object? value) => value switch
    {
        null => "none",
        string text => text,
        Enum or bool => $"{value}",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        IEnumerable list => $"[{string.Join(", ", list.Cast<object>().Select(Text))}]",
        _ => $"{value.GetType().Name}({string.Join(", ", Properties(value).Select(p => Text(p.GetValue(value))))})",
    };
}

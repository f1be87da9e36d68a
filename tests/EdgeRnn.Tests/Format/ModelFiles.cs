using System.Buffers.Binary;
using EdgeRnn.Format;
using EdgeRnn.Trainer;

namespace EdgeRnn.Tests.Format;

/// <summary>Model files for the tests of this folder, and checksums put right after bytes were changed.</summary>
internal static class ModelFiles
{
    /// <summary>Three small models that together use every field of the format.</summary>
    public static RnnModel[] Small { get; } =
    [
        RandomModels.Create(1, Precision.Float32, 3, "rnn:4:relu,gru:3:reset-before,dense:3:relu,dense:2") with
        {
            Channels = ["x", "y", "z"],
            SampleRateHz = 100,
            Threshold = 0.5f,
            Training = new("motion", 7, 0.9f, 0.875f, "0.1.0"),
        },
        RandomModels.Create(2, Precision.Int8, 2, "lstm:5,dense:3", window: 12, hop: 5) with
        {
            Labels = ["circle", "ruhig – Übung", "wing"],
            SelfTest = new(new byte[] { 1, 2, 255, 128 }, 9, new byte[3 * sizeof(float)]),
        },
        RandomModels.Create(3, Precision.Int8x16, 1, "gru:3,rnn:2,dense:2", window: 64, hop: 1),
    ];

    /// <summary>Names of the trained models in the repository.</summary>
    public static IReadOnlyList<string> GoldenNames { get; } =
    [
        .. from cell in (string[])["rnn", "lstm", "gru"]
           from precision in (string[])["float32", "int8", "int8x16"]
           select $"motion-{cell}.{precision}.ernn",
    ];

    /// <summary>A model of seeded shape, precision and properties.</summary>
    public static RnnModel Any(ulong seed)
    {
        var random = new SeededRandom(seed);
        string[] kinds = ["rnn", "lstm", "gru"];
        int[] sizes = [1, 2, 3, 7, 8, 33, 100];
        string net = "";
        for (int i = random.Below(3); i >= 0; i--)
        {
            int kind = random.Below(3);
            string option = random.Below(3) != 0 ? "" : kind == 0 ? ":relu" : kind == 2 ? ":reset-before" : "";
            net += $"{kinds[kind]}:{sizes[random.Below(sizes.Length)]}{option},";
        }
        for (int i = random.Below(3); i > 0; i--)
            net += $"dense:{sizes[random.Below(sizes.Length)]}{(random.Below(2) == 0 ? ":relu" : "")},";
        net += $"dense:{1 + random.Below(12)}";
        int window = random.Below(2) * (1 + random.Below(64));
        var model = RandomModels.Create(
            random.Next(), (Precision)(1 + random.Below(3)), sizes[random.Below(sizes.Length)], net, window,
            window == 0 ? 0 : 1 + random.Below(window));
        return model with
        {
            Channels = random.Below(2) == 0 ? [] : [.. Enumerable.Range(0, model.InputSize).Select(c => $"Kanäle {c}")],
            SampleRateHz = random.Below(2) * random.Float(1, 16000),
            Threshold = random.Below(2) * random.Float(0, 1),
            Training = random.Below(2) == 0 ? null : new("motion", random.Next(), random.Float(0, 1), 0, "0.1.0"),
            SelfTest = random.Below(2) == 0
                ? null
                : new(new byte[1 + random.Below(256)], 1 + random.Below(64), new byte[4 * model.Labels.Count]),
        };
    }

    /// <summary>A message with the checksum that belongs to it.</summary>
    public static byte[] WithChecksum(ReadOnlySpan<byte> message)
    {
        byte[] file = new byte[message.Length + ModelReader.ChecksumFieldBytes];
        message.CopyTo(file);
        file[message.Length] = ModelReader.ChecksumTag;
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(message.Length + 1), Crc32C.Compute(message));
        return file;
    }

    /// <summary>A file as our writer makes it, without its checksum.</summary>
    public static byte[] MessageOf(RnnModel model) => ModelWriter.Write(model)[..^ModelReader.ChecksumFieldBytes];

    /// <summary>The sentence with which a message is refused; null when it is read.</summary>
    public static string? RefusalOf(ReadOnlySpan<byte> message) =>
        ModelReader.TryRead(WithChecksum(message), out _, out string? error) ? null : error;
}

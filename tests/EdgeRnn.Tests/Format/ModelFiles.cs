using System.Buffers.Binary;
using EdgeRnn.Decisions;
using EdgeRnn.Features;
using EdgeRnn.Format;
using EdgeRnn.Trainer;

namespace EdgeRnn.Tests.Format;

/// <summary>Model files for the tests of this folder, and checksums put right after bytes were changed.</summary>
internal static class ModelFiles
{
    /// <summary>Small models that together use every field of the format.</summary>
    public static RnnModel[] Small { get; } =
    [
        RandomModels.Create(1, Precision.Float32, 3, "rnn:4:relu,gru:3:reset-before,dense:3:relu,dense:2") with
        {
            Channels = ["x", "y", "z"],
            SampleRateHz = 100,
            Decision = new() { Threshold = 0.5f },
            Training = new("motion", 7, 0.9f, 0.875f, "0.1.0"),
        },
        RandomModels.Create(2, Precision.Int8, 2, "lstm:5,dense:3", window: 12, hop: 5) with
        {
            Labels = ["circle", "ruhig – Übung", "wing"],
            SelfTest = new(new byte[] { 1, 2, 255, 128 }, 9, new byte[3 * sizeof(float)]),
        },
        RandomModels.Create(3, Precision.Int8x16, 1, "gru:3,rnn:2,dense:2", window: 64, hop: 1),
        Foreign(),
        RandomModels.Create(5, Precision.Int8, 2, "gru:3,dense:2", window: 10, hop: 10) with
        {
            Pooling = Pooling.Mean,
            OutputKind = OutputKind.Values,
            OutputMean = Tensor.FromFloats(2, 1, [20, 1000]),
            OutputDeviation = Tensor.FromFloats(2, 1, [3, 0.5f]),
        },
        RandomModels.Create(6, Precision.Int8, 8, "gru:3,dense:2", window: 10, hop: 2) with
        {
            SampleRateHz = 100,
            Features = new()
            {
                Kind = FeatureKind.Mfcc,
                SampleRateHz = 8000,
                FrameLength = 200,
                FrameStep = 80,
                Mels = 20,
                Coefficients = 4,
                LowHz = 100,
                HighHz = 3800,
                Scale = MelScale.Slaney,
                Deltas = 1,
                RunningSteps = 300,
                Floor = 1e-5f,
            },
        },
        RandomModels.Create(
            7, Precision.Int8, 3, "gru:4,norm,lstm:3,norm,dense:4:relu,norm,dense:2", window: 8, hop: 8),
    ];

    /// <summary>Directions, and forms of cells that other programs know.</summary>
    private static RnnModel Foreign()
    {
        var model = RandomModels.Create(4, Precision.Float32, 2, "lstm:3:bi,gru:2:reverse,dense:3,dense:2");
        CellVariant[] variants =
        [
            new()
            {
                Functions =
                [
                    new(FunctionKind.HardSigmoid, 0.2f, 0.5f), new(FunctionKind.Softsign), new(FunctionKind.Elu, 1),
                    new(FunctionKind.Sigmoid), new(FunctionKind.ScaledTanh, 1.5f, 0.7f), new(FunctionKind.Tanh),
                ],
                Peephole = Tensor.FromFloats(18, 1, new SeededRandom(6).Floats(18, -1, 1)),
                Clip = 3,
                InputForget = true,
                InitialHidden = Tensor.FromFloats(6, 1, [0.5f, 0, -0.5f, 1, 0, -1]),
                InitialCell = Tensor.FromFloats(6, 1, [1, 2, 3, -1, -2, -3]),
            },
            new() { Functions = [new(FunctionKind.Affine, 0.25f, 0.5f), new(FunctionKind.LeakyRelu, 0.1f)] },
            new() { Functions = [new(FunctionKind.ThresholdedRelu, 0.3f)] },
            new() { Functions = [new(FunctionKind.Softplus)] },
        ];
        return model with
        {
            Layers = [.. model.Layers.Zip(variants, (layer, variant) => layer with { Variant = variant })],
            Pooling = Pooling.EachStep,
            OutputKind = OutputKind.Values,
            OutputMean = Tensor.FromFloats(2, 1, [0, -7]),
            OutputDeviation = Tensor.FromFloats(2, 1, [1, 2]),
        };
    }

    /// <summary>Names of the trained models in the repository.</summary>
    public static IReadOnlyList<string> GoldenNames { get; } =
    [
        .. from cell in (string[])["rnn", "lstm", "gru"]
           from precision in (string[])["float32", "int8", "int8x16"]
           select $"motion-{cell}.{precision}.ernn",
    ];

    private static DecisionRules AnyRules(SeededRandom random, int labels) => new()
    {
        Threshold = random.Below(2) * random.Float(0, 1),
        ClassThresholds = random.Below(3) > 0 ? [] : random.Floats(labels, 0, 1),
        Average = random.Below(2) * random.Below(10),
        Hysteresis = random.Below(2) * random.Float(0, 1),
        MinimumSteps = random.Below(2) * random.Below(1000),
        RefractorySteps = random.Below(2) * random.Below(1000),
    };

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
            net += $"{kinds[kind]}:{sizes[random.Below(sizes.Length)]}{option},{(random.Below(4) == 0 ? "norm," : "")}";
        }
        for (int i = random.Below(3); i > 0; i--)
            net += $"dense:{sizes[random.Below(sizes.Length)]}{(random.Below(2) == 0 ? ":relu" : "")},";
        net += $"dense:{1 + random.Below(12)}";
        int window = random.Below(2) * (1 + random.Below(64));
        var model = RandomModels.Create(
            random.Next(), (Precision)(1 + random.Below(3)), sizes[random.Below(sizes.Length)], net, window,
            window == 0 ? 0 : 1 + random.Below(window));
        var features = random.Below(3) > 0 ? null : new FeatureSpec { FrameLength = 1024, Mels = model.InputSize };
        return model with
        {
            Features = features,
            Channels = random.Below(2) == 0 ? [] : [.. Enumerable.Range(0, model.InputSize).Select(c => $"Kanäle {c}")],
            SampleRateHz = features?.FramesPerSecond ?? random.Below(2) * random.Float(1, 16000),
            Decision = AnyRules(random, model.Labels.Count),
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

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using EdgeRnn.Decisions;
using EdgeRnn.Features;
using EdgeRnn.Format;
using Google.Protobuf;
using Proto = EdgeRnn.Format.Proto;

namespace EdgeRnn.Trainer;

/// <summary>
/// <see cref="RnnModel"/> to the bytes of an <c>.ernn</c> file, through the classes that protoc makes of
/// <c>edgernn.proto</c>. Equal models give equal bytes: fields ascend, defaults are left out, no time and no path is
/// written.
/// </summary>
public static class ModelWriter
{
    /// <summary>The bytes of the file.</summary>
    /// <exception cref="ArgumentException">The model breaks a rule of the format, which the message names: what is
    /// written here is read back by <see cref="ModelReader"/> before it is given away.</exception>
    public static byte[] Write(RnnModel model) => Write(ToMessage(model), out _);

    /// <summary>The model that a message is.</summary>
    /// <inheritdoc cref="Write(RnnModel)"/>
    internal static RnnModel ToModel(Proto.Model message)
    {
        Write(message, out var model);
        return model;
    }

    /// <summary>Writes the file <paramref name="path"/>, whole or not at all.</summary>
    /// <exception cref="UserException">The file exists and <paramref name="overwrite"/> is false, or it cannot be
    /// written.</exception>
    public static void Save(string path, RnnModel model, bool overwrite = false) =>
        AtomicFile.Write(path, Write(model), overwrite);

    private static byte[] Write(Proto.Model message, out RnnModel model)
    {
        int length = message.CalculateSize();
        byte[] file = new byte[length + ModelReader.ChecksumFieldBytes];
        message.WriteTo(file.AsSpan(0, length));
        // The checksum's tag and value are appended by hand: it is written even where it happens to be 0.
        file[length] = ModelReader.ChecksumTag;
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(length + 1), Crc32C.Compute(file.AsSpan(0, length)));
        if (!ModelReader.TryRead(file, out var read, out string? error))
            throw new ArgumentException($"The model cannot be written: {error}.", nameof(message));
        model = read;
        return file;
    }

    /// <summary>The message of a file, but for its checksum.</summary>
    internal static Proto.Model ToMessage(RnnModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var message = new Proto.Model
        {
            // The lowest that will do: programs of that age read it, and models of that age keep their bytes.
            FormatVersion = (uint)model.FormatVersion,
            NumericVersion = RnnModel.CurrentNumericVersion,
            Precision = (Proto.Precision)model.Precision,
            Input = new()
            {
                Mean = ToBytes(model.Mean.Data),
                Deviation = ToBytes(model.Deviation.Data),
                SampleRateHz = model.SampleRateHz,
            },
            Stream = new()
            {
                Mode = (Proto.Stream.Types.Mode)model.StreamMode,
                Window = (uint)model.Window,
                Hop = (uint)model.Hop,
            },
            // A message without fields would be two bytes that say nothing.
            Decision = model.Decision == DecisionRules.None ? null : ToMessage(model.Decision),
            Features = model.Features is { } features ? ToMessage(features) : null,
        };
        if (model.OutputKind != OutputKind.Classes || model.Pooling != Pooling.Last)
            message.Output = new()
            {
                Kind = (Proto.Output.Types.Kind)model.OutputKind,
                Pooling = (Proto.Output.Types.Pooling)model.Pooling,
                Mean = ToBytes(model.OutputMean?.Data ?? default),
                Deviation = ToBytes(model.OutputDeviation?.Data ?? default),
            };
        message.Layers.AddRange(model.Layers.Select(ToMessage));
        message.Labels.AddRange(model.Labels);
        message.Input.Channels.AddRange(model.Channels);
        if (model.Training is { } training)
            message.Training = new()
            {
                DataSet = training.DataSet,
                Seed = training.Seed,
                ValidationAccuracy = training.ValidationAccuracy,
                TestAccuracy = training.TestAccuracy,
                ToolVersion = training.ToolVersion,
            };
        if (model.SelfTest is { } selfTest)
            message.SelfTest = new()
            {
                Input = ToBytes(selfTest.Input),
                Steps = (uint)selfTest.Steps,
                Scores = ToBytes(selfTest.Scores),
            };
        return message;
    }

    private static Proto.Decision ToMessage(DecisionRules rules) => new()
    {
        Threshold = rules.Threshold,
        Average = (uint)rules.Average,
        NewestShare = rules.NewestShare,
        Hysteresis = rules.Hysteresis,
        MinimumSteps = (uint)rules.MinimumSteps,
        RefractorySteps = (uint)rules.RefractorySteps,
        ClassThresholds = ByteString.CopyFrom(MemoryMarshal.AsBytes(rules.ClassThresholds.ToArray().AsSpan())),
    };

    private static Proto.Features ToMessage(FeatureSpec spec) => new()
    {
        Kind = (Proto.Features.Types.Kind)spec.Kind,
        SampleRateHz = (uint)spec.SampleRateHz,
        FrameLength = (uint)spec.FrameLength,
        FrameStep = (uint)spec.FrameStep,
        Mels = (uint)spec.Mels,
        Coefficients = (uint)spec.Coefficients,
        LowHz = spec.LowHz,
        HighHz = spec.HighHz,
        Scale = (Proto.Features.Types.Scale)spec.Scale,
        Deltas = (uint)spec.Deltas,
        RunningSteps = (uint)spec.RunningSteps,
        Floor = spec.Floor,
    };

    private static Proto.Layer ToMessage(RnnLayer layer) => new()
    {
        Kind = (Proto.LayerKind)layer.Kind,
        InputSize = (uint)layer.InputSize,
        Units = (uint)layer.Units,
        Activation = (Proto.Activation)layer.Activation,
        ResetBefore = layer.ResetBefore,
        WeightIh = ToMessage(layer.WeightIh),
        WeightHh = ToMessage(layer.WeightHh),
        BiasIh = ToMessage(layer.BiasIh),
        BiasHh = ToMessage(layer.BiasHh),
        InputScale = layer.InputScale,
        OutputScale = layer.OutputScale,
        CellFractionBits = (uint)layer.CellFractionBits,
        Direction = (Proto.Direction)layer.Direction,
        Variant = ToMessage(layer.Variant),
        Epsilon = layer.Epsilon,
    };

    private static Proto.Variant? ToMessage(CellVariant? variant)
    {
        if (variant is null)
            return null;
        var message = new Proto.Variant
        {
            Peephole = ToMessage(variant.Peephole),
            Clip = variant.Clip,
            InputForget = variant.InputForget,
            InitialHidden = ToMessage(variant.InitialHidden),
            InitialCell = ToMessage(variant.InitialCell),
        };
        message.Functions.AddRange(variant.Functions.Select(function => new Proto.Function
        {
            Kind = (Proto.Function.Types.Kind)function.Kind,
            Alpha = function.Alpha,
            Beta = function.Beta,
        }));
        return message;
    }

    private static Proto.Tensor? ToMessage(Tensor? tensor) => tensor is null ? null : new()
    {
        Type = (Proto.Tensor.Types.Type)tensor.Type,
        Rows = (uint)tensor.Rows,
        Columns = (uint)tensor.Columns,
        Data = ToBytes(tensor.Data),
        Scales = ToBytes(tensor.ScaleData),
    };

    // No copy: the message lives only as long as Write.
    private static ByteString ToBytes(ReadOnlyMemory<byte> bytes) => UnsafeByteOperations.UnsafeWrap(bytes);
}

using System.Runtime.InteropServices;
using EdgeRnn.Features;
using EdgeRnn.Format;
using EdgeRnn.Trainer;
using Google.Protobuf;
using Xunit;
using Proto = EdgeRnn.Format.Proto;

namespace EdgeRnn.Tests.Format;

/// <summary>The board's reader and Google.Protobuf, held together over every file our writer makes.</summary>
public class ModelRoundTripTests
{
    [Fact]
    public void Both_readers_see_the_same_model()
    {
        for (ulong seed = 0; seed < 300; seed++)
        {
            var written = ModelFiles.Any(seed);
            byte[] file = ModelWriter.Write(written);
            Assert.True(ModelReader.TryRead(file, out var read, out string? error), $"seed {seed}: {error}");
            var judge = Proto.Model.Parser.ParseFrom(file);
            AssertSame(judge, read);
            AssertSame(judge, written);
            Assert.Equal(judge.Crc32C, read.Checksum);
        }
    }

    [Fact]
    public void Both_readers_see_the_same_small_model()
    {
        foreach (var written in ModelFiles.Small)
        {
            byte[] file = ModelWriter.Write(written);
            Assert.True(ModelReader.TryRead(file, out var read, out string? error), error);
            var judge = Proto.Model.Parser.ParseFrom(file);
            AssertSame(judge, read);
            AssertSame(judge, written);
            Assert.Equal(file, ModelWriter.Write(read));
        }
    }

    [Fact]
    public void Files_have_the_lowest_version_that_says_what_they_hold() =>
        Assert.Equal([1, 1, 1, 2, 2, 3, 4], ModelFiles.Small.Select(model => (int)ModelWriter.Write(model)[1]));

    [Fact]
    public void Equal_models_give_equal_bytes_and_other_models_others()
    {
        for (ulong seed = 0; seed < 30; seed++)
        {
            byte[] file = ModelWriter.Write(ModelFiles.Any(seed));
            Assert.Equal(file, ModelWriter.Write(ModelFiles.Any(seed)));
            Assert.NotEqual(file, ModelWriter.Write(ModelFiles.Any(seed + 1)));
            Assert.True(ModelReader.TryRead(file, out var read, out _));
            Assert.Equal(file, ModelWriter.Write(read));
        }
    }

    [Fact]
    public void Google_protobuf_writes_the_same_bytes()
    {
        byte[] file = ModelWriter.Write(ModelFiles.Small[0]);
        Assert.Equal(file, Proto.Model.Parser.ParseFrom(file).ToByteArray());
    }

    [Fact]
    public void Tensors_are_parts_of_the_file()
    {
        byte[] file = ModelWriter.Write(ModelFiles.Small[1]);
        Assert.True(ModelReader.TryRead(file, out var model, out _));
        foreach (var layer in model.Layers)
        {
            Assert.True(layer.WeightIh.Data.Span.Overlaps(file));
            Assert.True(layer.WeightIh.ScaleData.Span.Overlaps(file));
            Assert.True(layer.BiasIh.Data.Span.Overlaps(file));
        }
        Assert.True(model.Mean.Data.Span.Overlaps(file));
    }

    [Fact]
    public void A_saved_file_is_loaded_and_not_overwritten_unasked()
    {
        string folder = Directory.CreateTempSubdirectory("edgernn").FullName;
        try
        {
            string path = Path.Combine(folder, "model.ernn");
            ModelWriter.Save(path, ModelFiles.Small[0]);
            Assert.Throws<UserException>(() => ModelWriter.Save(path, ModelFiles.Small[1]));
            Assert.True(ModelReader.TryLoad(path, out var model, out _));
            Assert.Equal(ModelWriter.Write(ModelFiles.Small[0]), ModelWriter.Write(model));
            ModelWriter.Save(path, ModelFiles.Small[1], overwrite: true);
            Assert.True(ModelReader.TryLoad(path, out model, out _));
            Assert.Equal(ModelFiles.Small[1].Labels, model.Labels);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_writer_refuses_what_the_reader_would()
    {
        var model = ModelFiles.Small[0] with { Labels = ["only one"] };
        string message = Assert.Throws<ArgumentException>(() => ModelWriter.Write(model)).Message;
        Assert.Contains("labels has 1 entries, expected 2, the units of the head", message);
    }

    /// <summary>Fails unless the judge, Google's parser, saw what <paramref name="model"/> holds.</summary>
    internal static void AssertSame(Proto.Model judge, RnnModel model)
    {
        Assert.Equal((int)judge.Precision, (int)model.Precision);
        Assert.Equal(judge.Labels, model.Labels);
        Assert.Equal(judge.Input.Channels, model.Channels);
        Assert.Equal(judge.Input.Mean.Span, model.Mean.Data.Span);
        Assert.Equal(judge.Input.Deviation.Span, model.Deviation.Data.Span);
        Assert.Equal(judge.Input.SampleRateHz, model.SampleRateHz);
        Assert.InRange(judge.FormatVersion, (uint)model.FormatVersion, 4u);
        Assert.Equal((int)(judge.Output?.Kind ?? 0), (int)model.OutputKind);
        Assert.Equal((int)(judge.Output?.Pooling ?? 0), (int)model.Pooling);
        Assert.Equal(judge.Output?.Mean.ToByteArray() ?? [], model.OutputMean?.Data.ToArray() ?? []);
        Assert.Equal(judge.Output?.Deviation.ToByteArray() ?? [], model.OutputDeviation?.Data.ToArray() ?? []);
        Assert.Equal(judge.Features is { } f
            ? new()
            {
                Kind = (FeatureKind)f.Kind,
                SampleRateHz = (int)f.SampleRateHz,
                FrameLength = (int)f.FrameLength,
                FrameStep = (int)f.FrameStep,
                Mels = (int)f.Mels,
                Coefficients = (int)f.Coefficients,
                LowHz = f.LowHz,
                HighHz = f.HighHz,
                Scale = (MelScale)f.Scale,
                Deltas = (int)f.Deltas,
                RunningSteps = (int)f.RunningSteps,
                Floor = f.Floor,
            }
            : null, model.Features);
        Assert.Equal((int)judge.Stream.Mode, (int)model.StreamMode);
        Assert.Equal(judge.Stream.Window, (uint)model.Window);
        Assert.Equal(judge.Stream.Hop, (uint)model.Hop);
        var decision = judge.Decision ?? new();
        Assert.Equal(
            (decision.Threshold, decision.NewestShare, decision.Hysteresis),
            (model.Decision.Threshold, model.Decision.NewestShare, model.Decision.Hysteresis));
        Assert.Equal(
            ((int)decision.Average, (int)decision.MinimumSteps, (int)decision.RefractorySteps),
            (model.Decision.Average, model.Decision.MinimumSteps, model.Decision.RefractorySteps));
        Assert.Equal(
            decision.ClassThresholds.ToByteArray(),
            MemoryMarshal.AsBytes(model.Decision.ClassThresholds.ToArray().AsSpan()).ToArray());
        Assert.Equal(judge.Training is { } t
            ? new(t.DataSet, t.Seed, t.ValidationAccuracy, t.TestAccuracy, t.ToolVersion)
            : null, model.Training);
        Assert.Equal(judge.SelfTest?.Steps, (uint?)model.SelfTest?.Steps);
        Assert.Equal(judge.SelfTest?.Input.ToByteArray(), model.SelfTest?.Input.ToArray());
        Assert.Equal(judge.SelfTest?.Scores.ToByteArray(), model.SelfTest?.Scores.ToArray());
        Assert.Equal(judge.Layers.Count, model.Layers.Count);
        foreach (var (expected, layer) in judge.Layers.Zip(model.Layers))
            AssertSame(expected, layer);
    }

    private static void AssertSame(Proto.Layer judge, RnnLayer layer)
    {
        Assert.Equal((int)judge.Kind, (int)layer.Kind);
        Assert.Equal(judge.InputSize, (uint)layer.InputSize);
        Assert.Equal(judge.Units, (uint)layer.Units);
        Assert.Equal((int)judge.Activation, (int)layer.Activation);
        Assert.Equal(judge.ResetBefore, layer.ResetBefore);
        AssertSame(judge.WeightIh, layer.WeightIh);
        AssertSame(judge.WeightHh, layer.WeightHh);
        AssertSame(judge.BiasIh, layer.BiasIh);
        AssertSame(judge.BiasHh, layer.BiasHh);
        Assert.Equal(judge.InputScale, layer.InputScale);
        Assert.Equal(judge.OutputScale, layer.OutputScale);
        Assert.Equal(judge.CellFractionBits, (uint)layer.CellFractionBits);
        Assert.Equal((int)judge.Direction, (int)layer.Direction);
        Assert.Equal(judge.Epsilon, layer.Epsilon);
        Assert.Equal(judge.Variant is null, layer.Variant is null);
        if (judge.Variant is not { } expected || layer.Variant is not { } variant)
            return;
        Assert.Equal(
            expected.Functions.Select(f => new Function((FunctionKind)f.Kind, f.Alpha, f.Beta)), variant.Functions);
        AssertSame(expected.Peephole, variant.Peephole);
        Assert.Equal(expected.Clip, variant.Clip);
        Assert.Equal(expected.InputForget, variant.InputForget);
        AssertSame(expected.InitialHidden, variant.InitialHidden);
        AssertSame(expected.InitialCell, variant.InitialCell);
    }

    private static void AssertSame(Proto.Tensor? judge, Tensor? tensor)
    {
        Assert.Equal(judge is null, tensor is null);
        if (judge is null || tensor is null)
            return;
        Assert.Equal((int)judge.Type, (int)tensor.Type);
        Assert.Equal(judge.Rows, (uint)tensor.Rows);
        Assert.Equal(judge.Columns, (uint)tensor.Columns);
        Assert.Equal(judge.Data.Span, tensor.Data.Span);
        Assert.Equal(judge.Scales.Span, tensor.ScaleData.Span);
    }
}

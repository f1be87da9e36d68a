using EdgeRnn.Cli;
using EdgeRnn.Cli.Onnx;
using EdgeRnn.Onnx;
using EdgeRnn.Onnx.Proto;
using EdgeRnn.Tests.Format;
using EdgeRnn.Trainer;
using Google.Protobuf;
using Xunit;

namespace EdgeRnn.Tests.Onnx;

/// <summary>
/// What is exported gives the float session's results in ONNX Runtime, and comes back as the very model: whole from the
/// metadata, and by its graph alone as a network that computes the same.
/// </summary>
public class OnnxExportTests
{
    private static readonly string[] Nets =
    [
        "lstm:7,dense:3", "gru:9,dense:4", "gru:5:reset-before,dense:2", "rnn:6,dense:2", "rnn:6:relu,dense:3",
        "lstm:8,gru:5,rnn:4,dense:6:relu,dense:5,dense:3", "lstm:4:bi,dense:3", "gru:5:bi,gru:3:bi,dense:2",
            "lstm:5:reverse,dense:2",
        "rnn:3:bi,lstm:4:reverse,dense:2", "gru:4,dense:1", "gru:9,norm,dense:4",
        "lstm:4:bi,norm,rnn:3,norm,dense:6:relu,norm,dense:3", "lstm:4,norm,gru:3:bi,norm,dense:2",
    ];

    public static TheoryData<string, Pooling> Networks => new(
        from net in Nets from pooling in Enum.GetValues<Pooling>() select (net, pooling));

    [Theory]
    [MemberData(nameof(Networks))]
    public void ONNX_Runtime_gives_the_results_of_the_float_session(string net, Pooling pooling)
    {
        foreach (var kind in Enum.GetValues<OutputKind>())
        {
            var model = With(RandomModels.Create(7, Precision.Float32, 5, net, window: 9), pooling, kind);
            HoldToOnnxRuntime(OnnxExport.Write(model));
            if (model.IsOffline || pooling is Pooling.Mean or Pooling.Max)
                Assert.Throws<UserException>(() => OnnxExport.Write(model, isStateful: true));
            else
                HoldToOnnxRuntime(OnnxExport.Write(model, isStateful: true));
        }
    }

    /// <summary>Forms of cells, initial states of a batch and functions that only other programs train.</summary>
    [Fact]
    public void ONNX_Runtime_gives_the_results_of_foreign_forms()
    {
        var foreign =
            ModelFiles.Small.SelectMany(model => model.Layers).First(layer => layer.Variant?.Peephole is not null);
        var lstm = RandomModels.Create(4, Precision.Float32, foreign.InputSize, $"lstm:{foreign.Units}:bi,dense:2");
        HoldToOnnxRuntime(OnnxExport.Write(lstm with { Layers = [foreign, lstm.Layers[1]] }));
        foreach (var kind in Enum.GetValues<FunctionKind>())
        {
            var model = With(
                RandomModels.Create(4, Precision.Float32, 3, "gru:5,dense:4,dense:2"), Pooling.Last, OutputKind.Values);
            var function = new Function(kind, kind is >= FunctionKind.HardSigmoid and <= FunctionKind.Elu ? 0.3f : 0,
                kind is FunctionKind.HardSigmoid or FunctionKind.Affine or FunctionKind.ScaledTanh ? 0.4f : 0);
            var start = Tensor.FromFloats(5, 1, [1, -1, 0.5f, 0, 0.25f]);
            CellVariant?[] variants =
                [new() { InitialHidden = start, Clip = 0.8f }, new() { Functions = [function] }, null];
            byte[] file = OnnxExport.Write(model with
            {
                Layers = [.. model.Layers.Select((layer, n) => layer with { Variant = variants[n] })],
            });
            HoldToOnnxRuntime(file);
            var graph = ModelProto.Parser.ParseFrom(file);
            graph.MetadataProps.Clear();
            HoldToOnnxRuntime(graph.ToByteArray());
        }
    }

    [Theory]
    [InlineData(Precision.Int8)]
    [InlineData(Precision.Int8x16)]
    public void ONNX_Runtime_gives_the_results_of_the_network_that_integers_stand_for(Precision precision)
    {
        foreach (string net in Nets.Where(net => !net.Contains(":bi") && !net.Contains(":reverse")))
            HoldToOnnxRuntime(OnnxExport.Write(RandomModels.Create(8, precision, 4, net)));
    }

    [Fact]
    public void Every_model_comes_back_byte_for_byte()
    {
        RnnModel[] models =
            [.. ModelFiles.Small, .. Enumerable.Range(0, 120).Select(seed => ModelFiles.Any((ulong)seed))];
        foreach (var model in models)
        {
            Assert.Equal(
                ModelWriter.Write(model), ModelWriter.Write(OnnxImport.Read(OnnxExport.Write(model), new()).Model));
            if (model.StreamRefusal is null && model.Pooling is not (Pooling.Mean or Pooling.Max))
            {
                byte[] stateful = OnnxExport.Write(model, isStateful: true);
                Assert.Equal(ModelWriter.Write(model), ModelWriter.Write(OnnxImport.Read(stateful, new()).Model));
            }
        }
        Assert.All(Enum.GetValues<Precision>(), precision =>
            Assert.Contains(models, model => model.Precision == precision));
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void The_graph_alone_is_imported_as_the_same_network(string net, Pooling pooling)
    {
        var model = With(RandomModels.Create(9, Precision.Float32, 5, net, window: 9), pooling, OutputKind.Classes);
        var file = ModelProto.Parser.ParseFrom(OnnxExport.Write(model));
        file.MetadataProps.Clear();
        var network = OnnxImport.Read(file.ToByteArray(), new() { Kind = OutputKind.Classes, Window = 9 });
        Assert.Equal(
            model.Layers.Select(ModelTree.NameOf), network.Model.Layers.Select(ModelTree.NameOf));
        Assert.InRange(OnnxVerification.Run(file.ToByteArray(), network), 0, OnnxVerification.Tolerance);
    }

    [Fact]
    public void A_graph_that_was_changed_counts_for_more_than_the_metadata()
    {
        byte[] written = OnnxExport.Write(RandomModels.Create(10, Precision.Int8, 3, "lstm:4,dense:2"));
        var file = ModelProto.Parser.ParseFrom(written);
        var bias = file.Graph.Initializer.Single(tensor => tensor.Name == "layer1.B");
        bias.RawData = ByteString.CopyFrom(new byte[bias.RawData.Length]);
        var network = OnnxImport.Read(file.ToByteArray(), new() { Kind = OutputKind.Classes });
        Assert.Equal(Precision.Float32, network.Model.Precision);
        Assert.All(network.Model.Layers[1].BiasIh.Floats.ToArray(), value => Assert.Equal(0, value));
        Assert.Contains("not the one that edgernn exported", Assert.Single(network.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Names_and_windows_are_in_the_metadata_for_everyone()
    {
        var model = RandomModels.Create(2, Precision.Int8, 2, "lstm:5,dense:3", window: 12, hop: 5) with
        {
            Labels = ["circle", "ruhig – \"Übung\"", "wing"],
            Channels = ["x", "y"],
            SampleRateHz = 12.5f,
        };
        var metadata =
            ModelProto.Parser.ParseFrom(OnnxExport.Write(model)).MetadataProps.ToDictionary(e => e.Key, e => e.Value);
        Assert.Equal("""["circle","ruhig – \"Übung\"","wing"]""", metadata["labels"]);
        Assert.Equal("""["x","y"]""", metadata["channels"]);
        Assert.Equal(("12.5", "12", "5", "int8"),
            (metadata["sample_rate_hz"], metadata["window"], metadata["hop"], metadata["precision"]));
    }

    private static void HoldToOnnxRuntime(byte[] file) =>
        Assert.InRange(OnnxVerification.Run(file, OnnxImport.Read(file, new())), 0, OnnxVerification.Tolerance);

    private static RnnModel With(RnnModel model, Pooling pooling, OutputKind kind)
    {
        int labels = model.Labels.Count;
        return kind == OutputKind.Classes ? model with { Pooling = pooling } : model with
        {
            Pooling = pooling,
            OutputKind = kind,
            OutputMean = Tensor.FromFloats(labels, 1, new SeededRandom(5).Floats(labels, -9, 9)),
            OutputDeviation = Tensor.FromFloats(labels, 1, new SeededRandom(6).Floats(labels, 0.5f, 4)),
        };
    }
}

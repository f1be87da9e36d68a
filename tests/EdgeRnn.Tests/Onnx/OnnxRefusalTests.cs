using System.Diagnostics;
using EdgeRnn.Onnx;
using EdgeRnn.Onnx.Proto;
using EdgeRnn.Trainer;
using Google.Protobuf;
using Xunit;
using static EdgeRnn.Onnx.OnnxGraph;
using static EdgeRnn.Onnx.Proto.TensorProto.Types;

namespace EdgeRnn.Tests.Onnx;

/// <summary>
/// What cannot be imported is refused by one sentence's part that names it; a file is changed in one thing each.
/// </summary>
public class OnnxRefusalTests
{
    private static readonly Dictionary<string, (Action<ModelProto> Change, string[] Words)> Changes = new()
    {
        ["weights in another file"] = (m => m.Graph.Initializer[0].DataLocation = 1, ["another file", "in one file"]),
        ["a path to weights"] =
            (m => m.Graph.Initializer[0].ExternalData.Add(ByteString.CopyFromUtf8("/etc/passwd")), ["another file"]),
        ["an unknown operator"] = (m => Node(m, "GRU").OpType = "Einsum", ["(Einsum)", "no such operator"]),
        ["an operator of another domain"] = (m => Node(m, "GRU").Domain = "com.microsoft", ["(GRU)", "com.microsoft"]),
        ["a normalisation of more than units"] = (NormaliseAll, ["LayerNormalization", "more than the last axis"]),
        ["a normalisation without an epsilon"] = (m =>
        {
            NormaliseReadings(m);
            m.Graph.Node[0].Attribute.Add(Attribute("epsilon", 0f));
        }, ["its epsilon is 0, expected 1E-12 to 1"]),
        ["a normalisation of the readings"] = (NormaliseReadings, ["before the first recurrent layer"]),
        ["a cycle"] = (m => Node(m, "GRU").Input[0] = Node(m, "Gemm").Output[0], ["cycle"]),
        ["a node that reads itself"] =
            (m => Node(m, "GRU").Input[0] = Node(m, "GRU").Output[0], ["(GRU)", "its own result"]),
        ["an input from nowhere"] = (m => Node(m, "GRU").Input[1] = "nowhere", ["(GRU)", "'nowhere'"]),
        ["an output given twice"] = (m => m.Graph.Node.Add(Node(m, "GRU").Clone()), ["two nodes give"]),
        ["a tensor given twice"] = (m => m.Graph.Initializer.Add(m.Graph.Initializer[0].Clone()), ["is there twice"]),
        ["doubles as input"] =
            (m => m.Graph.Input[0].Type.TensorType.ElemType = (int)DataType.Double, ["element type 1 (float)"]),
        ["no tensor as input"] =
            (m => m.Graph.Input[0].Type = new() { SequenceType = ByteString.Empty }, ["element type 1 (float)"]),
        ["weights in half precision"] =
            (m => m.Graph.Initializer[0].DataType = 10, ["element type 10", "single precision"]),
        ["weights as integers"] =
            (m => Weights(m).DataType = (int)DataType.Int32, ["(GRU)", "constant integers", "constant numbers"]),
        ["an attribute of another type"] = (m => Attributed(
            m, "hidden_size").Type = AttributeProto.Types.AttributeType.Float, ["hidden_size", "expected 2"]),
        ["an attribute given twice"] =
            (m => Node(m, "GRU").Attribute.Add(Attributed(m, "hidden_size").Clone()), ["hidden_size", "twice"]),
        ["another hidden size"] = (m => Attributed(m, "hidden_size").I = 5, ["hidden_size is 5"]),
        ["weights too short"] = (m => Weights(m).RawData = ByteString.CopyFrom(new byte[8]), ["8 bytes", "expected"]),
        ["a dimension beyond memory"] = (m => Weights(m).Dims[0] = 1L << 40, ["size of 1099511627776"]),
        ["dimensions whose product overflows"] = (m => Weights(m).Dims[0] = int.MaxValue, ["more than", "elements"]),
        ["a negative dimension"] = (m => Weights(m).Dims[1] = -1, ["size of -1"]),
        ["steps beyond memory"] = (m => Dimension(m, 1).DimValue = 1 << 30, ["elements"]),
        ["sequences beyond memory"] = (m => Dimension(m, 0).DimValue = int.MaxValue, ["elements"]),
        ["channels beyond a model's"] = (m => Dimension(m, 2).DimValue = 5000, ["channels from 1 to 4096"]),
        ["free channels"] = (m => Dimension(m, 2).DimParam = "channels", ["no fixed number of channels"]),
        ["too many axes"] = (m => m.Graph.Input[0].Type.TensorType.Shape.Dim.Add(
            new[] { Dimension(m, 0).Clone(), Dimension(m, 1).Clone() }), ["5 axes"]),
        ["an old set of operators"] = (m => m.OpsetImport[0].Version = 6, ["version 6", "expected 7"]),
        ["two sets of operators"] = (m => m.OpsetImport.Add(m.OpsetImport[0].Clone()), ["names 2 versions"]),
        ["no graph"] = (m => m.Graph = null, ["no graph"]),
        ["no input"] = (m => m.Graph.Input.Clear(), ["0 inputs"]),
        ["no output"] = (m => m.Graph.Output.Clear(), ["0 outputs"]),
        ["functions of its own"] = (m => m.Functions.Add(ByteString.Empty), ["functions"]),
        ["sparse tensors"] = (m => m.Graph.SparseInitializer.Add(ByteString.Empty), ["sparse"]),
        ["graphs within graphs"] = (m => Nest(Node(m, "Gemm"), 10_000), ["(If)", "no such operator"]),
        ["nothing recurrent"] = (m => m.Graph.Output[0].Name = m.Graph.Input[0].Name, ["no recurrent layer"]),
        ["lengths shorter than the sequences"] = (m => Lengths(m, 3), ["sequence_lens", "(GRU)"]),
    };

    public static TheoryData<string> Names => [.. Changes.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void One_change_is_refused_by_name(string name)
    {
        var model = ModelProto.Parser.ParseFrom(Repository.Golden("onnx/gru-last.onnx"));
        OnnxImport.Read(model.ToByteArray(), new());
        var (change, words) = Changes[name];
        change(model);
        var refusal = Assert.Throws<UserException>(() => OnnxImport.Read(model.ToByteArray(), new()));
        Assert.All(words, word => Assert.Contains(word, refusal.Message, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', refusal.Message);
    }

    [Fact]
    public void A_field_of_a_later_specification_is_refused()
    {
        byte[] file = [.. Repository.Golden("onnx/gru-last.onnx"), 99 << 3 & 0x7f | 0x80, 99 >> 4, 1];
        Assert.Contains("field 99", Assert.Throws<UserException>(() => OnnxImport.Read(file, new())).Message,
            StringComparison.Ordinal);
    }

    /// <summary>Neither the stack nor time gives in to what is merely long.</summary>
    [Fact]
    public void Long_graphs_are_read()
    {
        var clock = Stopwatch.StartNew();
        var model = ModelProto.Parser.ParseFrom(Repository.Golden("onnx/gru-last.onnx"));
        string weights = Node(model, "GRU").Input[1];
        for (int i = 0; i < 20_000; i++)
        {
            var node = new NodeProto { OpType = "Identity" };
            node.Input.Add(i == 0 ? weights : $"w{i - 1}");
            node.Output.Add($"w{i}");
            model.Graph.Node.Add(node);
        }
        Node(model, "GRU").Input[1] = "w19999";
        OnnxImport.Read(model.ToByteArray(), new());

        // A node with very many inputs, each given by another one.
        var graph = new OnnxGraph("wide");
        graph.Input("x", 1, 4, 3);
        string[] parts = [.. Enumerable.Range(0, 45_000).Select(i => graph.Constant<float>($"c{i}", [i], 1))];
        graph.Add("Concat", parts, ["y"], [Attribute("axis", 0)]);
        graph.Output("y", 45_000);
        Assert.Throws<UserException>(() => OnnxImport.Read(graph.Write(), new()));
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(15), $"{clock.Elapsed}");
    }

    private static NodeProto Node(ModelProto model, string operation) =>
        model.Graph.Node.First(node => node.OpType == operation);

    private static void NormaliseAll(ModelProto model)
    {
        var node = Node(model, "Gemm");
        node.OpType = "LayerNormalization";
        node.Attribute.Clear();
        node.Attribute.Add(Attribute("axis", 0));
    }

    private static void NormaliseReadings(ModelProto model)
    {
        var graph = model.Graph;
        string input = graph.Input[0].Name;
        foreach (var reader in graph.Node)
        {
            for (int i = 0; i < reader.Input.Count; i++)
                reader.Input[i] = reader.Input[i] == input ? "normalised" : reader.Input[i];
        }
        var gain = new TensorProto { Name = "gain", DataType = (int)DataType.Float };
        gain.Dims.Add(3);
        gain.FloatData.AddRange([1, 1, 1]);
        graph.Initializer.Add(gain);
        var node = new NodeProto { OpType = "LayerNormalization" };
        node.Input.AddRange([input, "gain"]);
        node.Output.Add("normalised");
        graph.Node.Insert(0, node);
    }

    private static TensorProto Weights(ModelProto model) =>
        model.Graph.Initializer.Single(tensor => tensor.Name == Node(model, "GRU").Input[1]);

    private static AttributeProto Attributed(ModelProto model, string name) =>
        Node(model, "GRU").Attribute.Single(attribute => attribute.Name == name);

    private static TensorShapeProto.Types.Dimension Dimension(ModelProto model, int axis) =>
        model.Graph.Input[0].Type.TensorType.Shape.Dim[axis];

    // A node whose graph has a node whose graph …
    private static void Nest(NodeProto node, int depth)
    {
        byte[] inner = [];
        for (int i = 0; i < depth; i++)
        {
            var nested = new NodeProto { OpType = "If" };
            nested.Attribute.Add(new AttributeProto
            {
                Name = "then_branch",
                Type = AttributeProto.Types.AttributeType.Graph,
                G = ByteString.CopyFrom(inner)
            });
            inner = nested.ToByteArray();
        }
        node.OpType = "If";
        node.Attribute.Add(NodeProto.Parser.ParseFrom(inner).Attribute[0]);
    }

    private static void Lengths(ModelProto model, int length)
    {
        var tensor = new TensorProto { Name = "lengths", DataType = (int)DataType.Int32 };
        tensor.Dims.Add(1);
        tensor.Int32Data.Add(length);
        model.Graph.Initializer.Add(tensor);
        Node(model, "GRU").Input[4] = "lengths";
    }
}

using EdgeRnn.Cli.Onnx;
using EdgeRnn.Onnx;
using EdgeRnn.Onnx.Proto;
using EdgeRnn.Trainer;
using Xunit;
using static EdgeRnn.Onnx.OnnxGraph;

namespace EdgeRnn.Tests.Onnx;

/// <summary>
/// Forms of ONNX's recurrent operators that exporters seldom write, as graphs made here by the operators'
/// specification:
/// imported, each gives in a float session what ONNX Runtime makes of the graph.
/// </summary>
public class CellFormTests
{
    private const int Inputs = 3;
    private const int Units = 4;
    private const int Steps = 7;

    public static TheoryData<string, string> Forms { get; } = new()
    {
        { "GRU", "" },
        { "GRU", "linear_before_reset" },
        { "GRU", "linear_before_reset clip activations=HardSigmoid:0.3:0.4,Softsign" },
        { "GRU", "activations=Sigmoid,LeakyRelu:0.2 h0" },
        { "GRU", "no-bias lengths" },
        { "LSTM", "" },
        { "LSTM", "peephole" },
        { "LSTM", "peephole clip input_forget" },
        { "LSTM", "input_forget h0 c0" },
        { "LSTM", "clip lengths h0" },
        { "LSTM", "activations=HardSigmoid:0.25:0.45,Elu:0.7,ScaledTanh:0.9:1.2" },
        { "LSTM", "activations=Affine:0.2:0.5,Softsign,Tanh" },
        { "LSTM", "no-bias c0" },
        { "RNN", "" },
        { "RNN", "activations=Relu clip" },
        { "RNN", "activations=ScaledTanh:0.8:0.5 h0" },
        { "RNN", "activations=ThresholdedRelu:0.3 lengths" },
        { "RNN", "activations=Softplus clip no-bias" },
        { "RNN", "activations=Affine:0.5:0.1 clip" },
    };

    [Theory]
    [MemberData(nameof(Forms))]
    public void ONNX_Runtime_and_the_import_agree(string operation, string form)
    {
        foreach (string direction in (string[])["forward", "reverse", "bidirectional"])
        {
            byte[] file = Graph(operation, form, direction, isBatchFirst: false);
            var network = OnnxImport.Read(file, new());
            Assert.InRange(OnnxVerification.Run(file, network), 0, OnnxVerification.Tolerance);
            Assert.Equal(direction, network.Model.Layers[0].Direction.ToString().ToLowerInvariant());
            Assert.True(SelfTests.Passes(network.Model));
        }
    }

    /// <summary>
    /// ONNX Runtime has no layout 1: it is given the same network with the axes exchanged by Transpose.
    /// </summary>
    [Theory]
    [InlineData("LSTM", "peephole h0 c0")]
    [InlineData("GRU", "linear_before_reset h0")]
    [InlineData("RNN", "clip")]
    public void Layout_1_is_the_same_network_with_sequences_first(string operation, string form)
    {
        foreach (string direction in (string[])["forward", "reverse", "bidirectional"])
        {
            byte[] transposed = Graph(operation, form, direction, isBatchFirst: false);
            var network = OnnxImport.Read(Graph(operation, form, direction, isBatchFirst: true), new());
            Assert.InRange(OnnxVerification.Run(transposed, network), 0, OnnxVerification.Tolerance);
        }
    }

    /// <summary>What a form adds is not lost: each graph computes something else than the plain one.</summary>
    [Fact]
    public void Each_form_matters()
    {
        foreach (var (operation, form) in Forms.Select(row => row.Data).Where(
            row => row.Item2 is not ("" or "no-bias lengths")))
        {
            byte[] plain = Graph(operation, "", "forward", isBatchFirst: false);
            var network = OnnxImport.Read(Graph(operation, form, "forward", isBatchFirst: false), new());
            Assert.Throws<UserException>(() => OnnxVerification.Run(plain, network));
        }
    }

    // [1, Steps, Inputs] to [1, Steps, directions · Units].
    private static byte[] Graph(string operation, string form, string direction, bool isBatchFirst)
    {
        string[] options = form.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        int directions = direction == "bidirectional"
            ? 2
            : 1, gates = operation switch { "LSTM" => 4, "GRU" => 3, _ => 1 };
        var graph = new OnnxGraph("form");
        var random = new SeededRandom(11);
        string Random(string name, params int[] shape) =>
            graph.Constant<float>(name, random.Floats(shape.Aggregate(1, (a, b) => a * b), -0.9f, 0.9f), shape);

        int[] state = isBatchFirst ? [1, directions, Units] : [directions, 1, Units];
        string x = graph.Input("x", 1, Steps, Inputs);
        if (!isBatchFirst)
            x = graph.Add("Transpose", [x], Axes("perm", 1, 0, 2));
        string[] inputs =
        [
            x, Random("W", directions, gates * Units, Inputs), Random("R", directions, gates * Units, Units),
            Random("B", directions, 2 * gates * Units), graph.Constant("lengths", [(long)Steps], 1),
                Random("h0", state), Random("c0", state),
            Random("P", directions, 3 * Units),
        ];
        bool[] isThere =
        [
            true, true, true, !options.Contains("no-bias"), options.Contains("lengths"), options.Contains("h0"),
                options.Contains("c0"),
            options.Contains("peephole"),
        ];
        if (isThere[4])
            inputs[4] = graph.Add("Cast", [inputs[4]], Attribute("to", (int)TensorProto.Types.DataType.Int32));
        int used = Array.LastIndexOf(isThere, true) + 1;
        var attributes = Attributes(options, directions).ToList();
        attributes.AddRange([Attribute("hidden_size", Units), Attribute("direction", direction)]);
        if (isBatchFirst)
            attributes.Add(Attribute("layout", 1));
        graph.Add(
            operation, [.. inputs.Take(used).Select((name, i) => isThere[i] ? name : "")], ["Y"], [.. attributes]);
        string y = isBatchFirst ? "Y" : graph.Add("Transpose", ["Y"], Axes("perm", 2, 0, 1, 3));
        graph.Output("y", 1, Steps, directions * Units);
        graph.Add("Reshape", [y, graph.Integers("shape", 1, Steps, directions * Units)], ["y"]);
        return graph.Write();
    }

    private static IEnumerable<AttributeProto> Attributes(string[] options, int directions)
    {
        foreach (string option in options)
        {
            if (option is "linear_before_reset" or "input_forget")
                yield return Attribute(option, 1);
            if (option == "clip")
                yield return Attribute("clip", 0.6f);
            if (!option.StartsWith("activations=", StringComparison.Ordinal))
                continue;
            var functions = Enumerable.Repeat(option[12..].Split(','), directions).SelectMany(f => f).Select(
                f => f.Split(':')).ToArray();
            yield return Attribute("activations", functions.Select(f => f[0]));
            yield return Attribute(
                "activation_alpha", functions.Where(f => f.Length > 1).Select(f => float.Parse(f[1], null)));
            yield return Attribute(
                "activation_beta", functions.Where(f => f.Length > 2).Select(f => float.Parse(f[2], null)));
        }
    }
}

using System.Runtime.InteropServices;
using EdgeRnn.Onnx.Proto;
using Google.Protobuf;
using static EdgeRnn.Onnx.Proto.AttributeProto.Types;
using static EdgeRnn.Onnx.Proto.TensorProto.Types;

namespace EdgeRnn.Onnx;

/// <summary>An ONNX graph in the making: nodes in the order of their computation, and what they read.</summary>
internal sealed class OnnxGraph(string name)
{
    // Opset 17 and IR 8 (2022): every operator written here has its present meaning there, and older runtimes read it.
    private const int Opset = 17;
    private const int IrVersion = 8;

    /// <summary>The domain of ONNX Runtime's own operators.</summary>
    public const string MicrosoftDomain = "com.microsoft";

    private readonly GraphProto _graph = new() { Name = name };

    /// <summary>Appends a node and gives its first output's name back.</summary>
    public string Add(
        string operation, string[] inputs, string[] outputs, AttributeProto[]? attributes = null, string domain = "")
    {
        var node = new NodeProto { OpType = operation, Name = $"{operation}_{_graph.Node.Count}", Domain = domain };
        node.Input.AddRange(inputs);
        node.Output.AddRange(outputs);
        node.Attribute.AddRange(attributes ?? []);
        _graph.Node.Add(node);
        return outputs[0];
    }

    /// <summary>Appends a node with one output that is named after it.</summary>
    public string Add(string operation, params string[] inputs) =>
        Add(operation, inputs, [$"{operation}_{_graph.Node.Count}_output"]);

    /// <summary>An input or output of the whole graph.</summary>
    public string Input(string name, params ReadOnlySpan<int> shape)
    {
        _graph.Input.Add(Value(name, shape));
        return name;
    }

    /// <inheritdoc cref="Input"/>
    public string Output(string name, params ReadOnlySpan<int> shape)
    {
        _graph.Output.Add(Value(name, shape));
        return name;
    }

    /// <summary>A constant.</summary>
    public string Constant<T>(string name, ReadOnlySpan<T> values, params ReadOnlySpan<int> shape)
        where T : unmanaged
    {
        var tensor = new TensorProto
        {
            Name = name,
            DataType = (int)(typeof(T) == typeof(float) ? DataType.Float : DataType.Int8),
            RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values)),
        };
        foreach (int size in shape)
            tensor.Dims.Add(size);
        _graph.Initializer.Add(tensor);
        return name;
    }

    public static AttributeProto Attribute(string name, int value) =>
        new() { Name = name, Type = AttributeType.Int, I = value };

    public static AttributeProto Attribute(string name, params string[] values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeType.Strings };
        attribute.Strings.AddRange(values.Select(ByteString.CopyFromUtf8));
        return attribute;
    }

    /// <summary>The bytes of the file.</summary>
    public byte[] Write()
    {
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "edgernn", Graph = _graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = Opset });
        if (_graph.Node.Any(node => node.Domain == MicrosoftDomain))
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = MicrosoftDomain, Version = 1 });
        return model.ToByteArray();
    }

    private static ValueInfoProto Value(string name, ReadOnlySpan<int> shape)
    {
        var dimensions = new TensorShapeProto();
        foreach (int size in shape)
            dimensions.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = size });
        return new()
        {
            Name = name,
            Type = new() { TensorType = new() { ElemType = (int)DataType.Float, Shape = dimensions } },
        };
    }
}

using System.Runtime.InteropServices;
using EdgeRnn.Onnx.Proto;
using Google.Protobuf;
using static EdgeRnn.Onnx.Proto.AttributeProto.Types;
using static EdgeRnn.Onnx.Proto.TensorProto.Types;

namespace EdgeRnn.Onnx;

/// <summary>The size of an axis: a number, or the name of one that is free.</summary>
internal readonly record struct AxisSize(int Value, string? Name)
{
    public static implicit operator AxisSize(int value) => new(value, null);

    public static implicit operator AxisSize(string name) => new(0, name);
}

/// <summary>An ONNX graph in the making: nodes in the order of their computation, and what they read.</summary>
internal sealed class OnnxGraph(string name)
{
    // Opset 17 and IR 8 (2022): every operator written here has its present meaning there, and older runtimes read it.
    private const int Opset = 17;
    private const int IrVersion = 8;

    /// <summary>The domain of ONNX Runtime's own operators.</summary>
    public const string MicrosoftDomain = "com.microsoft";

    private readonly GraphProto _graph = new() { Name = name };
    private readonly List<StringStringEntryProto> _metadata = [];

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
    public string Add(string operation, params string[] inputs) => Add(operation, inputs, attributes: []);

    /// <inheritdoc cref="Add(string, string[])"/>
    public string Add(string operation, string[] inputs, params AttributeProto[] attributes) =>
        Add(operation, inputs, [$"{operation}_{_graph.Node.Count}_output"], attributes);

    /// <summary>An input or output of the whole graph.</summary>
    public string Input(string name, params ReadOnlySpan<AxisSize> shape)
    {
        _graph.Input.Add(Value(name, shape));
        return name;
    }

    /// <inheritdoc cref="Input"/>
    public string Output(string name, params ReadOnlySpan<AxisSize> shape)
    {
        _graph.Output.Add(Value(name, shape));
        return name;
    }

    /// <summary>A constant.</summary>
    public string Constant<T>(string name, ReadOnlySpan<T> values, params ReadOnlySpan<int> shape)
        where T : unmanaged
    {
        var type = typeof(T) == typeof(float) ? DataType.Float : typeof(T) == typeof(long) ? DataType.Int64
            : DataType.Int8;
        var tensor = new TensorProto
        {
            Name = name,
            DataType = (int)type,
            RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values)),
        };
        foreach (int size in shape)
            tensor.Dims.Add(size);
        _graph.Initializer.Add(tensor);
        return name;
    }

    /// <summary>Constant integers, such as a shape.</summary>
    public string Integers(string name, params ReadOnlySpan<long> values) => Constant(name, values, values.Length);

    /// <summary>A property of the whole file.</summary>
    public void Metadata(string key, string value) => _metadata.Add(new() { Key = key, Value = value });

    public static AttributeProto Attribute(string name, int value) =>
        new() { Name = name, Type = AttributeType.Int, I = value };

    public static AttributeProto Attribute(string name, float value) =>
        new() { Name = name, Type = AttributeType.Float, F = value };

    public static AttributeProto Attribute(string name, string value) =>
        new() { Name = name, Type = AttributeType.String, S = ByteString.CopyFromUtf8(value) };

    public static AttributeProto Axes(string name, params IEnumerable<long> values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeType.Ints };
        attribute.Ints.AddRange(values);
        return attribute;
    }

    public static AttributeProto Attribute(string name, IEnumerable<float> values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeType.Floats };
        attribute.Floats.AddRange(values);
        return attribute;
    }

    public static AttributeProto Attribute(string name, IEnumerable<string> values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeType.Strings };
        attribute.Strings.AddRange(values.Select(ByteString.CopyFromUtf8));
        return attribute;
    }

    /// <summary>The file.</summary>
    public ModelProto ToModel()
    {
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "edgernn", Graph = _graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = Opset });
        if (_graph.Node.Any(node => node.Domain == MicrosoftDomain))
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = MicrosoftDomain, Version = 1 });
        model.MetadataProps.AddRange(_metadata);
        return model;
    }

    /// <summary>The bytes of the file.</summary>
    public byte[] Write() => ToModel().ToByteArray();

    private static ValueInfoProto Value(string name, ReadOnlySpan<AxisSize> shape)
    {
        var dimensions = new TensorShapeProto();
        foreach (var size in shape)
        {
            dimensions.Dim.Add(size.Name is { } free
                ? new TensorShapeProto.Types.Dimension { DimParam = free }
                : new TensorShapeProto.Types.Dimension { DimValue = size.Value });
        }
        return new()
        {
            Name = name,
            Type = new() { TensorType = new() { ElemType = (int)DataType.Float, Shape = dimensions } },
        };
    }
}

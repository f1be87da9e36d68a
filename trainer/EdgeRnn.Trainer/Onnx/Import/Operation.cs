using EdgeRnn.Onnx.Proto;
using EdgeRnn.Trainer;
using static EdgeRnn.Onnx.Proto.AttributeProto.Types;

namespace EdgeRnn.Onnx.Import;

/// <summary>A node with the values of its inputs.</summary>
internal sealed record Operation(NodeProto Node, long Opset, Stages Stages, IReadOnlyList<Value?> Inputs)
{
    /// <summary>An input that must be there.</summary>
    public Value Input(int index) => Optional(index) ?? throw new UserException($"its input {index + 1} is missing");

    /// <summary>An input that may be left out.</summary>
    public Value? Optional(int index) => index < Inputs.Count ? Inputs[index] : null;

    /// <summary>An input of constant integers, which older versions had as an attribute.</summary>
    public long[]? Integers(int index, string? attribute = null) => Optional(index) switch
    {
        IntegerValue integers => integers.Data,
        null => attribute is null ? null : Integers(attribute),
        var other => throw new UserException($"its input {index + 1} is {Kind(other)}, expected constant integers"),
    };

    /// <summary>A signal.</summary>
    public SignalValue Signal(int index) => Input(index) as SignalValue
        ?? throw new UserException($"its input {index + 1} is {Kind(Input(index))}, expected a signal");

    /// <summary>Constant numbers.</summary>
    public FloatValue Floats(int index) => Input(index) as FloatValue
        ?? throw new UserException($"its input {index + 1} is {Kind(Input(index))}, expected constant numbers");

    public long Integer(string name, long value) => Find(name, AttributeType.Int) is { } a ? a.I : value;

    public float Number(string name, float value) => Find(name, AttributeType.Float) is { } a ? a.F : value;

    public string Text(string name, string value) =>
        Find(name, AttributeType.String) is { } a ? a.S.ToStringUtf8() : value;

    public long[]? Integers(string name) => Find(name, AttributeType.Ints)?.Ints.ToArray();

    public float[] Numbers(string name) => Find(name, AttributeType.Floats)?.Floats.ToArray() ?? [];

    public string[] Texts(string name) =>
        Find(name, AttributeType.Strings)?.Strings.Select(text => text.ToStringUtf8()).ToArray() ?? [];

    public TensorProto? Tensor(string name) => Find(name, AttributeType.Tensor)?.T;

    /// <summary>What a value is, for a sentence.</summary>
    public static string Kind(Value value) => value switch
    {
        SignalValue => "a signal",
        FloatValue => "constant numbers",
        IntegerValue => "constant integers",
        OpaqueValue opaque => opaque.What,
        _ => "unknown",
    };

    private AttributeProto? Find(string name, AttributeType type)
    {
        var found = Node.Attribute.Where(attribute => attribute.Name == name).ToArray();
        if (found.Length > 1)
            throw new UserException($"its attribute {name} is there twice");
        if (found.Length == 1 && (found[0].Type != type || found[0].RefAttrName.Length > 0))
            throw new UserException(
                $"its attribute {name} has type {(int)found[0].Type}, expected {(int)type} ({type})");
        return found.FirstOrDefault();
    }
}

using EdgeRnn.Onnx.Proto;
using EdgeRnn.Trainer;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace EdgeRnn.Onnx.Import;

/// <summary>
/// Bytes to the messages of an ONNX file. A walk over the wire comes first, which reserves nothing: what it lets
/// through becomes few objects and has no unknown fields, so that a small file cannot ask for much memory.
/// </summary>
internal static class OnnxFile
{
    // A message or a text of two bytes becomes an object of a hundred. Exporters need some twenty a node.
    private const int MostObjects = 200_000;

    // Integers of a byte become eight; weights are never written this way.
    private const int MostIntegerBytes = 1 << 20;

    // Twice what the weights of the largest model take.
    private const long MostBytes = 1L << 29;

    /// <summary>The bytes of a file.</summary>
    /// <exception cref="UserException">It is not there, or too large.</exception>
    public static byte[] Load(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists)
                throw new UserException($"There is no file '{path}'; name an ONNX file.");
            return file.Length <= MostBytes
                ? File.ReadAllBytes(path)
                : throw new UserException(
                    $"'{path}' has {file.Length} bytes, expected an ONNX file of at most {MostBytes}.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"Cannot read '{path}': {e.Message.TrimEnd('.')}; look at its permissions.", e);
        }
    }

    /// <summary>Reads the messages.</summary>
    /// <exception cref="UserException">The bytes are no ONNX model, or one this program does not know.</exception>
    public static ModelProto Parse(byte[] file)
    {
        Check(file, ModelProto.Descriptor);
        try
        {
            return ModelProto.Parser.ParseFrom(file);
        }
        catch (InvalidProtocolBufferException)
        {
            throw Damaged();
        }
    }

    /// <summary>Walks over the bytes of a message.</summary>
    /// <exception cref="UserException">It would take much memory, has fields that its schema does not know, or
    /// none.</exception>
    public static void Check(byte[] bytes, MessageDescriptor message)
    {
        int objects = 0, integerBytes = 0;
        Walk(bytes, message, ref objects, ref integerBytes);
    }

    // Neither schema has a message within itself, so the depth is that of the schema.
    private static void Walk(ReadOnlySpan<byte> bytes, MessageDescriptor message, ref int objects, ref int integerBytes)
    {
        while (!bytes.IsEmpty)
        {
            ulong tag = Varint(ref bytes);
            if (tag >> 3 > int.MaxValue || message.FindFieldByNumber((int)(tag >> 3)) is not { } field)
                throw new UserException(
                    $"its {message.Name} has a field {tag >> 3}, which ONNX up to IR version 12 does not have; "
                    + "export it for an older version");
            var wire = (WireFormat.WireType)(tag & 7);
            bool isPacked =
                wire == WireFormat.WireType.LengthDelimited && field.IsRepeated && WireTypeOf(field) != wire;
            if (wire != WireTypeOf(field) && !isPacked)
                throw new UserException(
                    $"its {message.Name}.{field.Name} is written as wire type {(int)wire}, expected "
                    + $"{(int)WireTypeOf(field)}: {DamagedFile}");
            var start = bytes;
            var content = Content(ref bytes, wire);
            bool isInteger = WireTypeOf(field) == WireFormat.WireType.Varint;
            if (isInteger && field.IsRepeated && (integerBytes += start.Length - bytes.Length) > MostIntegerBytes)
                throw new UserException($"it has more than {MostIntegerBytes} bytes of integers that are not raw data");
            if (wire == WireFormat.WireType.LengthDelimited && !isPacked && ++objects > MostObjects)
                throw new UserException(
                    $"it has more than {MostObjects} messages and texts, far beyond any recurrent network");
            if (field.FieldType == FieldType.Message)
                Walk(content, field.MessageType, ref objects, ref integerBytes);
        }
    }

    private static ReadOnlySpan<byte> Content(ref ReadOnlySpan<byte> bytes, WireFormat.WireType wire)
    {
        if (wire == WireFormat.WireType.Varint)
        {
            Varint(ref bytes);
            return default;
        }
        ulong length = wire switch
        {
            WireFormat.WireType.Fixed32 => sizeof(uint),
            WireFormat.WireType.Fixed64 => sizeof(ulong),
            _ => Varint(ref bytes),
        };
        if (length > (ulong)bytes.Length)
            throw Damaged();
        var content = bytes[..(int)length];
        bytes = bytes[(int)length..];
        return content;
    }

    private static ulong Varint(ref ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = 0; i < Math.Min(10, bytes.Length); i++)
        {
            value |= (ulong)(bytes[i] & 0x7f) << 7 * i;
            if (bytes[i] < 0x80)
            {
                bytes = bytes[(i + 1)..];
                return value;
            }
        }
        throw Damaged();
    }

    private static WireFormat.WireType WireTypeOf(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.Float => WireFormat.WireType.Fixed32,
        FieldType.Double => WireFormat.WireType.Fixed64,
        FieldType.Message or FieldType.Bytes or FieldType.String => WireFormat.WireType.LengthDelimited,
        _ => WireFormat.WireType.Varint,
    };

    private const string DamagedFile = "the file is damaged, cut short or no ONNX model";

    private static UserException Damaged() => new($"its bytes end within a field: {DamagedFile}");
}

using System.Runtime.InteropServices;
using EdgeRnn.Onnx.Proto;
using EdgeRnn.Trainer;
using static EdgeRnn.Onnx.Proto.TensorProto.Types;

namespace EdgeRnn.Onnx.Import;

/// <summary>Constants of the file, and arithmetic of shapes.</summary>
internal static class Constants
{
    /// <summary>The numbers of a tensor of the file.</summary>
    public static Value Of(TensorProto tensor)
    {
        if (tensor.DataLocation != 0 || tensor.ExternalData.Count > 0)
            throw OutsideOf(tensor);
        if (tensor.Segment.Length > 0)
            throw new UserException($"tensor '{tensor.Name}' is cut into segments, expected it whole");
        int[] shape = [.. tensor.Dims.Select(Size)];
        int count = Value.CountOf(shape);
        return (DataType)tensor.DataType switch
        {
            DataType.Float => new FloatValue(shape, Read(tensor, count, tensor.FloatData)),
            DataType.Double =>
                new FloatValue(shape, Array.ConvertAll(Read(tensor, count, tensor.DoubleData), x => (float)x)),
            DataType.Int64 => new IntegerValue(shape, Read(tensor, count, tensor.Int64Data)),
            DataType.Int32 =>
                new IntegerValue(shape, Array.ConvertAll(Read(tensor, count, tensor.Int32Data), x => (long)x)),
            DataType.Bool => new IntegerValue(shape, Array.ConvertAll(
                Read(tensor, count, [.. tensor.Int32Data.Select(x => (byte)x)]), x => (long)x)),
            _ => throw new UserException(
                $"tensor '{tensor.Name}' has element type {tensor.DataType}, expected 1 (float), "
                + "11 (double), 6 (int32), 7 (int64) or 9 (bool); export the network in single precision"),
        };
    }

    /// <summary>The refusal of a path in a file.</summary>
    public static UserException OutsideOf(TensorProto tensor) => new(
        $"tensor '{tensor.Name}' lies in another file, which is not read; save the network with its weights in one " +
            "file");

    public static Value OfNode(Operation o)
    {
        if (o.Node.Attribute.Count != 1)
            throw new UserException($"it has {o.Node.Attribute.Count} attributes, expected 1");
        return o.Node.Attribute[0].Name switch
        {
            "value" => Of(o.Tensor("value") ?? throw new UserException("its value is no tensor")),
            "value_float" => new FloatValue([], [o.Number("value_float", 0)]),
            "value_int" => new IntegerValue([], [o.Integer("value_int", 0)]),
            "value_floats" => Vector(o.Numbers("value_floats")),
            "value_ints" => new IntegerValue([o.Integers("value_ints")!.Length], o.Integers("value_ints")!),
            var other => throw new UserException($"its attribute {other} is not supported"),
        };
    }

    public static Value OfShape(Operation o)
    {
        int[] shape = Array.ConvertAll(o.Integers(0) ?? [], Size);
        var element = o.Tensor("value") is { } tensor ? Of(tensor) : new FloatValue([1], [0]);
        return element.Count == 1
            ? element.Take(shape, new int[Value.CountOf(shape)])
            : throw new UserException($"its value has {element.Count} elements, expected 1");
    }

    public static Value Shape(Operation o)
    {
        int[] shape = o.Input(0).Shape;
        int rank = shape.Length;
        int start = (int)Math.Clamp(o.Integer("start", 0) is < 0 and var s ? s + rank : o.Integer("start", 0), 0, rank);
        int end = (int)Math.Clamp(
            o.Integer("end", rank) is < 0 and var e ? e + rank : o.Integer("end", rank), start, rank);
        return new IntegerValue([end - start], [.. shape[start..end].Select(size => (long)size)]);
    }

    public static Value Cast(Operation o) => ((DataType)o.Integer("to", 0), o.Input(0)) switch
    {
        (DataType.Float or DataType.Double, SignalValue or FloatValue) => o.Input(0),
        (DataType.Float or DataType.Double, IntegerValue v) =>
            new FloatValue(v.Shape, Array.ConvertAll(v.Data, x => (float)x)),
        (DataType.Int32 or DataType.Int64, IntegerValue) => o.Input(0),
        (DataType.Int32 or DataType.Int64, FloatValue v) when v.Data.All(x => Math.Abs(x) < 1e15f) =>
            new IntegerValue(v.Shape, Array.ConvertAll(v.Data, x => (long)x)),
        (DataType.Bool, IntegerValue v) => new IntegerValue(v.Shape, Array.ConvertAll(v.Data, x => x != 0 ? 1L : 0)),
        (var type, var value) =>
            throw new UserException($"it makes element type {(int)type} of {Operation.Kind(value)}"),
    };

    public static Value Where(Operation o)
    {
        if (o.Input(0) is not IntegerValue condition || o.Input(1) is not IntegerValue
            || o.Input(2) is not IntegerValue)
            throw new UserException("it chooses between other than constant integers");
        int[] shape = Rearrangement.Common(Rearrangement.Common(condition.Shape, o.Input(1).Shape), o.Input(2).Shape);
        long[] c = Broadcast(condition, shape), a = Broadcast(o.Input(1), shape), b = Broadcast(o.Input(2), shape);
        return new IntegerValue(shape, [.. c.Select((yes, i) => yes != 0 ? a[i] : b[i])]);
    }

    /// <summary>Arithmetic of two constants.</summary>
    public static Value Fold(Operation o)
    {
        int[] shape = Rearrangement.Common(o.Input(0).Shape, o.Input(1).Shape);
        switch (o.Input(0), o.Input(1))
        {
            case (IntegerValue x, IntegerValue y):
                long[] a = Broadcast(x, shape), b = Broadcast(y, shape);
                return new IntegerValue(shape, [.. a.Select((value, i) => Integer(o.Node.OpType, value, b[i]))]);
            case (FloatValue x, FloatValue y):
                float[] c = ((FloatValue)Rearrangement.Broadcast(x, shape)).Data,
                    d = ((FloatValue)Rearrangement.Broadcast(y, shape)).Data;
                return new FloatValue(shape, [.. c.Select((value, i) => Number(o.Node.OpType, value, d[i]))]);
            case var (x, y):
                throw new UserException($"it takes {Operation.Kind(x)} and {Operation.Kind(y)}");
        }
    }

    /// <summary>A size of an axis.</summary>
    public static int Size(long size) => size is >= 0 and <= int.MaxValue
        ? (int)size
        : throw new UserException($"a size of {size} is none");

    private static long Integer(string operation, long a, long b) => operation switch
    {
        "Add" => a + b,
        "Sub" => a - b,
        "Mul" => a * b,
        "Div" when b is not (0 or -1) => a / b,
        "Div" when b == -1 => -a,
        "Equal" => a == b ? 1 : 0,
        _ => throw new UserException($"{a} and {b} have no result"),
    };

    private static float Number(string operation, float a, float b) => operation switch
    {
        "Add" => a + b,
        "Sub" => a - b,
        "Mul" => a * b,
        "Div" => a / b,
        _ => throw new UserException("it compares numbers that are not integers"),
    };

    private static long[] Broadcast(Value value, int[] shape) =>
        ((IntegerValue)Rearrangement.Broadcast(value, shape)).Data;

    private static FloatValue Vector(float[] values) => new([values.Length], values);

    private static T[] Read<T>(TensorProto tensor, int count, IReadOnlyCollection<T> plain)
        where T : unmanaged
    {
        if (!tensor.HasRawData)
        {
            return plain.Count == count
                ? [.. plain]
                : throw new UserException($"tensor '{tensor.Name}' has {plain.Count} elements, expected {count}");
        }
        if (plain.Count > 0)
            throw new UserException($"tensor '{tensor.Name}' has its numbers twice");
        var raw = MemoryMarshal.Cast<byte, T>(tensor.RawData.Span);
        return tensor.RawData.Length == (long)count * Marshal.SizeOf<T>()
            ? raw.ToArray()
            : throw new UserException(
                $"tensor '{tensor.Name}' has {tensor.RawData.Length} bytes, expected " +
                    $"{(long)count * Marshal.SizeOf<T>()}");
    }
}

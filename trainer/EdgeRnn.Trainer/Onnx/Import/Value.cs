using EdgeRnn.Trainer;

namespace EdgeRnn.Onnx.Import;

/// <summary>
/// What a name of the graph stands for while it is traced: an array, row-major. Operators that only move numbers about
/// say where each of their results comes from, and all kinds of value follow them alike.
/// </summary>
internal abstract class Value(int[] shape)
{
    /// <summary>Sizes of its axes.</summary>
    public int[] Shape { get; } = shape;

    /// <summary>Elements.</summary>
    public int Count { get; } = CountOf(shape);

    /// <summary>The value whose element i is this one's <c>from[i]</c>.</summary>
    public abstract Value Take(int[] shape, int[] from);

    /// <summary>Elements of an array.</summary>
    /// <exception cref="UserException">They are too many.</exception>
    public static int CountOf(ReadOnlySpan<int> shape)
    {
        long count = 1;
        foreach (int size in shape)
        {
            count *= size;
            if (size < 0 || count > MostElements)
                throw new UserException($"an array of {Text(shape)} has more than {MostElements} elements");
        }
        return (int)count;
    }

    /// <summary>A shape for a sentence.</summary>
    public static string Text(ReadOnlySpan<int> shape) => $"[{string.Join(", ", shape.ToArray())}]";

    /// <summary>The axis that a possibly negative number means.</summary>
    public static int Axis(long axis, int rank) => axis >= -rank && axis < rank
        ? (int)(axis < 0 ? axis + rank : axis)
        : throw new UserException($"axis {axis} is none of an array with {rank} axes");

    // 64 MB of names, or a matrix of 4,096 by 4,096.
    private const int MostElements = 1 << 24;
}

/// <summary>Numbers that the file holds or that follow from them.</summary>
internal sealed class FloatValue(int[] shape, float[] data) : Value(shape)
{
    public float[] Data { get; } = data;

    public override FloatValue Take(int[] shape, int[] from) => new(shape, Array.ConvertAll(from, i => Data[i]));
}

/// <summary>Integers and truth values: sizes, axes, indices.</summary>
internal sealed class IntegerValue(int[] shape, long[] data) : Value(shape)
{
    public long[] Data { get; } = data;

    public override IntegerValue Take(int[] shape, int[] from) => new(shape, Array.ConvertAll(from, i => Data[i]));
}

/// <summary>Signals of the network: names of elements of a <see cref="Stage"/>.</summary>
internal sealed class SignalValue(int[] shape, int[] names) : Value(shape)
{
    public int[] Names { get; } = names;

    public override SignalValue Take(int[] shape, int[] from) => new(shape, Array.ConvertAll(from, i => Names[i]));
}

/// <summary>What may be handed on but not computed with.</summary>
/// <param name="shape">Its shape.</param>
/// <param name="what">What it is, for a sentence.</param>
/// <param name="isStart">Whether it is an input of the graph that a sequence may start from.</param>
internal sealed class OpaqueValue(int[] shape, string what, bool isStart) : Value(shape)
{
    public string What => what;

    public bool IsStart => isStart;

    public override OpaqueValue Take(int[] shape, int[] from) => new(shape, what, isStart);
}

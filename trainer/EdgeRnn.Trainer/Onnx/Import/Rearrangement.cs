using EdgeRnn.Trainer;

namespace EdgeRnn.Onnx.Import;

/// <summary>
/// The operators that move elements about: for a shape, the new one and where each element comes from.
/// </summary>
internal static class Rearrangement
{
    public static Value Transpose(Value value, ReadOnlySpan<long> permutation)
    {
        int rank = value.Shape.Length;
        int[] axes = permutation.IsEmpty
            ? [.. Enumerable.Range(0, rank).Reverse()]
            : Array.ConvertAll(permutation.ToArray(), axis => Value.Axis(axis, rank));
        if (axes.Length != rank || axes.Distinct().Count() != rank)
            throw new UserException($"perm has {axes.Length} axes, expected each of {rank} once");
        int[] strides = Strides(value.Shape);
        return Strided(value, Array.ConvertAll(axes, a => value.Shape[a]), Array.ConvertAll(axes, a => strides[a]), 0);
    }

    /// <summary>Reshape's target: 0 keeps a size (unless it is allowed as a size), -1 is what is left.</summary>
    public static Value Reshape(Value value, ReadOnlySpan<long> target, bool allowZero)
    {
        int[] shape = new int[target.Length];
        int free = -1;
        long known = 1;
        for (int i = 0; i < shape.Length; i++)
        {
            long size = target[i] == 0 && !allowZero && i < value.Shape.Length ? value.Shape[i] : target[i];
            if (size is < -1 or > int.MaxValue || size == -1 && free >= 0)
                throw new UserException($"its shape [{string.Join(", ", target.ToArray())}] is none");
            shape[i] = (int)size;
            if (size == -1)
                free = i;
            else
                known = Math.Min(known * size, int.MaxValue);
        }
        if (free >= 0)
            shape[free] = known > 0 ? (int)(value.Count / known) : 0;
        return Shaped(value, shape);
    }

    public static Value Flatten(Value value, long axis)
    {
        int split = axis == value.Shape.Length ? value.Shape.Length : Value.Axis(axis, value.Shape.Length);
        int rows = Value.CountOf(value.Shape.AsSpan(0, split));
        return Shaped(value, [rows, Value.CountOf(value.Shape.AsSpan(split))]);
    }

    /// <summary>Without the axes, or without all axes of size 1.</summary>
    public static Value Squeeze(Value value, long[]? axes)
    {
        var gone = axes is null
            ? [.. Enumerable.Range(0, value.Shape.Length).Where(a => value.Shape[a] == 1)]
            : axes.Select(axis => Value.Axis(axis, value.Shape.Length)).ToHashSet();
        return gone.All(axis => value.Shape[axis] == 1)
            ? Shaped(value, [.. value.Shape.Where((_, axis) => !gone.Contains(axis))])
            : throw new UserException($"it squeezes an axis of {Value.Text(value.Shape)} whose size is not 1");
    }

    public static Value Unsqueeze(Value value, long[] axes)
    {
        int rank = value.Shape.Length + axes.Length;
        if (rank > MostAxes)
            throw new UserException($"its result has {rank} axes, expected at most {MostAxes}");
        var ones = axes.Select(axis => Value.Axis(axis, rank)).ToHashSet();
        if (ones.Count != axes.Length)
            throw new UserException("it names an axis twice");
        int next = 0;
        return Shaped(
            value, [.. Enumerable.Range(0, rank).Select(axis => ones.Contains(axis) ? 1 : value.Shape[next++])]);
    }

    /// <summary>
    /// The elements at <paramref name="indices"/> of an axis, in whose place stand the axes of the indices.
    /// </summary>
    public static Value Gather(Value value, IntegerValue indices, long axis)
    {
        int a = Value.Axis(axis, value.Shape.Length), size = value.Shape[a];
        int[] shape = [.. value.Shape[..a], .. indices.Shape, .. value.Shape[(a + 1)..]];
        int[] places = Array.ConvertAll(indices.Data, index => index >= -size && index < size
            ? (int)(index < 0 ? index + size : index)
            : throw new UserException($"index {index} is beyond an axis of {size}"));
        int inner = Value.CountOf(value.Shape.AsSpan(a + 1)), outer = Value.CountOf(value.Shape.AsSpan(0, a));
        int[] from = new int[Value.CountOf(shape)];
        int next = 0;
        for (int o = 0; o < outer; o++)
        {
            foreach (int place in places)
            {
                for (int i = 0; i < inner; i++)
                    from[next++] = (o * size + place) * inner + i;
            }
        }
        return value.Take(shape, from);
    }

    public static Value Slice(Value value, long[] starts, long[] ends, long[]? axes, long[]? steps)
    {
        axes ??= [.. Enumerable.Range(0, starts.Length).Select(a => (long)a)];
        if (ends.Length != starts.Length || axes.Length != starts.Length || steps is not null
            && steps.Length != starts.Length)
            throw new UserException("its starts, ends, axes and steps are not equally many");
        int[] shape = [.. value.Shape], strides = Strides(value.Shape);
        int offset = 0;
        for (int i = 0; i < starts.Length; i++)
        {
            int axis = Value.Axis(axes[i], shape.Length);
            long size = value.Shape[axis], step = steps?[i] ?? 1;
            if (step is 0 or < -MostStep or > MostStep)
                throw new UserException($"a step of {step} is none");
            long start = Math.Clamp(starts[i] < 0 ? starts[i] + size : starts[i], 0, step < 0 ? size - 1 : size);
            long end = Math.Clamp(ends[i] < 0 ? ends[i] + size : ends[i], step < 0 ? -1 : 0, size);
            shape[axis] =
                (int)Math.Max(0, step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step);
            offset += shape[axis] > 0 ? (int)start * strides[axis] : 0;
            strides[axis] *= (int)step;
        }
        return Strided(value, shape, strides, offset);
    }

    /// <summary>Broadcasting: axes of size 1, or missing in front, repeat.</summary>
    public static Value Broadcast(Value value, ReadOnlySpan<int> shape)
    {
        if (value.Shape.AsSpan().SequenceEqual(shape))
            return value;
        int missing = shape.Length - value.Shape.Length;
        int[] strides = new int[shape.Length], own = Strides(value.Shape);
        for (int a = 0; a < own.Length; a++)
        {
            if (missing < 0 || value.Shape[a] != 1 && value.Shape[a] != shape[missing + a])
                throw new UserException($"{Value.Text(value.Shape)} does not repeat to {Value.Text(shape)}");
            strides[missing + a] = value.Shape[a] == 1 ? 0 : own[a];
        }
        return Strided(value, shape.ToArray(), strides, 0);
    }

    /// <summary>The shape to which two broadcast.</summary>
    public static int[] Common(ReadOnlySpan<int> a, ReadOnlySpan<int> b)
    {
        int[] shape = new int[Math.Max(a.Length, b.Length)];
        for (int i = 1; i <= shape.Length; i++)
        {
            int x = i <= a.Length ? a[^i] : 1, y = i <= b.Length ? b[^i] : 1;
            if (x != y && x != 1 && y != 1)
                throw new UserException($"{Value.Text(a)} and {Value.Text(b)} do not fit each other");
            shape[^i] = x == 1 ? y : x;
        }
        return shape;
    }

    /// <summary>The same elements in another shape.</summary>
    public static Value Shaped(Value value, int[] shape)
    {
        if (Value.CountOf(shape) != value.Count)
            throw new UserException($"{Value.Text(value.Shape)} cannot take the shape {Value.Text(shape)}");
        return value.Take(shape, [.. Enumerable.Range(0, value.Count)]);
    }

    /// <summary>Elements to go forward for one of each axis.</summary>
    public static int[] Strides(ReadOnlySpan<int> shape)
    {
        int[] strides = new int[shape.Length];
        int stride = 1;
        for (int a = shape.Length - 1; a >= 0; a--)
        {
            strides[a] = stride;
            stride *= shape[a];
        }
        return strides;
    }

    private static Value Strided(Value value, int[] shape, int[] strides, int offset)
    {
        int[] from = new int[Value.CountOf(shape)];
        int[] index = new int[shape.Length];
        int place = offset;
        for (int i = 0; i < from.Length; i++)
        {
            from[i] = place;
            for (int a = shape.Length - 1; a >= 0; a--)
            {
                place += strides[a];
                if (++index[a] < shape[a])
                    break;
                place -= shape[a] * strides[a];
                index[a] = 0;
            }
        }
        return value.Take(shape, from);
    }

    private const int MostAxes = 16;
    private const int MostStep = 1 << 24;
}

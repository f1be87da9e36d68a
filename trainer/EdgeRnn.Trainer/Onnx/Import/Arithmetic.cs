using EdgeRnn.Trainer;

namespace EdgeRnn.Onnx.Import;

/// <summary>Operators that compute with signals: each adds a stage.</summary>
internal static class Arithmetic
{
    /// <summary>Sum, difference, product or quotient of a signal and constants, or of two constants.</summary>
    public static Value Elementwise(Operation o)
    {
        var (left, right) = (o.Input(0), o.Input(1));
        if (left is not SignalValue && right is not SignalValue)
            return Constants.Fold(o);
        if (left is SignalValue && right is SignalValue)
            throw new UserException("it combines two signals, where EdgeRnn's layers form a chain");
        bool isLeft = left is SignalValue;
        var signal = o.Signal(isLeft ? 0 : 1);
        float[] c = Repeated(o.Floats(isLeft ? 1 : 0), Rearrangement.Common(left.Shape, right.Shape));
        signal = (SignalValue)Rearrangement.Broadcast(signal, Rearrangement.Common(left.Shape, right.Shape));
        return o.Node.OpType switch
        {
            "Add" => Scaled(o.Stages, signal, _ => 1, i => c[i], isProduct: false),
            "Sub" when isLeft => Scaled(o.Stages, signal, _ => 1, i => -c[i], isProduct: false),
            "Sub" => Scaled(o.Stages, signal, _ => -1, i => c[i], isProduct: true),
            "Mul" => Scaled(o.Stages, signal, i => c[i], _ => 0, isProduct: true),
            "Div" when isLeft => Scaled(o.Stages, signal, i => 1 / c[i], _ => 0, isProduct: true),
            _ => throw new UserException("it divides by a signal, which no layer does"),
        };
    }

    /// <summary>A signal times a number.</summary>
    public static Value Scaled(Operation o, float factor) =>
        Scaled(o.Stages, o.Signal(0), _ => factor, _ => 0, isProduct: true);

    /// <summary>
    /// With the moments of training: scale · (x - mean) / √(variance + epsilon) + bias, of each channel.
    /// </summary>
    public static Value BatchNormalization(Operation o)
    {
        if (o.Integer("training_mode", 0) != 0)
            throw new UserException("it is in training mode; export the network after eval()");
        var signal = o.Signal(0);
        if (signal.Shape.Length < 2)
            throw new UserException($"it reads {Value.Text(signal.Shape)}, expected channels as the second axis");
        // Channels are the second axis, the others repeat.
        int[] shape = [signal.Shape[1], .. Enumerable.Repeat(1, signal.Shape.Length - 2)];
        float epsilon = o.Number("epsilon", 1e-5f);
        float[][] moments =
            [.. Enumerable.Range(1, 4).Select(i => Repeated(Rearrangement.Shaped(o.Floats(i), shape), signal.Shape))];
        var (scale, bias, mean, variance) = (moments[0], moments[1], moments[2], moments[3]);
        return Scaled(o.Stages, signal, Factor, i => bias[i] - Factor(i) * mean[i], isProduct: true);

        float Factor(int i) => scale[i] / MathF.Sqrt(variance[i] + epsilon);
    }

    /// <summary>scale · (x - mean) / √(variance + epsilon) + bias, of the units at each step.</summary>
    public static Value LayerNormalization(Operation o)
    {
        var signal = o.Signal(0);
        int rank = signal.Shape.Length;
        if (rank == 0 || Value.Axis(o.Integer("axis", -1), rank) != rank - 1)
            throw new UserException(
                "it goes over more than the last axis, where EdgeRnn normalises units at each step");
        var rows = Rows.Of(o.Stages, signal, signal.Shape[^1]);
        if (!rows.IsWhole)
            throw new UserException("it goes over some of the units only");
        float epsilon = o.Number("epsilon", 1e-5f);
        if (epsilon is not (>= 1e-12f and <= 1))
            throw new UserException($"its epsilon is {epsilon}, expected 1E-12 to 1");
        int[] units = [rows.Stage.Features];
        float[] gain = Repeated(o.Floats(1), units);
        float[] offset = o.Optional(2) is null ? new float[gain.Length] : Repeated(o.Floats(2), units);
        var stage = o.Stages.Add(new Normalised(rows.Stage, gain, offset, epsilon));
        return Renamed(rows.Stage, stage, signal, rows);
    }

    /// <summary>x·W</summary>
    public static Value MatMul(Operation o) => Linear(o, o.Signal(0), o.Floats(1), isTransposed: false, alpha: 1);

    /// <summary>alpha · x·W + beta · C</summary>
    public static Value Gemm(Operation o)
    {
        Value x = o.Integer("transA", 0) != 0 ? Rearrangement.Transpose(o.Signal(0), default) : o.Signal(0);
        var y = Linear(o, (SignalValue)x, o.Floats(1), o.Integer("transB", 0) != 0, o.Number("alpha", 1));
        if (o.Optional(2) is null)
            return y;
        float beta = o.Number("beta", 1);
        float[] c = Repeated(o.Floats(2), y.Shape);
        return Scaled(o.Stages, y, _ => 1, i => beta * c[i], isProduct: false);
    }

    /// <summary>The mean or the maximum over all steps.</summary>
    public static Value Reduce(Operation o, Pooling pooling)
    {
        var signal = o.Signal(0);
        int rank = signal.Shape.Length;
        var axes = (o.Integers(1, "axes") ?? [.. Enumerable.Range(0, rank).Select(a => (long)a)])
            .Select(axis => Value.Axis(axis, rank)).ToHashSet();
        return Pool(o.Stages, signal, axes, o.Integer("keepdims", 1) != 0, pooling);
    }

    /// <summary>The mean or the maximum over all axes but the first two.</summary>
    public static Value GlobalPool(Operation o, Pooling pooling) => Pool(
        o.Stages, o.Signal(0), [.. Enumerable.Range(0, o.Signal(0).Shape.Length).Skip(2)], keepsAxes: true, pooling);

    /// <summary>Softmax or its logarithm. Before version 13, over all axes from the given one on.</summary>
    public static Value Softmax(Operation o, bool isLog)
    {
        var signal = o.Signal(0);
        int axis = Value.Axis(o.Integer("axis", o.Opset >= 13 ? -1 : 1), signal.Shape.Length);
        int length = Value.CountOf(signal.Shape.AsSpan(axis));
        if (o.Opset >= 13 && length != signal.Shape[axis])
            throw new UserException(
                "it goes over an axis that is not the last, where scores are of the units of a step");
        var rows = Rows.Of(o.Stages, signal, length);
        if (!rows.IsWhole)
            throw new UserException("it goes over some of the units only");
        var stage = o.Stages.Add(new SoftmaxStage(rows.Stage, isLog));
        return Renamed(rows.Stage, stage, signal, rows);
    }

    /// <summary>A function of each element.</summary>
    public static Value Apply(Operation o, Function function)
    {
        var signal = o.Signal(0);
        var before = o.Stages.Of(signal);
        var stage = o.Stages.Add(new Applied(before, function));
        return new SignalValue(signal.Shape, Array.ConvertAll(signal.Names, name => name - before.Start + stage.Start));
    }

    private static SignalValue Linear(Operation o, SignalValue x, FloatValue w, bool isTransposed, float alpha)
    {
        if (w.Shape.Length != 2 || x.Shape.Length < 1 || x.Shape[^1] != w.Shape[isTransposed ? 1 : 0])
            throw new UserException($"it multiplies {Value.Text(x.Shape)} with {Value.Text(w.Shape)}");
        var rows = Rows.Of(o.Stages, x, x.Shape[^1]);
        int inputs = rows.Stage.Features, outputs = w.Shape[isTransposed ? 0 : 1];
        float[] weights = new float[Value.CountOf([outputs, inputs])];
        for (int k = 0; k < rows.Features.Length; k++)
        {
            for (int u = 0; u < outputs; u++)
                weights[u * inputs + rows.Features[k]] +=
                    alpha * w.Data[isTransposed ? u * rows.Features.Length + k : k * outputs + u];
        }
        var stage = o.Stages.Add(new Linear(rows.Stage, weights, outputs));
        int[] names = new int[Value.CountOf([rows.Places.Length, outputs])];
        for (int i = 0; i < names.Length; i++)
            names[i] = stage.Start + rows.Places[i / outputs] * outputs + i % outputs;
        return new([.. x.Shape[..^1], outputs], names);
    }

    private static SignalValue Scaled(
        Stages stages, SignalValue signal, Func<int, float> scale, Func<int, float> offset, bool isProduct)
    {
        var before = stages.Of(signal);
        float[] scales = new float[before.Features], offsets = new float[before.Features];
        Array.Fill(scales, 1);
        var isSet = new bool[before.Features];
        for (int i = 0; i < signal.Count; i++)
        {
            int feature = (signal.Names[i] - before.Start) % before.Features;
            (float s, float t) = (scale(i), offset(i));
            if (isSet[feature] && (!s.Equals(scales[feature]) || !t.Equals(offsets[feature])))
                throw new UserException("its constants differ from step to step or from sequence to sequence");
            (scales[feature], offsets[feature], isSet[feature]) = (s, t, true);
        }
        var stage = stages.Add(new Scaling(before, scales, offsets, isProduct));
        return new(signal.Shape, Array.ConvertAll(signal.Names, name => name - before.Start + stage.Start));
    }

    private static SignalValue Pool(
        Stages stages, SignalValue signal, HashSet<int> axes, bool keepsAxes, Pooling pooling)
    {
        int rank = signal.Shape.Length;
        var before = stages.Of(signal);
        int[] kept = [.. Enumerable.Range(0, rank).Where(a => !axes.Contains(a))];
        long[] order = [.. kept.Concat(axes.Order()).Select(a => (long)a)];
        int[] names = ((SignalValue)Rearrangement.Transpose(signal, order)).Names;
        int groups = Value.CountOf([.. kept.Select(a => signal.Shape[a])]), steps = names.Length / groups;
        var stage = stages.Add(new Pooled(before, pooling));
        int[] pooled = new int[groups];
        for (int i = 0; i < names.Length; i++)
        {
            int place = Math.DivRem(names[i] - before.Start, before.Features, out int feature);
            int name = stage.Start + place / before.Steps * before.Features + feature;
            if (i % steps == 0)
                pooled[i / steps] = name;
            if (steps != before.Steps || pooled[i / steps] != name || place % before.Steps != i % steps)
                throw new UserException("it reduces other than all steps of each unit");
        }
        int[] shape = keepsAxes
            ? [.. signal.Shape.Select((size, a) => axes.Contains(a) ? 1 : size)]
            : [.. kept.Select(a => signal.Shape[a])];
        return new(shape, pooled);
    }

    // The same elements of a stage that follows rows' stage, which may be a new one that pools.
    private static SignalValue Renamed(Stage before, Stage stage, SignalValue signal, Rows rows)
    {
        int length = rows.Features.Length;
        int[] names = new int[signal.Count];
        for (int i = 0; i < names.Length; i++)
            names[i] = stage.Start + rows.Places[i / length] * before.Features + rows.Features[i % length];
        return new(signal.Shape, names);
    }

    private static float[] Repeated(Value constants, int[] shape) =>
        ((FloatValue)Rearrangement.Broadcast(constants, shape)).Data;
}

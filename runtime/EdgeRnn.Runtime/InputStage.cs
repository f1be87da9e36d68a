using EdgeRnn.Quantization;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// Raw readings to the first layer's input: (reading - mean) · (1 / deviation), limited to ±10^6 in a float session and
/// quantized in an integer one. A NaN or infinite reading is counted and becomes the channel's mean, which is 0 here.
/// </summary>
internal abstract unsafe class InputStage(RnnModel model, Kernel kernel)
{
    protected AlignedBuffer<float> Readings { get; } = new(model.InputSize + 32);

    protected AlignedBuffer<float> Mean { get; } = Padded(model.Mean.Floats);

    protected AlignedBuffer<float> InverseDeviation { get; } = Inverse(model.Deviation.Floats);

    protected float InverseScale { get; } = model.Precision == Precision.Float32 ? 1f : 1f / model.Layers[0].InputScale;

    /// <summary>What the first layer reads.</summary>
    public Signal Output { get; } = new(model.InputSize, model.Precision, kernel);

    /// <summary>Readings that were not finite.</summary>
    public long Replaced { get; protected set; }

    public abstract void Step(ReadOnlySpan<float> readings);

    public static InputStage Create(RnnModel model, Kernel kernel) => (model.Precision, kernel.IsVectorised) switch
    {
        (Precision.Float32, true) => new InputStage<VectorLanes, FloatNumerics>(model, kernel),
        (Precision.Float32, false) => new InputStage<ScalarLane, FloatNumerics>(model, kernel),
        (Precision.Int8, true) => new InputStage<VectorLanes, IntegerNumerics<Int8Range>>(model, kernel),
        (Precision.Int8, false) => new InputStage<ScalarLane, IntegerNumerics<Int8Range>>(model, kernel),
        (_, true) => new InputStage<VectorLanes, IntegerNumerics<Int16Range>>(model, kernel),
        (_, false) => new InputStage<ScalarLane, IntegerNumerics<Int16Range>>(model, kernel),
    };

    private static AlignedBuffer<float> Padded(ReadOnlySpan<float> values)
    {
        var buffer = new AlignedBuffer<float>(values.Length + 32);
        values.CopyTo(buffer.Span);
        return buffer;
    }

    private static AlignedBuffer<float> Inverse(ReadOnlySpan<float> values)
    {
        var buffer = Padded(values);
        for (int i = 0; i < values.Length; i++)
            buffer.Span[i] = 1f / values[i];
        return buffer;
    }
}

/// <inheritdoc/>
internal sealed unsafe class InputStage<T, TNumerics>(RnnModel model, Kernel kernel) : InputStage(model, kernel)
    where T : unmanaged, ILanes<T>
    where TNumerics : struct, INumerics
{
    public override void Step(ReadOnlySpan<float> readings)
    {
        float* raw = Readings.Pointer, mean = Mean.Pointer, inverse = InverseDeviation.Pointer, staged = Output.Staged;
        for (int c = 0; c < readings.Length; c++)
        {
            raw[c] = readings[c];
            if (!float.IsFinite(raw[c]))
            {
                raw[c] = mean[c];
                Replaced++;
            }
        }
        for (int c = 0; c < readings.Length; c += T.Count)
        {
            var x = (T.Load(raw + c) - T.Load(mean + c)) * T.Load(inverse + c);
            TNumerics.Output(x, InverseScale).Store(staged + c);
        }
        Output.Publish();
    }
}

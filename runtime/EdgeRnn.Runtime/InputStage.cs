using EdgeRnn.Quantization;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// Raw readings to the first layer's input: (reading - mean) · (1 / deviation), limited to ±10^6 in a float session and
/// quantized in an integer one. A NaN or infinite reading is counted and becomes the channel's mean, which is 0 here.
/// </summary>
internal abstract unsafe class InputStage
{
    protected InputStage(RnnModel model)
    {
        int size = model.InputSize;
        (Mean, Factor, Scaled) = (new(size + 32), new(size + 32), new(size + 32));
        model.Mean.Floats.CopyTo(Mean.Span);
        float integersPerUnit = model.Precision == Precision.Float32 ? 1f : 1f / model.Layers[0].InputScale;
        for (int c = 0; c < size; c++)
            Factor.Span[c] = MathF.Min(1f / model.Deviation.Floats[c] * integersPerUnit, float.MaxValue);
        Output = new(size, model.Precision);
    }

    protected AlignedBuffer<float> Mean { get; }

    /// <summary>Integers, or normalised units, per unit of a reading.</summary>
    protected AlignedBuffer<float> Factor { get; }

    protected AlignedBuffer<float> Scaled { get; }

    /// <summary>What the first layer reads.</summary>
    public Signal Output { get; }

    /// <summary>Readings that were not finite.</summary>
    public long Replaced { get; protected set; }

    public abstract void Step(ReadOnlySpan<float> readings);

    /// <summary>Puts the mean, 0 when scaled, in the place of what is not finite.</summary>
    protected void Replace(ReadOnlySpan<float> readings)
    {
        for (int c = 0; c < readings.Length; c++)
        {
            if (float.IsFinite(readings[c]))
                continue;
            Scaled.Pointer[c] = 0;
            Replaced++;
        }
    }

    public static InputStage Create(RnnModel model, Kernel kernel) => (model.Precision, kernel.IsVectorised) switch
    {
        (Precision.Float32, true) => OfFloats<VectorLanes>(model),
        (Precision.Float32, false) => OfFloats<ScalarLane>(model),
        (Precision.Int8, true) => OfIntegers<VectorLanes, VectorShorts, Int8Activations>(model),
        (Precision.Int8, false) => OfIntegers<ScalarLane, ScalarShort, Int8Activations>(model),
        (_, true) => OfIntegers<VectorLanes, VectorShorts, Int16Activations>(model),
        (_, false) => OfIntegers<ScalarLane, ScalarShort, Int16Activations>(model),
    };

    private static InputStage OfFloats<T>(RnnModel model)
        where T : unmanaged, ILanes<T> => new InputStage<FloatNumerics<T>, T, T, float, NoConstants>(model);

    private static InputStage OfIntegers<TFloats, T, TBits>(RnnModel model)
        where TFloats : unmanaged, ILanes<TFloats>
        where T : unmanaged, IShortLanes<T>
        where TBits : struct, IActivationBits =>
        new InputStage<IntegerNumerics<T, TBits>, TFloats, T, short, FixedPointConstants<T>>(model);
}

/// <inheritdoc/>
internal sealed unsafe class InputStage<TNumerics, TFloats, T, TNumber, TConstants>(RnnModel model) : InputStage(model)
    where TNumerics : struct, INumerics<T, TNumber, TConstants>
    where TFloats : unmanaged, ILanes<TFloats>
    where T : unmanaged
    where TNumber : unmanaged
    where TConstants : unmanaged
{
    public override void Step(ReadOnlySpan<float> readings)
    {
        int c = 0, size = readings.Length;
        float* mean = Mean.Pointer, factor = Factor.Pointer, scaled = Scaled.Pointer;
        bool finite = true;
        // x - x is 0, and NaN for what is not finite; once NaN, the sum stays so.
        var zero = TFloats.All(0f);
        fixed (float* raw = readings)
        {
            for (; c + TFloats.Count <= size; c += TFloats.Count)
            {
                var reading = TFloats.Load(raw + c);
                zero += reading - reading;
                ((reading - TFloats.Load(mean + c)) * TFloats.Load(factor + c)).Store(scaled + c);
            }
            for (; c < size; c++)
            {
                finite &= float.IsFinite(raw[c]);
                scaled[c] = (raw[c] - mean[c]) * factor[c];
            }
        }
        if (!finite || !TFloats.AllFinite(zero))
            Replace(readings);
        void* output = Output.Pointer;
        for (c = 0; c < size; c += TNumerics.Count)
            TNumerics.StoreLinear(scaled + c, relu: false, output, c);
    }
}

using EdgeRnn.Quantization;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>A dense layer before the head: y = W·x + b, or max(0, y) with relu.   [units], quantized int8 in units of output_scale</summary>
internal sealed unsafe class DenseLayer<T, TNumerics>(RnnLayer layer, Precision precision, Kernel kernel, Projection weights)
    : Cell(layer, precision, kernel)
    where T : unmanaged, ILanes<T>
    where TNumerics : struct, INumerics
{
    private readonly AlignedBuffer<float> _result = weights.NewResult();

    public DenseLayer(RnnLayer layer, Precision precision, Kernel kernel)
        : this(layer, precision, kernel, new(kernel, precision, layer.WeightIh, layer.BiasIh, layer.InputScale))
    {
    }

    public override void Step(Signal x)
    {
        weights.Multiply(x, _result.Pointer);
        for (int u = 0; u < Layer.Units; u += T.Count)
        {
            var y = T.Load(_result.Pointer + u);
            if (Layer.Activation == Activation.Relu)
                y = FixedPoint.Relu(y);
            TNumerics.Output(y, InverseScale).Store(Hidden.Staged + u);
        }
        Hidden.Publish();
    }

    public override Cell Clone() => new DenseLayer<T, TNumerics>(Layer, Precision, Kernel, weights);
}

/// <summary>The last layer: logits = W·x + b, scores = softmax(logits).</summary>
internal abstract unsafe class DenseHead(RnnLayer layer)
{
    protected RnnLayer Layer { get; } = layer;

    /// <summary>[labels], quantized: multiples of 2^-12</summary>
    public abstract ReadOnlySpan<float> Logits { get; }

    public abstract void Forward(Signal x, Span<float> scores);

    public abstract DenseHead Clone();

    public static DenseHead Create(RnnLayer layer, Precision precision, Kernel kernel)
    {
        var weights = new Projection(kernel, precision, layer.WeightIh, layer.BiasIh, layer.InputScale);
        return (precision, kernel.IsVectorised) switch
        {
            (Precision.Float32, true) => new DenseHead<VectorLanes, FloatNumerics>(layer, weights),
            (Precision.Float32, false) => new DenseHead<ScalarLane, FloatNumerics>(layer, weights),
            (_, true) => new DenseHead<VectorLanes, IntegerNumerics<Int8Range>>(layer, weights),
            (_, false) => new DenseHead<ScalarLane, IntegerNumerics<Int8Range>>(layer, weights),
        };
    }
}

/// <inheritdoc/>
internal sealed unsafe class DenseHead<T, TNumerics>(RnnLayer layer, Projection weights) : DenseHead(layer)
    where T : unmanaged, ILanes<T>
    where TNumerics : struct, INumerics
{
    // exp(-80) = 2e-35 is no score, and its exponent is far from where single precision ends.
    private const float Floor = -80f;

    private readonly AlignedBuffer<float> _logits = weights.NewResult();
    private readonly AlignedBuffer<float> _powers = weights.NewResult();

    public override ReadOnlySpan<float> Logits => _logits.Span[..Layer.Units];

    public override void Forward(Signal x, Span<float> scores)
    {
        int labels = Layer.Units;
        float* logits = _logits.Pointer, powers = _powers.Pointer;
        weights.Multiply(x, logits);
        for (int i = 0; i < labels; i += T.Count)
            TNumerics.Logit(T.Load(logits + i)).Store(logits + i);

        // score = exp(logit - largest) / Σ exp(logit - largest), the sum in ascending order
        float largest = logits[0];
        for (int i = 1; i < labels; i++)
            largest = logits[i] > largest ? logits[i] : largest;
        for (int i = 0; i < labels; i += T.Count)
            Activations.Exp(FixedPoint.Clamp(T.Load(logits + i) - T.All(largest), Floor, 0f)).Store(powers + i);
        float sum = 0;
        for (int i = 0; i < labels; i++)
            sum += powers[i];
        for (int i = 0; i < labels; i += T.Count)
            (T.Load(powers + i) / T.All(sum)).Store(powers + i);
        // A copy by the library may run code compiled for older vector instructions, which costs as much as the whole head.
        for (int i = 0; i < labels; i++)
            scores[i] = powers[i];
    }

    public override DenseHead Clone() => new DenseHead<T, TNumerics>(Layer, weights);
}

using System.Runtime.CompilerServices;
using EdgeRnn.Quantization;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// A dense layer before the head: y = W·x + b, or max(0, y) with relu.   [units], quantized int8 in units of
/// output_scale
/// </summary>
internal sealed unsafe class DenseLayer<TNumerics, T, TNumber, TConstants> : Cell
    where TNumerics : struct, INumerics<T, TNumber, TConstants>
    where T : unmanaged
    where TNumber : unmanaged
    where TConstants : unmanaged
{
    private readonly Projection _weights;
    private readonly AlignedBuffer<float> _sums;

    public DenseLayer(RnnLayer layer, Precision precision, Packing packing)
        : this(layer, precision, Projection.OfDense(packing, precision, layer))
    {
    }

    private DenseLayer(RnnLayer layer, Precision precision, Projection weights)
        : base(layer, precision)
    {
        (_weights, _sums) = (weights, weights.NewResult());
        Products = [new(weights, null, null, _sums)];
    }

    public override void Update()
    {
        bool relu = Layer.Activation == Activation.Relu;
        for (int u = 0; u < Layer.Units; u += TNumerics.Count)
            TNumerics.StoreLinear(_sums.Pointer + u, relu, Hidden.Pointer, u);
    }

    public override Cell Clone() => new DenseLayer<TNumerics, T, TNumber, TConstants>(Layer, Precision, _weights);
}

/// <summary>The last layer: logits = W·x + b, scores = softmax(logits).</summary>
internal abstract unsafe class DenseHead(RnnLayer layer)
{
    protected RnnLayer Layer { get; } = layer;

    /// <summary>[labels], quantized: multiples of 2^-12</summary>
    public abstract ReadOnlySpan<float> Logits { get; }

    public abstract void Forward(Signal x, Span<float> scores);

    public abstract DenseHead Clone();

    /// <summary>A quantized model's logit in real units, of what the product gives in units of 2^-12.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected static T Logit<T>(T sum) where T : unmanaged, ILanes<T>
    {
        // Integers stay below 2^22, where adding and subtracting the grid rounds them.
        const float Largest = 1023f / FixedPoint.LogitScale;
        var integer = FixedPoint.Round(FixedPoint.Clamp(sum, -Largest, Largest), FixedPoint.IntegerGrid);
        return integer * T.All(FixedPoint.LogitScale);
    }

    public static DenseHead Create(RnnLayer layer, Precision precision, Packing packing)
    {
        var weights = Projection.OfDense(packing, precision, layer);
        bool rounds = precision != Precision.Float32;
        return packing.Kernel.IsVectorised
            ? new DenseHead<VectorLanes>(layer, weights, rounds)
            : new DenseHead<ScalarLane>(layer, weights, rounds);
    }
}

/// <inheritdoc/>
internal sealed unsafe class DenseHead<T>(RnnLayer layer, Projection weights, bool rounds) : DenseHead(layer)
    where T : unmanaged, ILanes<T>
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
        weights.Multiply(x, null, logits);
        if (rounds)
        {
            for (int i = 0; i < labels; i += T.Count)
                Logit(T.Load(logits + i)).Store(logits + i);
        }

        // score = exp(logit - largest) / Σ exp(logit - largest)
        float largest = logits[0];
        for (int i = 1; i < labels; i++)
            largest = float.MaxNative(largest, logits[i]);
        for (int i = 0; i < labels; i += T.Count)
            Activations.Exp(FixedPoint.Clamp(T.Load(logits + i) - T.All(largest), Floor, 0f)).Store(powers + i);
        var sum = T.All(Sum(powers, labels));
        fixed (float* target = scores)
        {
            int i = 0;
            for (; i + T.Count <= labels; i += T.Count)
                (T.Load(powers + i) / sum).Store(target + i);
            (T.Load(powers + i) / sum).Store(powers + i);
            // A copy by the library may run code compiled for older vector instructions, which costs as much as the
            // whole head.
            for (; i < labels; i++)
                target[i] = powers[i];
        }
    }

    // Four sums, of every fourth number each, and then their sum: four additions at a time are as quick as one.
    private static float Sum(float* x, int count)
    {
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        int i = 0;
        for (; i + 4 <= count; i += 4)
        {
            s0 += x[i];
            s1 += x[i + 1];
            s2 += x[i + 2];
            s3 += x[i + 3];
        }
        if (i < count)
            s0 += x[i];
        if (i + 1 < count)
            s1 += x[i + 1];
        if (i + 2 < count)
            s2 += x[i + 2];
        return (s0 + s1) + (s2 + s3);
    }

    public override DenseHead Clone() => new DenseHead<T>(Layer, weights, rounds);
}

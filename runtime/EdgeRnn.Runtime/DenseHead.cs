using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
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

    public override void Update(Signal x)
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

    private readonly AlignedBuffer<float> _logits = NewLimits(weights, layer.Units);
    private readonly AlignedBuffer<float> _powers = weights.NewResult();

    // None for labels; beyond them so low that nothing is the largest, nor adds to a sum of at least 1.
    private readonly AlignedBuffer<float> _limits = NewLimits(weights, layer.Units);

    public override ReadOnlySpan<float> Logits => _logits.Span[..Layer.Units];

    public override void Forward(Signal x, Span<float> scores)
    {
        int labels = Layer.Units;
        float* logits = _logits.Pointer, powers = _powers.Pointer, limits = _limits.Pointer;
        weights.Multiply(x, null, logits);
        for (int i = 0; i < labels; i += T.Count)
        {
            var logit = rounds ? Logit(T.Load(logits + i)) : T.Load(logits + i);
            T.Min(logit, T.Load(limits + i)).Store(logits + i);
        }

        // score = exp(logit - largest) / Σ exp(logit - largest)
        var largest = T.All(Largest(logits, labels));
        for (int i = 0; i < labels; i += T.Count)
            Activations.Exp(FixedPoint.Clamp(T.Load(logits + i) - largest, Floor, 0f)).Store(powers + i);
        var sum = T.All(Sum(powers, labels));
        for (int i = 0; i < labels; i += T.Count)
            (T.Load(powers + i) / sum).Store(powers + i);
        Copy(powers, scores);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(float* x, int count)
    {
        var largest = Vector128.Load(x);
        for (int i = 4; i < count; i += 4)
            largest = Vector128.MaxNative(largest, Vector128.Load(x + i));
        largest = Vector128.MaxNative(largest, Vector128.Shuffle(largest, Vector128.Create(2, 3, 0, 1)));
        return float.MaxNative(largest[0], largest[1]);
    }

    // Four sums, of every fourth number each, and then their sum.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Sum(float* x, int count)
    {
        var sums = Vector128.Load(x);
        for (int i = 4; i < count; i += 4)
            sums += Vector128.Load(x + i);
        return (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }

    // A copy by the library may run code compiled for older vector instructions, which costs as much as the whole head.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(float* x, Span<float> target)
    {
        fixed (float* y = target)
        {
            int i = 0;
            for (; i + 4 <= target.Length; i += 4)
                Vector128.Load(x + i).Store(y + i);
            for (; i < target.Length; i++)
                y[i] = x[i];
        }
    }

    private static AlignedBuffer<float> NewLimits(Projection weights, int labels)
    {
        var limits = weights.NewResult();
        limits.Span.Fill(float.MinValue);
        limits.Span[..labels].Fill(float.MaxValue);
        return limits;
    }

    public override DenseHead Clone() => new DenseHead<T>(Layer, weights, rounds);
}

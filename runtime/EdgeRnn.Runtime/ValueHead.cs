using EdgeRnn.Quantization;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>The last layer of a model that gives values: mean + deviation · φ(W·x + b), in the user's units.</summary>
internal sealed unsafe class ValueHead : DenseHead
{
    // Deviations reach 10^12, so no value reaches infinity.
    private const float LargestLogit = 1e12f;

    private readonly Projection _weights;
    private readonly AlignedBuffer<float> _logits;
    private readonly Tensor _mean;
    private readonly Tensor _deviation;
    private readonly bool _isQuantized;

    /// <param name="model">A model whose outputs are values.</param>
    /// <param name="packing">Who packs its weights.</param>
    public ValueHead(RnnModel model, Packing packing)
        : this(model.Layers[^1], Projection.OfDense(packing, model.Precision, model.Layers[^1]), model.OutputMean!,
            model.OutputDeviation!, model.Precision != Precision.Float32)
    {
    }

    private ValueHead(RnnLayer layer, Projection weights, Tensor mean, Tensor deviation, bool isQuantized)
        : base(layer)
    {
        (_weights, _mean, _deviation, _isQuantized) = (weights, mean, deviation, isQuantized);
        _logits = weights.NewResult();
    }

    public override ReadOnlySpan<float> Logits => _logits.Span[..Layer.Units];

    public override void Forward(Signal x, Span<float> scores)
    {
        float* logits = _logits.Pointer;
        _weights.Multiply(x, null, logits);
        var mean = _mean.Floats;
        var deviation = _deviation.Floats;
        for (int i = 0; i < Layer.Units; i++)
        {
            logits[i] = _isQuantized
                ? Logit(new ScalarLane(logits[i])).Value
                : Math.Clamp(logits[i], -LargestLogit, LargestLogit);
            float value = Layer.Variant is { Functions: [var function] }
                ? Functions.Apply(function, logits[i]) : logits[i];
            scores[i] = MathF.FusedMultiplyAdd(deviation[i], value, mean[i]);
        }
    }

    public override DenseHead Clone() => new ValueHead(Layer, _weights, _mean, _deviation, _isQuantized);
}

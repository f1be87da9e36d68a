using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// The simple recurrent network (Elman 1990).
/// <code>
/// h = tanh(W_ih·x + b_ih + W_hh·h + b_hh)      [units], quantized Q0.15, then int8 in units of 1/127
/// h = max(0, W_ih·x + b_ih + W_hh·h + b_hh)    with relu; quantized: int8 in units of output_scale
/// </code>
/// </summary>
internal sealed unsafe class SimpleRnnCell<TNumerics, T, TNumber, TConstants> : Cell
    where TNumerics : struct, INumerics<T, TNumber, TConstants>
    where T : unmanaged
    where TNumber : unmanaged
    where TConstants : unmanaged
{
    private readonly Projection _weights;
    private readonly AlignedBuffer<float> _sums;
    private readonly TConstants _constants = TNumerics.Constants(0);

    public SimpleRnnCell(RnnLayer layer, Precision precision, Packing packing)
        : this(layer, precision, Projection.OfGates(packing, precision, layer))
    {
    }

    private SimpleRnnCell(RnnLayer layer, Precision precision, Projection weights)
        : base(layer, precision)
    {
        (_weights, _sums) = (weights, weights.NewResult());
        Products = [new(weights, null, Hidden, _sums)];
    }

    public override void Update(Signal x)
    {
        int units = Layer.Units;
        float* sums = _sums.Pointer;
        void* hidden = Hidden.Pointer;
        if (Layer.Activation == Activation.Relu)
        {
            for (int u = 0; u < units; u += TNumerics.Count)
                TNumerics.StoreLinear(sums + u, relu: true, hidden, u);
        }
        else
        {
            var k = _constants;
            for (nint u = 0; u < units; u += TNumerics.Count)
                TNumerics.StoreBounded(TNumerics.Tanh(TNumerics.LoadSums(sums + u), k), hidden, u, k);
        }
    }

    public override Cell Clone() => new SimpleRnnCell<TNumerics, T, TNumber, TConstants>(Layer, Precision, _weights);
}

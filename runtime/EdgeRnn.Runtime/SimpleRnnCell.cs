using EdgeRnn.Quantization;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// The simple recurrent network (Elman 1990).
/// <code>
/// h = tanh(W_ih·x + b_ih + W_hh·h + b_hh)      [units], quantized Q0.15, then int8 in units of 1/127
/// h = max(0, W_ih·x + b_ih + W_hh·h + b_hh)    with relu; quantized: int8 in units of output_scale
/// </code>
/// </summary>
internal sealed unsafe class SimpleRnnCell<T, TNumerics> : TwoProductCell
    where T : unmanaged, ILanes<T>
    where TNumerics : struct, INumerics
{
    public SimpleRnnCell(RnnLayer layer, Precision precision, Kernel kernel)
        : base(layer, precision, kernel)
    {
    }

    private SimpleRnnCell(SimpleRnnCell<T, TNumerics> other)
        : base(other)
    {
    }

    public override void Update()
    {
        int units = Layer.Units;
        float inverseScale = InverseScale;
        float* a = FromInputs.Pointer, b = FromHidden.Pointer, hidden = Hidden.Staged;
        if (Layer.Activation == Activation.Relu)
        {
            for (int u = 0; u < units; u += T.Count)
            {
                var h = FixedPoint.Relu(T.Load(a + u) + T.Load(b + u));
                TNumerics.Output(h, inverseScale).Store(hidden + u);
            }
        }
        else
        {
            for (int u = 0; u < units; u += T.Count)
                TNumerics.Output(TNumerics.Tanh(T.Load(a + u) + T.Load(b + u)), inverseScale).Store(hidden + u);
        }
        Hidden.Publish();
    }

    public override Cell Clone() => new SimpleRnnCell<T, TNumerics>(this);
}

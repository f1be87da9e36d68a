using System.Runtime.InteropServices;
using EdgeRnn.Quantization;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>One layer of one stream: packed weights that all streams share, and a state of its own.</summary>
internal abstract class Cell(RnnLayer layer, Precision precision, Kernel kernel)
{
    public RnnLayer Layer { get; } = layer;

    /// <summary>What the layer gives the next one.   [units]</summary>
    public Signal Hidden { get; } = new(layer.Units, precision, kernel);

    protected Kernel Kernel { get; } = kernel;

    protected Precision Precision { get; } = precision;

    /// <summary>Integers per unit of <see cref="Hidden"/>; 1 in a float session.</summary>
    protected float InverseScale { get; } = precision == Precision.Float32 ? 1f : 1f / layer.OutputScale;

    /// <summary>What is remembered from step to step beside <see cref="Hidden"/>, in real units: c of an LSTM, h of a GRU.</summary>
    public AlignedBuffer<float>? Memory { get; protected init; }

    /// <summary>The LSTM's cell state in real units, for calibration; empty for other layers.</summary>
    public ReadOnlySpan<float> CellState => Layer.Kind == LayerKind.Lstm ? Memory!.Span[..Layer.Units] : default;

    /// <summary>Bytes that <see cref="SaveState"/> writes.</summary>
    public int StateBytes => !Layer.IsRecurrent ? 0 : Hidden.Published.Length + (Memory is null ? 0 : sizeof(float) * Layer.Units);

    public abstract void Step(Signal x);

    /// <summary>The same layer for another stream, at a zero state.</summary>
    public abstract Cell Clone();

    public virtual void Reset()
    {
        Hidden.Clear();
        Memory?.Span.Clear();
    }

    /// <summary>Writes hidden activations, then memory.</summary>
    public void SaveState(Span<byte> target)
    {
        if (!Layer.IsRecurrent)
            return;
        var hidden = Hidden.Published;
        hidden.CopyTo(target);
        Memory?.Span[..Layer.Units].CopyTo(MemoryMarshal.Cast<byte, float>(target[hidden.Length..]));
    }

    public void RestoreState(ReadOnlySpan<byte> source)
    {
        if (!Layer.IsRecurrent)
            return;
        var hidden = Hidden.Published;
        source[..hidden.Length].CopyTo(hidden);
        if (Memory is not null)
            MemoryMarshal.Cast<byte, float>(source[hidden.Length..])[..Layer.Units].CopyTo(Memory.Span);
    }

    /// <summary>A number for each unit, with padding for the last vector.</summary>
    protected AlignedBuffer<float> NewUnits() => new(Layer.Units + 32);

    /// <summary>Packs the weights of a layer for <paramref name="kernel"/>.</summary>
    public static Cell Create(RnnLayer layer, Precision precision, Kernel kernel) => (precision, kernel.IsVectorised) switch
    {
        _ when layer.Variant is not null => VariantCell.Create(layer, kernel),
        (Precision.Float32, true) => Create<VectorLanes, FloatNumerics>(layer, precision, kernel),
        (Precision.Float32, false) => Create<ScalarLane, FloatNumerics>(layer, precision, kernel),
        (Precision.Int8, true) => Create<VectorLanes, IntegerNumerics<Int8Range>>(layer, precision, kernel),
        (Precision.Int8, false) => Create<ScalarLane, IntegerNumerics<Int8Range>>(layer, precision, kernel),
        (_, true) => Create<VectorLanes, IntegerNumerics<Int16Range>>(layer, precision, kernel),
        (_, false) => Create<ScalarLane, IntegerNumerics<Int16Range>>(layer, precision, kernel),
    };

    private static Cell Create<T, TNumerics>(RnnLayer layer, Precision precision, Kernel kernel)
        where T : unmanaged, ILanes<T>
        where TNumerics : struct, INumerics => layer.Kind switch
        {
            LayerKind.SimpleRnn => new SimpleRnnCell<T, TNumerics>(layer, precision, kernel),
            LayerKind.Lstm => new LstmCell<T, TNumerics>(layer, precision, kernel),
            LayerKind.Gru when layer.ResetBefore => new ResetBeforeGruCell<T, TNumerics>(layer, precision, kernel),
            LayerKind.Gru => new GruCell<T, TNumerics>(layer, precision, kernel),
            _ => new DenseLayer<T, TNumerics>(layer, precision, kernel),
        };
}

/// <summary>A cell whose step is two products, W_ih·x + b_ih and W_hh·h + b_hh, and then what its equations make of them.</summary>
internal abstract unsafe class TwoProductCell : Cell
{
    protected TwoProductCell(RnnLayer layer, Precision precision, Kernel kernel)
        : base(layer, precision, kernel)
    {
        Inputs = new(kernel, precision, layer.WeightIh, layer.BiasIh, layer.InputScale);
        Recurrent = new(kernel, precision, layer.WeightHh!, layer.BiasHh, layer.OutputScale);
        FromInputs = Inputs.NewResult();
        FromHidden = Recurrent.NewResult();
    }

    /// <summary>Another stream on the weights of <paramref name="other"/>.</summary>
    protected TwoProductCell(TwoProductCell other)
        : base(other.Layer, other.Precision, other.Kernel)
    {
        Inputs = other.Inputs;
        Recurrent = other.Recurrent;
        FromInputs = Inputs.NewResult();
        FromHidden = Recurrent.NewResult();
    }

    public Projection Inputs { get; }

    public Projection Recurrent { get; }

    /// <summary>W_ih·x + b_ih   [gates·units]</summary>
    public AlignedBuffer<float> FromInputs { get; }

    /// <summary>W_hh·h + b_hh   [gates·units]</summary>
    public AlignedBuffer<float> FromHidden { get; }

    public sealed override void Step(Signal x)
    {
        Inputs.Multiply(x, FromInputs.Pointer);
        Recurrent.Multiply(Hidden, FromHidden.Pointer);
        Update();
    }

    /// <summary>From both products to the next state.</summary>
    public abstract void Update();
}

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

    public abstract void Step(Signal x);

    /// <summary>The same layer for another stream, at a zero state.</summary>
    public abstract Cell Clone();

    public virtual void Reset() => Hidden.Clear();

    /// <summary>The LSTM's cell state in real units, for calibration; empty for other layers.</summary>
    public virtual ReadOnlySpan<float> CellState => default;

    /// <summary>A number for each unit, with padding for the last vector.</summary>
    protected AlignedBuffer<float> NewUnits() => new(Layer.Units + 32);

    /// <summary>Packs the weights of a layer for <paramref name="kernel"/>.</summary>
    public static Cell Create(RnnLayer layer, Precision precision, Kernel kernel) => (precision, kernel.IsVectorised) switch
    {
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

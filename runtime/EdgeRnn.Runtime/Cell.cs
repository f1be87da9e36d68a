using System.Runtime.InteropServices;
using EdgeRnn.Quantization;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>A matrix product that a step of one stream needs before <see cref="Cell.Update"/>.</summary>
/// <param name="Weights">W and U, or W alone.</param>
/// <param name="X">What W multiplies; null for the layer's input.</param>
/// <param name="H">What U multiplies; null without U.</param>
/// <param name="Sums">Where the result goes.</param>
internal readonly record struct Product(Projection Weights, Signal? X, Signal? H, AlignedBuffer<float> Sums);

/// <summary>One layer of one stream: packed weights that all streams share, and a state of its own.</summary>
internal abstract class Cell(RnnLayer layer, Precision precision)
{
    private bool _descending = true;

    public RnnLayer Layer { get; } = layer;

    /// <summary>What the layer gives the next one.   [units]</summary>
    public Signal Hidden { get; } = new(layer.Units, precision);

    protected Precision Precision { get; } = precision;

    /// <summary>The cell state in real units of a float session's LSTM, for calibration; empty otherwise.</summary>
    public ReadOnlySpan<float> CellState => Layer.Kind == LayerKind.Lstm && Precision == Precision.Float32
        ? MemoryMarshal.Cast<byte, float>(MemoryBytes) : default;

    /// <summary>Bytes that <see cref="SaveState"/> writes.</summary>
    public int StateBytes => Layer.IsRecurrent ? Hidden.Bytes.Length + MemoryBytes.Length : 0;

    /// <summary>What is remembered from step to step beside <see cref="Hidden"/>: c of an LSTM, h of a GRU.</summary>
    protected virtual Span<byte> MemoryBytes => default;

    /// <summary>The products of a step, none of which needs another.</summary>
    protected Product[] Products { get; init; } = [];

    /// <summary>
    /// Advances by one step: the products, then <see cref="Update"/>. Every other step reads the weights in the other
    /// direction, first those that the step before read last.
    /// </summary>
    public unsafe void Step(Signal x)
    {
        _descending = !_descending;
        var products = Products;
        for (int i = 0; i < products.Length; i++)
        {
            ref readonly var product = ref products[_descending ? products.Length - 1 - i : i];
            product.Weights.Multiply(product.X ?? x, product.H, product.Sums.Pointer, descending: _descending);
        }
        Update(x);
    }

    /// <summary>The products of a step with input <paramref name="x"/>, for many streams to make together.</summary>
    public Product[] ProductsOf(Signal x) => Array.ConvertAll(Products, product => product with { X = product.X ?? x });

    /// <summary>From the products, or from the input itself where there are none, to the next state.</summary>
    public abstract void Update(Signal x);

    /// <summary>The same layer for another stream, at a zero state.</summary>
    public abstract Cell Clone();

    public virtual void Reset()
    {
        Hidden.Clear();
        MemoryBytes.Clear();
    }

    /// <summary>Writes hidden activations, then memory.</summary>
    public void SaveState(Span<byte> target)
    {
        if (!Layer.IsRecurrent)
            return;
        Hidden.Bytes.CopyTo(target);
        MemoryBytes.CopyTo(target[Hidden.Bytes.Length..]);
    }

    public void RestoreState(ReadOnlySpan<byte> source)
    {
        if (!Layer.IsRecurrent)
            return;
        source[..Hidden.Bytes.Length].CopyTo(Hidden.Bytes);
        source.Slice(Hidden.Bytes.Length, MemoryBytes.Length).CopyTo(MemoryBytes);
    }

    /// <summary>Packs the weights of a layer for <paramref name="packing"/>'s kernel.</summary>
    public static Cell Create(RnnLayer layer, Precision precision, Packing packing) =>
        (precision, packing.Kernel.IsVectorised) switch
        {
            _ when layer.Variant is not null => VariantCell.Create(layer, packing),
            (Precision.Float32, true) => CreateFloat<VectorLanes>(layer, precision, packing),
            (Precision.Float32, false) => CreateFloat<ScalarLane>(layer, precision, packing),
            (Precision.Int8, true) => CreateInteger<VectorShorts, Int8Activations>(layer, precision, packing),
            (Precision.Int8, false) => CreateInteger<ScalarShort, Int8Activations>(layer, precision, packing),
            (_, true) => CreateInteger<VectorShorts, Int16Activations>(layer, precision, packing),
            (_, false) => CreateInteger<ScalarShort, Int16Activations>(layer, precision, packing),
        };

    private static Cell CreateFloat<T>(RnnLayer layer, Precision precision, Packing packing)
        where T : unmanaged, ILanes<T> => Create<FloatNumerics<T>, T, float, NoConstants>(layer, precision, packing);

    private static Cell CreateInteger<T, TBits>(RnnLayer layer, Precision precision, Packing packing)
        where T : unmanaged, IShortLanes<T>
        where TBits : struct, IActivationBits =>
        Create<IntegerNumerics<T, TBits>, T, short, FixedPointConstants<T>>(layer, precision, packing);

    private static Cell Create<TNumerics, T, TNumber, TConstants>(RnnLayer layer, Precision precision, Packing packing)
        where TNumerics : struct, INumerics<T, TNumber, TConstants>
        where T : unmanaged
        where TNumber : unmanaged
        where TConstants : unmanaged => layer.Kind switch
        {
            LayerKind.SimpleRnn => new SimpleRnnCell<TNumerics, T, TNumber, TConstants>(layer, precision, packing),
            LayerKind.Lstm => new LstmCell<TNumerics, T, TNumber, TConstants>(layer, precision, packing),
            LayerKind.Gru => new GruCell<TNumerics, T, TNumber, TConstants>(layer, precision, packing),
            LayerKind.Norm => new NormLayer<TNumerics, T, TNumber, TConstants>(layer, precision),
            _ => new DenseLayer<TNumerics, T, TNumber, TConstants>(layer, precision, packing),
        };
}

/// <summary>A cell with a memory beside its hidden signal.</summary>
internal abstract class MemoryCell<TNumber> : Cell
    where TNumber : unmanaged
{
    protected MemoryCell(RnnLayer layer, Precision precision)
        : base(layer, precision) => Memory = NewUnits();

    /// <summary>[units]</summary>
    protected AlignedBuffer<TNumber> Memory { get; }

    protected sealed override Span<byte> MemoryBytes => MemoryMarshal.AsBytes(Memory.Span[..Layer.Units]);

    /// <summary>Numbers for each unit, with padding for the last vector.</summary>
    protected AlignedBuffer<TNumber> NewUnits(int numbers = 1) => new(numbers * Layer.Units + 32);
}

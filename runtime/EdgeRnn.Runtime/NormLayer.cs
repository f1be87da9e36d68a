using System.Runtime.Intrinsics;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// Layer normalisation (Ba, Kiros and Hinton 2016) of what the layer before gives, over its n units at each step.
/// <code>
/// μ = Σ x / n      σ² = Σ (x - μ)² / n
/// y = gain · (x - μ) / √(σ² + ε) + offset                   [units], quantized in units of output_scale
/// quantized, without rounding up to the square root:        n·(x - μ) = n·x - Σ x      n²·σ² = n·Σ x² - (Σ x)²
/// </code>
/// It keeps no state. All kernels run the code below; only the last rounding is a kernel's own.
/// </summary>
internal sealed unsafe class NormLayer<TNumerics, T, TNumber, TConstants> : Cell
    where TNumerics : struct, INumerics<T, TNumber, TConstants>
    where T : unmanaged
    where TNumber : unmanaged
    where TConstants : unmanaged
{
    private const int Padding = 32;

    // [units], per unit of what is stored; zero in the padding.
    private readonly AlignedBuffer<float> _gain, _offset;
    private readonly AlignedBuffer<float> _values;
    private readonly AlignedBuffer<short> _integers;
    private readonly double _epsilon;

    public NormLayer(RnnLayer layer, Precision precision)
        : this(layer, precision, Scaled(layer, layer.WeightIh), Scaled(layer, layer.BiasIh))
    {
    }

    private NormLayer(RnnLayer layer, Precision precision, AlignedBuffer<float> gain, AlignedBuffer<float> offset)
        : base(layer, precision)
    {
        (_gain, _offset) = (gain, offset);
        _values = new(layer.Units + Padding);
        _integers = new(precision == Precision.Float32 ? 0 : layer.Units + Padding);
        // Of integers that stand for multiples of input_scale, n²·ε.
        double count = layer.Units, unit = layer.InputScale;
        _epsilon = precision == Precision.Float32 ? layer.Epsilon : count * count * layer.Epsilon / (unit * unit);
    }

    public override void Update(Signal x)
    {
        int units = Layer.Units;
        float* y = _values.Pointer;
        var factor = Vector128.Create(Precision == Precision.Float32 ? CentreFloats(x) : CentreIntegers(x));
        for (int u = 0; u < units; u += 4)
        {
            var normalised = Vector128.LoadAligned(y + u) * factor;
            Vector128.FusedMultiplyAdd(
                normalised, Vector128.LoadAligned(_gain.Pointer + u), Vector128.LoadAligned(_offset.Pointer + u))
                .StoreAligned(y + u);
        }
        for (int u = 0; u < units; u += TNumerics.Count)
            TNumerics.StoreLinear(y + u, relu: false, Hidden.Pointer, u);
    }

    public override Cell Clone() => new NormLayer<TNumerics, T, TNumber, TConstants>(Layer, Precision, _gain, _offset);

    /// <summary>Puts x - μ in the place of the values; gives 1 / √(σ² + ε).</summary>
    private float CentreFloats(Signal x)
    {
        int units = Layer.Units;
        float* values = _values.Pointer;
        x.Values.CopyTo(_values.Span);
        Clear(_values);
        var sums = Vector128<float>.Zero;
        for (int u = 0; u < units; u += 4)
            sums += Vector128.LoadAligned(values + u);
        float mean = Sum(sums) / units;

        var means = Vector128.Create(mean);
        for (int u = 0; u < units; u += 4)
            (Vector128.LoadAligned(values + u) - means).StoreAligned(values + u);
        Clear(_values);
        var squares = Vector128<float>.Zero;
        for (int u = 0; u < units; u += 4)
        {
            var centred = Vector128.LoadAligned(values + u);
            squares = Vector128.FusedMultiplyAdd(centred, centred, squares);
        }
        return (float)(1 / Math.Sqrt(Sum(squares) / units + _epsilon));
    }

    /// <summary>Puts n·(x - μ) in the place of the values; gives 1 / √(n²·σ² + n²·ε).</summary>
    private float CentreIntegers(Signal x)
    {
        int units = Layer.Units;
        short* integers = _integers.Pointer;
        if (Precision == Precision.Int8)
        {
            for (int u = 0; u < units; u += 8)
                Vector128.WidenLower(Vector64.Load(x.Int8s + u).ToVector128Unsafe()).StoreAligned(integers + u);
        }
        else
        {
            new ReadOnlySpan<short>(x.Int16s, units).CopyTo(_integers.Span);
        }
        Clear(_integers);

        // At most 4,096 · 2^15 = 2^27, and 4,096 · 2^30 = 2^42: both are exact, in whatever order.
        var sums = Vector128<int>.Zero;
        var squares = Vector128<long>.Zero;
        for (int u = 0; u < units; u += 8)
        {
            var (low, high) = Vector128.Widen(Vector128.LoadAligned(integers + u));
            sums += low + high;
            var (first, second) = Vector128.Widen((low * low).AsUInt32() + (high * high).AsUInt32());
            squares += (first + second).AsInt64();
        }
        int sum = Vector128.Sum(sums);
        long variance = units * Vector128.Sum(squares) - (long)sum * sum;

        // n·x and Σ x differ by less than 2^28; conversion rounds to the nearest float, as on every processor.
        var counts = Vector128.Create(units);
        var total = Vector128.Create(sum);
        for (int u = 0; u < units; u += 8)
        {
            var (low, high) = Vector128.Widen(Vector128.LoadAligned(integers + u));
            Vector128.ConvertToSingle(low * counts - total).StoreAligned(_values.Pointer + u);
            Vector128.ConvertToSingle(high * counts - total).StoreAligned(_values.Pointer + u + 4);
        }
        return (float)(1 / Math.Sqrt(variance + _epsilon));
    }

    private void Clear<TElement>(AlignedBuffer<TElement> buffer) where TElement : unmanaged =>
        buffer.Span[Layer.Units..].Clear();

    private static float Sum(Vector128<float> lanes) => (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);

    private static AlignedBuffer<float> Scaled(RnnLayer layer, Tensor values)
    {
        var scaled = new AlignedBuffer<float>(layer.Units + Padding);
        float perUnit = layer.OutputScale > 0 ? 1 / layer.OutputScale : 1;
        for (int u = 0; u < layer.Units; u++)
            scaled.Span[u] = values.Floats[u] * perUnit;
        return scaled;
    }
}

using BenchmarkDotNet.Attributes;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Bench;

/// <summary>
/// Bare matrix-vector products of every kernel that this processor runs, of the shape of an LSTM's recurrent weights.
/// </summary>
public unsafe class KernelBenchmarks
{
    private Kernel? _kernel;
    private Int8Matrix? _quads, _pairs;
    private FloatMatrix? _floats;
    private AlignedBuffer<sbyte>? _int8s;
    private AlignedBuffer<short>? _int16s;
    private AlignedBuffer<float>? _reals, _addend, _results;

    /// <summary>The kernel's name.</summary>
    [ParamsSource(nameof(Kernels))]
    public string Kernel { get; set; } = "scalar";

    /// <summary>Hidden units; the matrix has four rows for each.</summary>
    [Params(32, 128, 256)]
    public int Units { get; set; }

    /// <summary>Those that this processor runs.</summary>
    public static IEnumerable<string> Kernels => Runtime.Kernels.Kernel.Available.Select(kernel => kernel.Name);

    /// <summary>Draws weights and inputs.</summary>
    [GlobalSetup]
    public void Setup()
    {
        int rows = 4 * Units;
        var random = new Random(1);
        var weights = new sbyte[rows * Units];
        foreach (ref sbyte weight in weights.AsSpan())
            weight = (sbyte)random.Next(-127, 128);
        _kernel = Runtime.Kernels.Kernel.Choose(Kernel);
        _quads = new(_kernel, Precision.Int8, rows, Units, weights);
        _pairs = new(_kernel, Precision.Int8x16, rows, Units, weights);
        _floats = new(_kernel, rows, Units, [.. weights.Select(weight => weight / 127f)]);
        (_int8s, _int16s, _reals) = (new(Units + 64), new(Units + 64), new(Units + 64));
        (_addend, _results) = (new(rows + 64), new(rows + 64));
        for (int i = 0; i < Units; i++)
        {
            _int8s.Span[i] = (sbyte)random.Next(-127, 128);
            _int16s.Span[i] = (short)random.Next(-32767, 32768);
            _reals.Span[i] = random.NextSingle() * 2 - 1;
        }
    }

    /// <summary>int8 weights and inputs.</summary>
    [Benchmark]
    public void Int8() =>
        _kernel!.MultiplyAdd(
        _quads!, _int8s!.Pointer, null, null, _addend!.Pointer, _results!.Pointer, Blocks.Of(_quads!));

    /// <summary>int8 weights, int16 inputs.</summary>
    [Benchmark]
    public void Int8x16() =>
        _kernel!.MultiplyAdd(
        _pairs!, _int16s!.Pointer, null, null, _addend!.Pointer, _results!.Pointer, Blocks.Of(_pairs!));

    /// <summary>float32 weights and inputs.</summary>
    [Benchmark]
    public void Float32() =>
        _kernel!.MultiplyAdd(
        _floats!, _reals!.Pointer, null, null, _addend!.Pointer, _results!.Pointer, Blocks.Of(_floats!));
}

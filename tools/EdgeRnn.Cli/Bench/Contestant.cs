using EdgeRnn.Runtime;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Cli.Bench;

/// <summary>Something whose steps are timed.</summary>
public abstract class Contestant
{
    /// <summary>The next step of an endless stream.</summary>
    public abstract void Step();
}

/// <summary>No step at all: what a measurement costs by itself.</summary>
public sealed class EmptyContestant : Contestant
{
    /// <inheritdoc/>
    public override void Step()
    {
    }
}

/// <summary>A session of EdgeRnn on readings that repeat.</summary>
public sealed class SessionContestant(RnnModel model, float[] readings) : Contestant
{
    private readonly RnnSession _session = new(model);
    private readonly int _steps = readings.Length / model.InputSize;
    private int _step;

    /// <summary>The scores of the last step.</summary>
    public float[] Scores { get; } = new float[model.Labels.Count];

    /// <summary>The kernel that multiplies.</summary>
    public string Kernel => _session.Kernel.Name;

    /// <inheritdoc/>
    public override void Step()
    {
        _session.Step(readings.AsSpan(_step * model.InputSize, model.InputSize), Scores);
        _step = _step + 1 == _steps ? 0 : _step + 1;
    }
}

/// <summary>
/// The matrix-vector products of an int8 model's step and nothing else, through the kernel that the session uses: the
/// speed that the rest of the step is held against.
/// </summary>
public sealed unsafe class BareProducts : Contestant
{
    private readonly Kernel _kernel = Kernel.Choose(Environment.GetEnvironmentVariable(Kernel.Variable));
    private readonly Product[] _products;

    /// <summary>Packs the weights as a session does.</summary>
    public BareProducts(RnnModel model)
    {
        _products = [.. model.Layers.SelectMany(Products)];
    }

    /// <inheritdoc/>
    public override void Step()
    {
        foreach (var product in _products)
        {
            _kernel.MultiplyAdd(
                product.Weights, product.Inputs.Pointer, product.Addends.Pointer, product.Results.Pointer,
                0, product.Weights.PaddedRows);
        }
    }

    private IEnumerable<Product> Products(RnnLayer layer)
    {
        yield return new(_kernel, layer.WeightIh);
        if (layer.WeightHh is { } recurrent)
            yield return new(_kernel, recurrent);
    }

    private sealed class Product
    {
        public Product(Kernel kernel, Tensor weight)
        {
            Weights = new(
                kernel, Precision.Int8, weight.Rows, weight.Columns, weight.Int8s);
            Inputs = new(weight.Columns + 64);
            for (int i = 0; i < weight.Columns; i++)
                Inputs.Span[i] = (sbyte)(i * 37 % 255 - 127);
            (Addends, Results) = (new(Weights.PaddedRows), new(Weights.PaddedRows));
        }

        public Int8Matrix Weights { get; }

        public AlignedBuffer<sbyte> Inputs { get; }

        public AlignedBuffer<float> Addends { get; }

        public AlignedBuffer<float> Results { get; }
    }
}

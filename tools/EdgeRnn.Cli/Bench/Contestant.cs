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
    private bool _descending = true;

    /// <summary>Packs the weights as a session does.</summary>
    public BareProducts(RnnModel model)
    {
        _products = [.. model.Layers.Select(layer => new Product(_kernel, layer))];
    }

    /// <inheritdoc/>
    public override void Step()
    {
        _descending = !_descending;
        foreach (var product in _products)
            product.Multiply(_kernel, _descending);
    }

    private sealed class Product(Kernel kernel, RnnLayer layer)
    {
        private readonly Operand _w = new(kernel, layer.WeightIh);
        private readonly Operand? _u = layer.WeightHh is { } recurrent ? new(kernel, recurrent) : null;
        private readonly AlignedBuffer<float> _addends = new(layer.WeightIh.Rows + 64);
        private readonly AlignedBuffer<float> _results = new(layer.WeightIh.Rows + 64);

        public void Multiply(Kernel kernel, bool descending) => kernel.MultiplyAdd(
            _w.Weights, _w.Inputs.Pointer, _u?.Weights, (_u ?? _w).Inputs.Pointer, _addends.Pointer, _results.Pointer,
            Blocks.Of(_w.Weights, descending));
    }

    private sealed class Operand
    {
        public Operand(Kernel kernel, Tensor weight)
        {
            Weights = new(kernel, Precision.Int8, weight.Rows, weight.Columns, weight.Int8s);
            Inputs = new(weight.Columns + 64);
            for (int i = 0; i < weight.Columns; i++)
                Inputs.Span[i] = (sbyte)(i * 37 % 255 - 127);
        }

        public Int8Matrix Weights { get; }

        public AlignedBuffer<sbyte> Inputs { get; }
    }
}

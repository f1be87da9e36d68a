using System.Numerics;
using EdgeRnn.Trainer.Layers;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Training;

/// <summary>
/// From the gradients of all threads to new weights: sum in the order of the threads, clip by the global norm, update,
/// pack. Each thread works on its own slice of the parameters.
/// </summary>
internal sealed unsafe class ParameterUpdate
{
    private readonly Network _network;
    private readonly Optimizer _optimizer;
    private readonly ShardThreads _threads;
    private readonly FloatBuffer[] _gradients;
    private readonly FloatBuffer _state;
    private readonly PackedWeights[] _packed;
    private readonly double[] _squares;
    private readonly (int First, int End, float Decay)[] _segments;
    private readonly float _clipNorm;
    private readonly int _slice;
    private readonly Action<int> _reduceAction;
    private readonly Action<int> _updateAction;
    private readonly Action<int> _packAction;
    private OptimizerStep _step;

    public ParameterUpdate(Network network, TrainingOptions options, ShardThreads threads)
    {
        var optimizer = options.Optimizer;
        _network = network;
        _optimizer = optimizer;
        _threads = threads;
        _clipNorm = options.ClipNorm;
        _segments = Segments(network, options.WeightDecay ?? optimizer.DefaultWeightDecay);
        _gradients = [.. Enumerable.Range(0, threads.Count).Select(_ => new FloatBuffer(network.ParameterCount))];
        _state = new((long)optimizer.StateCount * network.ParameterCount);
        _packed = [.. network.Layers.SelectMany(layer => layer.Packed)];
        _squares = new double[threads.Count];
        // Slices of whole cache lines: no line is written by two threads.
        _slice = ((network.ParameterCount + threads.Count - 1) / threads.Count + 15) & ~15;
        (_reduceAction, _updateAction, _packAction) = (Reduce, Update, Pack);
    }

    /// <summary>What the optimizer remembers.</summary>
    public Span<float> State => _state.Span;

    /// <summary>Steps that are done.</summary>
    public long StepNumber
    {
        get => _step.Number;
        set => _step = _step with { Number = value };
    }

    /// <summary>
    /// The sum of the gradients that thread <paramref name="thread"/> computes; zeros before each batch.
    /// </summary>
    public float* Gradient(int thread) => _gradients[thread].Pointer;

    /// <summary>Packs the present weights, before the first batch.</summary>
    public void PackWeights() => _threads.Run(_packAction);

    /// <summary>Makes one step; false, and nothing changed, when the gradient is not finite.</summary>
    public bool TryStep(float rate)
    {
        _threads.Run(_reduceAction);
        double norm = Math.Sqrt(_squares.Sum());
        if (!double.IsFinite(norm))
            return false;
        float scale = _clipNorm > 0 && norm > _clipNorm ? (float)(_clipNorm / norm) : 1f;
        _step = new(_step.Number + 1, rate, scale, 0);
        _threads.Run(_updateAction);
        _threads.Run(_packAction);
        return true;
    }

    // Runs of parameters with the same decay: biases have none.
    private static (int First, int End, float Decay)[] Segments(Network network, float decay)
    {
        var segments = new List<(int First, int End, float Decay)>();
        foreach (var block in network.Layers.SelectMany(layer => layer.Parameters))
        {
            float its = block.IsWeight ? decay : 0;
            if (segments.Count > 0 && segments[^1].Decay == its)
                segments[^1] = segments[^1] with { End = block.Offset + block.Length };
            else
                segments.Add((block.Offset, block.Offset + block.Length, its));
        }

        return [.. segments];
    }

    private (int First, int Count) Slice(int thread)
    {
        int first = Math.Min(_network.ParameterCount, thread * _slice);
        return (first, Math.Min(_network.ParameterCount, first + _slice) - first);
    }

    private void Reduce(int thread)
    {
        (int first, int count) = Slice(thread);
        float* total = _gradients[0].Pointer + first;
        var squares = Vector<double>.Zero;
        for (int i = 0; i < count; i += Lanes.Count)
        {
            int n = count - i;
            var sum = Lanes.Load(total + i, n);
            for (int other = 1; other < _gradients.Length; other++)
                sum += Lanes.Load(_gradients[other].Pointer + first + i, n);
            Lanes.Store(total + i, sum, n);
            Vector.Widen(sum, out var low, out var high);
            squares += low * low + high * high;
        }

        _squares[thread] = Vector.Sum(squares);
    }

    private void Update(int thread)
    {
        (int first, int count) = Slice(thread);
        foreach (var segment in _segments)
        {
            int from = Math.Max(first, segment.First), to = Math.Min(first + count, segment.End);
            if (from >= to)
                continue;
            _optimizer.Update(
                _network.Parameters.Pointer + from, _gradients[0].Pointer + from, _state.Pointer + from,
                _network.ParameterCount, to - from, _step with { Decay = segment.Decay });
        }

        foreach (var gradient in _gradients)
            gradient.Span.Slice(first, count).Clear();
    }

    private void Pack(int thread)
    {
        for (int i = thread; i < _packed.Length; i += _threads.Count)
            _packed[i].Pack(_network.Parameters.Pointer);
    }
}

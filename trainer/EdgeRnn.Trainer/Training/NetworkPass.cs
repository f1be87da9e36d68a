using EdgeRnn.Trainer.Layers;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Training;

/// <summary>What one thread needs to run a network forward and backward on its share of a batch.</summary>
internal sealed unsafe class NetworkPass
{
    private readonly LayerPass[] _layers;
    private readonly FloatBuffer[] _gradients;
    private readonly int _firstTrained;
    private readonly int _classes;
    private readonly SoftmaxLoss _loss;

    public NetworkPass(Network network, PackedBatch batch, SoftmaxLoss? loss = null)
    {
        _loss = loss ?? new(network.OutputSize);
        Batch = batch;
        _classes = network.OutputSize;
        _layers = [.. network.Layers.Select(layer => layer.CreatePass(batch, network.Parameters))];
        _firstTrained = network.Layers.TakeWhile(layer => layer.ParameterCount == 0).Count();
        int pool = network.Layers.TakeWhile(layer => layer is not Pool).Count();
        _gradients =
        [
            .. network.Layers.Select((layer, i) => new FloatBuffer(
                (long)(i < pool || network.Pooling == Pooling.EachStep
                    ? batch.RowCapacity
                    : batch.Capacity) * layer.OutputSize)),
        ];
    }

    /// <summary>
    /// Bytes that a pass over so many sequences and steps takes. They grow in proportion to either, so three small
    /// passes tell.
    /// </summary>
    public static long Bytes(Network network, long sequences, long rows)
    {
        const int Small = 64;
        long one = Allocated(1, 1);
        long perRow = (Allocated(1, 1 + Small) - one) / Small;
        long perSequence = (Allocated(1 + Small, 1 + Small) - Allocated(1, 1 + Small)) / Small;
        return one + perRow * (rows - 1) + perSequence * (sequences - 1);

        long Allocated(int s, int r)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            _ = new NetworkPass(network, new PackedBatch(s, 1, r, network.InputSize));
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    /// <summary>The sequences it works on.</summary>
    public PackedBatch Batch { get; }

    /// <summary>The head's results, <c>[Batch.OutputRows, classes]</c>.</summary>
    public Span<float> Logits => new(_layers[^1].Output, Batch.OutputRows * _classes);

    /// <summary>The gradient of <see cref="Logits"/>, which <see cref="Backward"/> starts from.</summary>
    public Span<float> LogitGradient => _gradients[^1].Span[..(Batch.OutputRows * _classes)];

    /// <summary>Computes <see cref="Logits"/>.</summary>
    /// <param name="dropout">Where dropout masks come from; null in inference.</param>
    public void Forward(SeededRandom? dropout)
    {
        float* x = Batch.Inputs.Pointer;
        foreach (var layer in _layers)
        {
            layer.Random = dropout;
            layer.Forward(x);
            x = layer.Output;
        }
    }

    /// <summary>
    /// The loss, summed over sequences, and the count of those whose largest logit is right; the gradient times
    /// <paramref name="scale"/> goes to <see cref="LogitGradient"/>.
    /// </summary>
    public (double Loss, int Correct) CrossEntropy(float scale)
    {
        double loss = 0;
        int correct = 0;
        for (int m = 0; m < Batch.OutputRows; m++)
        {
            var row = new Range(m * _classes, (m + 1) * _classes);
            var (rowLoss, isCorrect) = _loss.Run(Logits[row], Batch.Labels[m], scale, LogitGradient[row]);
            loss += rowLoss;
            correct += isCorrect ? 1 : 0;
        }

        return (loss, correct);
    }

    /// <summary>
    /// The loss of values, summed over rows of output; its gradient goes to <see cref="LogitGradient"/>.
    /// </summary>
    public double Values(LossKind kind, float scale) =>
        ValueLoss.Of(kind, Logits, Batch.Targets.Span[..Logits.Length], LogitGradient, _classes, scale);

    /// <summary>Keeps the state that sequences ended with, for a next batch that goes on with them.</summary>
    /// <param name="fromNeighbours">Whether each sequence gets the state of another one.</param>
    public void KeepState(bool fromNeighbours = false)
    {
        foreach (var layer in _layers)
            layer.KeepState(fromNeighbours ? 1 : 0);
    }

    /// <summary>Lets sequences begin with zeros again.</summary>
    public void ForgetState()
    {
        foreach (var layer in _layers)
            layer.ForgetState();
    }

    /// <summary>Adds the gradients of all parameters, from <see cref="LogitGradient"/> back.</summary>
    /// <param name="gradient">Gradients of all parameters.</param>
    /// <param name="inputGradient">
    /// Receives the gradient of the inputs, <c>[Batch.Rows, channels]</c>; may be null.
    /// </param>
    public void Backward(float* gradient, float* inputGradient = null)
    {
        for (int i = _layers.Length - 1; i >= 0; i--)
        {
            float* x = i == 0 ? Batch.Inputs.Pointer : _layers[i - 1].Output;
            float* dx = inputGradient;
            if (i > 0)
                dx = i > _firstTrained || inputGradient != null ? _gradients[i - 1].Pointer : null;
            _layers[i].Backward(x, _gradients[i].Pointer, dx, gradient);
        }
    }
}

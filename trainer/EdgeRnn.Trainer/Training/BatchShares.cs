using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Layers;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Training;

/// <summary>
/// The gradient of a batch: its sequences are dealt out to threads, each of which goes forward and backward through its
/// share with memory of its own.
/// </summary>
internal sealed class BatchShares : IDisposable
{
    // Of the random numbers that follow from a seed; TrainingLoop has others.
    private const ulong DropoutStream = 2UL << 32;

    private readonly Network _network;
    private readonly SequenceDataset _train;
    private readonly TrainingOptions _options;
    private readonly Normalisation _normalisation;
    private readonly SoftmaxLoss _loss;
    private readonly LossKind _lossKind;
    private readonly NetworkPass[] _passes;
    private readonly Augmenter?[] _augmenters;
    private readonly int[][] _shares;
    private readonly int[] _counts;
    private readonly (double Loss, int Correct)[] _results;
    private readonly bool _equalLengths;
    private readonly Action<int> _runShare;
    private Work _work;

    /// <summary>Reserves all that the run needs for activations.</summary>
    /// <exception cref="UserException">They need more memory than there is.</exception>
    public BatchShares(Network network, SequenceDataset train, Normalisation normalisation, TrainingOptions options)
    {
        _network = network;
        _train = train;
        _options = options;
        _normalisation = normalisation;
        var (threads, share, rows) = Sizes(train, options);
        RefuseTooLarge();
        Threads = new(threads);
        _loss = new(network.OutputSize, options.LabelSmoothing, options.ClassWeights?.For(train));
        _lossKind = options.LossFor(train.OutputKind);
        int steps = Math.Min(train.MaxSteps, Part(options));
        var outputs = new OutputLayout(train.EachStep, train.OutputKind == OutputKind.Values ? network.OutputSize : 0);
        _equalLengths = train.CommonSteps > 0;
        _passes = new NetworkPass[threads];
        _augmenters = [.. Enumerable.Range(0, threads).Select(_ =>
            options.Augment is { } kinds ? new Augmenter(kinds, train, normalisation, options.Seed) : null)];
        // Each thread reserves its own memory, which the system then places near it.
        Threads.Run(i => _passes[i] = new(
            network, new PackedBatch(share, steps, checked((int)rows), network.InputSize, outputs), _loss));
        _shares = [.. Enumerable.Range(0, threads).Select(_ => new int[share])];
        _counts = new int[threads];
        _results = new (double, int)[threads];
        _runShare = RunShare;
    }

    public ShardThreads Threads { get; }

    public void Dispose() => Threads.Dispose();

    /// <summary>Bytes that <see cref="Network.Fit"/> reserves for activations and their gradients.</summary>
    public static long ActivationBytes(Network network, SequenceDataset train, TrainingOptions options)
    {
        var (threads, share, rows) = Sizes(train, options);
        return threads * NetworkPass.Bytes(network, share, rows);
    }

    /// <summary>What the outputs of this part of the sequences count in the mean loss.</summary>
    public double WeightOf(ReadOnlySpan<int> indices, Excerpt excerpt)
    {
        double sum = 0;
        foreach (int i in indices)
        {
            var sequence = _train.Sequences[i];
            (int first, int steps) = excerpt.Of(i, sequence.Steps);
            if (_lossKind != LossKind.CrossEntropy)
                sum += _train.EachStep ? steps : 1;
            else if (!_train.EachStep)
                sum += _loss.Weight(sequence.Label);
            else
                sum += Weight(sequence.StepLabels.Span.Slice(first, steps));
        }

        return sum;
    }

    /// <summary>
    /// Adds the gradient of a batch and gives its loss, summed over outputs, and how many of these are right.
    /// </summary>
    /// <param name="indices">The sequences of the batch; their order may change.</param>
    /// <param name="excerpt">The part of each that counts.</param>
    /// <param name="epoch">What they are augmented for.</param>
    /// <param name="number">Of the batch in the run, from which its dropout follows.</param>
    /// <param name="scale">Factor of the gradient.</param>
    /// <param name="update">Where the gradient goes.</param>
    public (double Loss, int Correct) Run(
        Span<int> indices, Excerpt excerpt, int epoch, long number, float scale, ParameterUpdate update)
    {
        Deal(indices);
        _work = new(excerpt, epoch, number, scale, update);
        Threads.Run(_runShare);
        double loss = 0;
        int correct = 0;
        foreach (var result in _results)
        {
            loss += result.Loss;
            correct += result.Correct;
        }

        return (loss, correct);
    }

    // Sequences are dealt out by falling length, so that each thread has about as many steps to do.
    private void Deal(Span<int> indices)
    {
        if (!_equalLengths)
        {
            indices.Sort((p, q) =>
            {
                int byLength = _train.Sequences[q].Steps.CompareTo(_train.Sequences[p].Steps);
                return byLength != 0 ? byLength : p.CompareTo(q);
            });
        }

        Array.Clear(_counts);
        for (int i = 0; i < indices.Length; i++)
        {
            int share = i % Threads.Count;
            _shares[share][_counts[share]++] = indices[i];
        }
    }

    private unsafe void RunShare(int share)
    {
        _results[share] = default;
        if (_counts[share] == 0)
            return;
        var pass = _passes[share];
        var excerpt = _work.Excerpt;
        var indices = _shares[share].AsSpan(0, _counts[share]);
        pass.Batch.Load(_train, indices, _normalisation, _augmenters[share], _work.Epoch, excerpt, _network.Targets);
        if (pass.Batch.Sequences == 0)
            return;
        pass.Batch.Carries = excerpt.First > 0;
        if (excerpt.First == 0)
            pass.ForgetState();
        if (excerpt.First == 0 && _options.RandomStart)
        {
            // A run from zeros first, of which each sequence takes up what its neighbour ended with.
            pass.Forward(null);
            pass.KeepState(fromNeighbours: true);
            pass.Batch.Carries = true;
        }

        ulong stream = DropoutStream + (ulong)(_work.Number * Threads.Count + share);
        pass.Forward(SeededRandom.Stream(_options.Seed, stream));
        _results[share] = _lossKind == LossKind.CrossEntropy
            ? pass.CrossEntropy(_work.Scale)
            : (pass.Values(_lossKind, _work.Scale), 0);
        pass.Backward(_work.Update.Gradient(share));
        if (_options.Truncate > 0)
            pass.KeepState();
    }

    private double Weight(ReadOnlySpan<int> labels)
    {
        double sum = 0;
        foreach (int label in labels)
            sum += _loss.Weight(label);
        return sum;
    }

    /// <summary>Threads, the sequences of a batch that each has, and the steps these have at most.</summary>
    private static (int Threads, int Share, long Rows) Sizes(SequenceDataset train, TrainingOptions options)
    {
        int batch = Math.Min(options.BatchSize, train.Count);
        int threads = Math.Min(options.Threads, batch);
        int share = (batch + threads - 1) / threads;
        int part = Part(options);
        long rows = train.Sequences.Select(s => s.Steps).OrderDescending().Take(share).Sum(
            length => (long)Math.Min(length, part));
        return (threads, share, rows);
    }

    // The most steps of a sequence that are in one batch.
    private static int Part(TrainingOptions options) =>
        options.Truncate > 0 ? options.Truncate : options.Crop > 0 ? options.Crop : int.MaxValue;

    // Said at once, and not by the system when the first batch touches what it cannot have.
    private void RefuseTooLarge()
    {
        long needed = ActivationBytes(_network, _train, _options);
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed > available)
        {
            throw new UserException(
                $"A batch of {Math.Min(_options.BatchSize, _train.Count)} × {_train.MaxSteps} steps needs "
                + $"{needed >> 20} MB for activations, and this machine has {available >> 20} MB; use smaller batches, "
                + "accumulating several for a step.");
        }
    }

    /// <summary>What all threads do.</summary>
    private readonly record struct Work(Excerpt Excerpt, int Epoch, long Number, float Scale, ParameterUpdate Update);
}

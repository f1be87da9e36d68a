using System.Diagnostics;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Layers;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Training;

/// <summary>
/// One training run: batches in shares over threads, epochs compared on validation data, the best one kept.
/// </summary>
internal sealed partial class TrainingLoop : IDisposable
{
    // Of the random numbers that follow from a seed: 0 is for first weights.
    private const ulong ShuffleStream = 1UL << 32;
    private const ulong DropoutStream = 2UL << 32;
    private const ulong CropStream = 4UL << 32;

    private readonly Network _network;
    private readonly SequenceDataset _train;
    private readonly SequenceDataset? _validation;
    private readonly TrainingOptions _options;
    private readonly Normalisation _normalisation;
    private readonly ShardThreads _threads;
    private readonly ParameterUpdate _update;
    private readonly SoftmaxLoss _loss;
    private readonly LossKind _lossKind;
    private readonly NetworkPass[] _passes;
    private readonly Augmenter?[] _augmenters;
    private readonly int[][] _shares;
    private readonly int[] _shareCounts;
    private readonly (double Loss, int Correct)[] _results;
    private readonly int[] _order;
    private readonly bool _equalLengths;
    private readonly Action<int> _runShare;
    private readonly float[] _best;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<EpochResult> _epochs = [];
    private readonly List<double> _losses = [];
    private float _gradientScale;

    // Where the run is: this epoch, its batches that are done, and sums over them.
    private int _epoch = 1;
    private int _batch;
    private double _lossSum;
    private double _weightSum;
    private int _correct;
    private float _learningRate;
    private long _batchNumber;
    private int _bestEpoch;
    private double _epochBegin;
    private double _secondsBefore;
    private Excerpt _excerpt = Excerpt.Whole;

    public TrainingLoop(
        Network network, SequenceDataset train, SequenceDataset? validation, Normalisation normalisation,
        TrainingOptions options)
    {
        _network = network;
        _train = train;
        _validation = validation;
        _options = options;
        _normalisation = normalisation;
        var (threads, share, rows) = Shares(train, options);
        RefuseTooLarge(train);
        _threads = new(threads);
        _update = new(network, options, _threads);
        _loss = new(network.OutputSize, options.LabelSmoothing, options.ClassWeights?.For(train));
        int steps = Math.Min(train.MaxSteps, Part(options));
        _lossKind = options.LossFor(train.OutputKind);
        var outputs = new OutputLayout(train.EachStep, train.OutputKind == OutputKind.Values ? network.OutputSize : 0);
        _equalLengths = train.CommonSteps > 0;
        _passes = new NetworkPass[threads];
        _augmenters = [.. Enumerable.Range(0, threads).Select(_ =>
            options.Augment is { } kinds ? new Augmenter(kinds, train, normalisation, options.Seed) : null)];
        // Each thread reserves its own memory, which the system then places near it.
        _threads.Run(i => _passes[i] = new(
            network, new PackedBatch(share, steps, checked((int)rows), network.InputSize, outputs), _loss));
        _shares = [.. Enumerable.Range(0, threads).Select(_ => new int[share])];
        _shareCounts = new int[threads];
        _results = new (double, int)[threads];
        _order = [.. Enumerable.Range(0, train.Count)];
        _best = new float[network.ParameterCount];
        _runShare = RunShare;
        if (options.Checkpoint is not { } path)
            return;
        _identity = Training.Checkpoint.Of(network, train, validation, options);
        if (options.Resume && File.Exists(path))
            Restore(Training.Checkpoint.Read(path, _identity));
        else
            Save();
    }

    /// <summary>Bytes that <see cref="Network.Fit"/> reserves for activations and their gradients.</summary>
    public static long ActivationBytes(Network network, SequenceDataset train, TrainingOptions options)
    {
        var (threads, share, rows) = Shares(train, options);
        return threads * NetworkPass.Bytes(network, share, rows);
    }

    private int Batches => (_train.Count + _options.BatchSize - 1) / _options.BatchSize;

    /// <summary>Seconds of the run, with those before it was resumed.</summary>
    private double Elapsed => _secondsBefore + _clock.Elapsed.TotalSeconds;

    private bool IsOutOfPatience => _options.Patience > 0 && _epochs.Count - _bestEpoch >= _options.Patience;

    public void Dispose() => _threads.Dispose();

    public History Run(IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        StopReason? reason = null;
        _update.PackWeights();
        while (reason is null)
        {
            if (IsOutOfPatience)
                reason = StopReason.NoImprovement;
            else if (_epoch > _options.Epochs)
                reason = StopReason.Finished;
            else
                reason = RunEpoch(progress, cancellation);
        }

        if (_bestEpoch > 0)
            _best.CopyTo(_network.Parameters.Span);
        else if (reason == StopReason.NotFinite)
        {
            // What the checkpoint holds would come to the same end.
            if (_options.Checkpoint is { } path)
                File.Delete(path);
            throw new UserException("The loss became NaN or infinite in the first epoch; use a lower learning rate.");
        }

        return new(_epochs, _bestEpoch, reason.Value, Elapsed, _train.Count, _validation?.Count ?? 0);
    }

    /// <summary>The rest of the epoch at hand; null when it is done.</summary>
    private StopReason? RunEpoch(IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        if (_batch == 0)
            _epochBegin = Elapsed;
        while (_batch < Batches)
        {
            if (cancellation.IsCancellationRequested)
            {
                Save();
                return StopReason.Cancelled;
            }

            if (_batch == 0)
                SeededRandom.Stream(_options.Seed, ShuffleStream + (ulong)_epoch).Shuffle(_order);
            if (!TryStep())
                return StopReason.NotFinite;
            Report(progress, null);
        }

        double samplesPerSecond = _train.Count / (Elapsed - _epochBegin);
        var validated = _validation is null ? null : Evaluator.TryEvaluate(
            _network.ToModel(_train, _normalisation), _validation, cancellation, _options.Threads, loss: _lossKind);
        if (_validation is not null && validated is null)
        {
            Save();
            return StopReason.Cancelled;
        }

        var result = new EpochResult(
            _epoch, _lossSum / _weightSum, (double)_correct / OutputsOf(_train.Count), validated?.Loss,
            _lossKind == LossKind.CrossEntropy ? validated?.Accuracy : null,
            Elapsed - _epochBegin, samplesPerSecond)
        {
            LearningRate = _learningRate,
        };
        Report(progress, result);
        EndEpoch(result);
        return null;
    }

    private bool TryStep()
    {
        int end = Math.Min(Batches, _batch + _options.Accumulate);
        foreach (var excerpt in Excerpts(Indices(_batch, end)))
        {
            _excerpt = excerpt;
            if (!TryStep(end))
                return false;
        }

        _batch = end;
        return true;
    }

    /// <summary>One change of the weights, by this part of the sequences.</summary>
    private bool TryStep(int end)
    {
        double weight = WeightOf(Indices(_batch, end));
        _gradientScale = 1f / (float)weight;
        double loss = 0;
        for (int batch = _batch; batch < end; batch++)
        {
            (double batchLoss, int batchCorrect) = RunBatch(Indices(batch, batch + 1));
            loss += batchLoss;
            _correct += batchCorrect;
        }

        double done = _epoch - 1 + (double)_batch / Batches;
        float rate = _options.LearningRate ?? _options.Optimizer.DefaultLearningRate;
        _learningRate = rate * _options.Schedule.Factor(done, _options.Epochs, _losses);
        if (!double.IsFinite(loss) || !_update.TryStep(_learningRate))
            return false;
        _lossSum += loss;
        _weightSum += weight;
        return true;
    }

    private void EndEpoch(EpochResult result)
    {
        _epochs.Add(result);
        _losses.Add(result.ValidationLoss ?? result.Loss);
        if (_bestEpoch == 0 || IsBetter(result, _epochs[_bestEpoch - 1]))
        {
            _bestEpoch = _epoch;
            _network.Parameters.Span.CopyTo(_best);
        }

        _epoch++;
        (_batch, _lossSum, _weightSum, _correct) = (0, 0, 0, 0);
        SaveEpoch();
    }

    /// <summary>Threads, the sequences of a batch that each has, and the steps these have at most.</summary>
    private static (int Threads, int Share, long Rows) Shares(SequenceDataset train, TrainingOptions options)
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
    private void RefuseTooLarge(SequenceDataset train)
    {
        long needed = ActivationBytes(_network, train, _options);
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed > available)
        {
            throw new UserException(
                $"A batch of {Math.Min(_options.BatchSize, train.Count)} × {train.MaxSteps} steps needs "
                + $"{needed >> 20} MB for activations, and this machine has {available >> 20} MB; use smaller batches, "
                + "accumulating several for a step.");
        }
    }

    // Without validation data the last epoch is the one to keep.
    private static bool IsBetter(EpochResult result, EpochResult best) =>
        result.ValidationLoss is null
        || result.ValidationAccuracy > best.ValidationAccuracy
        || (result.ValidationAccuracy == best.ValidationAccuracy && result.ValidationLoss < best.ValidationLoss);

    /// <summary>Sequences from one batch of this epoch to before another.</summary>
    private Span<int> Indices(int batch, int end)
    {
        int first = batch * _options.BatchSize;
        return _order.AsSpan(first, (int)Math.Min((long)end * _options.BatchSize, _order.Length) - first);
    }

    /// <summary>The parts in which sequences are gone through: all at once, or one after the other.</summary>
    private Excerpt[] Excerpts(ReadOnlySpan<int> indices)
    {
        if (_options.Crop > 0)
            return [new(0, _options.Crop, SeededRandom.Stream(_options.Seed, CropStream + (ulong)_epoch).NextBits())];
        if (_options.Truncate == 0)
            return [Excerpt.Whole];
        int longest = 0;
        foreach (int i in indices)
            longest = Math.Max(longest, _train.Sequences[i].Steps);
        int parts = (longest + _options.Truncate - 1) / _options.Truncate;
        return [.. Enumerable.Range(0, parts).Select(p => new Excerpt(p * _options.Truncate, _options.Truncate))];
    }

    /// <summary>What the outputs of this part of the sequences count in the mean loss.</summary>
    private double WeightOf(ReadOnlySpan<int> indices)
    {
        double sum = 0;
        foreach (int i in indices)
        {
            var sequence = _train.Sequences[i];
            (int first, int steps) = _excerpt.Of(i, sequence.Steps);
            if (_lossKind != LossKind.CrossEntropy)
                sum += _train.EachStep ? steps : 1;
            else if (!_train.EachStep)
                sum += _loss.Weight(sequence.Label);
            else
                sum += Weight(sequence.StepLabels.Span.Slice(first, steps));
        }

        return sum;
    }

    /// <summary>Outputs of the first sequences of the epoch.</summary>
    private long OutputsOf(int sequences)
    {
        if (!_train.EachStep)
            return sequences;
        long sum = 0;
        foreach (int i in _order.AsSpan(0, sequences))
            sum += Math.Min(_train.Sequences[i].Steps, _options.Crop > 0 ? _options.Crop : int.MaxValue);
        return sum;
    }

    private double Weight(ReadOnlySpan<int> labels)
    {
        double sum = 0;
        foreach (int label in labels)
            sum += _loss.Weight(label);
        return sum;
    }

    private (double Loss, int Correct) RunBatch(Span<int> indices)
    {
        Deal(indices);
        _batchNumber++;
        _threads.Run(_runShare);
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

        Array.Clear(_shareCounts);
        for (int i = 0; i < indices.Length; i++)
        {
            int share = i % _threads.Count;
            _shares[share][_shareCounts[share]++] = indices[i];
        }
    }

    private unsafe void RunShare(int share)
    {
        _results[share] = default;
        if (_shareCounts[share] == 0)
            return;
        var pass = _passes[share];
        var indices = _shares[share].AsSpan(0, _shareCounts[share]);
        pass.Batch.Load(_train, indices, _normalisation, _augmenters[share], _epoch, _excerpt, _network.Targets);
        if (pass.Batch.Sequences == 0)
            return;
        pass.Batch.Carries = _excerpt.First > 0;
        if (_excerpt.First == 0)
            pass.ForgetState();
        if (_excerpt.First == 0 && _options.RandomStart)
        {
            // A run from zeros first, of which each sequence takes up what its neighbour ended with.
            pass.Forward(null);
            pass.KeepState(fromNeighbours: true);
            pass.Batch.Carries = true;
        }

        ulong stream = DropoutStream + (ulong)(_batchNumber * _threads.Count + share);
        pass.Forward(SeededRandom.Stream(_options.Seed, stream));
        _results[share] = _lossKind == LossKind.CrossEntropy
            ? pass.CrossEntropy(_gradientScale)
            : (pass.Values(_lossKind, _gradientScale), 0);
        pass.Backward(_update.Gradient(share));
        if (_options.Truncate > 0)
            pass.KeepState();
    }

    private void Report(IProgress<TrainingProgress>? progress, EpochResult? completed)
    {
        if (progress is null)
            return;
        int samples = Math.Min(_batch * _options.BatchSize, _train.Count);
        double done = _epoch - 1 + (double)_batch / Batches;
        var remaining = TimeSpan.FromSeconds(Elapsed / done * (_options.Epochs - done));
        double samplesPerSecond = completed?.SamplesPerSecond ?? samples / Math.Max(1e-9, Elapsed - _epochBegin);
        progress.Report(new(
            _epoch, _options.Epochs, _batch, Batches, _lossSum / _weightSum, (double)_correct / OutputsOf(samples),
            samplesPerSecond, remaining, completed));
    }
}

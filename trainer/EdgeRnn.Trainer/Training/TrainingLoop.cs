using System.Diagnostics;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Layers;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Training;

/// <summary>
/// One training run: weights change batch by batch, epochs are compared on validation data, the best one is kept.
/// </summary>
internal sealed partial class TrainingLoop : IDisposable
{
    // Of the random numbers that follow from a seed: 0 is for first weights.
    private const ulong ShuffleStream = 1UL << 32;
    private const ulong CropStream = 4UL << 32;

    private readonly Network _network;
    private readonly SequenceDataset _train;
    private readonly SequenceDataset? _validation;
    private readonly TrainingOptions _options;
    private readonly Normalisation _normalisation;
    private readonly BatchShares _shares;
    private readonly ParameterUpdate _update;
    private readonly LossKind _lossKind;
    private readonly int[] _order;
    private readonly float[] _best;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<EpochResult> _epochs = [];
    private readonly List<double> _losses = [];

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

    public TrainingLoop(
        Network network, SequenceDataset train, SequenceDataset? validation, Normalisation normalisation,
        TrainingOptions options)
    {
        _network = network;
        _train = train;
        _validation = validation;
        _options = options;
        _normalisation = normalisation;
        _shares = new(network, train, normalisation, options);
        _update = new(network, options, _shares.Threads);
        _lossKind = options.LossFor(train.OutputKind);
        _order = [.. Enumerable.Range(0, train.Count)];
        _best = new float[network.ParameterCount];
        if (options.Checkpoint is not { } path)
            return;
        _identity = Training.Checkpoint.Of(network, train, validation, options);
        if (options.Resume && File.Exists(path))
            Restore(Training.Checkpoint.Read(path, _identity));
        else
            Save();
    }

    private int Batches => (_train.Count + _options.BatchSize - 1) / _options.BatchSize;

    /// <summary>Seconds of the run, with those before it was resumed.</summary>
    private double Elapsed => _secondsBefore + _clock.Elapsed.TotalSeconds;

    private bool IsOutOfPatience => _options.Patience > 0 && _epochs.Count - _bestEpoch >= _options.Patience;

    public void Dispose() => _shares.Dispose();

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
            if (!TryStep(end, excerpt))
                return false;
        }

        _batch = end;
        return true;
    }

    /// <summary>One change of the weights, by this part of the sequences.</summary>
    private bool TryStep(int end, Excerpt excerpt)
    {
        double weight = _shares.WeightOf(Indices(_batch, end), excerpt);
        double loss = 0;
        for (int batch = _batch; batch < end; batch++)
        {
            _batchNumber++;
            (double batchLoss, int batchCorrect) = _shares.Run(
                Indices(batch, batch + 1), excerpt, _epoch, _batchNumber, 1f / (float)weight, _update);
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

using System.Diagnostics;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Layers;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Training;

/// <summary>
/// One training run: batches in shares over threads, epochs compared on validation data, the best one kept.
/// </summary>
internal sealed class TrainingLoop : IDisposable
{
    // Of the random numbers that follow from a seed: 0 is for first weights.
    private const ulong ShuffleStream = 1UL << 32;
    private const ulong DropoutStream = 2UL << 32;

    private readonly Network _network;
    private readonly SequenceDataset _train;
    private readonly SequenceDataset? _validation;
    private readonly TrainingOptions _options;
    private readonly Normalisation _normalisation;
    private readonly ShardThreads _threads;
    private readonly ParameterUpdate _update;
    private readonly SoftmaxLoss _loss;
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
    private float _learningRate;
    private long _batchNumber;
    private int _bestEpoch;
    private int _epoch;

    public TrainingLoop(
        Network network, SequenceDataset train, SequenceDataset? validation, Normalisation normalisation,
        TrainingOptions options)
    {
        _network = network;
        _train = train;
        _validation = validation;
        _options = options;
        _normalisation = normalisation;
        int batch = Math.Min(options.BatchSize, train.Count);
        int threads = Math.Min(options.Threads, batch);
        _threads = new(threads);
        _update = new(network, options, _threads);
        _loss = new(network.OutputSize, options.LabelSmoothing, options.ClassWeights?.For(train));
        int share = (batch + threads - 1) / threads;
        int[] lengths = [.. train.Sequences.Select(s => s.Steps).OrderDescending()];
        int rows = lengths.Take(share).Sum();
        _equalLengths = lengths[0] == lengths[^1];
        _passes = new NetworkPass[threads];
        _augmenters = [.. Enumerable.Range(0, threads).Select(_ =>
            options.Augment is { } kinds ? new Augmenter(kinds, train, normalisation, options.Seed) : null)];
        // Each thread reserves its own memory, which the system then places near it.
        _threads.Run(i => _passes[i] = new(
            network, new PackedBatch(share, lengths[0], rows, network.InputSize), _loss));
        _shares = [.. Enumerable.Range(0, threads).Select(_ => new int[share])];
        _shareCounts = new int[threads];
        _results = new (double, int)[threads];
        _order = [.. Enumerable.Range(0, train.Count)];
        _best = new float[network.ParameterCount];
        _runShare = RunShare;
    }

    private int Batches => (_train.Count + _options.BatchSize - 1) / _options.BatchSize;

    public void Dispose() => _threads.Dispose();

    public History Run(IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        var reason = StopReason.Finished;
        _update.PackWeights();
        for (int epoch = 1; epoch <= _options.Epochs && reason == StopReason.Finished; epoch++)
            reason = RunEpoch(epoch, progress, cancellation);
        if (_bestEpoch > 0)
            _best.CopyTo(_network.Parameters.Span);
        else if (reason == StopReason.NotFinite)
            throw new UserException("The loss became NaN or infinite in the first epoch; use a lower learning rate.");
        return new(_epochs, _bestEpoch, reason, _clock.Elapsed.TotalSeconds, _train.Count, _validation?.Count ?? 0);
    }

    private StopReason RunEpoch(int epoch, IProgress<TrainingProgress>? progress, CancellationToken cancellation)
    {
        double begin = _clock.Elapsed.TotalSeconds;
        double loss = 0, weight = 0;
        int correct = 0;
        _epoch = epoch;
        var random = SeededRandom.Stream(_options.Seed, ShuffleStream + (ulong)epoch);
        random.Shuffle(_order.AsSpan());
        for (int batch = 0; batch < Batches; batch += _options.Accumulate)
        {
            if (cancellation.IsCancellationRequested)
                return StopReason.Cancelled;
            int end = Math.Min(Batches, batch + _options.Accumulate);
            double stepWeight = WeightOf(Indices(batch, end));
            _gradientScale = 1f / (float)stepWeight;
            double stepLoss = 0;
            for (int b = batch; b < end; b++)
            {
                (double batchLoss, int batchCorrect) = RunBatch(Indices(b, b + 1));
                stepLoss += batchLoss;
                correct += batchCorrect;
            }

            double done = epoch - 1 + (double)batch / Batches;
            float rate = _options.LearningRate ?? _options.Optimizer.DefaultLearningRate;
            _learningRate = rate * _options.Schedule.Factor(done, _options.Epochs, _losses);
            if (!double.IsFinite(stepLoss) || !_update.TryStep(_learningRate))
                return StopReason.NotFinite;
            loss += stepLoss;
            weight += stepWeight;
            Report(progress, epoch, end, loss / weight, correct, begin, null);
        }

        double trained = _clock.Elapsed.TotalSeconds - begin;
        double count = _train.Count;
        var result = Validate(epoch, loss / weight, correct / count, begin, count / trained);
        _epochs.Add(result);
        _losses.Add(result.ValidationLoss ?? result.Loss);
        if (_bestEpoch == 0 || IsBetter(result, _epochs[_bestEpoch - 1]))
        {
            _bestEpoch = epoch;
            _network.Parameters.Span.CopyTo(_best);
        }

        Report(progress, epoch, Batches, loss / weight, correct, begin, result);
        bool outOfPatience = _options.Patience > 0 && epoch - _bestEpoch >= _options.Patience;
        return outOfPatience ? StopReason.NoImprovement : StopReason.Finished;
    }

    // Without validation data the last epoch is the one to keep.
    private static bool IsBetter(EpochResult result, EpochResult best) =>
        result.ValidationAccuracy is null
        || result.ValidationAccuracy > best.ValidationAccuracy
        || (result.ValidationAccuracy == best.ValidationAccuracy && result.ValidationLoss < best.ValidationLoss);

    private EpochResult Validate(int epoch, double loss, double accuracy, double begin, double samplesPerSecond)
    {
        var evaluation = _validation is null
            ? null
            : Evaluator.Evaluate(_network.ToModel(_train, _normalisation), _validation, _options.Threads);
        double seconds = _clock.Elapsed.TotalSeconds - begin;
        return new(epoch, loss, accuracy, evaluation?.Loss, evaluation?.Accuracy, seconds, samplesPerSecond)
        {
            LearningRate = _learningRate,
        };
    }

    /// <summary>Sequences from one batch of this epoch to before another.</summary>
    private Span<int> Indices(int batch, int end)
    {
        int first = batch * _options.BatchSize;
        return _order.AsSpan(first, (int)Math.Min((long)end * _options.BatchSize, _order.Length) - first);
    }

    private double WeightOf(ReadOnlySpan<int> indices)
    {
        double sum = 0;
        foreach (int i in indices)
            sum += _loss.Weight(_train.Sequences[i].Label);
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
        pass.Batch.Load(_train, indices, _normalisation, _augmenters[share], _epoch);
        ulong stream = DropoutStream + (ulong)(_batchNumber * _threads.Count + share);
        pass.Forward(SeededRandom.Stream(_options.Seed, stream));
        _results[share] = pass.CrossEntropy(_gradientScale);
        pass.Backward(_update.Gradient(share));
    }

    private void Report(
        IProgress<TrainingProgress>? progress, int epoch, int batch, double loss, int correct, double begin,
        EpochResult? completed)
    {
        if (progress is null)
            return;
        double now = _clock.Elapsed.TotalSeconds;
        int samples = Math.Min(batch * _options.BatchSize, _train.Count);
        double done = epoch - 1 + (double)batch / Batches;
        var remaining = TimeSpan.FromSeconds(now / done * (_options.Epochs - done));
        double samplesPerSecond = completed?.SamplesPerSecond ?? samples / Math.Max(1e-9, now - begin);
        progress.Report(new(
            epoch, _options.Epochs, batch, Batches, loss, (double)correct / samples, samplesPerSecond,
            remaining, completed));
    }
}

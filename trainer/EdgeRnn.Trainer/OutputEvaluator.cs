using System.Diagnostics;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Trainer;

/// <summary>How far one of a model's values is off.</summary>
/// <param name="Name">The value's name.</param>
/// <param name="Rmse">Root of the mean squared error, in the user's units.</param>
/// <param name="Mae">Mean absolute error, in the user's units.</param>
/// <param name="R2">The part of the variance that is explained, at most 1; 0 is as good as the mean of the
/// data.</param>
public sealed record ValueError(string Name, double Rmse, double Mae, double R2)
{
    /// <summary>Of predictions and what they should be.</summary>
    internal static ValueError Of(string name, double[] predicted, double[] targets)
    {
        double[] errors = [.. predicted.Zip(targets, (p, t) => p - t)];
        double mean =
            targets.Average(), squares = errors.Sum(e => e * e), spread = targets.Sum(t => (t - mean) * (t - mean));
        return new(
            name, Math.Sqrt(squares / errors.Length), errors.Average(Math.Abs), spread > 0 ? 1 - squares / spread : 0);
    }
}

/// <summary>
/// Measures what is more than a class for each sequence: values, outputs of each step, and models that read whole
/// sequences.
/// </summary>
internal sealed class OutputEvaluator
{
    private const float SmallestProbability = 1e-7f;

    private readonly RnnModel _model;
    private readonly SequenceDataset _data;
    private readonly LossKind _loss;
    private readonly Sums[] _sums;
    private readonly List<Prediction>[] _predictions;

    /// <exception cref="UserException">The model has no output for each step, but the data do.</exception>
    public OutputEvaluator(RnnModel model, SequenceDataset data, LossKind loss, bool keepPredictions)
    {
        if (data.EachStep && model.Pooling != Pooling.EachStep)
        {
            if (model.IsOffline || model.Pooling is Pooling.Mean or Pooling.Max)
            {
                throw new UserException(
                    $"{data.Name} has an output for each step, but the model has one for a whole sequence; train it " +
                        "with pool:none.");
            }

            model = model with { Pooling = Pooling.EachStep };
        }
        else if (!data.EachStep && model.Pooling == Pooling.EachStep)
        {
            model = model with { Pooling = Pooling.LastStep };
        }

        (_model, _data, _loss) = (model, data, loss);
        _sums = new Sums[data.Count];
        _predictions = new List<Prediction>[keepPredictions ? data.Count : 0];
    }

    /// <summary>
    /// Whether a model and data need this instead of a session that gives a class after the last step.
    /// </summary>
    public static bool IsNeeded(RnnModel model, SequenceDataset data) =>
        model.OutputKind == OutputKind.Values || data.EachStep || model.IsOffline;

    /// <returns>Null when <paramref name="cancellation"/> broke it off.</returns>
    public Evaluation? Run(int threads, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        int next = -1;
        long replaced = 0;
        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, _ =>
        {
            var runner = new SequenceRunner(_model);
            for (int i; !cancellation.IsCancellationRequested && (i = Interlocked.Increment(ref next)) < _data.Count;)
                Measure(i, runner);
            Interlocked.Add(ref replaced, runner.ReplacedReadings);
        });

        return cancellation.IsCancellationRequested ? null : Total(replaced, clock.Elapsed);
    }

    // In the order of the data, so that the sum is the same with any number of threads.
    private Evaluation Total(long replaced, TimeSpan time)
    {
        var total = new Sums(_model.Labels.Count, _model.OutputKind);
        foreach (var sums in _sums)
            total.Add(sums);
        Prediction[] predictions = [.. _predictions.SelectMany(p => p)];
        return new(
            _data.Count, (double)total.Correct / Math.Max(1, total.Rows), total.Loss / Math.Max(1, total.Rows),
                total.Confusion,
            replaced, time.TotalSeconds, predictions)
        {
            Outputs = total.Rows,
            Errors = _model.OutputKind == OutputKind.Values ? total.Errors(_model.Labels) : [],
        };
    }

    /// <summary>
    /// Lets the sequences run through a stream in the model's own mode, as on the board, and measures every decision:
    /// in continuous mode the state goes on from one sequence to the next; windows never reach over two sequences.
    /// </summary>
    /// <exception cref="UserException">No stream can run through the model.</exception>
    public static Evaluation Stream(RnnModel model, SequenceDataset data, LossKind loss, bool keepPredictions)
    {
        if (model.StreamRefusal is { } refusal)
            throw new UserException($"The model cannot be evaluated on a stream: {refusal}.");
        var clock = Stopwatch.StartNew();
        var evaluator = new OutputEvaluator(
            model with { Pooling = Pooling.EachStep }, data.LabelledEachStep(), loss, keepPredictions);
        var stream = new StreamClassifier(new RnnSession(model));
        int channels = model.InputSize;
        for (int i = 0; i < data.Count; i++)
        {
            evaluator.Begin(i);
            if (model.StreamMode == StreamMode.Window)
                stream.Reset();
            var values = data.Sequences[i].Values.Span;
            for (int t = 0; t < data.Sequences[i].Steps; t++)
            {
                if (stream.Step(values.Slice(t * channels, channels)))
                    evaluator.Add(i, t, stream.Scores);
            }
        }

        var evaluation = evaluator.Total(stream.ReplacedReadings, clock.Elapsed);
        return evaluation.Outputs > 0 ? evaluation : throw new UserException(
            $"No sequence of {data.Name} has the {model.Window} steps of the model's window; name longer recordings.");
    }

    private void Measure(int index, SequenceRunner runner)
    {
        int labels = _model.Labels.Count, rows = runner.OutputsOf(_data.Sequences[index].Steps);
        var outputs = new float[rows * labels];
        runner.Run(_data.Sequences[index].Values.Span, outputs);
        Begin(index);
        for (int row = 0; row < rows; row++)
            Add(index, row, outputs.AsSpan(row * labels, labels));
    }

    private void Begin(int index)
    {
        _sums[index] = new(_model.Labels.Count, _model.OutputKind);
        if (_predictions.Length > 0)
            _predictions[index] = [];
    }

    private void Add(int index, int row, ReadOnlySpan<float> output)
    {
        var sequence = _data.Sequences[index];
        var sums = _sums[index];
        var predictions = _predictions.Length == 0 ? null : _predictions[index];
        int labels = _model.Labels.Count;
        int? step = _data.EachStep ? row : null;
        if (_model.OutputKind == OutputKind.Values)
        {
            var target = sequence.Targets.Span.Slice(row * labels, labels);
            Add(sums, output, target);
            predictions?.Add(new(index, 0, 0, output.ToArray(), []) { Step = step, Targets = target.ToArray() });
            return;
        }

        int label = _data.EachStep ? sequence.StepLabels.Span[row] : sequence.Label;
        int predicted = output.IndexOfMax();
        sums.Rows++;
        sums.Loss -= Math.Log(Math.Clamp(output[label], SmallestProbability, 1f));
        sums.Correct += predicted == label ? 1 : 0;
        sums.Confusion[label, predicted]++;
        predictions?.Add(new(index, label, predicted, output.ToArray(), []) { Step = step });
    }

    private void Add(Sums sums, ReadOnlySpan<float> values, ReadOnlySpan<float> targets)
    {
        var deviation = _model.OutputDeviation!.Floats;
        sums.Rows++;
        for (int k = 0; k < values.Length; k++)
        {
            double error = values[k] - (double)targets[k], relative = error / deviation[k];
            sums.Loss += (_loss == LossKind.Mae ? Math.Abs(relative) : relative * relative) / values.Length;
            sums.Squares[k] += error * error;
            sums.Absolutes[k] += Math.Abs(error);
            // About the model's own mean, so that a large offset does not swallow the spread.
            double target = targets[k] - (double)_model.OutputMean!.Floats[k];
            sums.Targets[k] += target;
            sums.TargetSquares[k] += target * target;
        }
    }

    private sealed class Sums(int labels, OutputKind kind)
    {
        private readonly int _values = kind == OutputKind.Values ? labels : 0;

        public double[] Squares { get; } = new double[kind == OutputKind.Values ? labels : 0];

        public double[] Absolutes { get; } = new double[kind == OutputKind.Values ? labels : 0];

        public double[] Targets { get; } = new double[kind == OutputKind.Values ? labels : 0];

        public double[] TargetSquares { get; } = new double[kind == OutputKind.Values ? labels : 0];

        public int[,] Confusion { get; } = kind == OutputKind.Values ? new int[0, 0] : new int[labels, labels];

        public double Loss { get; set; }

        public int Correct { get; set; }

        public int Rows { get; set; }

        public void Add(Sums other)
        {
            Loss += other.Loss;
            Correct += other.Correct;
            Rows += other.Rows;
            for (int k = 0; k < _values; k++)
            {
                Squares[k] += other.Squares[k];
                Absolutes[k] += other.Absolutes[k];
                Targets[k] += other.Targets[k];
                TargetSquares[k] += other.TargetSquares[k];
            }

            for (int row = 0; row < Confusion.GetLength(0); row++)
            {
                for (int column = 0; column < Confusion.GetLength(1); column++)
                    Confusion[row, column] += other.Confusion[row, column];
            }
        }

        public ValueError[] Errors(IReadOnlyList<string> names) => [.. names.Select((name, k) =>
        {
            double spread = TargetSquares[k] - Targets[k] * Targets[k] / Rows;
            double r2 = spread > 0 ? 1 - Squares[k] / spread : 0;
            return new ValueError(name, Math.Sqrt(Squares[k] / Rows), Absolutes[k] / Rows, r2);
        })];
    }
}

using System.Diagnostics;
using System.Runtime.InteropServices;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Numerics;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Trainer;

/// <summary>What a model says of one sequence.</summary>
/// <param name="Index">Index in the data set.</param>
/// <param name="Label">The true class, as an index into the model's labels.</param>
/// <param name="Predicted">The class with the largest score.</param>
/// <param name="Scores">Softmax, <c>[labels]</c>.</param>
/// <param name="IntegerLogits">The head's integers, of a quantized model; else empty.</param>
public sealed record Prediction(int Index, int Label, int Predicted, float[] Scores, int[] IntegerLogits)
{
    /// <summary>The step of the sequence, where each has an output; else null.</summary>
    public int? Step { get; init; }

    /// <summary>What the values in <see cref="Scores"/> should be; empty for classes.</summary>
    public float[] Targets { get; init; } = [];
}

/// <summary>How good a model is on a data set.</summary>
/// <param name="Samples">Sequences.</param>
/// <param name="Accuracy">0 to 1, of outputs; 0 for values.</param>
/// <param name="Loss">Mean cross-entropy, of probabilities of at least 1e-7; for values the loss that was asked
/// for.</param>
/// <param name="Confusion">Counts, <c>[true, predicted]</c>.</param>
/// <param name="ReplacedReadings">Readings that were no finite number.</param>
/// <param name="Seconds">Time it took.</param>
/// <param name="Predictions">One a sequence, in order; empty when they were not asked for.</param>
public sealed record Evaluation(
    int Samples, double Accuracy, double Loss, int[,] Confusion, long ReplacedReadings, double Seconds,
    IReadOnlyList<Prediction> Predictions)
{
    /// <summary>Outputs that were measured: as many as sequences, or as steps.</summary>
    public int Outputs { get; init; } = Samples;

    /// <summary>Of a model that gives values, how far each is off; else empty.</summary>
    public IReadOnlyList<ValueError> Errors { get; init; } = [];

    /// <summary>
    /// Evaluations of several models, each on a part of its own, as one; those of values need their predictions.
    /// </summary>
    public static Evaluation Together(IReadOnlyList<Evaluation> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        int classes = parts[0].Confusion.GetLength(0), outputs = parts.Sum(p => p.Outputs), samples = 0;
        var confusion = new int[classes, classes];
        var predictions = new List<Prediction>();
        foreach (var part in parts)
        {
            predictions.AddRange(part.Predictions.Select(p => p with { Index = p.Index + samples }));
            samples += part.Samples;
            for (int row = 0; row < classes; row++)
            {
                for (int column = 0; column < classes; column++)
                    confusion[row, column] += part.Confusion[row, column];
            }
        }

        double Mean(Func<Evaluation, double> value) => parts.Sum(p => value(p) * p.Outputs) / outputs;
        return new(
            samples, Mean(p => p.Accuracy), Mean(p => p.Loss), confusion, parts.Sum(p => p.ReplacedReadings),
            parts.Sum(p => p.Seconds), predictions)
        {
            Outputs = outputs,
            Errors = [.. parts[0].Errors.Select((error, k) => ValueError.Of(
                error.Name, [.. predictions.Select(p => (double)p.Scores[k])],
                    [.. predictions.Select(p => (double)p.Targets[k])]))],
        };
    }
}

/// <summary>Measures models by the very step that the device runs.</summary>
public static class Evaluator
{
    private const float SmallestProbability = 1e-7f;

    /// <summary>Runs each sequence from a zero state to its last step.</summary>
    /// <param name="model">A model of any precision.</param>
    /// <param name="data">Data whose classes all are the model's, in any order of their names.</param>
    /// <param name="threads">Threads; the result does not depend on them.</param>
    /// <param name="keepPredictions">Whether <see cref="Evaluation.Predictions"/> is filled.</param>
    /// <param name="loss">The loss of values: mse or mae.</param>
    /// <exception cref="UserException">The data does not fit the model.</exception>
    public static Evaluation Evaluate(
        RnnModel model, SequenceDataset data, int threads = 1, bool keepPredictions = false,
        LossKind loss = LossKind.Mse) =>
        TryEvaluate(model, data, CancellationToken.None, threads, keepPredictions, loss)!;

    /// <returns>Null when <paramref name="cancellation"/> broke it off.</returns>
    /// <inheritdoc cref="Evaluate"/>
    public static Evaluation? TryEvaluate(
        RnnModel model, SequenceDataset data, CancellationToken cancellation, int threads = 1,
        bool keepPredictions = false, LossKind loss = LossKind.Mse)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        data = data.AlignedTo(model);
        if (data.Count == 0)
            throw new UserException($"{data.Name} holds no sequences.");
        if (OutputEvaluator.IsNeeded(model, data))
            return new OutputEvaluator(model, data, loss, keepPredictions).Run(Math.Max(1, threads), cancellation);
        var clock = Stopwatch.StartNew();
        var losses = new double[data.Count];
        var predicted = new int[data.Count];
        var predictions = new Prediction[keepPredictions ? data.Count : 0];
        long replaced = 0;
        int next = -1;
        var first = new RnnSession(model);
        RnnSession[] sessions = [first, .. Enumerable.Range(1, Math.Max(0, threads - 1)).Select(_ => first.Clone())];
        Parallel.ForEach(sessions, new ParallelOptions { MaxDegreeOfParallelism = sessions.Length }, session =>
        {
            var scores = new float[model.Labels.Count];
            for (int i; (i = Interlocked.Increment(ref next)) < data.Count && !cancellation.IsCancellationRequested;)
            {
                int label = data.Sequences[i].Label;
                predicted[i] = Run(session, data.Sequences[i], scores);
                losses[i] = -Math.Log(Math.Clamp(scores[label], SmallestProbability, 1f));
                if (keepPredictions)
                    predictions[i] = new(i, label, predicted[i], [.. scores], session.IntegerLogits.ToArray());
            }

            Interlocked.Add(ref replaced, session.ReplacedReadings);
        });

        if (cancellation.IsCancellationRequested)
            return null;
        var confusion = new int[model.Labels.Count, model.Labels.Count];
        int correct = 0;
        for (int i = 0; i < data.Count; i++)
        {
            int label = data.Sequences[i].Label;
            confusion[label, predicted[i]]++;
            correct += label == predicted[i] ? 1 : 0;
        }

        // The sum runs in the order of the data, so it is the same with any number of threads.
        return new(
            data.Count, (double)correct / data.Count, losses.Sum() / data.Count, confusion, replaced,
            clock.Elapsed.TotalSeconds, predictions);
    }

    /// <summary>Lets the sequences run through a stream in the model's own mode, and measures every decision.</summary>
    /// <param name="model">A model of any precision that can stream.</param>
    /// <param name="data">Data whose classes all are the model's; in continuous mode the state goes on from one
    /// sequence to the next, while windows never reach over two.</param>
    /// <param name="keepPredictions">Whether <see cref="Evaluation.Predictions"/> is filled.</param>
    /// <exception cref="UserException">The data does not fit the model, or no stream can run through it.</exception>
    public static Evaluation EvaluateStream(RnnModel model, SequenceDataset data, bool keepPredictions = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        return OutputEvaluator.Stream(model, data.AlignedTo(model, isCut: false), LossKind.Mse, keepPredictions);
    }

    private static int Run(RnnSession session, Sequence sequence, float[] scores)
    {
        int channels = session.Model.InputSize;
        var values = sequence.Values.Span;
        session.Reset();
        for (int t = 0; t < sequence.Steps; t++)
            session.Advance(values.Slice(t * channels, channels));
        session.Score(scores);
        return ((ReadOnlySpan<float>)scores).IndexOfMax();
    }

    internal static int IndexOfMax(this ReadOnlySpan<float> scores)
    {
        int best = 0;
        for (int k = 1; k < scores.Length; k++)
        {
            if (scores[k] > scores[best])
                best = k;
        }

        return best;
    }
}

/// <summary>Makes the self-test that a model carries.</summary>
public static class SelfTests
{
    private const int InputBytes = 256;
    private const int Steps = 16;

    /// <summary>
    /// The model with a short run from a fixed seed and the scores that this program's step gives for it.
    /// </summary>
    public static RnnModel Attach(RnnModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var random = new SeededRandom(0x5E1F);
        var input = new byte[InputBytes];
        foreach (ref byte b in input.AsSpan())
            b = (byte)random.NextBits();
        var test = new SelfTest(input, Steps, ReadOnlyMemory<byte>.Empty);
        return model with
        {
            SelfTest = test with
            {
                Scores = MemoryMarshal.AsBytes<float>(
            Run(model, test)).ToArray()
            }
        };
    }

    /// <summary>
    /// Whether this machine computes, to the bit, what the program did that wrote the model; null without a self-test.
    /// </summary>
    public static bool? Passes(RnnModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.SelfTest is { } test
            ? MemoryMarshal.AsBytes<float>(Run(model, test)).SequenceEqual(test.Scores.Span)
            : null;
    }

    /// <summary>The scores, or values, that this program's step gives after a self-test's last step.</summary>
    public static float[] Run(RnnModel model, SelfTest test)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(test);
        var readings = new float[test.Steps * model.InputSize];
        for (int t = 0; t < test.Steps; t++)
            test.Readings(model, t, readings.AsSpan(t * model.InputSize, model.InputSize));
        var runner = new SequenceRunner(model);
        var outputs = new float[runner.OutputsOf(test.Steps) * model.Labels.Count];
        runner.Run(readings, outputs);
        return outputs[^model.Labels.Count..];
    }
}

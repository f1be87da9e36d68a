using System.Diagnostics;
using EdgeRnn.Onnx;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Cli.Onnx;

/// <summary>How a model and a graph in ONNX Runtime compare on data.</summary>
/// <param name="Outputs">Outputs that were compared: one a sequence, or one a step.</param>
/// <param name="Agreeing">Outputs in which both find the same class.</param>
/// <param name="LargestDifference">Of all scores, or values.</param>
/// <param name="MeanDifference">Of all scores, or values.</param>
/// <param name="Correct">Sequences that the model, and the graph, find the label of.</param>
/// <param name="StepUs">Time of a step, of the model and of the graph, one thread each.</param>
internal sealed record OnnxComparison(
    int Outputs, int Agreeing, double LargestDifference, double MeanDifference, (int Model, int Graph) Correct,
    (double Model, double Graph) StepUs)
{
    /// <summary>Runs both on each sequence, in turns.</summary>
    /// <exception cref="UserException">They cannot be compared.</exception>
    public static OnnxComparison Run(
        RnnModel model, byte[] file, ImportedNetwork network, SequenceDataset data, CancellationToken cancellation)
    {
        Check(model, network, data);
        using var reference = new OnnxReference(file, network);
        var runner = new SequenceRunner(WithOutputsOf(model, network));
        int labels = model.Labels.Count, outputs = 0, agreeing = 0, correct = 0, correctInGraph = 0;
        double largest = 0, sum = 0;
        long steps = 0, ticks = 0, ticksOfGraph = 0;
        WarmUp(runner, data);
        foreach (var sequence in data.Sequences)
        {
            cancellation.ThrowIfCancellationRequested();
            float[] found = new float[runner.OutputsOf(sequence.Steps) * labels];
            long start = Stopwatch.GetTimestamp();
            runner.Run(sequence.Values.Span, found);
            long between = Stopwatch.GetTimestamp();
            float[] expected = reference.Run(sequence.Values.Span);
            long end = Stopwatch.GetTimestamp();
            Scores(expected, labels, model.OutputKind, network.Result);
            (steps, ticks, ticksOfGraph) = (steps + sequence.Steps, ticks + between - start,
                ticksOfGraph + end - between);
            for (int k = 0; k < found.Length; k++)
            {
                double difference = Math.Abs((double)found[k] - expected[k]);
                largest = double.IsNaN(difference) ? double.PositiveInfinity : Math.Max(largest, difference);
                sum += difference;
            }
            for (int k = 0; k < found.Length; k += labels, outputs++)
                agreeing += Best(found.AsSpan(k, labels)) == Best(expected.AsSpan(k, labels)) ? 1 : 0;
            correct += Best(found.AsSpan(found.Length - labels)) == sequence.Label ? 1 : 0;
            correctInGraph += Best(expected.AsSpan(expected.Length - labels)) == sequence.Label ? 1 : 0;
        }

        double us = 1e6 / Stopwatch.Frequency / steps;
        return new(
            outputs, agreeing, largest, sum / ((double)outputs * labels), (correct, correctInGraph),
                (ticks * us, ticksOfGraph * us));
    }

    // The compiler's last word on a method comes some 100 ms after it was found to be used much.
    private static void WarmUp(SequenceRunner runner, SequenceDataset data)
    {
        var clock = Stopwatch.StartNew();
        for (int i = 0; clock.ElapsedMilliseconds < 400; i++)
        {
            var sequence = data.Sequences[i % data.Count];
            runner.Run(sequence.Values.Span, new float[runner.OutputsOf(sequence.Steps) * runner.Model.Labels.Count]);
        }
    }

    private static void Check(RnnModel model, ImportedNetwork network, SequenceDataset data)
    {
        if (data.Count == 0)
            throw new UserException($"{data.Name} holds no sequences.");
        (int inputs, int outputs) = (network.Model.InputSize, network.Model.Labels.Count);
        if ((inputs, outputs) != (model.InputSize, model.Labels.Count))
        {
            throw new UserException(
                $"The graph has {inputs} channels and {outputs} outputs, expected the {model.InputSize} and " +
                    $"{model.Labels.Count} of the "
                + "model; name files of the same network.");
        }
        if (model.OutputKind == OutputKind.Values && network.Result != OnnxResult.Values)
            throw new UserException("The graph gives scores of classes, expected values as the model does; name " +
                "files of the same network.");
        if (network.Steps > 0 && data.Sequences.Any(sequence => sequence.Steps != network.Steps))
        {
            throw new UserException(
                $"{data.Name} has sequences of other lengths than the {network.Steps} steps that the graph was " +
                    "exported for; cut them "
                + $"with window={network.Steps}, or export the graph with a free number of steps.");
        }
        bool isPooled = model.Pooling is Pooling.Mean or Pooling.Max;
        if (network.Computed.Pooling == Pooling.EachStep
            && (isPooled || model.IsOffline && model.Pooling != Pooling.EachStep))
            throw new UserException("The graph has a result each step, the model one for a whole sequence; name " +
                "files of the same network.");
    }

    private static RnnModel WithOutputsOf(RnnModel model, ImportedNetwork network) =>
        (network.Computed.Pooling == Pooling.EachStep, model.Pooling == Pooling.EachStep) switch
        {
            (true, false) => model with { Pooling = Pooling.EachStep },
            (false, true) => model with { Pooling = Pooling.LastStep },
            _ => model,
        };

    // What the graph gives, as the model gives it.
    private static void Scores(Span<float> outputs, int labels, OutputKind kind, OnnxResult result)
    {
        if (kind == OutputKind.Values || result == OnnxResult.Softmax)
            return;
        for (int start = 0; start < outputs.Length; start += labels)
        {
            var scores = outputs.Slice(start, labels);
            double shift = scores[Best(scores)], sum = 0;
            foreach (float logit in scores)
                sum += Math.Exp(logit - shift);
            foreach (ref float score in scores)
                score = (float)(Math.Exp(score - shift) / sum);
        }
    }

    private static int Best(ReadOnlySpan<float> scores)
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

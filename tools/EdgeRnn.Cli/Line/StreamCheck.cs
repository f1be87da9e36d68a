using EdgeRnn.Runtime;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Wire;

namespace EdgeRnn.Cli;

/// <summary>What a stream check found.</summary>
/// <param name="Sequences">Sequences that were played.</param>
/// <param name="Expected">Decisions that the offline evaluation makes of them.</param>
/// <param name="Matches">Decisions of the host that are equal: the class, and the score to the bit.</param>
/// <param name="PredictionMatches">Decisions whose class is that of the predictions file; null without one.</param>
/// <param name="FirstDifference">A sentence about the first decision that differs, or null.</param>
/// <param name="MicrosecondsPerStep">The host's time from its first decision to its last, over the steps.</param>
/// <param name="Account">The host's own account.</param>
public sealed record StreamCheckResult(
    int Sequences, long Expected, long Matches, long? PredictionMatches, string? FirstDifference,
    double MicrosecondsPerStep, HostAccount Account)
{
    /// <summary>Whether every decision was equal, no reading was missing and nothing was allocated.</summary>
    public bool Passed => Matches == Expected && Account.Decisions == Expected && Account.Expected == Account.Delivered
        && Account.AllocatedBytes == 0 && (PredictionMatches is null || PredictionMatches == Sequences);
}

/// <summary>
/// Plays labelled sequences through the host over a virtual line, and holds every decision against an evaluation of
/// its window alone, here and now, without the host.
/// </summary>
public static class StreamCheck
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Runs a check.</summary>
    /// <param name="modelPath">The model.</param>
    /// <param name="data">Sequences in the model's own order of labels.</param>
    /// <param name="count">How many of them, from the first.</param>
    /// <param name="hostCommand">As for <see cref="HostProcess.Start"/>.</param>
    /// <param name="predictions">Classes that <c>evaluate --predictions</c> gave for the sequences, or null.</param>
    /// <param name="firmware">An emulated microcontroller's program that plays the sequences, or null to play them
    /// here.</param>
    /// <exception cref="UserException">The check cannot be made; the message says why.</exception>
    public static StreamCheckResult Run(
        string modelPath,
        SequenceDataset data,
        int count,
        IReadOnlyList<string> hostCommand,
        IReadOnlyList<int>? predictions = null,
        string? firmware = null)
    {
        var session = RnnSession.Load(modelPath);
        var sequences = data.Sequences.Take(count).ToArray();
        var windowStarts = predictions is null ? null : StartsOf(sequences, session.Model, predictions.Count);

        List<HostDecision> decisions = [];
        using var line = firmware is null ? VirtualLine.Open() : new EmulatedNode(firmware);
        using var host = HostProcess.Start(hostCommand, modelPath, line, decisions.Add, "--exit-at-end");
        try
        {
            if (line is EmulatedNode node)
                node.Run(host);
            else
                Play(sequences, new(line, Descriptor.ForModel(session.Model), host.Gone));
        }
        catch (OperationCanceledException)
        {
            // The host ended early: what it said, which WaitForEnd reports, is the reason.
        }
        var account = host.WaitForEnd(Patience);

        var expected = Offline(session, sequences);
        (long matches, string? difference) = Compare(decisions, expected);
        long? asPredicted = windowStarts is null || predictions is null
            ? null
            : AsPredicted(decisions, session.Model.Window, windowStarts, predictions);
        return new(
            sequences.Length, expected.Count, matches, asPredicted, difference, MicrosecondsPerStep(decisions),
            account);
    }

    private static void Play(Sequence[] sequences, SensorPlayer player)
    {
        foreach (var sequence in sequences)
            player.Play(sequence);
        player.End();
    }

    private sealed record Expected(long Step, int Class, float Score, float[]? Values);

    /// <summary>
    /// Class and score, or values, of every window of the sequences laid end to end, each computed alone.
    /// </summary>
    private static List<Expected> Offline(RnnSession session, Sequence[] sequences)
    {
        var model = session.Model;
        int channels = model.InputSize;
        float[] stream = [.. sequences.SelectMany(s => s.Values.ToArray())];
        int steps = stream.Length / channels;
        bool continuous = model.StreamMode == StreamMode.Continuous;
        int window = continuous ? 1 : model.Window;
        List<Expected> decisions = [];
        bool areValues = model.OutputKind == OutputKind.Values;
        float[] scores = new float[model.Labels.Count];
        session.Reset();
        for (int start = 0; start + window <= steps; start += continuous ? 1 : model.Hop)
        {
            if (!continuous)
                session.Reset();
            for (int step = start; step < start + window; step++)
                session.Advance(stream.AsSpan(step * channels, channels));
            session.Score(scores);
            int best = Array.IndexOf(scores, scores.Max());
            decisions.Add(areValues
                ? new(start + window - 1, 0, 0, [.. scores])
                : new(start + window - 1, best, scores[best], null));
        }
        return decisions;
    }

    private static (long Matches, string? Difference) Compare(
        List<HostDecision> decisions, List<Expected> expected)
    {
        long matches = 0;
        string? difference = null;
        foreach (var (decision, wanted) in decisions.Zip(expected))
        {
            if (decision.Step == wanted.Step && decision.Class == wanted.Class && decision.Score.Equals(wanted.Score)
                && decision.Values.AsSpan().SequenceEqual(wanted.Values))
                matches++;
            else
                difference ??= $"decision {decision.Index}: the host says class {decision.Class} with "
                    + $"{decision.Score:R} at step {decision.Step}, evaluation says class {wanted.Class} with "
                    + $"{wanted.Score:R} at step {wanted.Step}";
        }
        if (decisions.Count != expected.Count)
            difference ??= $"the host made {decisions.Count} decisions, expected {expected.Count}";
        return (matches, difference);
    }

    private static long AsPredicted(
        List<HostDecision> decisions, int window, long[] windowStarts, IReadOnlyList<int> predictions)
    {
        var classes = decisions.ToDictionary(d => d.Step - window + 1, d => d.Class);
        return windowStarts.Index().LongCount(w => classes.TryGetValue(w.Item, out int c) && c == predictions[w.Index]);
    }

    /// <summary>The step at which each sequence begins, where every sequence is one of the model's windows.</summary>
    private static long[] StartsOf(Sequence[] sequences, RnnModel model, int predictions)
    {
        if (model.StreamMode == StreamMode.Continuous || sequences.Any(s => s.Steps != model.Window)
            || model.Window % model.Hop != 0)
            throw new UserException("Predictions can be compared only where each sequence is one window of the model.");
        if (predictions < sequences.Length)
            throw new UserException($"The predictions have {predictions} rows, expected at least {sequences.Length}.");
        return [.. sequences.Select((_, i) => (long)i * model.Window)];
    }

    private static double MicrosecondsPerStep(List<HostDecision> decisions) => decisions.Count < 2
        ? 0
        : (double)(decisions[^1].HostUs - decisions[0].HostUs) / (decisions[^1].Step - decisions[0].Step);
}

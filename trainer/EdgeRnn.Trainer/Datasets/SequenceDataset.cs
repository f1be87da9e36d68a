namespace EdgeRnn.Trainer.Datasets;

/// <summary>One labelled recording: <paramref name="Values"/> is <c>[Steps, channels]</c>, row-major, in the sensor's units.</summary>
/// <param name="Values">All readings, step after step.</param>
/// <param name="Steps">Length in steps.</param>
/// <param name="Label">Index into <see cref="SequenceDataset.Labels"/>.</param>
public readonly record struct Sequence(ReadOnlyMemory<float> Values, int Steps, int Label);

/// <summary>Labelled sequences of one channel count and any lengths, held in memory.</summary>
/// <param name="Name">Name without a path, for reports and for the model's provenance.</param>
/// <param name="Channels">Names of the channels; as many as a step has readings.</param>
/// <param name="Labels">Names of the classes.</param>
/// <param name="Sequences">The sequences.</param>
/// <param name="SampleRateHz">Steps a second, 0 when unknown.</param>
public sealed record SequenceDataset(
    string Name,
    IReadOnlyList<string> Channels,
    IReadOnlyList<string> Labels,
    IReadOnlyList<Sequence> Sequences,
    float SampleRateHz = 0)
{
    /// <summary>Number of sequences.</summary>
    public int Count => Sequences.Count;

    /// <summary>The longest sequence, in steps.</summary>
    public int MaxSteps => Sequences.Count == 0 ? 0 : Sequences.Max(s => s.Steps);

    /// <summary>The sequences at <paramref name="indices"/>, in that order.</summary>
    public SequenceDataset Subset(IEnumerable<int> indices) =>
        this with { Sequences = [.. indices.Select(i => Sequences[i])] };
}

namespace EdgeRnn.Trainer.Datasets;

/// <summary>
/// One labelled recording: <paramref name="Values"/> is <c>[Steps, channels]</c>, row-major, in the sensor's units.
/// </summary>
/// <param name="Values">All readings, step after step; finite.</param>
/// <param name="Steps">Length in steps, at least 1.</param>
/// <param name="Label">Index into <see cref="SequenceDataset.Labels"/>.</param>
/// <param name="Group">
/// What a split must keep together: the file or the person a window is from; null when every sequence stands alone.
/// </param>
public readonly record struct Sequence(ReadOnlyMemory<float> Values, int Steps, int Label, string? Group = null);

/// <summary>Labelled sequences of one channel count and any lengths, held in memory.</summary>
/// <param name="Name">Name without a path, for reports and for the model's provenance.</param>
/// <param name="Channels">
/// Names of the channels; as many as a step has readings. A source without names numbers them from 0.
/// </param>
/// <param name="Labels">Names of the classes.</param>
/// <param name="Sequences">The sequences.</param>
/// <param name="SampleRateHz">Steps a second, 0 when unknown.</param>
public sealed partial record SequenceDataset(
    string Name,
    IReadOnlyList<string> Channels,
    IReadOnlyList<string> Labels,
    IReadOnlyList<Sequence> Sequences,
    float SampleRateHz = 0)
{
    /// <summary>What the user should know about how the data were read: rows dropped, classes left empty.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>
    /// The folder or file that <see cref="Sequence.Group"/> names parts of; null when it names people or the like, who
    /// are the same in all data.
    /// </summary>
    public string? GroupFolder { get; init; }

    /// <summary>Number of sequences.</summary>
    public int Count => Sequences.Count;

    /// <summary>The longest sequence, in steps.</summary>
    public int MaxSteps => Sequences.Count == 0 ? 0 : Sequences.Max(s => s.Steps);

    /// <summary>The length that all sequences have, in steps; 0 when lengths differ.</summary>
    public int CommonSteps => Sequences.All(s => s.Steps == Sequences[0].Steps) && Count > 0 ? Sequences[0].Steps : 0;

    /// <summary>Whether the source named its channels; if not, they are only numbered.</summary>
    public bool HasChannelNames => AreNames(Channels);

    /// <summary>Sequences of each class, <c>[Labels.Count]</c>.</summary>
    public int[] ClassCounts()
    {
        var counts = new int[Labels.Count];
        foreach (var sequence in Sequences)
            counts[sequence.Label]++;
        return counts;
    }

    /// <summary>The sequences at <paramref name="indices"/>, in that order.</summary>
    public SequenceDataset Subset(IEnumerable<int> indices) =>
        this with { Sequences = [.. indices.Select(i => Sequences[i])] };

    private static bool AreNames(IReadOnlyList<string> channels) => !channels.SequenceEqual(Numbered(channels.Count));

    /// <summary>"0", "1", … : the names of channels or classes that the source only numbers.</summary>
    internal static string[] Numbered(int count) => [.. Enumerable.Range(0, count).Select(i => $"{i}")];
}

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
public readonly record struct Sequence(ReadOnlyMemory<float> Values, int Steps, int Label, string? Group = null)
{
    /// <summary>The class of each step, where the data have one for each; else empty.</summary>
    public ReadOnlyMemory<int> StepLabels { get; init; }

    /// <summary>The sound that the readings are features of, or are, full scale ±1; empty for other data.</summary>
    public ReadOnlyMemory<float> Audio { get; init; }

    /// <summary>
    /// Values to predict in the user's units, <c>[outputs]</c> or <c>[Steps, outputs]</c>; else empty.
    /// </summary>
    public ReadOnlyMemory<float> Targets { get; init; }
}

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

    /// <summary>
    /// What a sequence is to give: one of the classes <see cref="Labels"/>, or a value for each name there.
    /// </summary>
    public OutputKind OutputKind { get; init; }

    /// <summary>Whether each step has a class, or values, of its own.</summary>
    public bool EachStep { get; init; }

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

    /// <summary>Outputs of each class: sequences, or, where each step has one, steps.</summary>
    internal int[] OutputCounts()
    {
        if (!EachStep)
            return ClassCounts();
        var counts = new int[Labels.Count];
        foreach (var sequence in Sequences)
        {
            foreach (int label in sequence.StepLabels.Span)
                counts[label]++;
        }

        return counts;
    }

    /// <summary>Which classes occur in a sequence, or at a step; values all do.</summary>
    internal bool[] Occurring()
    {
        var occurs = new bool[Labels.Count];
        if (OutputKind == OutputKind.Values)
            Array.Fill(occurs, true);
        foreach (var sequence in OutputKind == OutputKind.Values ? [] : Sequences)
        {
            if (!EachStep)
                occurs[sequence.Label] = true;
            foreach (int label in sequence.StepLabels.Span)
                occurs[label] = true;
        }

        return occurs;
    }

    /// <summary>The sequences at <paramref name="indices"/>, in that order.</summary>
    public SequenceDataset Subset(IEnumerable<int> indices) =>
        this with { Sequences = [.. indices.Select(i => Sequences[i])] };

    /// <summary>These data with the class of each sequence at each of its steps, as on a stream without end.</summary>
    public SequenceDataset LabelledEachStep() => EachStep ? this : this with
    {
        EachStep = true,
        Sequences = [.. Sequences.Select(s => OutputKind == OutputKind.Classes
            ? s with { StepLabels = Enumerable.Repeat(s.Label, s.Steps).ToArray() }
            : s with { Targets = Enumerable.Repeat(s.Targets.ToArray(), s.Steps).SelectMany(t => t).ToArray() })],
    };

    private static bool AreNames(IReadOnlyList<string> channels) => !channels.SequenceEqual(Numbered(channels.Count));

    /// <summary>"0", "1", … : the names of channels or classes that the source only numbers.</summary>
    internal static string[] Numbered(int count) => [.. Enumerable.Range(0, count).Select(i => $"{i}")];
}

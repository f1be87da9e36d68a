namespace EdgeRnn.Trainer.Datasets;

/// <content>Whether data are what a model, or other data, were made for.</content>
public sealed partial record SequenceDataset
{
    /// <summary>
    /// These data with the labels of <paramref name="other"/>, matched by name, so that class numbers mean the same.
    /// </summary>
    /// <exception cref="UserException">Other labels, channels or window lengths: data of another kind.</exception>
    public SequenceDataset AlignedTo(SequenceDataset other) =>
        Aligned(other.Name, other.Labels, other.Channels, other.Channels.Count, other.CommonSteps);

    /// <summary>These data with the labels of <paramref name="model"/>, matched by name.</summary>
    /// <exception cref="UserException">Other labels, channels or window lengths than the model's.</exception>
    public SequenceDataset AlignedTo(RnnModel model)
    {
        // Sequences of unequal length are run whole, so only data cut into windows of another length are refused.
        int window = model.StreamMode == StreamMode.Window && Count > 1 ? model.Window : 0;
        return Aligned("the model", model.Labels, model.Channels, model.InputSize, window);
    }

    private SequenceDataset Aligned(
        string to, IReadOnlyList<string> labels, IReadOnlyList<string> channels, int channelCount, int steps)
    {
        if (Channels.Count != channelCount)
            throw new UserException(
                $"{Name} has {Channels.Count} channels, expected the {channelCount} of {to}; name data of the same " +
                "sensor.");
        if (HasChannelNames && AreNames(channels) && !Channels.SequenceEqual(channels))
        {
            throw new UserException($"{Name} has channels {string.Join(", ", Channels)}, expected those of {to}: " +
                $"{string.Join(", ", channels)}; choose them with channels={string.Join(',', channels)}.");
        }
        if (steps > 0 && CommonSteps > 0 && CommonSteps != steps)
            throw new UserException(
                $"{Name} has sequences of {CommonSteps} steps, expected the {steps} of {to}; cut recordings with " +
                $"window={steps}.");

        int[] map = [.. Labels.Select(label => labels.ToList().IndexOf(label))];
        var counts = ClassCounts();
        string[] foreign = [.. Labels.Where((_, label) => map[label] < 0 && counts[label] > 0)];
        if (foreign.Length > 0)
        {
            throw new UserException($"{Name} has class {string.Join(", ", foreign)}, expected those of {to}: " +
                $"{string.Join(", ", labels)}; name data with the same classes.");
        }
        if (Labels.SequenceEqual(labels))
            return this;
        return this with
        {
            Labels = [.. labels],
            Sequences = [.. Sequences.Select(s => s with { Label = map[s.Label] })],
        };
    }
}

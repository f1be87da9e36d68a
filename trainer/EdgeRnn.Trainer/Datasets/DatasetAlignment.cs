namespace EdgeRnn.Trainer.Datasets;

/// <content>Whether data are what a model, or other data, were made for.</content>
public sealed partial record SequenceDataset
{
    /// <summary>
    /// These data with the labels of <paramref name="other"/>, matched by name, so that class numbers mean the same.
    /// </summary>
    /// <exception cref="UserException">Other labels, channels or window lengths: data of another kind.</exception>
    public SequenceDataset AlignedTo(SequenceDataset other) =>
        As(other.Name, other.Features)
            .Aligned(other.Name, other.OutputKind, other.Labels, other.Channels, other.Channels.Count,
                other.CommonSteps);

    /// <summary>These data with the labels of <paramref name="model"/>, matched by name.</summary>
    /// <param name="model">The model.</param>
    /// <param name="isCut">Whether sequences of one length must have that of the model's window.</param>
    /// <exception cref="UserException">Other labels, channels or window lengths than the model's.</exception>
    public SequenceDataset AlignedTo(RnnModel model, bool isCut = true)
    {
        var data = As("the model", model.Features);
        // Sequences of unequal length are run whole, so only data cut into windows of another length are refused.
        int window = isCut && model.StreamMode == StreamMode.Window && Count > 1 ? model.Window : 0;
        return data.Aligned("the model", model.OutputKind, model.Labels, model.Channels, model.InputSize, window);
    }

    private SequenceDataset Aligned(
        string to, OutputKind outputKind, IReadOnlyList<string> labels, IReadOnlyList<string> channels,
            int channelCount,
        int steps)
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
        if (OutputKind != outputKind)
        {
            string[] kinds = ["classes", "values"];
            throw new UserException(
                $"{Name} has {kinds[(int)OutputKind]}, expected the {kinds[(int)outputKind]} of {to}; name data of " +
                    "the same kind.");
        }
        if (OutputKind == OutputKind.Values)
        {
            return Labels.Count == labels.Count
                ? this
                : throw new UserException(
                    $"{Name} has {Labels.Count} values an output, expected the {labels.Count} of {to}; name data of " +
                        "the same kind.");
        }
        if (steps > 0 && CommonSteps > 0 && CommonSteps != steps)
            throw new UserException(
                $"{Name} has sequences of {CommonSteps} steps, expected the {steps} of {to}; cut recordings with " +
                $"window={steps}.");

        int[] map = [.. Labels.Select(label => labels.ToList().IndexOf(label))];
        bool[] occurs = Occurring();
        string[] foreign = [.. Labels.Where((_, label) => map[label] < 0 && occurs[label])];
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
            Sequences = [.. Sequences.Select(s => s with
            {
                Label = map[s.Label],
                StepLabels = s.StepLabels.IsEmpty
                    ? default
                    : Array.ConvertAll(s.StepLabels.ToArray(), label => map[label]),
            })],
        };
    }
}

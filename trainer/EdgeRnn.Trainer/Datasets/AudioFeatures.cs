using EdgeRnn.Features;

namespace EdgeRnn.Trainer.Datasets;

/// <content>Recordings of sound, and the features that a network reads in their place.</content>
public sealed partial record SequenceDataset
{
    /// <summary>Samples a second of <see cref="Sequence.Audio"/>; 0 where the data are no sound.</summary>
    public int AudioRateHz { get; init; }

    /// <summary>
    /// What the steps are computed by; null where they are readings, or samples that no features were made of yet.
    /// </summary>
    public FeatureSpec? Features { get; init; }

    /// <summary>Whether the steps are still samples of sound.</summary>
    public bool IsAudio => AudioRateHz > 0 && Features is null;

    /// <summary>
    /// Recordings of minutes or hours, whose sequences are made with their features; null for other data.
    /// </summary>
    public LongAudio? Long { get; init; }

    /// <summary>These recordings as features, computed by the front end of the board.</summary>
    /// <param name="spec">What to compute.</param>
    /// <exception cref="UserException">The data are no sound, or a recording is shorter than a frame.</exception>
    public SequenceDataset WithFeatures(FeatureSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (!IsAudio)
            throw new UserException($"{Name} holds no sound, of which features could be made; name wav: data.");
        if (Long is not null)
        {
            var (pieces, replaced) = Long.ToSequences(spec, Labels);
            return Computed(spec, pieces, replaced) with { EachStep = Long.Windows is null };
        }

        var frontEnd = new FrontEnd(spec, AudioRateHz);
        var sequences = new Sequence[Count];
        for (int i = 0; i < Count; i++)
        {
            var audio = Sequences[i].Audio;
            frontEnd.Reset();
            float[] features = frontEnd.Run(audio.Span);
            if (features.Length == 0)
            {
                throw new UserException(
                    $"{Name}: recording {Sequences[i].Group ?? $"{i}"} of class {Labels[Sequences[i].Label]} has "
                    + $"{audio.Length} samples at {AudioRateHz} Hz, too few for a step of {spec}; move it away.");
            }

            sequences[i] = Sequences[i] with { Values = features, Steps = features.Length / spec.Width };
        }

        return Computed(spec, sequences, frontEnd.ReplacedSamples);
    }

    private SequenceDataset Computed(FeatureSpec spec, IReadOnlyList<Sequence> sequences, long replaced)
    {
        string[] warnings = replaced == 0 ? []
            : [$"{replaced} samples of {Name} are no numbers, or beyond ±10^6, and count as silence"];
        return this with
        {
            Channels = Numbered(spec.Width),
            Sequences = sequences,
            SampleRateHz = spec.FramesPerSecond,
            Features = spec,
            Warnings = [.. Warnings, .. warnings],
        };
    }

    /// <summary>These data as what <paramref name="features"/> of other data, or of a model, are.</summary>
    private SequenceDataset As(string to, FeatureSpec? features)
    {
        if (IsAudio && features is not null)
            return WithFeatures(features);
        if (Features == features && !IsAudio)
            return this;
        throw new UserException(features is null
            ? $"{Name} holds sound, expected readings as in {to}; name data of the same sensor."
            : $"{Name} holds other readings than the sound that {to} is made for ({features}); name wav: data.");
    }
}

using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Trainer.Training;

/// <summary>How <see cref="Network.Fit"/> trains.</summary>
public sealed record TrainingOptions
{
    /// <summary>Times the data is gone through.</summary>
    public int Epochs { get; init; } = 20;

    /// <summary>Sequences a step.</summary>
    public int BatchSize { get; init; } = 128;

    /// <summary>What turns gradients into steps.</summary>
    public Optimizer Optimizer { get; init; } = new Adam();

    /// <summary>Largest learning rate; null for the optimizer's own.</summary>
    public float? LearningRate { get; init; }

    /// <summary>How the learning rate changes.</summary>
    public LearningRateSchedule Schedule { get; init; } = new CosineSchedule();

    /// <summary>
    /// How far weights (not biases) are drawn to 0: by AdamW directly, by the others through the gradient; null for the
    /// optimizer's own, which is 0.01 for AdamW and 0 for the others.
    /// </summary>
    public float? WeightDecay { get; init; }

    /// <summary>Batches whose gradients make one step, for batches that would not fit into memory.</summary>
    public int Accumulate { get; init; } = 1;

    /// <summary>Part of the target that is spread over all classes; 0 for none.</summary>
    public float LabelSmoothing { get; init; }

    /// <summary>How much the classes count; null for the same weight for every sequence.</summary>
    public ClassWeights? ClassWeights { get; init; }

    /// <summary>Gradients longer than this are shortened to it; 0 leaves them.</summary>
    public float ClipNorm { get; init; } = 1f;

    /// <summary>Seed of first weights, shuffling, dropout, augmentation and the validation split.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Threads; the same seed and number of threads give the same bits.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>
    /// Part of the training data held out, as many of each class; 0 for none, or when <see cref="Validation"/> is set.
    /// </summary>
    public double ValidationFraction { get; init; }

    /// <summary>Data on which the best epoch is chosen.</summary>
    public SequenceDataset? Validation { get; init; }

    /// <summary>Epochs without a better one on validation after which training stops; 0 never stops early.</summary>
    public int Patience { get; init; }

    /// <summary>How inputs are normalised.</summary>
    public NormalisationMode Normalisation { get; init; } = NormalisationMode.Channel;

    /// <summary>How training sequences are varied in each epoch, after validation data were held out; or null.</summary>
    public Augmentation? Augment { get; init; }

    /// <summary>
    /// File that holds the run after each epoch, and where it stopped when it was cancelled; null for none.
    /// </summary>
    public string? Checkpoint { get; init; }

    /// <summary>
    /// Whether to go on from <see cref="Checkpoint"/> where that file exists: the weights become those of a run that was
    /// never interrupted, to the bit.
    /// </summary>
    public bool Resume { get; init; }

    /// <summary>Refuses what cannot be trained with.</summary>
    internal void Check()
    {
        Require(Epochs >= 1, $"The number of epochs must be at least 1, not {Epochs}.");
        Require(BatchSize >= 1, $"The batch must hold at least 1 sequence, not {BatchSize}.");
        Require(Threads is >= 1 and <= 256, $"The number of threads must be from 1 to 256, not {Threads}.");
        Require(LearningRate is null or (> 0 and < 1000), $"The learning rate must be positive, not {LearningRate}.");
        Require(ClipNorm >= 0, $"The clipping norm must be 0 (none) or positive, not {ClipNorm}.");
        Require(
            WeightDecay is null or (>= 0 and < 1),
            $"The weight decay must be from 0 to below 1, not {WeightDecay}.");
        Require(
            Accumulate is >= 1 and <= 1 << 20,
            $"Gradients are accumulated over 1 to {1 << 20} batches, not {Accumulate}.");
        Require(
            LabelSmoothing is >= 0 and < 1, $"Label smoothing must be from 0 to below 1, not {LabelSmoothing}.");
        Require(!Resume || Checkpoint is not null, "There is no checkpoint to resume from; name its file.");
        Require(Patience >= 0, $"The patience must be 0 (never stop early) or more epochs, not {Patience}.");
        Require(
            ValidationFraction is >= 0 and <= 0.9,
            $"The validation part must be from 0 to 0.9, not {ValidationFraction}.");
    }

    private static void Require(bool condition, string sentence)
    {
        if (!condition)
            throw new UserException(sentence);
    }
}

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

    /// <summary>What training makes small; null for what suits the data: cross-entropy, or for values mse.</summary>
    public LossKind? Loss { get; init; }

    /// <summary>
    /// Steps after which the gradient is cut and the weights change, while the state goes on to the end of each
    /// sequence:
    /// truncated back-propagation through time; 0 goes through whole sequences.
    /// </summary>
    public int Truncate { get; init; }

    /// <summary>
    /// Steps of a random part that is shown of each longer sequence, another one each epoch; 0 shows all.
    /// </summary>
    public int Crop { get; init; }

    /// <summary>
    /// Whether a sequence begins with the state that another one of its batch ends with, as on a stream without end.
    /// </summary>
    public bool RandomStart { get; init; }

    /// <summary>How inputs are normalised.</summary>
    public NormalisationMode Normalisation { get; init; } = NormalisationMode.Channel;

    /// <summary>
    /// How training sequences are varied in each epoch, after validation data were held out; or null.
    /// </summary>
    public Augmentation? Augment { get; init; }

    /// <summary>
    /// File that holds the run after each epoch, and where it stopped when it was cancelled; null for none.
    /// </summary>
    public string? Checkpoint { get; init; }

    /// <summary>
    /// Whether to go on from <see cref="Checkpoint"/> where that file exists: the weights become those of a run that
    /// was never interrupted, to the bit.
    /// </summary>
    public bool Resume { get; init; }

    /// <summary>The loss for data of this kind.</summary>
    internal LossKind LossFor(OutputKind kind) =>
        Loss ?? (kind == OutputKind.Values ? LossKind.Mse : LossKind.CrossEntropy);

    /// <summary>Refuses a loss that is not for what the data are to give.</summary>
    internal void CheckLoss(SequenceDataset data)
    {
        bool areValues = data.OutputKind == OutputKind.Values;
        Require(
            (LossFor(data.OutputKind) == LossKind.CrossEntropy) != areValues,
            $"{data.Name} has " +
                $"{(areValues ? "values, whose loss is mse or mae" : "classes, whose loss is cross-entropy")}.");
        Require(
            !areValues || (ClassWeights is null && LabelSmoothing == 0),
            $"{data.Name} has values, of which there are no classes; leave class weights and label smoothing out.");
        Require(
            !data.EachStep || Augment is not { } a || (a.Shift == 0 && a.Warp == 0),
            $"{data.Name} has an output for each step, which shift and warp would move away from; leave these out.");
    }

    /// <summary>
    /// Refuses parts and states of sequences that <paramref name="network"/> or the data cannot be trained with.
    /// </summary>
    internal void CheckParts(Network network, SequenceDataset data)
    {
        Require(Truncate >= 0
            && Crop >= 0, $"Parts of sequences have at least 1 step, not {Math.Min(Truncate, Crop)}.");
        Require(Truncate == 0 || Crop == 0, "Sequences are either cropped or truncated; choose one.");
        Require(
            Truncate == 0 || data.EachStep,
            $"{data.Name} has one output a sequence; truncated sequences need one for each step.");
        Require(
            Truncate == 0 || Accumulate == 1,
            "Truncated sequences change the weights at each part; leave accumulation out.");
        Require(
            (Truncate == 0 && !RandomStart) || !network.Layers.Any(layer => layer is Layers.Bidirectional),
            "A bidirectional layer needs whole sequences, so that no state can be carried on; use forward layers.");
    }

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

using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Trainer.Training;

/// <summary>How the learning rate changes during a run.</summary>
public abstract record LearningRateSchedule
{
    /// <summary>Factor of the learning rate.</summary>
    /// <param name="epoch">Epochs done so far, with a fraction.</param>
    /// <param name="epochs">Epochs of the run.</param>
    public abstract float Factor(double epoch, int epochs);

    /// <summary>The schedule of this name: <c>constant</c> or <c>cosine[:warm-up epochs]</c>.</summary>
    /// <exception cref="UserException">There is none of this name.</exception>
    public static LearningRateSchedule Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name == "constant")
            return new ConstantSchedule();
        if (name == "cosine")
            return new CosineSchedule();
        if (name.StartsWith("cosine:", StringComparison.Ordinal)
            && float.TryParse(name.AsSpan(7), System.Globalization.CultureInfo.InvariantCulture, out float warmUp)
            && warmUp is >= 0 and < 1000)
        {
            return new CosineSchedule(warmUp);
        }

        throw new UserException(
            $"'{name}' is not a learning-rate schedule; use constant, cosine, or cosine:1 for a warm-up epoch.");
    }
}

/// <summary>The same rate throughout.</summary>
public sealed record ConstantSchedule : LearningRateSchedule
{
    /// <inheritdoc/>
    public override float Factor(double epoch, int epochs) => 1f;
}

/// <summary>
/// Up in a straight line over the warm-up, then down half a cosine to <paramref name="Floor"/>: Loshchilov and Hutter
/// (2017).
/// </summary>
public sealed record CosineSchedule(float WarmUpEpochs = 0, float Floor = 0.01f) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override float Factor(double epoch, int epochs)
    {
        if (epoch < WarmUpEpochs)
            return (float)Math.Max(Floor, epoch / WarmUpEpochs);
        double progress = Math.Clamp((epoch - WarmUpEpochs) / Math.Max(1e-9, epochs - WarmUpEpochs), 0, 1);
        return (float)(Floor + (1 - Floor) * 0.5 * (1 + Math.Cos(Math.PI * progress)));
    }
}

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

    /// <summary>Refuses what cannot be trained with.</summary>
    internal void Check()
    {
        Require(Epochs >= 1, $"The number of epochs must be at least 1, not {Epochs}.");
        Require(BatchSize >= 1, $"The batch must hold at least 1 sequence, not {BatchSize}.");
        Require(Threads is >= 1 and <= 256, $"The number of threads must be from 1 to 256, not {Threads}.");
        Require(LearningRate is null or (> 0 and < 1000), $"The learning rate must be positive, not {LearningRate}.");
        Require(ClipNorm >= 0, $"The clipping norm must be 0 (none) or positive, not {ClipNorm}.");
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

using System.Globalization;

namespace EdgeRnn.Trainer.Training;

/// <summary>How the learning rate changes during a run.</summary>
public abstract record LearningRateSchedule
{
    /// <summary>The schedule in the words of <see cref="Parse"/>.</summary>
    public abstract string Name { get; }

    /// <summary>Factor of the learning rate.</summary>
    /// <param name="epoch">Epochs done so far, with a fraction.</param>
    /// <param name="epochs">Epochs of the run.</param>
    /// <param name="losses">Of each epoch done, on the validation data or else in training.</param>
    public abstract float Factor(double epoch, int epochs, IReadOnlyList<double> losses);

    /// <summary>
    /// The schedule of this name: <c>constant</c>, <c>step:EPOCHS[:FACTOR]</c>, <c>cosine[:WARM-UP EPOCHS]</c> or
    /// <c>plateau[:PATIENCE[:FACTOR]]</c>.
    /// </summary>
    /// <exception cref="UserException">There is none of this name.</exception>
    public static LearningRateSchedule Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        string[] parts = name.Split(':');
        var numbers = new float[parts.Length - 1];
        bool isRead = true;
        for (int i = 0; i < numbers.Length; i++)
        {
            isRead &= float.TryParse(parts[i + 1], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i])
                && numbers[i] is >= 0 and < 1_000_000;
        }

        return (isRead ? parts[0] : "", numbers) switch
        {
            ("constant", []) => new ConstantSchedule(),
            ("step", [>= 1 and var every]) when IsWhole(every) => new StepSchedule((int)every),
            ("step", [>= 1 and var every, > 0 and < 1 and var drop]) when IsWhole(every) =>
                new StepSchedule((int)every, drop),
            ("cosine", []) => new CosineSchedule(),
            ("cosine", [var warmUp]) => new CosineSchedule(warmUp),
            ("plateau", []) => new PlateauSchedule(),
            ("plateau", [var patience]) when IsWhole(patience) => new PlateauSchedule((int)patience),
            ("plateau", [var patience, > 0 and < 1 and var drop]) when IsWhole(patience) =>
                new PlateauSchedule((int)patience, drop),
            _ => throw new UserException(
                $"'{name}' is not a learning-rate schedule; use constant, step:10:0.5, cosine, cosine:1 for a " +
                    $"warm-up " +
                "epoch, or plateau:5:0.5."),
        };
    }

    private static bool IsWhole(float number) => MathF.Floor(number) == number;
}

/// <summary>The same rate throughout.</summary>
public sealed record ConstantSchedule : LearningRateSchedule
{
    /// <inheritdoc/>
    public override string Name => "constant";

    /// <inheritdoc/>
    public override float Factor(double epoch, int epochs, IReadOnlyList<double> losses) => 1f;
}

/// <summary>Times <paramref name="Drop"/> after every <paramref name="Every"/> epochs.</summary>
public sealed record StepSchedule(int Every, float Drop = 0.1f) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override string Name => FormattableString.Invariant($"step:{Every}:{Drop}");

    /// <inheritdoc/>
    public override float Factor(double epoch, int epochs, IReadOnlyList<double> losses) =>
        (float)Math.Pow(Drop, Math.Floor(epoch / Every));
}

/// <summary>
/// Up in a straight line over the warm-up, then down half a cosine to <paramref name="Floor"/>: Loshchilov and Hutter
/// (2017).
/// </summary>
public sealed record CosineSchedule(float WarmUpEpochs = 0, float Floor = 0.01f) : LearningRateSchedule
{
    /// <inheritdoc/>
    public override string Name =>
        WarmUpEpochs > 0 ? FormattableString.Invariant($"cosine:{WarmUpEpochs}") : "cosine";

    /// <inheritdoc/>
    public override float Factor(double epoch, int epochs, IReadOnlyList<double> losses)
    {
        if (epoch < WarmUpEpochs)
            return (float)Math.Max(Floor, epoch / WarmUpEpochs);
        double progress = Math.Clamp((epoch - WarmUpEpochs) / Math.Max(1e-9, epochs - WarmUpEpochs), 0, 1);
        return (float)(Floor + (1 - Floor) * 0.5 * (1 + Math.Cos(Math.PI * progress)));
    }
}

/// <summary>
/// Times <paramref name="Drop"/> whenever the loss has not fallen by one part in 10,000 below its lowest for more than
/// <paramref name="Patience"/> epochs, as PyTorch's ReduceLROnPlateau does.
/// </summary>
public sealed record PlateauSchedule(int Patience = 5, float Drop = 0.5f) : LearningRateSchedule
{
    private const double LeastImprovement = 1e-4;

    /// <inheritdoc/>
    public override string Name => FormattableString.Invariant($"plateau:{Patience}:{Drop}");

    /// <inheritdoc/>
    public override float Factor(double epoch, int epochs, IReadOnlyList<double> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        double lowest = double.PositiveInfinity;
        int since = 0, drops = 0;
        foreach (double loss in losses)
        {
            if (loss < lowest * (1 - LeastImprovement))
                (lowest, since) = (loss, 0);
            else if (++since > Patience)
                (since, drops) = (0, drops + 1);
        }

        return (float)Math.Pow(Drop, drops);
    }
}

using System.Globalization;
using System.Text;

namespace EdgeRnn.Trainer.Training;

/// <summary>Why training stopped.</summary>
public enum StopReason
{
    /// <summary>All epochs are done.</summary>
    Finished,

    /// <summary>The validation set saw no better epoch for as long as the patience lasts.</summary>
    NoImprovement,

    /// <summary>The caller asked for it.</summary>
    Cancelled,

    /// <summary>The loss or its gradient became infinite or NaN.</summary>
    NotFinite,
}

/// <summary>One epoch: training figures as they were while the weights changed, dropout included.</summary>
/// <param name="Epoch">From 1.</param>
/// <param name="Loss">Mean cross-entropy on the training data.</param>
/// <param name="Accuracy">0 to 1.</param>
/// <param name="ValidationLoss">On the validation data, by the device's own step; null without such data.</param>
/// <param name="ValidationAccuracy">0 to 1; null without validation data, and for values.</param>
/// <param name="Seconds">Time of training and validation.</param>
/// <param name="SamplesPerSecond">Sequences a second, training alone.</param>
public sealed record EpochResult(
    int Epoch, double Loss, double Accuracy, double? ValidationLoss, double? ValidationAccuracy, double Seconds,
    double SamplesPerSecond)
{
    /// <summary>The learning rate of the epoch's last batch.</summary>
    public float LearningRate { get; init; }
}

/// <summary>What happens during training; given after each batch and after each epoch.</summary>
/// <param name="Epoch">From 1.</param>
/// <param name="Epochs">Epochs of the run.</param>
/// <param name="Batch">Batches of this epoch that are done.</param>
/// <param name="Batches">Batches of an epoch.</param>
/// <param name="Loss">Mean loss of this epoch so far.</param>
/// <param name="Accuracy">Accuracy of this epoch so far.</param>
/// <param name="SamplesPerSecond">Sequences a second in this epoch.</param>
/// <param name="Remaining">Expected time to the end of the run.</param>
/// <param name="Completed">The epoch's result, when it has just ended.</param>
public sealed record TrainingProgress(
    int Epoch, int Epochs, int Batch, int Batches, double Loss, double Accuracy, double SamplesPerSecond,
    TimeSpan Remaining, EpochResult? Completed);

/// <summary>The course of a training run.</summary>
/// <param name="Epochs">The epochs that were completed.</param>
/// <param name="BestEpoch">The epoch whose weights the network has, from 1; 0 when no epoch was completed.</param>
/// <param name="StopReason">Why it stopped.</param>
/// <param name="Seconds">Time of the whole run.</param>
/// <param name="TrainingSamples">Sequences that were trained on.</param>
/// <param name="ValidationSamples">Sequences that epochs were compared on.</param>
public sealed record History(
    IReadOnlyList<EpochResult> Epochs, int BestEpoch, StopReason StopReason, double Seconds, int TrainingSamples,
    int ValidationSamples)
{
    /// <summary>The epoch that was kept, or null when none was completed.</summary>
    public EpochResult? Best => BestEpoch > 0 ? Epochs[BestEpoch - 1] : null;

    /// <summary>Sequences a second of the median epoch, training alone.</summary>
    public double SamplesPerSecond =>
        Epochs.Count == 0 ? 0 : Epochs.Select(e => e.SamplesPerSecond).Order().ElementAt(Epochs.Count / 2);

    /// <summary>One sentence on how it ended.</summary>
    public string Summary => StopReason switch
    {
        StopReason.Finished => $"Trained {Epochs.Count} epochs; kept epoch {BestEpoch}.",
        StopReason.NoImprovement => $"Stopped after epoch {Epochs.Count} without improvement; kept epoch {BestEpoch}.",
        StopReason.Cancelled when BestEpoch == 0 =>
            "Stopped on request in the first epoch; kept the weights as they were then.",
        StopReason.Cancelled => $"Stopped on request in epoch {Epochs.Count + 1}; kept epoch {BestEpoch}.",
        _ =>
            $"The loss became NaN or infinite in epoch {Epochs.Count + 1}; kept epoch {BestEpoch}. " +
            "A lower learning rate helps.",
    };

    /// <summary>Writes <c>history.csv</c>.</summary>
    public void WriteCsv(string path, bool overwrite = false)
    {
        var text = new StringBuilder();
        text.Append("epoch,loss,accuracy,validation_loss,validation_accuracy,seconds,samples_per_second,"
            + "learning_rate\n");
        foreach (var e in Epochs)
        {
            text.Append(CultureInfo.InvariantCulture, $"{e.Epoch},{e.Loss:0.######},{e.Accuracy:0.######},");
            text.Append(CultureInfo.InvariantCulture, $"{e.ValidationLoss:0.######},{e.ValidationAccuracy:0.######},");
            text.Append(CultureInfo.InvariantCulture, $"{e.Seconds:0.###},{e.SamplesPerSecond:0.#},");
            text.Append(CultureInfo.InvariantCulture, $"{e.LearningRate:R}\n");
        }

        AtomicFile.Write(path, Encoding.UTF8.GetBytes(text.ToString()), overwrite);
    }

    /// <summary>The epochs of a <c>history.csv</c>.</summary>
    /// <exception cref="UserException">It is not there, or not such a table.</exception>
    public static IReadOnlyList<EpochResult> ReadCsv(string path)
    {
        try
        {
            return [.. File.ReadLines(path).Skip(1).Select(line => line.Split(',')).Select(cells => new EpochResult(
                int.Parse(cells[0], CultureInfo.InvariantCulture), Number(cells[1]) ?? 0, Number(cells[2]) ?? 0,
                Number(cells[3]), Number(cells[4]), Number(cells[5]) ?? 0, Number(cells[6]) ?? 0)
            {
                LearningRate = (float)(Number(cells[7]) ?? 0),
            })];
        }
        catch (Exception e) when (e is IOException or FormatException or IndexOutOfRangeException)
        {
            throw new UserException($"'{path}' is not the history of a run: {e.Message.TrimEnd('.')}; name the folder "
                + "that edgernn train wrote.", e);
        }
    }

    private static double? Number(string cell) =>
        cell.Length == 0 ? null : double.Parse(cell, CultureInfo.InvariantCulture);
}

using System.Globalization;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;
using Spectre.Console;

namespace EdgeRnn.Cli;

/// <summary>Shows training: a line an epoch, and below them a bar where somebody watches.</summary>
internal static class TrainingDisplay
{
    private const int BarWidth = 20;

    /// <summary>Trains, and shows it.</summary>
    public static History Fit(
        this Terminal terminal, Network network, SequenceDataset train, TrainingOptions options,
        CancellationToken cancellation)
    {
        bool areValues = train.OutputKind == OutputKind.Values;
        if (!terminal.IsWatched)
            return network.Fit(train, options, new Listener(p => SayEpoch(terminal, p, areValues)), cancellation);
        return terminal.Error.Progress()
            .AutoClear(true)
            .Columns(new ProgressBarColumn { Width = BarWidth }, new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context =>
            {
                var bar = context.AddTask("begins", maxValue: options.Epochs);
                return network.Fit(train, options, new Listener(p => Show(terminal, bar, p, areValues)), cancellation);
            });
    }

    private static void Show(Terminal terminal, ProgressTask bar, TrainingProgress p, bool areValues)
    {
        bar.Value = p.Epoch - 1 + (double)p.Batch / p.Batches;
        bar.Description = string.Create(
            CultureInfo.InvariantCulture,
            $"epoch {p.Epoch}/{p.Epochs}  loss {p.Loss:0.0000}  {(areValues ? "" : $"{100 * p.Accuracy:0.0} %  ")}"
            + $"{p.SamplesPerSecond:N0}/s  {Figures.Time(p.Remaining)}");
        // Written through the console, so that it lands above the bar.
        if (p.Completed is not null)
            terminal.Error.WriteLine(Line(p, areValues));
    }

    private static void SayEpoch(Terminal terminal, TrainingProgress p, bool areValues)
    {
        if (p.Completed is not null)
            terminal.Say(Line(p, areValues));
    }

    private static string Line(TrainingProgress p, bool areValues)
    {
        int width = p.Epochs.ToString(CultureInfo.InvariantCulture).Length;
        string epoch = p.Epoch.ToString(CultureInfo.InvariantCulture).PadLeft(width);
        string accuracies = areValues
            ? p.Completed?.ValidationLoss is { } loss
                ? string.Create(CultureInfo.InvariantCulture, $"  validation {loss:0.0000}")
                : ""
            : string.Create(CultureInfo.InvariantCulture, $"  accuracy {100 * p.Accuracy:0.0} %")
                + (p.Completed?.ValidationAccuracy is { } accuracy
                    ? string.Create(CultureInfo.InvariantCulture, $"  validation {100 * accuracy:0.0} %")
                    : "");
        return string.Create(
            CultureInfo.InvariantCulture,
            $"epoch {epoch}/{p.Epochs}  loss {p.Loss:0.0000}{accuracies}  "
            + $"{p.SamplesPerSecond:N0}/s  {Figures.Time(p.Remaining)} left");
    }

    /// <summary>Told on the thread that trains, unlike <see cref="Progress{T}"/>: lines come in order.</summary>
    private sealed class Listener(Action<TrainingProgress> listen) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => listen(value);
    }
}

using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Trainer.Report;

/// <summary>The charts of the pages.</summary>
internal static class Charts
{
    /// <summary>Channels that are drawn as lines; more become a picture.</summary>
    public const int MostLines = (int)Ink.SeriesCount;

    private const int Width = 360, Height = 230;
    private const int MostPoints = 240;
    private const int MostCells = 6000;

    /// <summary>One curve a run: training, and validation where there is any.</summary>
    public static Html Curve(
        IReadOnlyList<History> histories, string title, Func<EpochResult, double> train,
        Func<EpochResult, double?>? validation, string description)
    {
        var epochs = histories.SelectMany(h => h.Epochs).ToList();
        double[] values = [.. epochs.Select(train)];
        if (validation is not null)
            values = [.. values, .. epochs.Select(validation).OfType<double>()];
        values = [.. values.Where(double.IsFinite)];
        int last = histories.Max(h => h.Epochs.Count);
        var x = Axis.Over(1, Math.Max(2, last), "epoch", widen: false, whole: true);
        var chart = new Chart(
            Width, Height, x, Axis.Over(values.DefaultIfEmpty(0).Min(), values.DefaultIfEmpty(1).Max(), title));
        float width = histories.Count == 1 ? 2f : 1.25f;
        foreach (var history in histories)
        {
            double[] numbers = [.. history.Epochs.Select(e => (double)e.Epoch)];
            Draw(chart, numbers, [.. history.Epochs.Select(train)], Ink.Series, width);
            if (validation is not null && history.Epochs.Any(e => validation(e) is not null))
                Draw(chart, numbers, [.. history.Epochs.Select(e => validation(e) ?? double.NaN)], Ink.Series + 1,
                    width);
            // The epoch that was kept.
            if (histories.Count == 1 && history.Best is { } best && (validation?.Invoke(best) ?? train(best)) is var y)
                chart.Dots([best.Epoch], [y], validation?.Invoke(best) is null ? Ink.Series : Ink.Series + 1, 9);
        }

        return chart.ToSvg(description);
    }

    /// <summary>
    /// A confusion matrix too large for a table: a square a cell, darker the larger its part of its row.
    /// </summary>
    public static Html Confusion(IReadOnlyList<string> labels, int[,] confusion, string description)
    {
        int classes = labels.Count;
        var cells =
            from row in Enumerable.Range(0, classes)
            from column in Enumerable.Range(0, classes)
            where confusion[row, column] > 0
            orderby confusion[row, column] descending
            select (Row: row, Column: column, Count: confusion[row, column]);
        var chart = new Chart(720, 720, -0.02 * classes, classes * 1.02, classes * 1.02, -0.02 * classes);
        chart.Rectangle(0, classes, 0, classes, Ink.Grid, 0.35);
        int[] support = [.. Metrics.PerClass(confusion).Select(m => m.Support)];
        foreach (var cell in cells.Take(MostCells))
        {
            double part = (double)cell.Count / support[cell.Row];
            var ink = cell.Row == cell.Column ? Ink.Good : Ink.Bad;
            chart.Rectangle(
                cell.Column + 0.04, cell.Column + 0.96, cell.Row + 0.04, cell.Row + 0.96, ink,
                    0.2 + 0.8 * Math.Sqrt(part));
        }

        return chart.ToSvg(description);
    }

    /// <summary>A sequence: lines for a few channels, in deviations from the mean; a picture for many.</summary>
    public static Html Signal(Sequence sequence, RnnModel model, bool stepsAreRows, string description)
    {
        int channels = model.InputSize;
        if (PictureOf(sequence, channels, stepsAreRows) is { } picture)
        {
            double height = 200, width = stepsAreRows
                ? height * picture.GetLength(1) / picture.GetLength(0)
                : Width;
            return new Chart((int)Math.Clamp(width, 40, Width), (int)height, 0, 1, 0, 1).Picture(picture).ToSvg(
                description);
        }

        var lines = new List<(double[] X, double[] Y)>();
        for (int c = 0; c < channels; c++)
            lines.Add(Thinned(sequence, channels, c, model.Mean.Floats[c], model.Deviation.Floats[c]));
        double low = lines.Min(line => line.Y.Min()), high = lines.Max(line => line.Y.Max());
        var chart = new Chart(
            Width, 200, Axis.Over(0, Math.Max(1, sequence.Steps - 1), "", widen: false, whole: true),
            Axis.Over(low, high, "", ticks: 4));
        for (int c = 0; c < channels; c++)
            Draw(chart, lines[c].X, lines[c].Y, Ink.Series + c, 1.5f);
        return chart.ToSvg(description);
    }

    /// <summary>Predictions against what is true, with the line where both are equal.</summary>
    public static Html Agreement(double[] truth, double[] predicted, string description)
    {
        double low = truth.Concat(predicted).Where(double.IsFinite).DefaultIfEmpty(0).Min();
        double high = truth.Concat(predicted).Where(double.IsFinite).DefaultIfEmpty(1).Max();
        var (x, y) = (Axis.Over(low, high, "true"), Axis.Over(low, high, "predicted"));
        var chart = new Chart(Width, Width, x, y).Line([x.Low, x.High], [x.Low, x.High], Ink.Muted, 1);
        return chart.Dots(truth, predicted, Ink.Series, 4).ToSvg(description);
    }

    /// <summary>Where values lie, without axes.</summary>
    public static Html Histogram(ValueRange range)
    {
        int bins = range.Histogram.Count;
        double highest = range.Histogram.Max();
        var chart = new Chart(160, 28, 0, bins, -0.04, 1);
        chart.Rectangle(0, bins, -0.04, 0, Ink.Muted);
        for (int k = 0; k < bins; k++)
        {
            if (range.Histogram[k] > 0)
                chart.Rectangle(k + 0.08, k + 0.92, 0, Math.Max(0.04, range.Histogram[k] / highest), Ink.Series);
        }

        return chart.ToSvg(FormattableString.Invariant($"histogram from {range.Low:G3} to {range.High:G3}"));
    }

    private static void Draw(Chart chart, double[] x, double[] y, Ink ink, float width)
    {
        // A line needs two points; one epoch or one step is a dot.
        if (x.Length == 1)
            chart.Dots(x, y, ink);
        else
            chart.Line(x, y, ink, width);
    }

    /// <summary>Rows of a picture from 0 to 1, or null for what is better drawn as lines.</summary>
    private static double[,]? PictureOf(Sequence sequence, int channels, bool stepsAreRows)
    {
        int side = (int)Math.Sqrt(sequence.Steps);
        bool isPixels = stepsAreRows && channels == 1 && side * side == sequence.Steps && side > 1;
        if (channels <= MostLines && !isPixels)
            return null;
        int columns = isPixels ? side : channels, rows = sequence.Steps * channels / columns;
        int every = Math.Max(1, (rows + MostPoints - 1) / MostPoints);
        var values = sequence.Values.Span;
        float low = float.PositiveInfinity, high = float.NegativeInfinity;
        foreach (float value in values)
            (low, high) = (Math.Min(low, value), Math.Max(high, value));
        float scale = high > low ? 1 / (high - low) : 0;
        int shown = rows / every;
        var picture = stepsAreRows ? new double[shown, columns] : new double[columns, shown];
        for (int row = 0; row < shown; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                double value = (values[row * every * columns + column] - low) * scale;
                if (stepsAreRows)
                    picture[row, column] = value;
                else
                    picture[column, row] = value;
            }
        }

        return picture;
    }

    /// <summary>
    /// A channel in deviations from its mean; of long ones the extremes of each stretch, so that no peak is lost.
    /// </summary>
    private static (double[] X, double[] Y) Thinned(
        Sequence sequence, int channels, int channel, float mean, float deviation)
    {
        var values = sequence.Values.Span;
        int stretch = Math.Max(1, 2 * sequence.Steps / MostPoints);
        var x = new List<double>();
        var y = new List<double>();
        for (int begin = 0; begin < sequence.Steps; begin += stretch)
        {
            int end = Math.Min(begin + stretch, sequence.Steps), least = begin, most = begin;
            for (int t = begin + 1; t < end; t++)
            {
                least = values[t * channels + channel] < values[least * channels + channel] ? t : least;
                most = values[t * channels + channel] > values[most * channels + channel] ? t : most;
            }

            foreach (int t in least == most ? [least] : new[] { Math.Min(least, most), Math.Max(least, most) })
            {
                x.Add(t);
                y.Add((values[t * channels + channel] - mean) / deviation);
            }
        }

        return ([.. x], [.. y]);
    }
}

namespace EdgeRnn.Trainer.Report;

/// <summary>The result of a sweep as one self-contained HTML document, and its picture alone.</summary>
public static class SweepPage
{
    private const int Width = 460, Height = 340;

    /// <summary>The document.</summary>
    public static string Write(SweepReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var measure = report.Measure;
        var done = report.Rows.Where(r => r.Scores.Count > 0).ToList();
        var failures = report.Rows.SelectMany(r => r.Failures.Select(f => $"{r.Name}: {f}")).ToList();
        var failed = failures.Count == 0
            ? Html.Empty
            : Page.Section(
                "failures", "Failed runs", Html.Of($"<ul>{Html.Join(failures, f => Html.Of($"<li>{f}</li>"))}</ul>"));
        var body = Html.Of($"""
            <header>
            <p class="eyebrow">EdgeRnn · sweep</p>
            <h1>{report.Data}</h1>
            <code>{report.Rows.Count} choices, {report.Seeds} seeds each; {measure.Name} by {report.ChosenBy}</code>
            {(done.Count > 0 ? KeyFigures(done, measure) : Html.Empty)}</header>
            <main>
            {(done.Count > 0 ? Page.Section("pareto", measure.Heading, Pictures(done, measure)) : Html.Empty)}
            {Page.Section("choices", "Choices", Table(report))}
            {failed}{Page.Section("options", "Options of all runs", Options(report))}</main>
            <footer>Written by edgernn {report.ToolVersion}. Times are of the machine that the runs were made on. No test data was looked at.</footer>
            """);
        return Page.Document($"Sweep · {report.Data}", body);
    }

    /// <summary>Both pictures side by side as a file of its own.</summary>
    public static string Picture(SweepReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var done = report.Rows.Where(r => r.Scores.Count > 0).ToList();
        var (bytes, time) = (BySize(done, report.Measure), ByTime(done, report.Measure));
        return Html.Of($"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * Width + 60} {Height + 40}" role="img" aria-label="{report.Measure.Name} against size and time">
            <style>
            {new Html(Page.Style)}
            </style>
            <rect width="100%" height="100%" style="fill: var(--paper)"/>
            <svg x="20" y="20" width="{Width}" height="{Height}">{bytes}</svg>
            <svg x="{Width + 40}" y="20" width="{Width}" height="{Height}">{time}</svg>
            </svg>

            """).Markup;
    }

    private static Html KeyFigures(List<SweepRow> done, SweepMeasure measure)
    {
        var best = done[0];
        var smallest = done.Where(r => r.IsOptimal).MinBy(r => r.Int8Bytes ?? long.MaxValue)!;
        return Page.Figures(
            (measure.Best, measure.Text(best.Score.Mean), best.Name),
            ("Its file, int8", Bytes(best),
                $"a step: {Shown.Microseconds(best.Microseconds)}"),
            ("Smallest worth having", Bytes(smallest), smallest.Name),
            ($"Its {measure.Name}", measure.Text(smallest.Score.Mean),
                $"a step: {Shown.Microseconds(smallest.Microseconds)}"));
    }

    private static string Bytes(SweepRow row) => row.Int8Bytes is { } bytes ? $"{Shown.Count(bytes)}\u00A0B" : "none";

    private static Html Pictures(List<SweepRow> done, SweepMeasure measure) => Html.Of($"""
        <p>Each dot is a choice, with its number in the table; the line spans the deviation over seeds. Coloured ones are worth having: no other is as good, as small and as fast, and better in one of these. {measure.Note}</p>
        {Page.Legend([(Ink.Series, "Pareto-optimal"), (Ink.Muted, "another is better")], "square")}<div class="charts pair">
        {Page.Figure(BySize(done, measure), Html.Of($"By size of the int8 model"))}{Page.Figure(ByTime(done, measure), Html.Of($"By time of a step"))}</div>
        """);

    private static Html BySize(List<SweepRow> rows, SweepMeasure measure) =>
        Scatter(rows, measure, row => row.Int8Bytes, "bytes, int8");

    private static Html ByTime(List<SweepRow> rows, SweepMeasure measure) =>
        Scatter(rows, measure, row => row.Microseconds, "µs a step");

    private static Html Scatter(
        List<SweepRow> rows, SweepMeasure measure, Func<SweepRow, double?> cost, string title)
    {
        var points = rows.Index().Where(r => cost(r.Item) is not null)
            .Select(r => (Number: r.Index + 1, Row: r.Item, X: cost(r.Item)!.Value,
                Y: measure.Shown(r.Item.Score.Mean), Spread: measure.Shown(r.Item.Score.Deviation))).ToList();
        if (points.Count == 0)
            return Html.Of($"<p class=\"note\">No choice has these figures.</p>");
        var x = Axis.Over(0, points.Max(p => p.X), title);
        // Neither an error below 0 nor an accuracy above 100 %, whatever the spread.
        double low = points.Min(p => p.Y - p.Spread), high = points.Max(p => p.Y + p.Spread);
        var y = measure.IsError
            ? Axis.Over(Math.Max(0, low), high, measure.Title)
            : Axis.Over(low, Math.Min(100, high), measure.Title);
        var chart = new Chart(Width, Height, x, y);
        foreach (var p in points.OrderBy(p => p.Row.IsOptimal))
        {
            var ink = p.Row.IsOptimal ? Ink.Series : Ink.Muted;
            if (p.Spread > 0)
                chart.Line([p.X, p.X], [Math.Max(y.Low, p.Y - p.Spread), Math.Min(y.High, p.Y + p.Spread)], ink, 1.25f);
            chart.Dots([p.X], [p.Y], ink, p.Row.IsOptimal ? 9 : 6);
            chart.Label(p.X, p.Y, $"{p.Number}");
        }

        return chart.ToSvg($"{measure.Title} against {title}; the figures are in the table of choices");
    }

    private static Html Table(SweepReport report)
    {
        string[] options = [.. report.Rows[0].Options.Select(o => o.Name)];
        var table = new HtmlTable(
            "Mean over seeds ± sample deviation; the best first",
            ["choice", .. options.Select(o => "~" + o), $"{report.Measure.Title}, int8",
                $"{report.Measure.Title}, float32", "seeds done", "int8 bytes", "µs a step", "~Pareto"]);
        foreach (var (i, row) in report.Rows.Index())
        {
            bool isDone = row.Scores.Count > 0;
            Html[] cells =
            [
                Html.Of($"{i + 1}"), .. row.Options.Select(o => Html.Of($"{o.Value}")),
                Html.Of($"{report.Measure.Spread(row.Int8Scores)}"),
                Html.Of($"{report.Measure.Spread(row.FloatScores)}"),
                Html.Of($"{row.FloatScores.Count} of {report.Seeds}"), Html.Of($"{Shown.Count(row.Int8Bytes)}"),
                Html.Of($"{(row.Microseconds is { } us ? us.ToString("0.00", System.Globalization.CultureInfo.InvariantCulture) : "–")}"),
                Html.Of($"{(isDone && row.IsOptimal ? "optimal" : "")}"),
            ];
            _ = row.IsOptimal ? table.BestRow(cells) : table.Row(cells);
        }

        return table.ToHtml();
    }

    private static Html Options(SweepReport report)
    {
        var table = new HtmlTable("The same in all runs; what is not here has its default", "option", "~value");
        foreach (var (name, value) in report.Fixed)
            table.Row(Html.Of($"{name}"), Html.Of($"<span class=\"mono\">{value}</span>"));
        return table.ToHtml("");
    }
}

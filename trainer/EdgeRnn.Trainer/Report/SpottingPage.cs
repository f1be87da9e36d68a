using EdgeRnn.Trainer.Spotting;

namespace EdgeRnn.Trainer.Report;

/// <summary>How well words are spotted in long recordings, as one self-contained HTML document.</summary>
public static class SpottingPage
{
    private const int Width = 560, Height = 360;
    private const int MostRows = 40;

    /// <summary>The document.</summary>
    public static string Write(SpottingReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var result = report.Result;
        var body = Html.Of($"""
            <header>
            <p class="eyebrow">EdgeRnn · keyword spotting</p>
            <h1>{report.ModelName}</h1>
            <code>{report.Data}</code>
            {KeyFigures(report)}</header>
            <main>
            {Page.Section("trade-off", "Misses against false accepts", TradeOff(report))}
            {Page.Section("keywords", "Keywords", Keywords(result))}
            {Page.Section("thresholds", "Thresholds", Thresholds(report))}
            {Page.Section("false-accepts", "False accepts", FalseAccepts(report))}</main>
            <footer>Written by edgernn {report.ToolVersion}. Rules: {report.Rules.ToText(report.Labels)}. A report hits a word of its label from the begin of the word to {report.Tolerance:0.##} s after its end, once; any other is a false accept.</footer>
            """);
        return Page.Document($"Keyword spotting · {report.ModelName}", body);
    }

    private static Html KeyFigures(SpottingReport report)
    {
        var result = report.Result;
        return Page.Figures(
            ("Missed", Shown.Percent(result.MissRate), $"{Shown.Count(result.Missed)} of {Shown.Count(result.Words)} keywords"),
            ("False accepts an hour", Shown.Short(result.FalseAcceptsPerHour),
                FormattableString.Invariant($"{result.FalseAccepts} in {result.Hours:0.##} h")),
            ("Delay, median", Ms(result.DelayMs(0.5)), "from the end of the word"),
            ("Delay, 95 % of hits", Ms(result.DelayMs(0.95)), "from the end of the word"));
    }

    private static Html TradeOff(SpottingReport report)
    {
        var inks = report.Result.Keywords.Take(Charts.MostLines - 1).Select((k, i) => (Ink.Series + 1 + i, k.Label));
        return Html.Of($"""
            <p>Each point of a line is a threshold, the same for all keywords, with the other rules as they are: a higher one lies further down to the left in false accepts, and higher in misses. The large dot is what the model's own rules give.</p>
            {Page.Legend([(Ink.Series, "all keywords"), .. inks])}<div class="large">
            {Page.Figure(Picture(report), Html.Of($"Missed words against false accepts an hour, which are drawn by their logarithm"))}</div>
            """);
    }

    private static Html Picture(SpottingReport report)
    {
        // A single false accept in all recordings is the least that there is; none is drawn half as far.
        double least = 0.5 / report.Result.Hours;
        double most = Math.Max(10 * least, report.TradeOff.Max(p => p.Result.FalseAcceptsPerHour));
        double low = Math.Log10(least), high = Math.Log10(most);
        List<(double, string)> ticks = [(low, "none")];
        for (int power = (int)Math.Ceiling(low + 0.15); power <= high; power++)
            ticks.Add((power, FormattableString.Invariant($"{Math.Pow(10, power):0.###}")));
        var x = new Axis(low, high + 0.02 * (high - low), "false accepts an hour", ticks);
        var chart = new Chart(Width, Height, x, Axis.Over(0, 100, "missed, %"));
        var keywords = report.Result.Keywords;
        for (int k = Math.Min(keywords.Count, Charts.MostLines - 1) - 1; k >= 0; k--)
        {
            Draw(Ink.Series + 1 + k, 1.25f, p => p.Result.Keywords[k].FalseAccepts / p.Result.Hours,
                p => p.Result.Keywords[k].MissRate);
        }

        Draw(Ink.Series, 2.25f, p => p.Result.FalseAcceptsPerHour, p => p.Result.MissRate);
        chart.Dots([X(report.Result.FalseAcceptsPerHour)], [100 * report.Result.MissRate], Ink.Series, 11);
        return chart.ToSvg("Misses in percent against false accepts an hour; the figures are in the table of thresholds");

        double X(double rate) => Math.Clamp(Math.Log10(Math.Max(rate, least)), low, x.High);

        void Draw(Ink ink, float width, Func<TradeOffPoint, double> rate, Func<TradeOffPoint, double> missed) => chart.Line(
            [.. report.TradeOff.Select(p => X(rate(p)))], [.. report.TradeOff.Select(p => 100 * missed(p))], ink, width);
    }

    private static Html Keywords(SpottingResult result)
    {
        var table = new HtmlTable(
            "By the model's own rules", "keyword", "said", "missed", "miss rate", "false accepts", "an hour");
        foreach (var k in result.Keywords)
            table.Row(Html.Of($"{k.Label}"), Html.Of($"{Shown.Count(k.Words)}"), Html.Of($"{Shown.Count(k.Missed)}"),
                Html.Of($"{Shown.Percent(k.MissRate)}"), Html.Of($"{Shown.Count(k.FalseAccepts)}"),
                Html.Of($"{Shown.Short(k.FalseAccepts / result.Hours)}"));
        return table.ToHtml();
    }

    private static Html Thresholds(SpottingReport report)
    {
        var table = new HtmlTable("One threshold for all keywords, the other rules as they are", "threshold",
            "miss rate", "false accepts an hour", "delay, median");
        foreach (var p in report.TradeOff.Where((_, i) => i % 2 == 0))
            table.Row(Html.Of($"{p.Threshold:0.####}"), Html.Of($"{Shown.Percent(p.Result.MissRate)}"),
                Html.Of($"{Shown.Short(p.Result.FalseAcceptsPerHour)}"), Html.Of($"{Ms(p.Result.DelayMs(0.5))}"));
        return table.ToHtml();
    }

    private static Html FalseAccepts(SpottingReport report)
    {
        var all = report.Result.Reports.Where(r => r.Delay is null).ToList();
        if (all.Count == 0)
            return Html.Of($"<p class=\"note\">There are none.</p>");
        var table = new HtmlTable($"The first {Math.Min(MostRows, all.Count)} of {all.Count}, to listen to",
            "keyword", "at, s", "recording", "score");
        foreach (var r in all.Take(MostRows))
            table.Row(Html.Of($"{report.Labels[r.Label]}"), Html.Of($"{r.Seconds:0.00}"), Html.Of($"{r.Recording + 1}"),
                Html.Of($"{r.Score:0.000}"));
        return table.ToHtml();
    }

    private static string Ms(double? ms) => ms is { } value ? FormattableString.Invariant($"{value:0}\u00A0ms") : "–";
}

using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Trainer.Report;

/// <summary>The report's part about the data: what there is of it, and what tells it from other data.</summary>
internal static class DataPart
{
    private const int RowsShown = 24;

    /// <summary>Parts, classes and channels.</summary>
    public static Html Write(RunReport report)
    {
        var train = report.Train;
        var parts = Parts(report);
        var table = new HtmlTable(
            "Parts", "part", "sequences", "shortest, steps", "longest, steps", "~SHA-256 of its readings and labels");
        foreach (var (name, data) in parts)
        {
            table.Row(
                Html.Of($"{name}"), Html.Of($"{Shown.Count(data.Count)}"),
                Html.Of($"{Shown.Count(data.Sequences.Min(s => s.Steps))}"), Html.Of($"{Shown.Count(data.MaxSteps)}"),
                Html.Of($"<span class=\"mono\">{data.Digest()[..16]}</span>"));
        }

        string rate = train.SampleRateHz > 0
            ? FormattableString.Invariant($", {train.SampleRateHz:0.###} steps a second")
            : "";
        var warnings = parts.SelectMany(p => p.Data.Warnings).Distinct().ToList();
        var notes = warnings.Count == 0
            ? Html.Empty
            : Html.Of($"<h3>Notes</h3><ul class=\"note\">{Html.Join(warnings, w => Html.Of($"<li>{w}</li>"))}</ul>\n");
        return Html.Of($"""
            <p>{train.Name}: {Shown.Count(train.Labels.Count)} {(report.AreValues ? "values" : "classes")}, {Shown.Count(train.Channels.Count)} channels{rate}.</p>
            {table.ToHtml("")}{notes}{(report.AreValues ? Html.Empty : Classes(report, parts))}{Channels(report, train)}
            """);
    }

    private static List<(string Name, SequenceDataset Data)> Parts(RunReport report) =>
    [
        .. report.Examinations.Any(e => e.Part == "training")
            ? []
            : new[] { (report.Folds.Count > 0 ? "all" : "training", report.Train) },
        .. report.Folds.Count > 0
            ? []
            : report.Examinations.Select(e => (e.Part, e.Part == "training" ? report.Train : e.Data)),
    ];

    private static Html Classes(RunReport report, List<(string Name, SequenceDataset Data)> parts)
    {
        var counts = parts.Select(p => p.Data.ClassCounts()).ToList();
        var table = new HtmlTable("Sequences of each class", ["class", .. parts.Select(p => p.Name)]);
        foreach (var (i, label) in report.Train.Labels.Index())
            table.Row([Html.Of($"{label}"), .. counts.Select(c => Html.Of($"{Shown.Count(c[i])}"))]);
        return Folded("Sequences of each class", report.Train.Labels.Count, table);
    }

    private static Html Channels(RunReport report, SequenceDataset train)
    {
        var model = report.Summary.Model;
        int channels = train.Channels.Count;
        var low = Enumerable.Repeat(float.PositiveInfinity, channels).ToArray();
        var high = Enumerable.Repeat(float.NegativeInfinity, channels).ToArray();
        foreach (var sequence in train.Sequences)
        {
            var values = sequence.Values.Span;
            for (int i = 0, c = 0; i < values.Length; i++, c = c + 1 == channels ? 0 : c + 1)
                (low[c], high[c]) = (MathF.Min(low[c], values[i]), MathF.Max(high[c], values[i]));
        }

        var table = new HtmlTable(
            "Channels in the sensor's units, and what the model normalises them by", "channel", "smallest", "largest",
                "mean", "deviation");
        for (int c = 0; c < channels; c++)
        {
            table.Row(
                Html.Of($"{train.Channels[c]}"), Html.Of($"{Shown.Short(low[c])}"), Html.Of($"{Shown.Short(high[c])}"),
                Html.Of($"{Shown.Short(model.Mean.Floats[c])}"), Html.Of($"{Shown.Short(model.Deviation.Floats[c])}"));
        }

        return Folded("Channels", channels, table);
    }

    private static Html Folded(string title, int rows, HtmlTable table) =>
        rows > RowsShown ? Page.Details($"{title} ({rows})", table.ToHtml("")) : table.ToHtml("");
}

namespace EdgeRnn.Trainer.Report;

/// <summary>The report's parts about the model: what it holds, what it costs, and which values live in it.</summary>
internal static class ModelPart
{
    /// <summary>Layers, bytes and times.</summary>
    public static Html Write(RunReport report)
    {
        var summary = report.Summary;
        var table = new HtmlTable(
            "Layers, from input to head", "layer", "reads", "gives", "parameters", "float32 bytes", "int8 bytes",
                "multiply-adds a step");
        foreach (var (i, layer) in summary.Layers.Index())
        {
            table.Row(
                Html.Of($"{i + 1} {layer.Kind}"), Html.Of($"{Shown.Count(layer.Inputs)}"),
                    Html.Of($"{Shown.Count(layer.Outputs)}"),
                Html.Of($"{Shown.Count(layer.Parameters)}"), Html.Of($"{Shown.Count(layer.FloatBytes)}"),
                Html.Of($"{Shown.Count(layer.Int8Bytes)}"), Html.Of($"{Shown.Count(layer.MultiplyAdds)}"));
        }

        table.Foot(
            Html.Of($"together"), Html.Empty, Html.Empty, Html.Of($"{Shown.Count(summary.Parameters)}"),
            Html.Of($"{Shown.Count(summary.Layers.Sum(l => l.FloatBytes))}"),
            Html.Of($"{Shown.Count(summary.Int8 is null ? null : summary.Layers.Sum(l => l.Int8Bytes))}"),
                Html.Of($"{Shown.Count(summary.MultiplyAdds)}"));
        return Html.Of($"""
            {table.ToHtml()}{Precisions(report)}
            """);
    }

    private static Html Precisions(RunReport report)
    {
        var summary = report.Summary;
        var examinations = report.Examinations;
        string last = report.Folds.Count > 0 ? "; size and time are of the last fold's network" : "";
        var table = new HtmlTable(
            $"As float32 and with int8 weights; steps timed on this machine, kernel {summary.Kernel}{last}",
            ["precision", "file, bytes", "a step", "steps a second",
                .. examinations.Select(e => $"{e.Measure}, {e.Part}")]);
        table.Row([Html.Of($"float32"), .. Cost(summary.FloatBytes, summary.FloatMicroseconds),
            .. examinations.Select(e => Html.Of($"{e.FloatFigure}"))]);
        if (summary.Int8 is null)
            return Html.Of($"{table.ToHtml("")}<p class=\"note\">There is no int8 model: {summary.WhyNoInt8}</p>");
        table.Row([Html.Of($"int8"), .. Cost(summary.Int8Bytes, summary.Int8Microseconds),
            .. examinations.Select(e => Html.Of($"{e.Int8Figure}"))]);
        return table.ToHtml("");
    }

    private static Html[] Cost(long? bytes, double? microseconds) =>
    [
        Html.Of($"{Shown.Count(bytes)}"), Html.Of($"{Shown.Microseconds(microseconds)}"),
        Html.Of($"{Shown.Count((long?)(1e6 / microseconds))}"),
    ];

    /// <summary>Values of weights and signals.</summary>
    public static Html Ranges(RunReport report)
    {
        var model = report.Summary.Model;
        var weights = ValueRange.OfWeights(model);
        var signals = model.IsOffline
            ? Html.Of($"<p class=\"note\">Signals are not shown: the network reads whole sequences.</p>")
            : Table("Signals, after the input's normalisation", report, ValueRange.OfSignals(model, report.Shown.Data));
        return Html.Of($"""
            <p>Which values weights have, and signals on up to 64 sequences of the {report.Shown.Part} data. A histogram that is one spike with far outliers is what int8 finds hard; outputs piled up at −1 and 1 are units that have saturated.</p>
            {Table("Weights", report, weights)}{signals}
            """);
    }

    private static Html Table(string caption, RunReport report, IEnumerable<ValueRange> ranges)
    {
        var table = new HtmlTable(
            caption, "layer", "~values", "smallest", "largest", "mean", "deviation", "~histogram");
        foreach (var r in ranges)
        {
            table.Row(
                Html.Of($"{r.Layer + 1} {report.Summary.Layers[r.Layer].Kind}"), Html.Of($"<code>{r.Name}</code>"),
                Html.Of($"{r.Low:0.000}"), Html.Of($"{r.High:0.000}"), Html.Of($"{r.Mean:0.000}"),
                Html.Of($"{r.Deviation:0.000}"), Charts.Histogram(r));
        }

        return table.ToHtml();
    }
}

using System.Globalization;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Trainer.Report;

/// <summary>The report of a run as one self-contained HTML document.</summary>
public static class ReportPage
{
    private const int LargestTable = 16;
    private const int MistakesShown = 6;
    private const int CommonestShown = 10;
    private const int RowsShown = 24;

    /// <summary>The document.</summary>
    public static string Write(RunReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        bool hasFolds = report.Folds.Count > 0;
        List<(string Id, string Title, Html Content)> sections = [("training", "Training", Training(report))];
        if (hasFolds)
            sections.Add(("folds", "Folds", Folds(report)));
        if (report.AreValues)
        {
            sections.Add(("errors", "Errors", ValuesPart.Write(report)));
        }
        else
        {
            sections.Add(("confusion", "Confusion", Confusion(report)));
            sections.Add(("classes", "Classes", Classes(report)));
        }

        sections.Add(("mistakes", report.AreValues ? "Worst errors" : "Worst mistakes", Mistakes(report)));
        sections.Add(("model", "Model", ModelPart.Write(report)));
        sections.Add(("ranges", "Ranges", ModelPart.Ranges(report)));
        sections.Add(("data", "Data", DataPart.Write(report)));
        sections.Add(("options", "Options", Options(report)));
        var body = Html.Of($"""
            <header>
            <p class="eyebrow">EdgeRnn · {(hasFolds ? "cross-validation" : "training report")}</p>
            <h1>{report.Train.Name}</h1>
            <code>{report.Network}</code>
            {KeyFigures(report)}{Page.Contents(sections.Select(s => (s.Id, s.Title)))}</header>
            <main>
            {Html.Join(sections, s => Page.Section(s.Id, s.Title, s.Content))}</main>
            <footer>Written by edgernn {report.ToolVersion}. Times are of the machine that wrote this page.</footer>
            """);
        return Page.Document($"{report.Train.Name} · {report.Network}", body);
    }

    private static Html KeyFigures(RunReport report)
    {
        var shown = report.Shown;
        var summary = report.Summary;
        double seconds = report.Histories.Sum(h => h.Seconds);
        var median = report.Histories.Where(h => h.Epochs.Count > 0).Select(h => h.SamplesPerSecond).DefaultIfEmpty();
        string name = $"{shown.Measure}, {(report.Folds.Count > 0 ? "held-out folds" : $"{shown.Part} data")}";
        string step = Shown.Microseconds(summary.Int8Microseconds);
        string floatStep = $"float32: {Shown.Microseconds(summary.FloatMicroseconds)}";
        return Page.Figures(
            (name, shown.FloatFigure, report.AreValues ? ValuesPart.Range(shown.Float) : Interval(shown.Float)),
            ($"{shown.Measure}, int8 weights", shown.Int8Figure, summary.Int8 is null
                ? "there is none"
                : "by the board's own arithmetic"),
            ("Model file, int8", summary.Int8Bytes is { } bytes
                ? $"{Shown.Count(bytes)} B"
                : "–", $"float32: {Shown.Count(summary.FloatBytes)} B"),
            ("A step, int8", step, floatStep),
            ("Parameters", Shown.Count(summary.Parameters),
                $"{Shown.Count(summary.MultiplyAdds)} multiply-adds a step"),
            ("Trained in", Shown.Time(seconds), $"{Shown.Count((long)median.Average())} sequences a second"));
    }

    private static string Interval(Evaluation evaluation)
    {
        var (low, high) = Metrics.Interval95(Correct(evaluation), evaluation.Outputs);
        return FormattableString.Invariant($"95 of 100 times within {100 * low:0.0}–{100 * high:0.0} %");
    }

    private static Html Training(RunReport report)
    {
        var histories = report.Histories;
        bool validated = histories.Any(h => h.Epochs.Any(e => e.ValidationLoss is not null));
        string summary = histories.Count == 1
            ? histories[0].Summary
            : $"{histories.Count} networks, one a fold; a line each.";
        if (histories.All(h => h.Epochs.Count == 0))
            return Html.Of($"<p>{summary}</p>");
        List<(Ink, string)> legend = [(Ink.Series, "training, as the weights changed")];
        if (validated)
            legend.Add((Ink.Series + 1, "validation"));
        string dot = histories.Count == 1 ? " The dot is the epoch whose weights were kept." : "";
        var loss = Charts.Curve(
            histories, "loss", e => e.Loss, e => e.ValidationLoss,
            "Loss by epoch" + Ends(histories, e => e.Loss, e => e.ValidationLoss));
        var accuracy = Charts.Curve(
            histories, "accuracy, %", e => 100 * e.Accuracy, e => 100 * e.ValidationAccuracy,
            "Accuracy in percent by epoch" + Ends(histories, e => 100 * e.Accuracy, e => 100 * e.ValidationAccuracy));
        var rate = Charts.Curve(
            histories, "learning rate", e => e.LearningRate, null,
            "Learning rate by epoch" + Ends(histories, e => e.LearningRate, _ => null));
        string ofWhat = report.AreValues ? "error in deviations of each value" : "mean cross-entropy";
        var accuracyFigure = report.AreValues ? Html.Empty : Page.Figure(accuracy, Html.Of($"Accuracy"));
        return Html.Of($"""
            <p>{summary}{dot}</p>
            {Page.Legend(legend)}<div class="charts three">
            {Page.Figure(loss, Html.Of($"Loss: {ofWhat}"))}{accuracyFigure}{Page.Figure(rate, Html.Of($"Learning rate at each epoch's end"))}</div>
            {(histories.Count == 1 ? Epochs(histories[0], validated, report.AreValues) : Html.Empty)}
            """);
    }

    // What a curve says to those who cannot see it.
    private static string Ends(
        IReadOnlyList<History> histories, Func<EpochResult, double> train, Func<EpochResult, double?> validation)
    {
        if (histories.Count > 1 || histories[0].Epochs is not [var first, .., var last])
            return "";
        string text = $"; training from {Shown.Short(train(first))} to {Shown.Short(train(last))}";
        return validation(first) is { } begin && validation(last) is { } end
            ? $"{text}, validation from {Shown.Short(begin)} to {Shown.Short(end)}"
            : text;
    }

    private static Html Epochs(History history, bool validated, bool areValues)
    {
        string[] measures = areValues ? ["loss"] : ["loss", "accuracy"];
        string[] validation = validated ? [.. measures.Select(m => "validation " + m)] : [];
        var table = new HtmlTable(
            "Figures of each epoch", ["epoch", .. measures, .. validation, "learning rate", "seconds"]);
        foreach (var e in history.Epochs)
        {
            List<Html> cells = [Html.Of($"{e.Epoch}"), Html.Of($"{e.Loss:0.0000}")];
            if (!areValues)
                cells.Add(Html.Of($"{Shown.Percent(e.Accuracy)}"));
            if (validated)
                cells.Add(Html.Of($"{e.ValidationLoss ?? double.NaN:0.0000}"));
            if (validated && !areValues)
                cells.Add(Html.Of($"{Shown.Percent(e.ValidationAccuracy)}"));
            cells.AddRange([Html.Of($"{e.LearningRate:0.0e+0}"), Html.Of($"{e.Seconds:0.0}")]);
            _ = e.Epoch == history.BestEpoch ? table.BestRow([.. cells]) : table.Row([.. cells]);
        }

        return Page.Details("Table of epochs", table.ToHtml());
    }

    private static Html Folds(RunReport report)
    {
        bool areValues = report.AreValues;
        double Score(FoldResult fold) => areValues ? fold.Evaluation.Loss : fold.Evaluation.Accuracy;
        // As many decimals in each row, so that the bars begin below one another.
        string Figure(double score) =>
            areValues ? FormattableString.Invariant($"{score:0.0000}") : Shown.Percent(score);
        var (mean, deviation) = Metrics.Spread([.. report.Folds.Select(Score)]);
        var worst = areValues ? report.Folds.MaxBy(Score)! : report.Folds.MinBy(Score)!;
        double whole = areValues ? Math.Max(Score(worst), double.Epsilon) : 1;
        string measure = areValues ? "loss" : "accuracy";
        var table = new HtmlTable(
            $"The {measure} of each network on what it never saw", "held out", "sequences", measure);
        foreach (var fold in report.Folds)
            table.Row(Html.Of($"{fold.Name}"), Html.Of($"{Shown.Count(fold.Samples)}"),
                Bar(Score(fold) / whole, Figure(Score(fold))));
        string spread = areValues ? Figure(deviation) : FormattableString.Invariant($"{100 * deviation:0.00}");
        table.Foot(
            Html.Of($"mean ± deviation"), Html.Of($"{Shown.Count(report.Folds.Sum(f => f.Samples))}"),
            Html.Of($"{Figure(mean)} ± {spread}"));
        return Html.Of($"""
            <p>Each sequence is predicted once, by a network that was trained without it. The worst is {worst.Name} with {Figure(Score(worst))}.</p>
            {table.ToHtml("")}
            """);
    }

    private static Html Confusion(RunReport report)
    {
        var (labels, confusion) = (report.Summary.Model.Labels, report.Shown.Float.Confusion);
        int samples = report.Shown.Float.Outputs, correct = Correct(report.Shown.Float);
        string lead = $"{Where(report)}: {Shown.Count(correct)} of {Shown.Count(samples)} outputs are right.";
        var commonest = Commonest(labels, confusion);
        if (labels.Count <= LargestTable)
        {
            return Html.Of($"""
                <p>{lead} A row is a class, and its columns are what it was taken for; the stronger, the larger the part of the row.</p>
                <div class="{(labels.Count <= 8 ? "two" : "")}">{Matrix(labels, confusion)}<div>{commonest}</div></div>
                """);
        }

        var chart = Charts.Confusion(
            labels, confusion,
                $"Confusion matrix of {labels.Count} classes; the commonest mistakes are in the table beside it");
        return Html.Of($"""
            <p>{lead} Rows are classes in the order of their names, columns what they were taken for; the stronger, the larger the part of the row.</p>
            {Page.Legend([(Ink.Good, "right"), (Ink.Bad, "wrong")], "square")}<div class="two"><div class="large">{chart}</div><div>{commonest}</div></div>
            """);
    }

    private static Html Matrix(IReadOnlyList<string> labels, int[,] confusion)
    {
        var classes = Metrics.PerClass(confusion);
        var head = Html.Join(labels, label => Html.Of($"<th scope=\"col\">{label}</th>"));
        var rows = Html.Join(labels.Index(), row => Html.Of(
            $"<tr><th scope=\"row\">{row.Item}</th>{Html.Join(Enumerable.Range(0, labels.Count), column => Cell(row.Index, column))}</tr>\n"));
        return Html.Of($"""
            <div class="scroll" role="region" aria-label="Confusion matrix" tabindex="0"><table class="matrix"><caption>rows true, columns predicted</caption>
            <thead><tr><td></td>{head}</tr></thead>
            <tbody>
            {rows}</tbody></table></div>

            """);

        Html Cell(int row, int column)
        {
            int count = confusion[row, column];
            if (count == 0)
                return Html.Of($"<td class=\"none\">0</td>");
            string kind = row == column ? "hit" : "miss";
            return Html.Of($"<td class=\"{kind}\" " +
                $"style=\"--p:{(double)count / classes[row].Support:0.###}\">{Shown.Count(count)}</td>");
        }
    }

    private static Html Commonest(IReadOnlyList<string> labels, int[,] confusion)
    {
        var mistakes =
            from row in Enumerable.Range(0, labels.Count)
            from column in Enumerable.Range(0, labels.Count)
            where row != column && confusion[row, column] > 0
            orderby confusion[row, column] descending
            select (True: labels[row], Predicted: labels[column], Count: confusion[row, column]);
        var table = new HtmlTable("The commonest mistakes", "true", "~taken for", "times");
        foreach (var m in mistakes.Take(CommonestShown))
            table.Row(Html.Of($"{m.True}"), Html.Of($"{m.Predicted}"), Html.Of($"{Shown.Count(m.Count)}"));
        return mistakes.Any() ? table.ToHtml("") : Html.Of($"<p class=\"note\">There are no mistakes.</p>");
    }

    private static Html Classes(RunReport report)
    {
        var labels = report.Summary.Model.Labels;
        var classes = Metrics.PerClass(report.Shown.Float.Confusion);
        bool isLong = labels.Count > RowsShown;
        // Of many classes, the weakest are what one looks for; the whole list follows on demand.
        var all = labels.Zip(classes).ToList();
        var weakest = all.Where(c => c.Second.Support > 0).OrderBy(c => c.Second.F1).Take(12);
        var table = Table(
            isLong ? "The weakest classes, by F1" : "Precision, recall and F1 of each class", isLong ? weakest : all);
        AddMeans(table, classes, report.Shown.Float);
        var whole = isLong
            ? Page.Details($"All {labels.Count} classes", Table("All classes", all).ToHtml())
            : Html.Empty;
        return Html.Of($"""
            <p>{Where(report)}. Precision: of what was given a name, the part that has it. Recall: of what has a name, the part that was given it. F1: their harmonic mean. Support: how many have it.</p>
            {table.ToHtml()}{whole}
            """);
    }

    private static HtmlTable Table(string caption, IEnumerable<(string Label, ClassMetrics Metrics)> classes)
    {
        var table = new HtmlTable(caption, "class", "precision", "recall", "F1", "support");
        foreach (var (label, m) in classes)
        {
            table.Row(
                Html.Of($"{label}"), Html.Of($"{Shown.Part(m.Precision, m.Predicted > 0)}"),
                Html.Of($"{Shown.Part(m.Recall, m.Support > 0)}"),
                Bar(m.F1, Shown.Part(m.F1, m.Predicted + m.Support > 0)), Html.Of($"{Shown.Count(m.Support)}"));
        }

        return table;
    }

    private static void AddMeans(HtmlTable table, IReadOnlyList<ClassMetrics> classes, Evaluation evaluation)
    {
        foreach (var (name, m) in new[] { ("plain mean", Metrics.MacroMean(classes)),
            ("mean by support", Metrics.WeightedMean(classes)) })
        {
            table.Foot(
                Html.Of($"{name}"), Html.Of($"{Shown.Part(m.Precision)}"), Html.Of($"{Shown.Part(m.Recall)}"),
                Html.Of($"{Shown.Part(m.F1)}"), Html.Of($"{Shown.Count(evaluation.Outputs)}"));
        }
    }

    private static Html Mistakes(RunReport report)
    {
        var model = report.Summary.Model;
        var data = report.Shown.Data;
        var predictions = report.Shown.Float.Predictions;
        var ordered = report.AreValues
            ? predictions.OrderByDescending(p => ValuesPart.Worst(model, p).Off)
            : predictions.Where(p => p.Predicted != p.Label).OrderByDescending(p => p.Scores[p.Predicted]);
        // Where steps have outputs, those beside one another tell the same.
        var worst = ordered.ThenBy(p => p.Index).DistinctBy(p => p.Index).Take(MistakesShown).ToList();
        string which = report.AreValues
            ? "the values that are furthest off"
            : "what the network was most sure of, and wrong";
        if (worst.Count == 0)
            return Html.Of($"<p>{Where(report)}: there are none.</p>");
        bool isPicture = model.InputSize > Charts.MostLines || report.StepsAreRows;
        string how = (isPicture, report.StepsAreRows) switch
        {
            (true, true) => "Steps run downwards as rows; the stronger, the larger the reading.",
            (true, false) => $"Steps run to the right, the {model.InputSize} channels downwards; the stronger, the " +
                "larger the reading.",
            _ => "Readings in deviations from their channel's mean, by step.",
        };
        var legend = isPicture || model.InputSize == 1
            ? Html.Empty
            : Page.Legend(data.Channels.Index().Select(c => (Ink.Series + c.Index, c.Item)));
        return Html.Of($"""
            <p>{Where(report)}: {which}. {how}</p>
            {legend}<div class="charts">
            {Html.Join(worst, p => Mistake(report, p))}</div>
            """);
    }

    private static Html Mistake(RunReport report, Prediction p)
    {
        var model = report.Summary.Model;
        var sequence = report.Shown.Data.Sequences[p.Index];
        string from = sequence.Group is { } group ? $", from {group}" : "";
        string where = $"sequence {p.Index}, " +
            $"{(p.Step is { } step ? $"step {step + 1} of {sequence.Steps}" : $"{sequence.Steps} steps")}{from}";
        if (report.AreValues)
        {
            var (value, off) = ValuesPart.Worst(model, p);
            string figures = $"{Shown.Short(p.Scores[value])} for {Shown.Short(p.Targets[value])}";
            string said = $"Readings of sequence {p.Index}: {model.Labels[value]} was predicted as {figures}";
            return Page.Figure(
                Charts.Signal(sequence, model, report.StepsAreRows, said),
                Html.Of($"<strong>{model.Labels[value]}</strong>: {figures}, off by {off:0.00} deviations<br>{where}"),
                    "signal");
        }

        string description = $"Readings of sequence {p.Index}, which is {model.Labels[p.Label]} and was taken for " +
            $"{model.Labels[p.Predicted]}";
        var chart = Charts.Signal(sequence, model, report.StepsAreRows, description);
        return Page.Figure(chart, Html.Of($"""
            <strong>{model.Labels[p.Label]}</strong> taken for <strong>{model.Labels[p.Predicted]}</strong>, score {p.Scores[p.Predicted]:0.000} (right class: {p.Scores[p.Label]:0.000})<br>{where}
            """), "signal");
    }

    private static Html Options(RunReport report)
    {
        var table = new HtmlTable("Every option, after defaults were filled in", "option", "~value");
        foreach (var (name, value) in report.Options)
            table.Row(Html.Of($"{name}"), Html.Of($"<span class=\"mono\">{value}</span>"));
        return table.ToHtml("");
    }

    /// <summary>A bar of the part, and the figure.</summary>
    private static Html Bar(double part, string figure)
    {
        string width = (100 * part).ToString("0.#", CultureInfo.InvariantCulture);
        return Html.Of($"<span class=\"bar\" aria-hidden=\"true\"><i style=\"width:{width}%\"></i></span>{figure}");
    }

    private static string Where(RunReport report) =>
        report.Folds.Count > 0 ? "Held-out folds, taken together" : $"On the {report.Shown.Part} data";

    private static int Correct(Evaluation evaluation) => (int)Math.Round(evaluation.Accuracy * evaluation.Outputs);
}

namespace EdgeRnn.Trainer.Report;

/// <summary>The report's part about a model that gives values: how far they are off, and where.</summary>
internal static class ValuesPart
{
    private const int MostPlots = 6;
    private const int MostDots = 500;

    /// <summary>Errors of each value on each part of the data, and predictions against what is true.</summary>
    public static Html Write(RunReport report)
    {
        var shown = report.Shown;
        var errors = shown.Float.Errors;
        bool hasInt8 = shown.Int8Errors.Count > 0;
        string[] int8 = hasInt8 ? ["RMSE, int8", "R², int8"] : [];
        var table = new HtmlTable(
            $"Errors on the {shown.Part} data, in the units of the data", ["value", "RMSE", "MAE", "R²", .. int8]);
        foreach (var (k, error) in errors.Index())
        {
            List<Html> cells =
            [
                Html.Of($"{error.Name}"), Html.Of($"{Shown.Short(error.Rmse)}"), Html.Of($"{Shown.Short(error.Mae)}"),
                Html.Of($"{Shown.Part(error.R2)}"),
            ];
            if (hasInt8)
                cells.AddRange([Html.Of($"{Shown.Short(shown.Int8Errors[k].Rmse)}"),
                    Html.Of($"{Shown.Part(shown.Int8Errors[k].R2)}")]);
            table.Row([.. cells]);
        }

        // Of many values, the ones that are explained worst are what one looks for.
        var drawn = errors.Index().OrderBy(e => e.Item.R2).Take(MostPlots).OrderBy(e => e.Index).ToList();
        string which = drawn.Count < errors.Count ? $" The {drawn.Count} values with the lowest R² are drawn." : "";
        return Html.Of($"""
            <p>RMSE: root of the mean squared error. MAE: mean absolute error. R²: the part of the variance that is explained; 0 is as good as the mean. Dots on the line are right.{which}</p>
            {table.ToHtml("")}<div class="charts">
            {Html.Join(drawn, e => Plot(shown.Float, e.Index, e.Item))}</div>
            """);
    }

    /// <summary>The value that is furthest off, and by how many of its deviations.</summary>
    public static (int Value, double Off) Worst(RnnModel model, Prediction prediction) => prediction.Scores
        .Select((score, k) =>
            (k, Off: Math.Abs(score - (double)prediction.Targets[k]) / model.OutputDeviation!.Floats[k]))
        .MaxBy(value => value.Off);

    /// <summary>The worst of several values in a few words.</summary>
    public static string Range(Evaluation evaluation)
    {
        var worst = evaluation.Errors.MinBy(e => e.R2)!;
        return evaluation.Errors.Count == 1
            ? $"RMSE {Shown.Short(worst.Rmse)}, MAE {Shown.Short(worst.Mae)}"
            : $"mean of {evaluation.Errors.Count} values; the worst: {Shown.Part(worst.R2)}, {worst.Name}";
    }

    private static Html Plot(Evaluation evaluation, int value, ValueError error)
    {
        int every = (evaluation.Predictions.Count + MostDots - 1) / MostDots;
        var dots = evaluation.Predictions.Where((_, i) => i % every == 0).ToList();
        var chart = Charts.Agreement(
            [.. dots.Select(p => (double)p.Targets[value])], [.. dots.Select(p => (double)p.Scores[value])],
            $"Predicted {error.Name} against what is true; R² {Shown.Part(error.R2)}");
        return Page.Figure(chart, Html.Of($"<strong>{error.Name}</strong>, R² {Shown.Part(error.R2)}"));
    }
}

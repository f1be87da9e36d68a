using System.Globalization;
using System.Text;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary>
/// The file of <c>evaluate --predictions</c>: <c>index,label,predicted,score_0,…</c> and, for a quantized model,
/// <c>logit_0,…</c>; of values <c>index,target_0,…,value_0,…</c>. Where each step has an output, its number follows
/// <c>index</c> as <c>step</c>. Classes are numbers, in the model's order of labels; scores read back to the same bits.
/// </summary>
internal static class PredictionsFile
{
    /// <summary>Writes the file.</summary>
    public static void Write(string path, IReadOnlyList<Prediction> predictions, bool overwrite)
    {
        bool hasSteps = predictions.Count > 0 && predictions[0].Step is not null;
        bool areValues = predictions.Count > 0 && predictions[0].Targets.Length > 0;
        var text = new StringBuilder(hasSteps ? "index,step" : "index");
        if (!areValues)
            text.Append(",label,predicted");
        if (predictions.Count > 0)
        {
            AppendNames(text, "target", predictions[0].Targets.Length);
            AppendNames(text, areValues ? "value" : "score", predictions[0].Scores.Length);
            AppendNames(text, "logit", predictions[0].IntegerLogits.Length);
        }

        text.Append('\n');
        foreach (var prediction in predictions)
        {
            text.Append(prediction.Index);
            if (prediction.Step is { } step)
                text.Append(CultureInfo.InvariantCulture, $",{step}");
            if (!areValues)
                text.Append(CultureInfo.InvariantCulture, $",{prediction.Label},{prediction.Predicted}");
            foreach (float number in prediction.Targets.Concat(prediction.Scores))
                text.Append(',').Append(number.ToString("R", CultureInfo.InvariantCulture));
            foreach (int logit in prediction.IntegerLogits)
                text.Append(',').Append(logit.ToString(CultureInfo.InvariantCulture));
            text.Append('\n');
        }

        AtomicFile.Write(path, Encoding.UTF8.GetBytes(text.ToString()), overwrite);
    }

    private static void AppendNames(StringBuilder text, string name, int count)
    {
        for (int i = 0; i < count; i++)
            text.Append(CultureInfo.InvariantCulture, $",{name}_{i}");
    }
}

using System.Text.Json.Nodes;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary>What an evaluation found, for people and for programs: an accuracy, or how far values are off.</summary>
internal static class EvaluationText
{
    private const int MostValues = 12;

    /// <summary>97.53 % of 1,000 sequences; or steps, or decisions of a stream.</summary>
    public static string Accuracy(Evaluation evaluation, string of = "step")
    {
        string what = evaluation.Outputs == evaluation.Samples && of == "step" ? "sequence" : of;
        return $"{Figures.Percent(evaluation.Accuracy)} of {Figures.Count(evaluation.Outputs)} {what}s";
    }

    /// <summary>A line for the accuracy, or one for each value.</summary>
    public static IEnumerable<(string, string)> Facts(Evaluation evaluation, string prefix = "", string of = "step")
    {
        if (evaluation.Errors.Count == 0)
        {
            yield return ($"{prefix}accuracy", Accuracy(evaluation, of));
            yield break;
        }

        foreach (var error in evaluation.Errors.Take(MostValues))
        {
            yield return ($"{prefix}value {error.Name}",
                $"RMSE {Figures.Short(error.Rmse)}, MAE {Figures.Short(error.Mae)}, R² {error.R2:0.0000}");
        }

        if (evaluation.Errors.Count > MostValues)
            yield return ("", $"and {evaluation.Errors.Count - MostValues} more values; --json has all");
    }

    /// <summary>An object for each value: <c>name</c>, <c>rmse</c>, <c>mae</c>, <c>r2</c>.</summary>
    public static JsonArray Errors(Evaluation evaluation) => Errors(evaluation.Errors);

    /// <inheritdoc cref="Errors(Evaluation)"/>
    public static JsonArray Errors(IReadOnlyList<ValueError> errors) => new([.. errors.Select(error => new JsonObject
    {
        ["name"] = error.Name,
        ["rmse"] = error.Rmse,
        ["mae"] = error.Mae,
        ["r2"] = error.R2,
    })]);
}

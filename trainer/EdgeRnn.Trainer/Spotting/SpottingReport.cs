using EdgeRnn.Decisions;

namespace EdgeRnn.Trainer.Spotting;

/// <summary>What is reported with one threshold for all keywords.</summary>
public sealed record TradeOffPoint(float Threshold, SpottingResult Result);

/// <summary>How well a model spots words in long recordings, and what other thresholds would trade.</summary>
public sealed record SpottingReport
{
    /// <summary>The model's file, for the page's title.</summary>
    public required string ModelName { get; init; }

    /// <summary>The recordings, as the user named them.</summary>
    public required string Data { get; init; }

    /// <summary>The version that wrote it.</summary>
    public required string ToolVersion { get; init; }

    /// <summary>The model's labels.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>The rules.</summary>
    public required DecisionRules Rules { get; init; }

    /// <summary>Seconds after its end in which a word may still be hit.</summary>
    public required double Tolerance { get; init; }

    /// <summary>What is reported by the rules.</summary>
    public required SpottingResult Result { get; init; }

    /// <summary>
    /// What would be reported if the same rules had one threshold for all keywords, by rising threshold.
    /// </summary>
    public required IReadOnlyList<TradeOffPoint> TradeOff { get; init; }

    /// <summary>Measures.</summary>
    public static SpottingReport Of(
        StreamScores scores, DecisionRules rules, double tolerance, string modelName, string data, string toolVersion)
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(rules);
        var smooth = scores.Smoothed(rules);
        var unsmoothed = rules with { Average = 0, NewestShare = 0 };
        return new()
        {
            ModelName = modelName,
            Data = data,
            ToolVersion = toolVersion,
            Labels = scores.Model.Labels,
            Rules = rules,
            Tolerance = tolerance,
            Result = scores.Decide(rules, tolerance),
            TradeOff = [.. RuleTuner.Thresholds.Select(threshold => new TradeOffPoint(threshold, smooth.Decide(
                unsmoothed with { ClassThresholds = [.. scores.IsKeyword.Select(k => k ? threshold : 1)] },
                tolerance)))],
        };
    }
}

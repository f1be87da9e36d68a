using System.Globalization;
using System.Text;

namespace EdgeRnn.Decisions;

/// <summary>
/// How a stream of scores becomes labels. A model carries the rules that were found at the desk; the board may override
/// them. The defaults change nothing: each decision is the class with the largest score.
/// </summary>
public sealed record DecisionRules
{
    /// <summary>Most decisions that can be averaged.</summary>
    public const int MaxAverage = 1024;

    /// <summary>Most steps of a duration: two days at 100 steps a second.</summary>
    public const int MaxSteps = 1 << 24;

    /// <summary>Rules that change nothing.</summary>
    public static DecisionRules None { get; } = new();

    /// <summary>Scores below it are reported as no class; 0 to 1, where 1 reports none.</summary>
    public float Threshold { get; init; }

    /// <summary>A threshold for each label in place of <see cref="Threshold"/>, or empty.</summary>
    public IReadOnlyList<float> ClassThresholds { get; init; } = [];

    /// <summary>Scores are averaged over the last so many decisions; 0 and 1 change nothing.</summary>
    public int Average { get; init; }

    /// <summary>Exponential smoothing: the share of the newest decision, above 0 and up to 1; 0 for none.</summary>
    public float NewestShare { get; init; }

    /// <summary>
    /// The class in force stays as long as its score is at most so much below its threshold, and another's is not at
    /// least so much above; 0 to 1.
    /// </summary>
    public float Hysteresis { get; init; }

    /// <summary>A change comes into force once it has lasted for so many steps.</summary>
    public int MinimumSteps { get; init; }

    /// <summary>For so many steps after a class came into force none does anew.</summary>
    public int RefractorySteps { get; init; }

    /// <summary>Whether they say more than a threshold for all.</summary>
    public bool IsMoreThanThreshold => this with { Threshold = 0 } != None;

    /// <summary>The threshold of a class.</summary>
    public float ThresholdOf(int label) => ClassThresholds.Count > 0 ? ClassThresholds[label] : Threshold;

    /// <inheritdoc/>
    public bool Equals(DecisionRules? other) => other is not null
        && (Threshold, Average, NewestShare, Hysteresis, MinimumSteps, RefractorySteps)
            == (other.Threshold, other.Average, other.NewestShare, other.Hysteresis, other.MinimumSteps,
                other.RefractorySteps)
        && ClassThresholds.SequenceEqual(other.ClassThresholds);

    /// <inheritdoc/>
    public override int GetHashCode() =>
        HashCode.Combine(Threshold, Average, NewestShare, Hysteresis, MinimumSteps, RefractorySteps);

    /// <summary>What breaks the limits above, as field, found and expected; or null.</summary>
    /// <param name="labels">Labels of the model.</param>
    public string? Check(int labels)
    {
        if (ClassThresholds.Count != 0 && ClassThresholds.Count != labels)
            return $"class_thresholds has {ClassThresholds.Count} entries, expected none or {labels}";
        foreach (float threshold in ClassThresholds)
        {
            if (!(threshold is >= 0 and <= 1))
                return $"class_thresholds contains {threshold}, expected 0 to 1";
        }
        return NotAFraction("threshold", Threshold) ?? NotAFraction("newest_share", NewestShare)
            ?? NotAFraction("hysteresis", Hysteresis) ?? Beyond("average", Average, MaxAverage)
            ?? Beyond("minimum_steps", MinimumSteps, MaxSteps) ?? Beyond("refractory_steps", RefractorySteps, MaxSteps)
            ?? (Average > 1 && NewestShare > 0
                ? "average and newest_share are both present, expected one of them"
                : null);
    }

    /// <summary>
    /// Reads changes to these rules, <c>key=value[,…]</c>: <c>threshold=X</c>, <c>threshold:LABEL=X</c>,
    /// <c>average=N</c>, <c>newest=X</c>, <c>hysteresis=X</c>, <c>minimum=N|T</c>, <c>refractory=N|T</c>, where N are
    /// steps and T is a time such as 200ms or 1.5s; or <c>none</c>, which drops what was before.
    /// </summary>
    /// <param name="text">The changes, in their order.</param>
    /// <param name="labels">Labels of the model.</param>
    /// <param name="rateHz">Steps a second, of which times need to know; 0 for unknown.</param>
    /// <param name="error">What is wrong.</param>
    public DecisionRules? With(string text, IReadOnlyList<string> labels, float rateHz, out string? error)
    {
        var rules = this;
        error = null;
        foreach (string change in text.Split(','))
        {
            int equals = change.LastIndexOf('=');
            string key = equals < 0 ? change : change[..equals];
            string value = change[(equals + 1)..];
            rules = key switch
            {
                "none" => None,
                "threshold" when Fraction(value) is { } x => rules with { Threshold = x, ClassThresholds = [] },
                "average" when Steps(value, 0) is { } n => rules with { Average = n, NewestShare = 0 },
                "newest" when Fraction(value) is { } x => rules with { NewestShare = x, Average = 0 },
                "hysteresis" when Fraction(value) is { } x => rules with { Hysteresis = x },
                "minimum" when Steps(value, rateHz) is { } n => rules with { MinimumSteps = n },
                "refractory" when Steps(value, rateHz) is { } n => rules with { RefractorySteps = n },
                _ when key.StartsWith("threshold:", StringComparison.Ordinal) && Fraction(value) is { } x =>
                    rules.WithThreshold(key[10..], x, labels),
                _ => null,
            };
            if (rules is null)
            {
                error = Refuse(change, key, rateHz);
                return null;
            }
        }
        error = rules.Check(labels.Count);
        return error is null ? rules : null;
    }

    /// <summary>What <see cref="With"/> would read to make these rules from none.</summary>
    public string ToText(IReadOnlyList<string> labels)
    {
        var text = new StringBuilder();
        if (Threshold > 0 && ClassThresholds.Count == 0)
            Add("threshold", Threshold);
        for (int i = 0; i < ClassThresholds.Count; i++)
            Add($"threshold:{labels[i]}", ClassThresholds[i]);
        Add("average", Average);
        Add("newest", NewestShare);
        Add("hysteresis", Hysteresis);
        Add("minimum", MinimumSteps);
        Add("refractory", RefractorySteps);
        return text.Length == 0 ? "none" : text.ToString();

        void Add(string key, float value)
        {
            if (value > 0)
                text.Append(text.Length > 0 ? "," : "").Append(CultureInfo.InvariantCulture, $"{key}={value}");
        }
    }

    private static string Refuse(string change, string key, float rateHz)
    {
        if (key.StartsWith("threshold:", StringComparison.Ordinal))
            return $"'{change}' names no label of the model with a number from 0 to 1";
        if (rateHz <= 0 && change.EndsWith('s'))
            return $"'{change}' is a time, and the model's rate is unknown; give a number of steps";
        return key switch
        {
            "threshold" or "newest" or "hysteresis" => $"'{change}' is no rule; give {key} a number from 0 to 1",
            "average" => $"'{change}' is no rule; give average a number of decisions",
            "minimum" or "refractory" =>
                $"'{change}' is no rule; give {key} a number of steps, or a time such as 200ms",
            _ => $"'{change}' is no rule; there are threshold, threshold:LABEL, average, newest, hysteresis, minimum, "
                + "refractory and none",
        };
    }

    private DecisionRules? WithThreshold(string label, float threshold, IReadOnlyList<string> labels)
    {
        float[] thresholds = [.. Enumerable.Range(0, labels.Count).Select(ThresholdOf)];
        for (int i = 0; i < thresholds.Length; i++)
        {
            if (labels[i] != label)
                continue;
            thresholds[i] = threshold;
            return this with { ClassThresholds = thresholds };
        }
        return null;
    }

    private static float? Fraction(string text) =>
        float.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out float value)
        && value is >= 0 and <= 1 ? value : null;

    private static int? Steps(string text, float rateHz)
    {
        double unit = text.EndsWith("ms", StringComparison.Ordinal) ? rateHz / 1000 : text.EndsWith('s') ? rateHz : 1;
        string number = text.TrimEnd('s').TrimEnd('m');
        var style = unit == 1 ? NumberStyles.None : NumberStyles.AllowDecimalPoint;
        bool isNumber = double.TryParse(number, style, CultureInfo.InvariantCulture, out double value);
        double steps = Math.Round(value * unit);
        return isNumber && unit > 0 && steps <= MaxSteps ? (int)steps : null;
    }

    private static string? NotAFraction(string name, float value) =>
        value is >= 0 and <= 1 ? null : $"{name} is {value}, expected 0 to 1";

    private static string? Beyond(string name, int value, int most) =>
        value >= 0 && value <= most ? null : $"{name} is {(uint)value}, expected at most {most}";
}

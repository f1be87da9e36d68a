using EdgeRnn.Decisions;

namespace EdgeRnn.Trainer.Spotting;

/// <summary>Rules, and what they report on the recordings at hand.</summary>
public sealed record TunedRules(DecisionRules Rules, SpottingResult Result);

/// <summary>
/// Finds rules by which a model misses fewest words at a rate of false accepts that is allowed: smoothing, how long a
/// word has to last, and a threshold for each keyword. What is no keyword is never reported.
/// </summary>
/// <param name="scores">Scores of recordings whose words are known, and whose speakers are not those of training.</param>
/// <param name="falseAcceptsPerHour">Most false accepts an hour.</param>
/// <param name="tolerance">Seconds after its end in which a word may still be hit.</param>
public sealed class RuleTuner(StreamScores scores, double falseAcceptsPerHour, double tolerance)
{
    // A word is said once; what comes so soon after it is the same one.
    private const double RefractorySeconds = 0.75;
    private const int Refined = 3;
    private static readonly double[] AverageSeconds = [0.1, 0.2, 0.3, 0.4, 0.5];
    private static readonly double[] NewestSeconds = [0.05, 0.1, 0.2];
    private static readonly double[] MinimumSeconds = [0.03, 0.06, 0.1, 0.2];

    // 1 / (1 + e^-x) for x from -3 to 7.5: close where scores of words and of others meet, near 1.
    internal static readonly IReadOnlyList<float> Thresholds =
        [.. Enumerable.Range(-12, 43).Select(i => (float)Math.Round(1 / (1 + Math.Exp(-i / 4.0)), 4))];

    private readonly IReadOnlyList<bool> _isKeyword = scores.IsKeyword;

    /// <summary>False accepts that are allowed on these recordings: whole ones.</summary>
    private int Budget => (int)Math.Floor(falseAcceptsPerHour * scores.Hours + 1e-9);

    /// <summary>The best rules. There always are some: those that report nothing.</summary>
    /// <param name="progress">Told how much is done, 0 to 1.</param>
    /// <param name="cancellation">Breaks it off.</param>
    public TunedRules Run(Action<double>? progress = null, CancellationToken cancellation = default)
    {
        var candidates = new List<(TunedRules Tuned, DecisionRules Smoothing, StreamScores Smooth)>();
        DecisionRules[] smoothings = [.. Smoothings()];
        int all = smoothings.Length + Refined * Minima().Count(), done = 0;
        foreach (var smoothing in smoothings)
        {
            cancellation.ThrowIfCancellationRequested();
            var smooth = scores.Smoothed(smoothing);
            candidates.Add((Tune(smoothing, smooth, cancellation), smoothing, smooth));
            // Scores of hours are large: only those are kept that may be refined.
            candidates = [.. candidates.Order(Comparer<(TunedRules Tuned, DecisionRules, StreamScores)>.Create(
                (a, b) => Compare(a.Tuned, b.Tuned))).Take(Refined)];
            progress?.Invoke((double)++done / all);
        }

        var best = candidates[0].Tuned;
        foreach (var (_, smoothing, smooth) in candidates)
        {
            foreach (int minimum in Minima())
            {
                var tuned = Tune(smoothing with { MinimumSteps = minimum }, smooth, cancellation);
                best = Compare(tuned, best) < 0 ? tuned : best;
                progress?.Invoke((double)++done / all);
            }
        }

        return best;
    }

    /// <summary>Fewest misses first; then fewest false accepts, then the shortest delay.</summary>
    private static int Compare(TunedRules a, TunedRules b)
    {
        int order = a.Result.Missed.CompareTo(b.Result.Missed);
        order = order != 0 ? order : a.Result.FalseAccepts.CompareTo(b.Result.FalseAccepts);
        return order != 0 ? order : (a.Result.DelayMs(0.5) ?? 0).CompareTo(b.Result.DelayMs(0.5) ?? 0);
    }

    private double StepsPerSecond => scores.Model.SampleRateHz;

    private IEnumerable<int> Minima() =>
        MinimumSeconds.Select(s => (int)Math.Round(s * StepsPerSecond)).Where(n => n > 0).Distinct();

    private IEnumerable<DecisionRules> Smoothings()
    {
        var rules = new DecisionRules { RefractorySteps = (int)Math.Round(RefractorySeconds * StepsPerSecond) };
        yield return rules;
        foreach (int decisions in AverageSeconds.Select(s => (int)Math.Round(s * scores.DecisionsPerSecond))
            .Where(n => n is > 1 and <= DecisionRules.MaxAverage).Distinct())
            yield return rules with { Average = decisions };
        foreach (double seconds in NewestSeconds)
        {
            // An exponential mean over n decisions gives the newest about 2 / (n + 1).
            double share = 2 / (seconds * scores.DecisionsPerSecond + 1);
            if (share < 0.9)
                yield return rules with { NewestShare = (float)Math.Round(share, 3) };
        }
    }

    /// <summary>The best thresholds for a smoothing.</summary>
    private TunedRules Tune(DecisionRules rules, StreamScores smooth, CancellationToken cancellation)
    {
        var counts = new List<IReadOnlyList<KeywordCounts>>();
        foreach (float threshold in Thresholds)
        {
            cancellation.ThrowIfCancellationRequested();
            counts.Add(Reported(rules, smooth, _ => threshold).Keywords);
        }

        // Keywords hardly touch each other, but they may: then a little less is allowed until the whole keeps the rate.
        for (int budget = Budget; ; budget--)
        {
            float[] chosen = Choose(counts, budget);
            var result = Reported(rules, smooth, k => chosen[k]);
            if (result.FalseAccepts <= Budget || budget < 0)
                return new(With(rules, k => chosen[k]), result);
        }
    }

    /// <summary>
    /// The threshold of each keyword with which together they miss fewest words at no more false accepts than
    /// <paramref name="budget"/>; 1 where none keeps it. Of equals the highest.
    /// </summary>
    private static float[] Choose(List<IReadOnlyList<KeywordCounts>> counts, int budget)
    {
        int keywords = counts[0].Count;
        // best[b]: fewest misses of the keywords so far with at most b false accepts, and their thresholds.
        var best = new (int Missed, float[] Thresholds)[Math.Max(0, budget) + 1];
        Array.Fill(best, (0, []));
        for (int k = 0; k < keywords; k++)
        {
            var next = new (int Missed, float[] Thresholds)[best.Length];
            for (int b = 0; b < best.Length; b++)
            {
                next[b] = (best[b].Missed + counts[0][k].Words, [.. best[b].Thresholds, 1f]);
                for (int t = Thresholds.Count - 1; t >= 0 && budget >= 0; t--)
                {
                    var count = counts[t][k];
                    if (count.FalseAccepts <= b && best[b - count.FalseAccepts] is var rest
                        && rest.Missed + count.Missed < next[b].Missed)
                        next[b] = (rest.Missed + count.Missed, [.. rest.Thresholds, Thresholds[t]]);
                }
            }

            best = next;
        }

        return best[^1].Thresholds;
    }

    /// <summary>What rules report on scores that are smooth already.</summary>
    private SpottingResult Reported(DecisionRules rules, StreamScores smooth, Func<int, float> threshold) =>
        smooth.Decide(With(rules, threshold) with { Average = 0, NewestShare = 0 }, tolerance);

    private DecisionRules With(DecisionRules rules, Func<int, float> threshold)
    {
        int keyword = 0;
        return rules with { ClassThresholds = [.. _isKeyword.Select(isKeyword => isKeyword ? threshold(keyword++) : 1)] };
    }
}

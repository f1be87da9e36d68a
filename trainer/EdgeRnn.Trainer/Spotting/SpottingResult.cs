using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Trainer.Spotting;

/// <summary>A keyword that was reported.</summary>
/// <param name="Recording">Index of the recording.</param>
/// <param name="Seconds">When: the last sample that the decision heard.</param>
/// <param name="Step">The step of the stream, as the host counts it.</param>
/// <param name="Label">The keyword, as an index into the model's labels.</param>
/// <param name="Score">Its smoothed score.</param>
public readonly record struct SpottedWord(int Recording, double Seconds, long Step, int Label, float Score)
{
    /// <summary>How long after the end of the word that it hit, in seconds; negative where the word was still being
    /// spoken; null for a false accept.</summary>
    public double? Delay { get; init; }
}

/// <summary>How well a keyword was spotted.</summary>
/// <param name="Label">The keyword.</param>
/// <param name="Words">How often it was said.</param>
/// <param name="Missed">How often of these it was not reported.</param>
/// <param name="FalseAccepts">How often it was reported without having been said, or a second time.</param>
public sealed record KeywordCounts(string Label, int Words, int Missed, int FalseAccepts)
{
    /// <summary>Part of the words that was missed; 0 where none was said.</summary>
    public double MissRate => Words == 0 ? 0 : (double)Missed / Words;
}

/// <summary>What was spotted in long recordings, held against what was said.</summary>
/// <param name="Keywords">Counts of each keyword.</param>
/// <param name="Reports">All reports, in the order of the recordings and of time.</param>
/// <param name="Hours">Length of the recordings.</param>
public sealed record SpottingResult(
    IReadOnlyList<KeywordCounts> Keywords, IReadOnlyList<SpottedWord> Reports, double Hours)
{
    /// <summary>Keywords that were said.</summary>
    public int Words => Keywords.Sum(k => k.Words);

    /// <summary>Those of them that were not reported.</summary>
    public int Missed => Keywords.Sum(k => k.Missed);

    /// <summary>Reports that hit nothing.</summary>
    public int FalseAccepts => Keywords.Sum(k => k.FalseAccepts);

    /// <summary>Part of the words that was missed.</summary>
    public double MissRate => Words == 0 ? 0 : (double)Missed / Words;

    /// <summary>False accepts, divided by the length of all recordings.</summary>
    public double FalseAcceptsPerHour => FalseAccepts / Hours;

    /// <summary>The delay that a part of the hits does not exceed, in ms from the end of the word; null without
    /// hits.</summary>
    public double? DelayMs(double part)
    {
        double[] delays = [.. Reports.Select(r => r.Delay).OfType<double>().Order()];
        if (delays.Length == 0)
            return null;
        double seconds = delays[Math.Max(0, (int)Math.Ceiling(part * delays.Length) - 1)];
        // To a microsecond: sums of steps may miss 0 by their last bit, which would be shown as "-0 ms".
        return Math.Round(1000 * seconds, 3) + 0.0;
    }

    /// <summary>
    /// Holds the reports of one recording against its words. A report hits a word of its label from the begin of the
    /// word to <paramref name="tolerance"/> after its end; where it could hit two, the one that ends first. A word is
    /// hit once: another report of it is a false accept, as is any that hits nothing.
    /// </summary>
    /// <param name="reports">In the order of time.</param>
    /// <param name="words">What was said, labels as those of the reports.</param>
    /// <param name="tolerance">Seconds.</param>
    /// <returns>The reports with their delays, and for each word whether it was hit.</returns>
    public static (SpottedWord[] Reports, bool[] Hit) Match(
        IReadOnlyList<SpottedWord> reports, IReadOnlyList<LabelledSpan> words, double tolerance)
    {
        ArgumentNullException.ThrowIfNull(reports);
        ArgumentNullException.ThrowIfNull(words);
        var hit = new bool[words.Count];
        var matched = new SpottedWord[reports.Count];
        int first = 0; // words before it ended too long ago for any report that follows
        for (int r = 0; r < matched.Length; r++)
        {
            var report = reports[r];
            while (first < words.Count && words[first].End + tolerance < report.Seconds)
                first++;
            int best = -1;
            for (int w = first; w < words.Count && words[w].Start <= report.Seconds && best < 0; w++)
            {
                if (!hit[w] && words[w].Label == report.Label && report.Seconds <= words[w].End + tolerance)
                    best = w;
            }

            if (best >= 0)
                hit[best] = true;
            matched[r] = report with { Delay = best < 0 ? null : report.Seconds - words[best].End };
        }

        return (matched, hit);
    }
}

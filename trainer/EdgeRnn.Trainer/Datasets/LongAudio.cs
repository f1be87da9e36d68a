using EdgeRnn.Features;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>A part of a recording that has a label: where a word is spoken.</summary>
/// <param name="Label">Index into the labels of the data.</param>
/// <param name="Start">Seconds from the beginning of the recording.</param>
/// <param name="End">Likewise, after <paramref name="Start"/>.</param>
public readonly record struct LabelledSpan(int Label, double Start, double End);

/// <summary>Minutes or hours of sound in which words are spoken now and then.</summary>
public abstract class LongRecording
{
    /// <summary>Name for messages.</summary>
    public abstract string Name { get; }

    /// <summary>Samples a second.</summary>
    public abstract int RateHz { get; }

    /// <summary>Its length.</summary>
    public abstract double Seconds { get; }

    /// <summary>What is said where, in the order of its beginning; spans do not overlap.</summary>
    public abstract IReadOnlyList<LabelledSpan> Spans { get; }

    /// <summary>
    /// The sound, full scale ±1, in pieces that follow each other without a gap; made or read as they are asked for, as
    /// hours do not fit into memory.
    /// </summary>
    public abstract IEnumerable<float[]> Pieces();

    /// <summary>Takes a step of features.</summary>
    /// <param name="features">Valid until it returns.</param>
    /// <param name="seconds">Where the last sample of the step's frame is.</param>
    /// <param name="piece">The piece that it is in.</param>
    internal delegate void Taker(ReadOnlySpan<float> features, double seconds, int piece);

    /// <summary>All steps of its features, by the board's front end, which hears the pieces as one stream.</summary>
    /// <returns>Samples that were no numbers.</returns>
    internal long Run(FeatureSpec spec, Taker take, CancellationToken cancellation)
    {
        var frontEnd = new FrontEnd(spec, RateHz);
        long before = 0;
        int index = 0;
        foreach (float[] piece in Pieces())
        {
            cancellation.ThrowIfCancellationRequested();
            ReadOnlySpan<float> left = piece;
            while (frontEnd.Next(ref left))
                take(frontEnd.Features, (before + piece.Length - left.Length) / (double)RateHz, index);
            before += piece.Length;
            index++;
        }

        return frontEnd.ReplacedSamples;
    }
}

/// <summary>Which labels are no keywords, and which of these name noise and not speech.</summary>
/// <param name="Names">Labels that are background; null for those that look like it.</param>
public sealed record BackgroundLabels(IReadOnlyList<string>? Names = null)
{
    private static readonly string[] Noises = ["silence", "noise", "background", "background_noise"];
    private static readonly string[] Others = ["unknown", "other"];

    /// <summary>Whether a label is no keyword: unless named, one that begins with _, or that says so.</summary>
    public bool Contains(string label) => Names?.Contains(label)
        ?? (label.StartsWith('_') || Noises.Contains(label) || Others.Contains(label));

    /// <summary>Whether a label is background that nobody speaks.</summary>
    public bool IsNoise(string label) => Contains(label) && Noises.Contains(label.Trim('_'));

    /// <summary>Reads <c>background=LABEL,…</c>.</summary>
    internal static BackgroundLabels From(DataSpec spec) => new(spec.Option("background")?.Split(','));

    /// <summary>Refuses names that are no label, and labels without a keyword.</summary>
    internal void Check(DataSpec spec, IReadOnlyList<string> labels)
    {
        if (Names?.FirstOrDefault(name => !labels.Contains(name)) is { } stranger)
            throw new UserException(
                $"data '{spec.Text}': background names '{stranger}', expected some of {string.Join(", ", labels)}.");
        if (labels.All(Contains))
            throw new UserException(
                $"data '{spec.Text}' have no keyword: all of {string.Join(", ", labels)} count as background; name "
                + "those that do with background=LABEL,….");
    }
}

/// <summary>Long recordings, and how steps of them are labelled where a network is to learn from them.</summary>
/// <param name="Recordings">The recordings.</param>
/// <param name="Background">Which labels are no keywords.</param>
public sealed record LongAudio(IReadOnlyList<LongRecording> Recordings, BackgroundLabels Background)
{
    // A keyword is known before its end, and who waits for the end of all answers late.
    private const double PartThatIsHeard = 0.75;

    /// <summary>For how long after its end a word is still the label of the steps.</summary>
    public double HoldSeconds { get; init; }

    /// <summary>Length and distance, in steps, of the windows that are cut; null for whole pieces with a label for each
    /// step.</summary>
    public (int Window, int Hop)? Windows { get; init; }

    /// <summary>The length of all recordings.</summary>
    public double Hours => Recordings.Sum(r => r.Seconds) / 3600;

    /// <summary>
    /// Sequences to learn from: a piece of a recording each, with a label for each step, or windows of these with the
    /// label of their last step.
    /// </summary>
    internal (List<Sequence> Sequences, long Replaced) ToSequences(FeatureSpec spec, IReadOnlyList<string> labels)
    {
        var sequences = new List<Sequence>();
        var values = new List<float>();
        var ends = new List<double>();
        long replaced = 0;
        foreach (var recording in Recordings)
        {
            int current = 0;
            replaced += recording.Run(spec, (features, seconds, piece) =>
            {
                if (piece != current)
                    Add(recording);
                current = piece;
                values.AddRange(features);
                ends.Add(seconds);
            }, CancellationToken.None);
            Add(recording);
        }

        return (sequences, replaced);

        void Add(LongRecording recording)
        {
            int[] stepLabels = LabelsOf(recording.Spans, ends, labels);
            sequences.AddRange(Cut(values.ToArray(), stepLabels));
            values.Clear();
            ends.Clear();
        }
    }

    private IEnumerable<Sequence> Cut(float[] values, int[] labels)
    {
        if (labels.Length == 0)
            yield break;
        if (Windows is not var (window, hop))
        {
            yield return new(values, labels.Length, labels[^1]) { StepLabels = labels };
            yield break;
        }

        int width = values.Length / labels.Length;
        for (int first = 0; first + window <= labels.Length; first += hop)
            yield return new(values.AsMemory(first * width, window * width), window, labels[first + window - 1]);
    }

    /// <summary>
    /// The label of each step. A keyword begins to be it when three quarters of it were heard, and until then is speech
    /// like any other; what nobody speaks in is noise.
    /// </summary>
    private int[] LabelsOf(IReadOnlyList<LabelledSpan> spans, List<double> ends, IReadOnlyList<string> labels)
    {
        int noise = IndexOf(labels, Background.IsNoise) ?? IndexOf(labels, Background.Contains) ?? 0;
        int speech = IndexOf(labels, l => Background.Contains(l) && !Background.IsNoise(l)) ?? noise;
        var result = new int[ends.Count];
        int next = 0;
        for (int t = 0; t < result.Length; t++)
        {
            while (next < spans.Count && spans[next].Start < ends[t])
                next++;
            result[t] = noise;
            if (next == 0 || spans[next - 1] is var span && ends[t] > span.End + HoldSeconds)
                continue;
            bool isKeyword = !Background.Contains(labels[span.Label]);
            double heard = span.Start + PartThatIsHeard * (span.End - span.Start);
            result[t] = isKeyword && ends[t] < heard ? speech : span.Label;
        }

        return result;
    }

    private static int? IndexOf(IReadOnlyList<string> labels, Func<string, bool> wanted)
    {
        for (int i = 0; i < labels.Count; i++)
        {
            if (wanted(labels[i]))
                return i;
        }

        return null;
    }
}

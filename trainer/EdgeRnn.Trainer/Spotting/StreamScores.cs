using System.Runtime.InteropServices;
using EdgeRnn.Decisions;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Trainer.Spotting;

/// <summary>
/// What a model says of long recordings, decision by decision, as the board's front end and stream give it. Kept, so
/// that rules can be tried on it: the network runs once.
/// </summary>
public sealed class StreamScores
{
    private readonly IReadOnlyList<Track> _tracks;

    private StreamScores(
        RnnModel model, double hours, double decisionsPerSecond, IReadOnlyList<bool> isKeyword,
        IReadOnlyList<Track> tracks) =>
        (Model, Hours, DecisionsPerSecond, IsKeyword, _tracks) = (model, hours, decisionsPerSecond, isKeyword, tracks);

    /// <summary>The model.</summary>
    public RnnModel Model { get; }

    /// <summary>Length of the recordings.</summary>
    public double Hours { get; }

    /// <summary>Decisions a second of the stream.</summary>
    public double DecisionsPerSecond { get; }

    /// <summary>Decisions that were made.</summary>
    public long Decisions => _tracks.Sum(t => (long)t.Steps.Count);

    /// <summary>For each of the model's labels whether it is a keyword.</summary>
    public IReadOnlyList<bool> IsKeyword { get; }

    /// <summary>Runs a model over long recordings.</summary>
    /// <exception cref="UserException">The model cannot stream, hears no sound, or has none of the words.</exception>
    public static StreamScores Of(RnnModel model, SequenceDataset data, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        var audio = data.Long ?? throw new UserException($"{data.Name} holds no long recordings; name room: or long: data.");
        if (model.StreamRefusal is { } refusal)
            throw new UserException($"The model cannot be evaluated on a stream: {refusal}.");
        if (model.Features is not { } features)
            throw new UserException("The model hears no sound; name one that was trained with --features.");
        int[] map = Map(model, data);
        var stream = new StreamClassifier(new RnnSession(model));
        var tracks = new List<Track>();
        foreach (var recording in audio.Recordings)
        {
            stream.Reset();
            var track = new Track(
                [.. recording.Spans.Select(s => s with { Label = map[s.Label] }).Where(s => s.Label >= 0)]);
            long begun = stream.Steps;
            recording.Run(features, (step, seconds, _) =>
            {
                if (stream.Step(step))
                    track.Add(stream.Scores, stream.Steps - 1 - begun, seconds);
            }, cancellation);
            tracks.Add(track);
        }

        int hop = model.StreamMode == StreamMode.Window ? model.Hop : 1;
        return new(model, audio.Hours, features.FramesPerSecond / hop,
            [.. model.Labels.Select(label => !audio.Background.Contains(label))], tracks);
    }

    /// <summary>What is reported by these rules.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="tolerance">Seconds after its end in which a word may still be hit.</param>
    public SpottingResult Decide(DecisionRules rules, double tolerance)
    {
        int labels = Model.Labels.Count;
        var words = new int[labels];
        var missed = new int[labels];
        var falseAccepts = new int[labels];
        var all = new List<SpottedWord>();
        for (int i = 0; i < _tracks.Count; i++)
        {
            var (reports, hit) = SpottingResult.Match(Reports(i, _tracks[i], rules), _tracks[i].Words, tolerance);
            all.AddRange(reports);
            foreach (var report in reports)
                falseAccepts[report.Label] += report.Delay is null ? 1 : 0;
            for (int w = 0; w < hit.Length; w++)
            {
                words[_tracks[i].Words[w].Label]++;
                missed[_tracks[i].Words[w].Label] += hit[w] ? 0 : 1;
            }
        }

        return new([.. Enumerable.Range(0, labels).Where(k => IsKeyword[k]).Select(
            k => new KeywordCounts(Model.Labels[k], words[k], missed[k], falseAccepts[k]))], all, Hours);
    }

    /// <summary>The same scores, smoothed by <paramref name="rules"/>, which need not smooth them again.</summary>
    internal StreamScores Smoothed(DecisionRules rules)
    {
        int labels = Model.Labels.Count;
        var tracks = new List<Track>();
        foreach (var track in _tracks)
        {
            var decider = new Decider(rules, labels);
            var smooth = new Track(track.Words);
            for (int d = 0; d < track.Steps.Count; d++)
            {
                decider.Decide(track.ScoresOf(d, labels), track.Steps[d]);
                smooth.Add(decider.Scores, track.Steps[d], track.Ends[d]);
            }

            tracks.Add(smooth);
        }

        return new(Model, Hours, DecisionsPerSecond, IsKeyword, tracks);
    }

    /// <summary>The keywords that come into force, as the host's events tell them.</summary>
    private List<SpottedWord> Reports(int recording, Track track, DecisionRules rules)
    {
        int labels = Model.Labels.Count;
        var decider = new Decider(rules, labels);
        var reports = new List<SpottedWord>();
        for (int d = 0; d < track.Steps.Count; d++)
        {
            decider.Decide(track.ScoresOf(d, labels), track.Steps[d]);
            if (decider.IsEvent && decider.IsKnown && IsKeyword[decider.Class])
                reports.Add(new(recording, track.Ends[d], track.Steps[d], decider.Class, decider.Score));
        }

        return reports;
    }

    /// <summary>The model's number of each label of the data, which it must know where a word has it.</summary>
    private static int[] Map(RnnModel model, SequenceDataset data)
    {
        int[] map = [.. data.Labels.Select(label => model.Labels.ToList().IndexOf(label))];
        if (model.Labels.All(data.Long!.Background.Contains))
            throw new UserException(
                $"The model has no keyword: all of {string.Join(", ", model.Labels)} count as background; name those "
                + "that do with background=LABEL,….");
        foreach (var recording in data.Long.Recordings)
        {
            foreach (var span in recording.Spans)
            {
                if (map[span.Label] < 0 && !data.Long.Background.Contains(data.Labels[span.Label]))
                    throw new UserException(FormattableString.Invariant(
                        $"{recording.Name}: the word '{data.Labels[span.Label]}' at {span.Start:0.##} s is none of the model's ({string.Join(", ", model.Labels)}); correct it, or name it in background=."));
            }
        }

        return map;
    }

    /// <summary>The scores of one recording, decision after decision.</summary>
    private sealed class Track(IReadOnlyList<LabelledSpan> words)
    {
        private readonly List<float> _scores = [];

        public IReadOnlyList<LabelledSpan> Words { get; } = words;

        public List<long> Steps { get; } = [];

        public List<double> Ends { get; } = [];

        public void Add(ReadOnlySpan<float> scores, long step, double seconds)
        {
            _scores.AddRange(scores);
            Steps.Add(step);
            Ends.Add(seconds);
        }

        public ReadOnlySpan<float> ScoresOf(int decision, int labels) =>
            CollectionsMarshal.AsSpan(_scores).Slice(decision * labels, labels);
    }
}

namespace EdgeRnn.Trainer.Datasets;

/// <summary>From a data spec to long recordings.</summary>
internal static class LongSpec
{
    private const double UsualHold = 0.5;
    private const string UsualBackground = "_background_";

    /// <summary><c>room:DIR</c>, a recording that is made of clips, which are read as <c>wav:</c> does.</summary>
    public static SequenceDataset Room(DataSpec spec)
    {
        var options = RoomOptions.From(spec);
        var background = BackgroundLabels.From(spec);
        var clips = new WavFolder(spec.Path, WavOptions.From(spec)).Load();
        background.Check(spec, clips.Labels);
        return clips with
        {
            Sequences = [],
            Long = Labelled(spec, new([new RoomAudio(clips, background, options)], background)),
        };
    }

    /// <summary><c>long:FILE.wav</c>, or a folder of such files, each with its labels beside it.</summary>
    public static SequenceDataset Long(DataSpec spec)
    {
        if (spec.Count is not null)
            throw spec.BadOption("count", "the name of a file in its place");
        string path = spec.Path;
        string[] files = !Directory.Exists(path) ? [path] : [.. Directory.GetFiles(path)
            .Where(f => f.EndsWith(".wav", StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal)];
        if (files.Length == 0)
            throw new UserException($"{path} holds no .wav file; put recordings there, or name another folder.");
        var labels = new List<string>();
        LabelledRecording[] recordings = [.. files.Select(file => LabelledRecording.Open(file, labels))];
        var background = BackgroundLabels.From(spec);
        if (background.Names is { } names)
            labels.AddRange(names.Except(labels));
        else if (!labels.Any(background.Contains))
            labels.Add(UsualBackground);
        background.Check(spec, labels);
        int stereo = recordings.Count(r => r.Format.Channels > 1);
        return new(Path.GetFileNameWithoutExtension(path), ["sound"], labels, [])
        {
            AudioRateHz = recordings.Min(r => r.RateHz),
            Long = Labelled(spec, new(recordings, background)),
            Warnings = stereo == 0 ? []
                : [$"{stereo} of {files.Length} recordings of {path} have several channels, which are mixed down"],
        };
    }

    private static LongAudio Labelled(DataSpec spec, LongAudio audio)
    {
        int? window = spec.Integer("window", 1, int.MaxValue), hop = spec.Integer("hop", 1, int.MaxValue);
        if (hop is not null && window is null)
            throw spec.BadOption("hop", "a window=N as well");
        return audio with
        {
            HoldSeconds = spec.Number("hold", 0, 10) ?? UsualHold,
            Windows = window is { } steps ? (steps, hop ?? steps) : null,
        };
    }
}

using System.Globalization;
using System.Text.RegularExpressions;
using EdgeRnn.Features;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>What a <c>wav:</c> data spec may ask for.</summary>
/// <param name="Patterns">How file names tell label, group and take; none where folders tell the label.</param>
/// <param name="Takes">The takes that are wanted; null for all.</param>
/// <param name="Seconds">What recordings are cut, or filled up with silence, to; null to leave them.</param>
internal sealed record WavOptions(IReadOnlyList<NamePattern> Patterns, (int First, int Last)? Takes, double? Seconds)
{
    public static WavOptions From(DataSpec spec)
    {
        var patterns = (spec.Option("pattern")?.Split('|') ?? []).Select(NamePattern.Parse).ToArray();
        if (patterns.Contains(null))
            throw spec.BadOption(
                "pattern", "a file name with {label}, {group} or {take} for parts of it, * for the rest of no "
                + "interest, and | between two such names, e.g. {label}_{group}_{take}.wav");
        if (patterns.DistinctBy(p => p!.Has("label")).Count() > 1)
            throw spec.BadOption("pattern", "{label} in all names between |, or in none");
        (int, int)? takes = null;
        if (spec.Option("take") is { } text)
        {
            string[] ends = text.Split('-');
            takes = ends.Length <= 2 && Number(ends[0]) is { } first && Number(ends[^1]) is { } last && first <= last
                ? (first, last) : throw spec.BadOption("take", "a number, or a range such as 0-4");
            if (patterns.Length == 0 || !patterns.All(p => p!.Has("take")))
                throw spec.BadOption("take", "a pattern with {take} as well");
        }
        return new(patterns!, takes, spec.Number("seconds", 0.01, 3600));
    }

    private static int? Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
}

/// <summary>A file name with parts that mean something.</summary>
internal sealed class NamePattern
{
    private static readonly string[] Parts = ["label", "group", "take"];
    private readonly Regex _regex;

    private NamePattern(Regex regex) => _regex = regex;

    /// <summary>
    /// Reads a pattern; null where it is none. A part ends before the character that follows it in the pattern.
    /// </summary>
    public static NamePattern? Parse(string text)
    {
        string regex = "^" + Regex.Escape(text).Replace("\\*", ".*", StringComparison.Ordinal) + "$";
        foreach (string part in Parts)
        {
            int at = regex.IndexOf($"\\{{{part}}}", StringComparison.Ordinal);
            if (at < 0)
                continue;
            int end = at + part.Length + 3;
            string next = regex[end] == '\\' ? regex.Substring(end, 2) : regex[end] == '$' ? "" : regex[end].ToString();
            string any = next is "" or ".*" ? "." : $"[^{next}]";
            regex = $"{regex.AsSpan(0, at)}(?<{part}>{any}+){regex.AsSpan(end)}";
        }
        bool isPattern = Parts.Any(part => regex.Contains($"(?<{part}>", StringComparison.Ordinal));
        return isPattern && !regex.Contains("\\{", StringComparison.Ordinal)
            ? new(new(regex, RegexOptions.CultureInvariant))
            : null;
    }

    public bool Has(string part) => _regex.GetGroupNames().Contains(part);

    /// <summary>The parts of a name, or null where it does not fit.</summary>
    public Match? Of(string name) => _regex.Match(name) is { Success: true } match ? match : null;
}

/// <summary>
/// Recordings in WAV files, each a sequence of samples; features are made of them later. The label is the sub-folder's
/// name, or a part of the file's, and so is the group; without one each file is a group of its own. Channels are mixed
/// down.
/// </summary>
internal sealed class WavFolder(string path, WavOptions options)
{
    private readonly List<string> _warnings = [];

    public SequenceDataset Load()
    {
        if (!Directory.Exists(path))
            throw new UserException($"{path} is not a folder; wav: reads a folder of recordings.");
        Recording[] all = [.. Find()];
        if (all.Length == 0)
            throw new UserException($"{path} holds no .wav file" + (options.Takes is null ? "" : " of these takes")
                + "; put recordings there, or name another folder.");
        var audio = new (AudioFormat Format, float[] Samples)[all.Length];
        for (int i = 0; i < all.Length; i++)
            audio[i] = WavFile.Read(all[i].Path);
        // One rate for all, the lowest: nothing is made up.
        int rate = audio.Min(a => a.Format.RateHz);
        int stereo = audio.Count(a => a.Format.Channels > 1), converted = audio.Count(a => a.Format.RateHz != rate);
        if (stereo > 0)
            _warnings.Add($"{stereo} of {all.Length} recordings of {path} have several channels, which are mixed down");
        if (converted > 0)
            _warnings.Add(
                $"{converted} of {all.Length} recordings of {path} have other rates and are converted to {rate} Hz");
        string[] labels = [.. all.Select(r => r.Label).Distinct().Order(StringComparer.Ordinal)];
        var sequences = all.Zip(audio, (recording, a) =>
        {
            float[] samples = Fit(Converted(a.Samples, a.Format.RateHz, rate), rate);
            int label = Array.BinarySearch(labels, recording.Label, StringComparer.Ordinal);
            return new Sequence(samples, samples.Length, label, recording.Group) { Audio = samples };
        });
        string full = Path.GetFullPath(path);
        return new(Path.GetFileName(Path.TrimEndingDirectorySeparator(full)), ["sound"], labels, [.. sequences], rate)
        {
            AudioRateHz = rate,
            Warnings = _warnings,
            GroupFolder = options.Patterns.Any(p => p.Has("group")) ? null : full,
        };
    }

    /// <summary>All recordings that are wanted, in an order that is the same on every machine.</summary>
    private IEnumerable<Recording> Find()
    {
        bool namesTell = options.Patterns.Count > 0 && options.Patterns[0].Has("label");
        foreach (string file in Directory.GetFiles(path, "*", SearchOption.AllDirectories).Order(
            StringComparer.Ordinal))
        {
            string relative = Path.GetRelativePath(path, file).Replace('\\', '/');
            bool isHidden = relative.Split('/').Any(part => part.StartsWith('.'));
            if (isHidden || !file.EndsWith(".wav", StringComparison.OrdinalIgnoreCase))
                continue;
            var parts = options.Patterns.Select(p => p.Of(Path.GetFileName(file))).FirstOrDefault(m => m is not null);
            if (options.Patterns.Count > 0 && parts is null)
                throw new UserException(
                    $"{file} has a name that the pattern does not fit; change pattern=, or move it away.");
            if (!namesTell && !relative.Contains('/', StringComparison.Ordinal))
                throw new UserException(
                    $"{file} lies in no sub-folder that names its class; put it into one, or say with "
                    + "pattern={label}_*.wav how names tell it.");
            string label = namesTell
                ? parts!.Groups["label"].Value
                : relative[..relative.IndexOf('/', StringComparison.Ordinal)];
            if (IsWanted(parts, file))
                yield return new(
                    file, label, parts?.Groups["group"] is { Success: true } group ? group.Value : relative);
        }
    }

    private bool IsWanted(Match? parts, string file)
    {
        if (options.Takes is not { } takes)
            return true;
        string text = parts!.Groups["take"].Value;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int take)
            ? take >= takes.First && take <= takes.Last
            : throw new UserException(
                $"{file} has take '{text}', expected a number; change pattern=, or leave take= out.");
    }

    private static float[] Converted(float[] samples, int fromHz, int toHz)
    {
        if (fromHz == toHz)
            return samples;
        var output = new float[(long)samples.Length * toHz / fromHz + 1];
        ReadOnlySpan<float> input = samples;
        return output[..new Resampler(fromHz, toHz).Convert(ref input, output)];
    }

    private float[] Fit(float[] samples, int rate)
    {
        if (options.Seconds is { } seconds)
            Array.Resize(ref samples, (int)Math.Round(seconds * rate));
        return samples;
    }

    private sealed record Recording(string Path, string Label, string Group);
}

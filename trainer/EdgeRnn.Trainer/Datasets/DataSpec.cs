using System.Globalization;
using System.Text;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>
/// Where sequences come from, as the user writes it: <c>kind:path[?key=value&amp;…]</c>. Kinds: <c>idx</c>,
/// <c>idx-pixels</c>, <c>ts</c>, <c>csv</c>, <c>npy</c>, <c>wav</c>, <c>synthetic</c>; every kind takes <c>count</c>
/// (the first so many sequences), and those that do not know their sample rate take <c>rate</c> (steps a second).
/// </summary>
public sealed class DataSpec
{
    private static readonly Dictionary<string, Source> Sources = new(StringComparer.Ordinal)
    {
        ["idx"] = new("idx:DIR/train", [], spec => IdxFiles.Load(spec.Path, rowsAsSteps: true, spec.Count)),
        ["idx-pixels"] = new("idx-pixels:DIR/train", [],
            spec => IdxFiles.Load(spec.Path, rowsAsSteps: false, spec.Count)),
        ["ts"] = new("ts:FILE.ts", ["rate"], spec => new TsFile(spec.Path).Load()),
        ["csv"] = new("csv:DIR", ["window", "hop", "channels", "group", "label", "time", "resample", "gap", "rate",
            "target", "ahead", "outputs"],
            spec => new CsvFolder(spec.Path, CsvOptions.From(spec)).Load()),
        ["npy"] = new("npy:X.npy,y.npy", ["rate"], spec => NpyPair.Load(spec.Path)),
        ["wav"] = new(
            "wav:DIR", ["pattern", "take", "seconds"], spec => new WavFolder(spec.Path, WavOptions.From(spec)).Load()),
        ["room"] = new("room:DIR", ["pattern", "minutes", "seed", "snr", "pause", "keywords", "speed", "background",
            "hold", "window", "hop"], LongSpec.Room),
        ["long"] = new("long:FILE.wav", ["background", "hold", "window", "hop"], LongSpec.Long),
        ["synthetic"] = new("synthetic:motion", ["part", "seed", "noise"], SyntheticMotion.Load),
    };

    private readonly Dictionary<string, string> _options;

    private DataSpec(string text, string kind, string path, Dictionary<string, string> options)
    {
        (Text, Kind, Path, _options) = (text, kind, path, options);
    }

    /// <summary>What the user wrote.</summary>
    public string Text { get; }

    /// <summary>The part before the colon.</summary>
    public string Kind { get; }

    /// <summary>The part between the colon and the question mark.</summary>
    public string Path { get; }

    /// <summary>The first so many sequences are wanted; null for all.</summary>
    public int? Count => Integer("count", 1, int.MaxValue);

    /// <summary>Reads <paramref name="text"/> and the data it names.</summary>
    /// <exception cref="UserException">The text or the data are not as they should be.</exception>
    public static SequenceDataset Load(string text) => Parse(text).Load();

    /// <summary>Reads <paramref name="text"/>; opens no file.</summary>
    /// <exception cref="UserException">An unknown kind, an unknown option or a missing path.</exception>
    public static DataSpec Parse(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || !Sources.TryGetValue(text[..colon], out var source))
        {
            throw new UserException($"data '{text}' begins with no known kind; write one of " +
                $"{string.Join(", ", Sources.Values.Select(s => s.Example))}.");
        }
        int question = text.IndexOf('?', colon);
        string path = question < 0 ? text[(colon + 1)..] : text[(colon + 1)..question];
        if (path.Length == 0)
            throw new UserException(
                $"data '{text}' names nothing after the colon; write for example {source.Example}.");

        var spec = new DataSpec(text, text[..colon], path, []);
        string options = question < 0 ? "" : text[(question + 1)..];
        foreach (string option in options.Split('&', StringSplitOptions.RemoveEmptyEntries))
            spec.Add(option, source);
        _ = spec.Count;
        return spec;
    }

    /// <summary>Reads the data.</summary>
    /// <exception cref="UserException">The data are missing, damaged or not of the form of their kind.</exception>
    public SequenceDataset Load()
    {
        SequenceDataset data;
        try
        {
            data = Sources[Kind].Load(this);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(
                $"data '{Text}' cannot be read: {e.Message.TrimEnd('.')}; check the path and its permissions.", e);
        }
        if (Number("rate", 1e-6, 1e9) is { } rate)
            data = data with { SampleRateHz = (float)rate };
        if (Count is { } count && count < data.Count)
            data = data.Subset(Enumerable.Range(0, count));
        return WithinLimits(data);
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>The value of an option, or null.</summary>
    internal string? Option(string key) => _options.GetValueOrDefault(key);

    internal int? Integer(string key, int least, int most)
    {
        if (Option(key) is not { } text)
            return null;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value)
            && value >= least && value <= most
            ? value
            : throw BadOption(key, $"a whole number from {least} to {most}");
    }

    internal double? Number(string key, double least, double most)
    {
        if (Option(key) is not { } text)
            return null;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            && value >= least && value <= most
            ? value
            : throw BadOption(key, $"a number from {least:R} to {most:R}");
    }

    internal UserException BadOption(string key, string expected) =>
        new($"data '{Text}': {key} is '{Option(key)}', expected {expected}.");

    private void Add(string option, Source source)
    {
        string[] known = [.. source.Options, "count"];
        int equals = option.IndexOf('=', StringComparison.Ordinal);
        string key = equals < 0 ? option : option[..equals];
        if (!known.Contains(key))
            throw new UserException(
                $"data '{Text}': {Kind} knows no option '{key}'; it knows {string.Join(", ", known)}.");
        if (equals < 0 || equals == option.Length - 1)
            throw new UserException($"data '{Text}': option '{key}' has no value; write {key}=VALUE.");
        if (!_options.TryAdd(key, option[(equals + 1)..]))
            throw new UserException($"data '{Text}': option '{key}' is there twice; leave one.");
    }

    /// <summary>Holds data to what a model file can carry, and says which classes are empty.</summary>
    private SequenceDataset WithinLimits(SequenceDataset data)
    {
        if (data.Count == 0 && data.Long is null)
            throw new UserException($"data '{Text}' hold no sequences; name data with at least one.");
        if (data.Labels.Count > RnnModel.MaxLabels)
            throw new UserException(
                $"data '{Text}' have {data.Labels.Count} classes; a model has at most {RnnModel.MaxLabels}.");
        if (data.Channels.Count > RnnModel.MaxInputs)
            throw new UserException(
                $"data '{Text}' have {data.Channels.Count} channels; a model has at most {RnnModel.MaxInputs}.");
        foreach (string name in data.Labels.Concat(data.Channels))
        {
            if (Encoding.UTF8.GetByteCount(name) > RnnModel.MaxNameBytes)
                throw new UserException(
                    $"data '{Text}': the name '{name}' is longer than {RnnModel.MaxNameBytes} bytes; shorten it.");
        }
        if (data.Long is not null)
            return data;
        bool[] occurs = data.Occurring();
        string[] empty = [.. data.Labels.Where((_, label) => !occurs[label])];
        if (empty.Length == 0)
            return data;
        // A single stray label 255 empties hundreds of classes; a few say it as well.
        string warning = $"no sequence of class {SequenceDataset.Listed(empty)} in '{Text}'";
        return data with { Warnings = [.. data.Warnings, warning] };
    }

    private sealed record Source(string Example, string[] Options, Func<DataSpec, SequenceDataset> Load);
}

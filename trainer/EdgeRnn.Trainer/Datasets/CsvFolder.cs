namespace EdgeRnn.Trainer.Datasets;

/// <summary>What a <c>csv:</c> data spec may ask for.</summary>
/// <param name="Window">Steps of a window that recordings are cut into; null for one sequence per recording.</param>
/// <param name="Hop">Steps from one window to the next.</param>
/// <param name="Channels">Columns to read, in this order; null for all of the first file.</param>
/// <param name="GroupColumn">A column that names what a split keeps together; null to keep files together.</param>
internal sealed record CsvOptions(int? Window, int Hop, string[]? Channels, string? GroupColumn)
{
    public static CsvOptions From(DataSpec spec)
    {
        int? window = spec.Integer("window", 1, int.MaxValue);
        if (window is null && spec.Option("hop") is not null)
            throw spec.BadOption("hop", "a window as well; write window=N&hop=N");
        string[]? channels = spec.Option("channels")?.Split(',', StringSplitOptions.TrimEntries);
        if (channels is not null && (channels.Contains("") || channels.Distinct().Count() < channels.Length))
            throw spec.BadOption("channels", "names of columns separated by commas, each once");
        string? group = spec.Option("group");
        int hop = spec.Integer("hop", 1, int.MaxValue) ?? window ?? 1;
        return new(window, hop, channels, group == "file" ? null : group);
    }
}

/// <summary>
/// A folder of CSV recordings. The label is the sub-folder's name, or the file's stem when files lie directly in the
/// folder. Long recordings are cut into windows; a rest shorter than a window is dropped and reported.
/// </summary>
internal sealed class CsvFolder(string folder, CsvOptions options)
{
    private readonly List<Sequence> _sequences = [];
    private readonly List<string> _warnings = [];
    private string[]? _channels;
    private string _firstFile = "";
    private int _droppedSteps;
    private int _filesWithRest;
    private int _longestRun;

    public SequenceDataset Load()
    {
        if (!Directory.Exists(folder))
            throw new UserException(
                $"{folder} is not a folder; csv: reads a folder of recordings, in sub-folders named like their " +
                "labels.");
        var files = Find();
        string[] labels = [.. files.Select(f => f.Label).Distinct().Order(StringComparer.Ordinal)];
        foreach (var (path, label) in files)
            Add(path, Array.IndexOf(labels, label));
        if (_sequences.Count == 0)
            throw new UserException(
                $"{folder}: no recording has the {options.Window} steps of a window, the longest has {_longestRun}; " +
                "choose a smaller window=.");
        if (_droppedSteps > 0)
        {
            _warnings.Add($"{_droppedSteps} rows in {_filesWithRest} of {files.Count} files of {folder} fill no " +
                "window of " +
                $"{options.Window} steps and were dropped");
        }
        WarnOfSuspects(labels);
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
        return new(name, _channels!, labels, _sequences) { Warnings = _warnings };
    }

    /// <summary>All recordings with their labels, in an order that is the same on every machine.</summary>
    private List<(string Path, string Label)> Find()
    {
        List<(string, string)> direct = [.. Recordings(folder, SearchOption.TopDirectoryOnly)
            .Select(path => (path, Path.GetFileNameWithoutExtension(path)))];
        List<(string, string)> inFolders = [];
        foreach (string sub in Directory.GetDirectories(folder).Order(StringComparer.Ordinal))
        {
            string label = Path.GetFileName(sub);
            if (label.StartsWith('.'))
                continue;
            string[] found = [.. Recordings(sub, SearchOption.AllDirectories)];
            if (found.Length == 0)
                _warnings.Add($"sub-folder '{label}' of {folder} holds no .csv file and is no class");
            inFolders.AddRange(found.Select(path => (path, label)));
        }
        if (direct.Count > 0 && inFolders.Count > 0)
            throw new UserException(
                $"{folder} holds .csv files both directly ({direct[0].Item1}) and in sub-folders " +
                $"({inFolders[0].Item1}); label them one way.");
        if (direct.Count + inFolders.Count == 0)
            throw new UserException(
                $"{folder} holds no .csv file, neither directly nor in sub-folders; put recordings there, or name " +
                "another folder.");
        return direct.Count > 0 ? direct : inFolders;
    }

    private static IEnumerable<string> Recordings(string where, SearchOption depth) => Directory
        .EnumerateFiles(where, "*", depth)
        .Where(path => Path.GetExtension(path).ToLowerInvariant() is ".csv" or ".tsv")
        .Where(path => !Path.GetFileName(path).StartsWith('.'))
        .Order(StringComparer.Ordinal);

    private void Add(string path, int label)
    {
        var table = CsvTable.Read(path, options.Channels, options.GroupColumn);
        if (_channels is null)
            (_channels, _firstFile) = (table.Channels, path);
        if (!table.Channels.SequenceEqual(_channels))
            table = InOrderOfTheFirst(table, path);

        string file = Path.GetRelativePath(folder, path).Replace('\\', '/');
        int droppedBefore = _droppedSteps;
        for (int run = 0; run < table.Runs.Count; run++)
        {
            var (first, group) = table.Runs[run];
            int end = run + 1 < table.Runs.Count ? table.Runs[run + 1].FirstRow : table.Rows;
            var recording = table.Values.AsMemory(first * _channels.Length, (end - first) * _channels.Length);
            Cut(recording, label, group ?? file);
        }
        _filesWithRest += _droppedSteps > droppedBefore ? 1 : 0;
    }

    /// <summary>Columns are matched by name: a logger may write them in another order.</summary>
    private CsvTable InOrderOfTheFirst(CsvTable table, string path) =>
        table.Channels.Length == _channels!.Length && table.Channels.All(_channels.Contains)
            ? CsvTable.Read(path, _channels, options.GroupColumn)
            : throw new UserException(
                $"{path}, line 1: found {table.Channels.Length} channels ({string.Join(", ", table.Channels)}), " +
                "expected the " +
                $"{_channels.Length} of {_firstFile} ({string.Join(", ", _channels)}); choose common ones with " +
                "channels=, or move the file away.");

    /// <summary>Cuts one recording into windows that share its memory.</summary>
    private void Cut(ReadOnlyMemory<float> recording, int label, string group)
    {
        int channels = _channels!.Length, steps = recording.Length / channels;
        int window = options.Window ?? steps;
        _longestRun = Math.Max(_longestRun, steps);
        int covered = 0;
        for (long start = 0; start + window <= steps; start += options.Window is null ? steps : options.Hop)
        {
            _sequences.Add(new(recording.Slice((int)start * channels, window * channels), window, label, group));
            covered = (int)start + window;
        }
        _droppedSteps += steps - covered;
    }

    /// <summary>What can be read but is seldom meant.</summary>
    private void WarnOfSuspects(string[] labels)
    {
        string? clock = _channels!
            .FirstOrDefault(c => c.ToLowerInvariant() is "time" or "timestamp" or "date" or "index");
        if (options.Channels is null && clock is not null)
        {
            _warnings.Add($"column '{clock}' of {folder} is read as a channel; leave it out with " +
                $"channels={string.Join(',', _channels!.Where(c => c != clock))}");
        }
        if (labels.All(l => l.ToLowerInvariant() is "train" or "training" or "test" or "testing" or "validation"))
            _warnings.Add($"the classes of {folder} are called {string.Join(", ", labels)}; name one of these " +
                "folders if they are parts of a data set");
    }
}

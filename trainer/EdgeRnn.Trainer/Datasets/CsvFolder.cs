using System.Globalization;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>What a <c>csv:</c> data spec may ask for.</summary>
/// <param name="Columns">What to read of each file.</param>
/// <param name="Window">Steps of a window that recordings are cut into; null for one sequence per recording.</param>
/// <param name="Hop">Steps from one window to the next.</param>
/// <param name="GapSeconds">A longer pause ends a recording; null for some usual intervals.</param>
/// <param name="ResampleHz">Steps a second after resampling; null to take rows as they are.</param>
/// <param name="Ahead">Steps from the reading to the value that it is to predict.</param>
internal sealed record CsvOptions(
    CsvColumns Columns, int? Window, int Hop, double? GapSeconds, double? ResampleHz, int Ahead)
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
        var (time, unit) = Time(spec.Option("time"));
        string[] targets = spec.Option("target")?.Split(',', StringSplitOptions.TrimEntries) ?? [];
        if (targets.Contains("") || targets.Distinct().Count() < targets.Length)
            throw spec.BadOption("target", "names of columns separated by commas, each once");
        var columns = new CsvColumns(channels, group == "file" ? null : group, spec.Option("label"), time, unit)
        {
            Targets = targets,
            OutputEachRow = OutputEachRow(spec),
        };
        string[] parts = [.. columns.Others, .. (channels ?? []).Except(targets)];
        if (parts.Distinct().Count() < parts.Length)
            throw spec.BadOption(
                new[] { "target", "label", "time", "group" }.First(key => spec.Option(key) is not null),
                "a column that is none of the others named");
        if (targets.Length > 0 && columns.Label is not null)
            throw spec.BadOption("label", "either a column of classes or target=, columns of values; leave one");
        if (targets.Length == 0 && spec.Option("ahead") is not null)
            throw spec.BadOption("ahead", "columns of values as well; write target=COLUMN&ahead=N");
        int hop = spec.Integer("hop", 1, int.MaxValue) ?? window ?? 1;
        double? gap = spec.Number("gap", 1e-9, 1e9), resample = spec.Number("resample", 1e-6, 1e9);
        foreach (string key in new[] { "gap", "resample" })
        {
            if (spec.Option(key) is not null && time is null)
                throw spec.BadOption(key, $"a column of times as well; write time=COLUMN&{key}=X");
        }
        if (resample is not null && spec.Option("rate") is not null)
            throw spec.BadOption("rate", "either rate or resample; leave one");
        if (resample is not null && columns.OutputEachRow && columns.Label is not null)
            throw spec.BadOption(
                "resample", "times as they are with a label for each row; resample the file, or leave outputs out");
        return new(columns, window, hop, gap, resample, spec.Integer("ahead", 0, int.MaxValue) ?? 0);
    }

    private static bool OutputEachRow(DataSpec spec) => spec.Option("outputs") switch
    {
        null or "last" => false,
        "each" when spec.Option("label") is null && spec.Option("target") is null => throw spec.BadOption(
            "outputs", "a column that has them; write label=COLUMN or target=COLUMN as well"),
        "each" => true,
        _ => throw spec.BadOption("outputs", "each (one a step) or last (one a window)"),
    };

    /// <summary><c>COLUMN[:s|ms|us]</c></summary>
    private static (string? Column, double Unit) Time(string? text) => text switch
    {
        null => (null, 1),
        _ when text.EndsWith(":us", StringComparison.Ordinal) => (text[..^3], 1e-6),
        _ when text.EndsWith(":ms", StringComparison.Ordinal) => (text[..^3], 1e-3),
        _ when text.EndsWith(":s", StringComparison.Ordinal) => (text[..^2], 1),
        _ => (text, 1),
    };
}

/// <summary>
/// CSV recordings. Of a folder, the label is the sub-folder's name, or the file's stem when files lie directly in it;
/// with a label column, of a folder or a single file, it is the cell; with columns of targets, there are values in
/// place of classes. A recording ends where the label (unless there is one for each row) or the group
/// changes or time has a gap; long ones are cut into windows. A rest shorter than a window is dropped and reported.
/// </summary>
internal sealed class CsvFolder(string path, CsvOptions options)
{
    // A clock so much slower than the rate asked for is in another unit, most likely.
    private const double MostStepsPerRow = 100;

    private readonly List<Recording> _windows = [];
    private readonly SortedSet<string> _labels = new(StringComparer.Ordinal);
    private readonly List<string> _warnings = [];
    private readonly bool _isFile = File.Exists(path);
    private string[]? _channels;
    private string _firstFile = "";
    private int _droppedSteps;
    private int _filesWithRest;
    private int _longestRun;
    private int _gaps;
    private int _unlabelled;
    private double _highestRate;

    public SequenceDataset Load()
    {
        bool areValues = options.Columns.Targets.Length > 0;
        if (_isFile && options.Columns.Label is null && !areValues)
            throw new UserException(
                $"{path} is a file; name the column of its classes with label=COLUMN, or of values to predict with " +
                "target=COLUMN, or a folder with a sub-folder for each class.");
        if (!_isFile && !Directory.Exists(path))
            throw new UserException(
                $"{path} is not a folder; csv: reads a folder of recordings, in sub-folders named like their " +
                "labels.");
        var files = _isFile ? [(path, "")] : Find();
        foreach (var (file, label) in files)
            Add(file, label);
        if (_labels.Count == 0 && !areValues)
            throw new UserException(
                $"{path} has no label in column '{options.Columns.Label}' of any row; name another with label=.");
        if (_windows.Count == 0)
            throw new UserException(
                $"{path}: no recording has the {(options.Window ?? 1) + (long)options.Ahead} steps of a window" +
                $"{(options.Ahead > 0 ? " and the steps ahead of it" : "")}, the longest has {_longestRun}; choose a " +
                    $"smaller " +
                "window=.");
        string[] labels = areValues ? options.Columns.Targets : [.. _labels];
        Warn(files.Count, labels);
        Sequence[] sequences = [.. _windows.Select(window => ToSequence(window, labels))];
        string full = Path.GetFullPath(path);
        string name = _isFile ? Path.GetFileNameWithoutExtension(path)
            : Path.GetFileName(Path.TrimEndingDirectorySeparator(full));
        return new(name, _channels!, labels, sequences, (float)(options.ResampleHz ?? 0))
        {
            Warnings = _warnings,
            GroupFolder = options.Columns.Group is null ? full : null,
            OutputKind = areValues ? OutputKind.Values : OutputKind.Classes,
            EachStep = options.Columns.OutputEachRow,
        };
    }

    private Sequence ToSequence(Recording window, string[] labels)
    {
        int Class(string label) => Array.BinarySearch(labels, label, StringComparer.Ordinal);
        int steps = window.Values.Length / _channels!.Length;
        int[] stepLabels = [.. window.StepLabels.ToArray().Select(Class)];
        int label = options.Columns.Targets.Length > 0 ? 0 : window.Label is { } its ? Class(its) : stepLabels[^1];
        return new(window.Values, steps, label, window.Group) { StepLabels = stepLabels, Targets = window.Targets };
    }

    /// <summary>All recordings with their labels, in an order that is the same on every machine.</summary>
    private List<(string Path, string Label)> Find()
    {
        if (options.Columns.Label is not null || options.Columns.Targets.Length > 0)
        {
            List<(string, string)> all = [.. Recordings(path, SearchOption.AllDirectories).Select(file => (file, ""))];
            return all.Count > 0 ? all : throw NoRecording();
        }
        List<(string, string)> direct = [.. Recordings(path, SearchOption.TopDirectoryOnly)
            .Select(file => (file, Path.GetFileNameWithoutExtension(file)))];
        List<(string, string)> inFolders = [];
        foreach (string sub in Directory.GetDirectories(path).Order(StringComparer.Ordinal))
        {
            string label = Path.GetFileName(sub);
            if (label.StartsWith('.'))
                continue;
            string[] found = [.. Recordings(sub, SearchOption.AllDirectories)];
            if (found.Length == 0)
                _warnings.Add($"sub-folder '{label}' of {path} holds no .csv file and is no class");
            inFolders.AddRange(found.Select(file => (file, label)));
        }
        if (direct.Count > 0 && inFolders.Count > 0)
            throw new UserException(
                $"{path} holds .csv files both directly ({direct[0].Item1}) and in sub-folders " +
                $"({inFolders[0].Item1}); label them one way.");
        if (direct.Count + inFolders.Count == 0)
            throw NoRecording();
        return direct.Count > 0 ? direct : inFolders;
    }

    private UserException NoRecording() => new(
        $"{path} holds no .csv file, neither directly nor in sub-folders; put recordings there, or name another " +
        "folder.");

    private static IEnumerable<string> Recordings(string where, SearchOption depth) => Directory
        .EnumerateFiles(where, "*", depth)
        .Where(file => Path.GetExtension(file).ToLowerInvariant() is ".csv" or ".tsv")
        .Where(file => !Path.GetFileName(file).StartsWith('.'))
        .Order(StringComparer.Ordinal);

    private void Add(string file, string label)
    {
        var table = CsvTable.Read(file, options.Columns);
        if (_channels is null)
            (_channels, _firstFile) = (table.Channels, file);
        if (!table.Channels.SequenceEqual(_channels))
            table = InOrderOfTheFirst(table, file);

        double gap = Gap(table, file);
        string relative = _isFile ? "" : Path.GetRelativePath(path, file).Replace('\\', '/');
        int droppedBefore = _droppedSteps;
        for (int i = 0; i < table.Runs.Count; i++)
        {
            var run = table.Runs[i];
            int end = i + 1 < table.Runs.Count ? table.Runs[i + 1].FirstRow : table.Rows;
            // Row 0 is line 2.
            string group = run.Group ?? (_isFile ? $"lines {run.FirstRow + 2} to {end + 1}" : relative);
            if (run.Label == "")
                _unlabelled += end - run.FirstRow;
            else
                AddRun(table, run.FirstRow..end, gap, run.Label ?? label, group);
        }
        _filesWithRest += _droppedSteps > droppedBefore ? 1 : 0;
    }

    private void AddRun(CsvTable table, Range rows, double gap, string label, string group)
    {
        // Of a class whose recordings all are too short, too: its absence must show.
        _labels.UnionWith(table.RowLabels.IsEmpty ? [label] : table.RowLabels[rows].ToArray());
        var stretches = table.Times.IsEmpty
            ? [0..(rows.End.Value - rows.Start.Value)]
            : TimeAxis.Stretches(table.Times.Span[rows], gap);
        _gaps += stretches.Count - 1;
        foreach (var stretch in stretches)
        {
            int first = rows.Start.Value + stretch.Start.Value, end = rows.Start.Value + stretch.End.Value;
            Cut(new(
                Rows(table, table.Values, first, end), Rows(table, table.Targets, first, end),
                table.RowLabels.IsEmpty ? default : table.RowLabels[first..end], table.RowLabels.IsEmpty ? label
                    : null, group));
        }
    }

    /// <summary>Rows of a matrix of the table, at the rate that is asked for.</summary>
    private ReadOnlyMemory<float> Rows(CsvTable table, float[] values, int first, int end)
    {
        // A file may have reserved more rows than it has.
        int columns = values == table.Values ? table.Channels.Length : options.Columns.Targets.Length;
        var rows = values.AsMemory((first * columns)..(end * columns));
        return options.ResampleHz is { } rate && columns > 0
            ? TimeAxis.Resample(rows.Span, table.Times.Span[first..end], rate)
            : rows;
    }

    /// <summary>Seconds that no recording of the file pauses for; refuses times of another unit.</summary>
    private double Gap(CsvTable table, string file)
    {
        if (table.Times.IsEmpty)
            return 0;
        double interval = TimeAxis.UsualInterval(table.Times.Span);
        if (interval == 0 && table.Rows > 1)
            throw new UserException(
                $"{file}: the times in column '{options.Columns.Time}' never rise, expected them to; name another " +
                "column with time=.");
        double gap = options.GapSeconds ?? TimeAxis.GapIntervals * interval;
        if (options.ResampleHz is { } rate && interval > 0)
        {
            double span = table.Times.Span[^1] - table.Times.Span[0];
            if (interval * rate > MostStepsPerRow || span * rate * table.Channels.Length > Array.MaxLength)
            {
                string column = options.Columns.Time!;
                throw new UserException(string.Create(CultureInfo.InvariantCulture,
                    $"{file}: rows are {interval:G4} s apart by column '{column}', too far for resample={rate}; ") +
                    $"check its unit (write time={column}:ms for milliseconds, time={column}:us for microseconds).");
            }
            _highestRate = Math.Max(_highestRate, 1 / interval);
        }
        return gap;
    }

    /// <summary>Columns are matched by name: a logger may write them in another order.</summary>
    private CsvTable InOrderOfTheFirst(CsvTable table, string file) =>
        table.Channels.Length == _channels!.Length && table.Channels.All(_channels.Contains)
            ? CsvTable.Read(file, options.Columns with { Channels = _channels })
            : throw new UserException(
                $"{file}, line 1: found {table.Channels.Length} channels ({string.Join(", ", table.Channels)}), " +
                "expected the " +
                $"{_channels.Length} of {_firstFile} ({string.Join(", ", _channels)}); choose common ones with " +
                "channels=, or move the file away.");

    /// <summary>Cuts one recording into windows that share its memory.</summary>
    private void Cut(Recording recording)
    {
        int channels = _channels!.Length, targets = options.Columns.Targets.Length;
        int steps = recording.Values.Length / channels, last = steps - options.Ahead;
        int window = options.Window ?? last;
        _longestRun = Math.Max(_longestRun, steps);
        int covered = 0;
        for (long start = 0; window > 0 && start + window <= last; start += options.Window is null
            ? steps
            : options.Hop)
        {
            int first = (int)start, end = first + window;
            int target = options.Ahead + (options.Columns.OutputEachRow ? first : end - 1);
            _windows.Add(recording with
            {
                Values = recording.Values[(first * channels)..(end * channels)],
                Targets = recording.Targets[(target * targets)..((end + options.Ahead) * targets)],
                StepLabels = recording.StepLabels.IsEmpty ? default : recording.StepLabels[first..end],
            });
            covered = end + options.Ahead;
        }
        _droppedSteps += steps - covered;
    }

    /// <summary>What was left out, and what can be read but is seldom meant.</summary>
    private void Warn(int files, string[] labels)
    {
        if (_droppedSteps > 0)
        {
            _warnings.Add($"{_droppedSteps} rows in {_filesWithRest} of {files} files of {path} fill no window of " +
                $"{options.Window} steps and were dropped");
        }
        if (_unlabelled > 0)
            _warnings.Add($"{_unlabelled} rows of {path} have no label and were left out");
        if (_gaps > 0)
            _warnings.Add($"the time of {path} has {_gaps} gaps, across which no window goes");
        if (options.ResampleHz is { } rate && _highestRate > 2 * rate)
        {
            _warnings.Add(string.Create(CultureInfo.InvariantCulture,
                $"{path} was recorded at {_highestRate:G3} Hz and is resampled to {rate:G4} without a filter: ") +
                "what is faster than half of that folds back");
        }
        string? clock = _channels!
            .FirstOrDefault(c => c.ToLowerInvariant() is "time" or "timestamp" or "date" or "index");
        if (options.Columns.Channels is null && clock is not null)
        {
            _warnings.Add($"column '{clock}' of {path} is read as a channel; leave it out with " +
                $"channels={string.Join(',', _channels!.Where(c => c != clock))}");
        }
        if (options.Columns.Targets.Length == 0
            && labels.All(l => l.ToLowerInvariant() is "train" or "training" or "test" or "testing" or "validation"))
            _warnings.Add($"the classes of {path} are called {string.Join(", ", labels)}; name one of these " +
                "folders if they are parts of a data set");
    }

    /// <summary>A part of a file: what goes in and what is to come out.</summary>
    /// <param name="Values"><c>[steps, channels]</c></param>
    /// <param name="Targets"><c>[steps, targets]</c>; of a window what it is to give.</param>
    /// <param name="StepLabels">The class of each step; or empty.</param>
    /// <param name="Label">The class of the whole; or null.</param>
    /// <param name="Group">What a split keeps together.</param>
    private readonly record struct Recording(
        ReadOnlyMemory<float> Values, ReadOnlyMemory<float> Targets, ReadOnlyMemory<string> StepLabels, string? Label,
        string Group);
}

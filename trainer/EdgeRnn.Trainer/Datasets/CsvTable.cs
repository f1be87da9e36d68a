namespace EdgeRnn.Trainer.Datasets;

/// <summary>What to read of a CSV file.</summary>
/// <param name="Channels">Columns of readings, in this order; null for all that have no other part.</param>
/// <param name="Group">A column that names what a split keeps together; or null.</param>
/// <param name="Label">A column that names the class; or null.</param>
/// <param name="Time">A column of times; or null.</param>
/// <param name="TimeUnit">Seconds of one unit of the times.</param>
internal sealed record CsvColumns(
    string[]? Channels = null, string? Group = null, string? Label = null, string? Time = null, double TimeUnit = 1)
{
    /// <summary>Columns of values to predict, which may be channels too; or none.</summary>
    public string[] Targets { get; init; } = [];

    /// <summary>Whether each row has an output of its own, so that no recording ends where the class changes.</summary>
    public bool OutputEachRow { get; init; }

    /// <summary>The columns that are no channels unless they are chosen.</summary>
    public IEnumerable<string> Others => new[] { Group, Label, Time }.OfType<string>().Concat(Targets);
}

/// <summary>
/// Rows in a row that have equal cells in the group column, and in the label column if rows have no output of their
/// own.
/// </summary>
internal sealed record CsvRun(int FirstRow, string? Group, string? Label);

/// <summary>One CSV file of readings: a header row that names the columns, then a row a step.</summary>
/// <param name="Channels">Names of the channels, in the order of <paramref name="Values"/>.</param>
/// <param name="Values"><c>[Rows, Channels]</c></param>
/// <param name="Rows">Steps.</param>
/// <param name="Runs">In the order of the file; at least one.</param>
/// <param name="Times">Seconds, <c>[Rows]</c>; empty without a time column.</param>
internal sealed record CsvTable(
    string[] Channels, float[] Values, int Rows, List<CsvRun> Runs, ReadOnlyMemory<double> Times)
{
    /// <summary>Values to predict, <c>[Rows, targets]</c>; empty without such columns.</summary>
    public float[] Targets { get; init; } = [];

    /// <summary>The class of each row, where rows have an output of their own; else empty.</summary>
    public ReadOnlyMemory<string> RowLabels { get; init; }

    private const int Skipped = -1;
    private const int GroupCell = -2;
    private const int LabelCell = -3;
    private const int TimeCell = -4;

    /// <summary>Reads the columns that are asked for.</summary>
    /// <exception cref="UserException">Names file, line, column, what was found, expected, and the remedy.</exception>
    public static CsvTable Read(string path, CsvColumns columns)
    {
        var text = TextFile.Read(path).Span;
        var lines = new Lines(text);
        if (!lines.MoveNext() || TextFile.Trim(lines.Current).IsEmpty)
            throw new UserException(
                $"{path}, line 1: found nothing, expected a row with the names of the channels; fill or remove the " +
                "file.");
        byte separator = Separator(lines.Current);
        string[] header = Header(path, lines.Current, separator);
        var chosen = columns.Channels ?? [.. header.Where(name => !columns.Others.Contains(name))];
        string[] numbers = [.. chosen, .. columns.Targets.Except(chosen)];
        var slots = Slots(path, header, chosen, numbers, columns);

        // A row has a byte per cell at least, so a file of many columns and empty lines reserves no more than its size.
        int mostRows = Math.Min(text.Count((byte)'\n'), text.Length / header.Length) + 1;
        var rows = new RowParser(path, header, slots, numbers.Length, separator, mostRows, columns);
        while (!lines.OnlyBlanksFollow && lines.MoveNext())
            rows.Add(lines.Current, lines.Number);
        if (rows.Count == 0)
            throw new UserException(
                $"{path}, line 2: found no row of numbers after the header, expected at least one; fill or remove " +
                "the file.");
        int[] targets = [.. columns.Targets.Select(name => Array.IndexOf(numbers, name))];
        var values = numbers.Length == chosen.Length
            ? rows.Values
            : rows.Columns([.. Enumerable.Range(0, chosen.Length)]);
        return new(chosen, values, rows.Count, rows.Runs, rows.Times)
        {
            Targets = rows.Columns(targets),
            RowLabels = rows.RowLabels.ToArray(),
        };
    }

    /// <summary>The most frequent of tab, semicolon and comma.</summary>
    private static byte Separator(ReadOnlySpan<byte> header)
    {
        byte best = (byte)'\t';
        foreach (byte candidate in ";,"u8)
        {
            if (Cells.Count(header, candidate) > Cells.Count(header, best))
                best = candidate;
        }
        return best;
    }

    private static string[] Header(string path, ReadOnlySpan<byte> line, byte separator)
    {
        List<string> names = [];
        bool allNumbers = true;
        for (var cells = new Cells(line, separator); cells.MoveNext();)
        {
            string name = TextFile.Text(cells.Current);
            string where = $"{path}, line 1, column {names.Count + 1}";
            if (name.Length == 0)
                throw new UserException(
                    $"{where}: found nothing, expected the name of a channel; name the column or remove it.");
            if (names.Contains(name))
                throw new UserException(
                    $"{where}: found '{name}' a second time, expected a name of its own; rename the column.");
            names.Add(name);
            allNumbers &= TextFile.TryNumber(cells.Current, out _);
        }
        if (allNumbers)
            throw new UserException(
                $"{path}, line 1: found numbers, expected the names of the channels; put a row of names above them.");
        return [.. names];
    }

    /// <summary>For each column its place among the chosen channels, or what else becomes of it.</summary>
    private static int[] Slots(string path, string[] header, string[] chosen, string[] numbers, CsvColumns columns)
    {
        foreach (string name in chosen.Concat(columns.Others))
        {
            if (!header.Contains(name))
            {
                throw new UserException(
                    $"{path}, line 1: found columns {string.Join(", ", header)}, expected one named '{name}'; " +
                    "record all files with the same columns, or choose among them with channels=.");
            }
        }
        if (chosen.Length == 0)
            throw new UserException(
                $"{path}, line 1: found no column besides {string.Join(", ", columns.Others.Select(n => $"'{n}'"))}, " +
                "expected at least one channel; add one.");
        // IndexOf gives -1, which is Skipped, for a column that was not chosen.
        return [.. header.Select(name => name == columns.Group ? GroupCell
            : name == columns.Label ? LabelCell
            : name == columns.Time ? TimeCell
            : Array.IndexOf(numbers, name))];
    }

    /// <summary>The rows as they are parsed.</summary>
    private sealed class RowParser(
        string path, string[] header, int[] slots, int channels, byte separator, int mostRows, CsvColumns columns)
    {
        private readonly double[] _times = new double[slots.Contains(TimeCell) ? mostRows : 0];

        public float[] Values { get; } = new float[mostRows * channels];

        public ReadOnlyMemory<double> Times => _times.AsMemory(0, Math.Min(Count, _times.Length));

        public List<CsvRun> Runs { get; } = [];

        public List<string> RowLabels { get; } = [];

        public int Count { get; private set; }

        public void Add(ReadOnlySpan<byte> line, int number)
        {
            if (TextFile.Trim(line).IsEmpty)
                throw new UserException(
                    $"{path}, line {number}: found an empty line, expected {header.Length} cells; remove it.");
            var row = Values.AsSpan(Count * channels, channels);
            string? group = null, label = null;
            int column = 0;
            for (var cells = new Cells(line, separator); cells.MoveNext() && column < slots.Length; column++)
            {
                int slot = slots[column];
                if (slot == GroupCell)
                    group = TextFile.Text(cells.Current);
                else if (slot == LabelCell)
                    label = TextFile.Text(cells.Current);
                else if (slot == TimeCell ? !TryTime(cells.Current)
                    : slot != Skipped && !TextFile.TryNumber(cells.Current, out row[slot]))
                    throw BadCell(line, cells.Current, number, column);
            }
            int found = Cells.Count(line, separator);
            if (found != header.Length)
                throw new UserException(
                    $"{path}, line {number}: found {found} cells, expected {header.Length} " +
                    $"({string.Join(", ", header)}); complete or remove the row.");
            if (columns.OutputEachRow && label is not null)
            {
                if (label.Length == 0)
                    throw new UserException(
                        $"{path}, line {number}: found no label in column '{columns.Label}', expected one in each " +
                            $"row with " +
                        "outputs=each; fill the cell, or leave outputs out.");
                // One string for all rows of a class that follow one another.
                RowLabels.Add(RowLabels.Count > 0 && RowLabels[^1] == label ? RowLabels[^1] : label);
                label = null;
            }
            if (Count == 0 || Runs[^1].Group != group || Runs[^1].Label != label)
                Runs.Add(new(Count, group, label));
            Count++;
        }

        /// <summary>Some of the columns of numbers, <c>[Count, places]</c>.</summary>
        public float[] Columns(int[] places)
        {
            var values = new float[Count * places.Length];
            for (int i = 0; i < values.Length; i++)
                values[i] = Values[i / places.Length * channels + places[i % places.Length]];
            return values;
        }

        /// <summary>In double precision: milliseconds since 1970 need 41 bits.</summary>
        private bool TryTime(ReadOnlySpan<byte> cell)
        {
            if (!TextFile.TryDouble(cell, out double time))
                return false;
            _times[Count] = time * columns.TimeUnit;
            return true;
        }

        private UserException BadCell(ReadOnlySpan<byte> line, ReadOnlySpan<byte> cell, int number, int column)
        {
            int found = Cells.Count(line, separator);
            // A decimal comma in a file that commas separate shows as a cell too many.
            string remedy = cell.Contains((byte)',') ? "write decimals with a point"
                : cell.IsEmpty ? "fill the cell or remove the row"
                : "correct the cell or remove the row";
            string where = $"{path}, line {number}, column {column + 1} ({header[column]})";
            string cells = found == header.Length ? "" : $" in a row of {found} cells instead of {header.Length}";
            return new($"{where}: found {TextFile.Quote(cell)}{cells}, expected a finite number; {remedy}.");
        }
    }
}

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
    /// <summary>The columns that are no channels unless they are chosen.</summary>
    public IEnumerable<string> Others => new[] { Group, Label, Time }.OfType<string>();
}

/// <summary>Rows in a row that have equal cells in the group and the label column, where there are such.</summary>
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
        var slots = Slots(path, header, chosen, columns);

        // A row has a byte per cell at least, so a file of many columns and empty lines reserves no more than its size.
        int mostRows = Math.Min(text.Count((byte)'\n'), text.Length / header.Length) + 1;
        var rows = new RowParser(path, header, slots, chosen.Length, separator, mostRows, columns.TimeUnit);
        while (!lines.OnlyBlanksFollow && lines.MoveNext())
            rows.Add(lines.Current, lines.Number);
        if (rows.Count == 0)
            throw new UserException(
                $"{path}, line 2: found no row of numbers after the header, expected at least one; fill or remove " +
                "the file.");
        return new(chosen, rows.Values, rows.Count, rows.Runs, rows.Times);
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
    private static int[] Slots(string path, string[] header, string[] chosen, CsvColumns columns)
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
            : Array.IndexOf(chosen, name))];
    }

    /// <summary>The rows as they are parsed.</summary>
    private sealed class RowParser(
        string path, string[] header, int[] slots, int channels, byte separator, int mostRows, double timeUnit)
    {
        private readonly double[] _times = new double[slots.Contains(TimeCell) ? mostRows : 0];

        public float[] Values { get; } = new float[mostRows * channels];

        public ReadOnlyMemory<double> Times => _times.AsMemory(0, Math.Min(Count, _times.Length));

        public List<CsvRun> Runs { get; } = [];

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
            if (Count == 0 || Runs[^1].Group != group || Runs[^1].Label != label)
                Runs.Add(new(Count, group, label));
            Count++;
        }

        /// <summary>In double precision: milliseconds since 1970 need 41 bits.</summary>
        private bool TryTime(ReadOnlySpan<byte> cell)
        {
            if (!TextFile.TryDouble(cell, out double time))
                return false;
            _times[Count] = time * timeUnit;
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

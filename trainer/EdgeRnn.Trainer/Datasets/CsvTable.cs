namespace EdgeRnn.Trainer.Datasets;

/// <summary>One CSV file of readings: a header row that names the columns, then a row a step.</summary>
/// <param name="Channels">Names of the channels, in the order of <paramref name="Values"/>.</param>
/// <param name="Values"><c>[Rows, Channels]</c></param>
/// <param name="Rows">Steps.</param>
/// <param name="Runs">First row and name of each run of equal cells in the group column; else one run.</param>
internal sealed record CsvTable(string[] Channels, float[] Values, int Rows, List<(int FirstRow, string? Group)> Runs)
{
    private const int Skipped = -1;
    private const int GroupCell = -2;

    /// <summary>
    /// Reads the columns named <paramref name="channels"/>, or all when it is null, and <paramref name="groupColumn"/>.
    /// </summary>
    /// <exception cref="UserException">Names file, line, column, what was found, expected, and the remedy.</exception>
    public static CsvTable Read(string path, string[]? channels, string? groupColumn)
    {
        var text = TextFile.Read(path).Span;
        var lines = new Lines(text);
        if (!lines.MoveNext() || TextFile.Trim(lines.Current).IsEmpty)
            throw new UserException(
                $"{path}, line 1: found nothing, expected a row with the names of the channels; fill or remove the " +
                "file.");
        byte separator = Separator(lines.Current);
        string[] header = Header(path, lines.Current, separator);
        var chosen = channels ?? [.. header.Where(name => name != groupColumn)];
        var slots = Slots(path, header, chosen, groupColumn);

        // A row has a byte per cell at least, so a file of many columns and empty lines reserves no more than its size.
        int mostRows = Math.Min(text.Count((byte)'\n'), text.Length / header.Length) + 1;
        var rows = new RowParser(path, header, slots, chosen.Length, separator, mostRows);
        while (!lines.OnlyBlanksFollow && lines.MoveNext())
            rows.Add(lines.Current, lines.Number);
        if (rows.Count == 0)
            throw new UserException(
                $"{path}, line 2: found no row of numbers after the header, expected at least one; fill or remove " +
                "the file.");
        return new(chosen, rows.Values, rows.Count, rows.Runs);
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
    private static int[] Slots(string path, string[] header, string[] chosen, string? groupColumn)
    {
        foreach (string name in groupColumn is null ? chosen : [.. chosen, groupColumn])
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
                $"{path}, line 1: found no column besides '{groupColumn}', expected at least one channel; add one.");
        // IndexOf gives -1, which is Skipped, for a column that was not chosen.
        return [.. header.Select(name => name == groupColumn ? GroupCell : Array.IndexOf(chosen, name))];
    }

    /// <summary>The rows as they are parsed.</summary>
    private sealed class RowParser(
        string path, string[] header, int[] slots, int channels, byte separator, int mostRows)
    {
        public float[] Values { get; } = new float[mostRows * channels];

        public List<(int FirstRow, string? Group)> Runs { get; } = slots.Contains(GroupCell) ? [] : [(0, null)];

        public int Count { get; private set; }

        public void Add(ReadOnlySpan<byte> line, int number)
        {
            if (TextFile.Trim(line).IsEmpty)
                throw new UserException(
                    $"{path}, line {number}: found an empty line, expected {header.Length} cells; remove it.");
            var row = Values.AsSpan(Count * channels, channels);
            int column = 0;
            for (var cells = new Cells(line, separator); cells.MoveNext() && column < slots.Length; column++)
            {
                int slot = slots[column];
                if (slot == GroupCell)
                    BeginRun(TextFile.Text(cells.Current));
                else if (slot != Skipped && !TextFile.TryNumber(cells.Current, out row[slot]))
                    throw BadCell(line, cells.Current, number, column);
            }
            int found = Cells.Count(line, separator);
            if (found != header.Length)
                throw new UserException(
                    $"{path}, line {number}: found {found} cells, expected {header.Length} " +
                    $"({string.Join(", ", header)}); complete or remove the row.");
            Count++;
        }

        private void BeginRun(string group)
        {
            if (Runs.Count == 0 || Runs[^1].Group != group)
                Runs.Add((Count, group));
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

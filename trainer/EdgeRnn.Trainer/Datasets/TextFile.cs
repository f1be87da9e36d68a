using System.Globalization;
using System.Text;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>The bytes of a text file, parsed in place: folders of gigabytes are usual.</summary>
internal static class TextFile
{
    /// <summary>Reads UTF-8, with or without a byte order mark.</summary>
    public static ReadOnlyMemory<byte> Read(string path)
    {
        if (Directory.Exists(path))
            throw new UserException($"{path} is a folder, expected a file; name one in it.");
        if (!File.Exists(path))
            throw new UserException($"{path} does not exist; check the path.");
        var bytes = File.ReadAllBytes(path);
        if (bytes is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
            throw new UserException($"{path} is UTF-16 text, expected UTF-8; save it as UTF-8.");
        return bytes is [0xEF, 0xBB, 0xBF, ..] ? bytes.AsMemory(3) : bytes;
    }

    /// <summary>A finite number with a decimal point, whatever the machine's language.</summary>
    public static bool TryNumber(ReadOnlySpan<byte> cell, out float value) =>
        float.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && float.IsFinite(value);

    /// <summary>The same in double precision.</summary>
    public static bool TryDouble(ReadOnlySpan<byte> cell, out double value) =>
        double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);

    /// <summary>What was found, short enough for a sentence.</summary>
    public static string Quote(ReadOnlySpan<byte> cell)
    {
        const int longest = 40;
        cell = Trim(cell);
        if (cell.IsEmpty)
            return "nothing";
        string text = Encoding.UTF8.GetString(cell[..Math.Min(cell.Length, longest)]);
        return cell.Length > longest ? $"'{text}…'" : $"'{text}'";
    }

    public static string Text(ReadOnlySpan<byte> cell) => Encoding.UTF8.GetString(Trim(cell));

    public static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> cell) => cell.Trim(" \t\r"u8);
}

/// <summary>The lines of a text, which end in LF or CR LF; <see cref="Number"/> counts from 1.</summary>
internal ref struct Lines(ReadOnlySpan<byte> text)
{
    private ReadOnlySpan<byte> _rest = text;

    public ReadOnlySpan<byte> Current { get; private set; }

    public int Number { get; private set; }

    public bool MoveNext()
    {
        if (_rest.IsEmpty)
            return false;
        int end = _rest.IndexOf((byte)'\n');
        Current = (end < 0 ? _rest : _rest[..end]).TrimEnd((byte)'\r');
        _rest = end < 0 ? default : _rest[(end + 1)..];
        Number++;
        return true;
    }

    /// <summary>Whether only blank lines are left.</summary>
    public readonly bool OnlyBlanksFollow => _rest.Trim(" \t\r\n"u8).IsEmpty;
}

/// <summary>The cells of a line; a cell in double quotes may hold the separator.</summary>
internal ref struct Cells(ReadOnlySpan<byte> line, byte separator)
{
    private ReadOnlySpan<byte> _rest = line;
    private bool _ended;

    public ReadOnlySpan<byte> Current { get; private set; }

    public bool MoveNext()
    {
        if (_ended)
            return false;
        int quoteEnd = _rest is [(byte)'"', ..] ? _rest[1..].IndexOf((byte)'"') + 2 : 0;
        int length = quoteEnd + _rest[quoteEnd..].IndexOf(separator);
        _ended = length < quoteEnd;
        Current = TextFile.Trim(_ended ? _rest : _rest[..length]);
        if (Current is [(byte)'"', .., (byte)'"'])
            Current = Current[1..^1];
        _rest = _ended ? default : _rest[(length + 1)..];
        return true;
    }

    public static int Count(ReadOnlySpan<byte> line, byte separator)
    {
        int count = 0;
        for (var cells = new Cells(line, separator); cells.MoveNext();)
            count++;
        return count;
    }
}

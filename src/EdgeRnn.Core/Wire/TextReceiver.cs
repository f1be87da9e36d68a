using System.Globalization;
using System.Text;

namespace EdgeRnn.Wire;

/// <summary>
/// Receives the <c>text</c> format: one reading a line, its numbers split by commas, semicolons, tabs or spaces, each
/// with or without a <c>label:</c>. A line with numbers that is no reading is one damaged reading; a line without any
/// (a greeting, an error) is noise.
/// </summary>
/// <param name="channels">Channels a reading must have.</param>
/// <param name="joinsMidway">Whether the first bytes may be the end of a line, which is then passed over.</param>
/// <param name="names">Names of the channels: a labelled number goes to the channel of that name. May be empty.</param>
public sealed class TextReceiver(int channels, bool joinsMidway, params IReadOnlyList<string> names)
    : LineReceiver(channels)
{
    /// <summary>Longest line: 4,096 numbers of 16 characters.</summary>
    public const int MaxLineLength = 65_536;

    /// <summary>So many readings of another width before the first good one, and it is not the model's line.</summary>
    private const int WrongRowsToRefuse = 3;

    private readonly bool _joinsMidway = joinsMidway;
    private readonly byte[][] _names = [.. names.Select(Encoding.UTF8.GetBytes)];
    private bool _skipLine = joinsMidway;
    private bool _tooLong;
    private long _missing;
    private bool _secondOver;
    private uint _next;
    private int _wrongRows;
    private int _wrongWidth;

    private static ReadOnlySpan<byte> Separators => ",;\t "u8;

    /// <inheritdoc/>
    public override LineAnswer Next(ReadOnlySpan<byte> input, out int consumed)
    {
        consumed = 0;
        while (true)
        {
            var rest = input[consumed..];
            int length = rest[..Math.Min(rest.Length, MaxLineLength + 1)].IndexOf((byte)'\n');
            if (length < 0)
            {
                if (rest.Length <= MaxLineLength)
                    return LineAnswer.NeedMore;
                consumed += MaxLineLength + 1;
                _tooLong = true;
                continue;
            }
            consumed += length + 1;
            if (Take(rest[..length]))
                return LineAnswer.Reading;
            if (Refusal is not null)
                return LineAnswer.Refused;
        }
    }

    /// <inheritdoc/>
    public override void FirstSecondOver()
    {
        _secondOver = true;
        if (_wrongRows >= WrongRowsToRefuse && Counts.Delivered == 0)
            Refuse();
    }

    /// <inheritdoc/>
    public override void Break(ReadOnlySpan<byte> rest)
    {
        if (!rest.IsEmpty || _tooLong)
            Counts.Noise++;
        _tooLong = false;
        _skipLine = true;
        _missing = Unknown;
    }

    /// <inheritdoc/>
    public override bool Complete(ReadOnlySpan<byte> rest)
    {
        // A file's last row often has no line end. What is left of a port's line was cut off, perhaps within a number.
        bool isReading = !_joinsMidway && Take(rest);
        if (_joinsMidway && !rest.IsEmpty)
            Counts.Noise++;
        if (_wrongRows > 0 && Counts.Delivered == 0)
            Refuse();
        return isReading && Refusal is null;
    }

    /// <summary>Judges a line; true when it is a reading.</summary>
    private bool Take(ReadOnlySpan<byte> line)
    {
        if (_skipLine || _tooLong)
        {
            if (!line.IsEmpty || _tooLong)
                Counts.Noise++;
            _skipLine = _tooLong = false;
            return false;
        }
        line = line.TrimEnd((byte)'\r').Trim(Separators);
        if (line.IsEmpty)
            return false;

        if (line.StartsWith("ERR"u8))
        {
            Counts.SenderErrors++;
            return false;
        }
        int width = Parse(line, out bool anyNumber, out bool allNumbers);
        if (!anyNumber)
        {
            Counts.Noise++;
            return false;
        }
        Counts.Expected++;
        uint sequence = _next++;
        if (!allNumbers || width != Readings.Length)
        {
            Counts.Damaged++;
            if (_missing != Unknown)
                _missing++;
            if (allNumbers && Counts.Delivered == 0)
                CountWrongRow(width);
            return false;
        }
        Counts.Delivered++;
        Sequence = sequence;
        Missing = _missing;
        _missing = 0;
        return true;
    }

    private void CountWrongRow(int width)
    {
        _wrongRows = width == _wrongWidth ? _wrongRows + 1 : 1;
        _wrongWidth = width;
        if (_wrongRows >= WrongRowsToRefuse && (!_joinsMidway || _secondOver))
            Refuse();
    }

    private void Refuse() =>
        Refusal = $"the line carries {_wrongWidth} numbers a row, and the model reads {Readings.Length}{Remedy}";

    /// <summary>Parses a row into <see cref="LineReceiver.Readings"/> and gives the number of its cells.</summary>
    private int Parse(ReadOnlySpan<byte> line, out bool anyNumber, out bool allNumbers)
    {
        anyNumber = false;
        allNumbers = true;
        var readings = MutableReadings;
        int width = 0;
        for (bool more = true; more; width++)
        {
            int end = line.IndexOfAny(Separators);
            ReadOnlySpan<byte> label = default;
            if (end > 0 && line[end - 1] == ':') // label: value
            {
                label = line[..(end - 1)];
                line = line[end..].TrimStart((byte)' ');
                end = line.IndexOfAny(Separators);
            }
            more = end >= 0;
            var cell = more ? line[..end] : line;
            int colon = cell.LastIndexOf((byte)':');
            if (colon > 0) // label:value
            {
                label = cell[..colon];
                cell = cell[(colon + 1)..];
            }
            bool isNumber = TryParseNumber(cell, out float value);
            anyNumber |= isNumber;
            allNumbers &= isNumber;
            if (width < readings.Length)
                readings[label.IsEmpty ? width : ChannelOf(label, width)] = value;
            if (more)
                line = SkipSeparator(line[end..]);
        }
        return width;
    }

    /// <summary>The channel of that name, or the one at that place.</summary>
    private int ChannelOf(ReadOnlySpan<byte> name, int place)
    {
        if (place < _names.Length && name.SequenceEqual(_names[place]))
            return place; // as nearly always
        for (int c = 0; c < _names.Length; c++)
        {
            if (name.SequenceEqual(_names[c]))
                return c;
        }
        return place;
    }

    /// <summary>Spaces with at most one comma, semicolon or tab among them are one separator.</summary>
    private static ReadOnlySpan<byte> SkipSeparator(ReadOnlySpan<byte> line)
    {
        line = line.TrimStart((byte)' ');
        if (line[0] is (byte)',' or (byte)';' or (byte)'\t')
            line = line[1..].TrimStart((byte)' ');
        return line;
    }

    private static bool TryParseNumber(ReadOnlySpan<byte> cell, out float value)
    {
        // What Arduino's print() writes for numbers that are none; the session replaces them by the channel's mean.
        if (cell.SequenceEqual("nan"u8) || cell.SequenceEqual("ovf"u8)
            || cell.SequenceEqual("inf"u8) || cell.SequenceEqual("-inf"u8))
        {
            value = float.NaN;
            return true;
        }
        return float.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
    }
}

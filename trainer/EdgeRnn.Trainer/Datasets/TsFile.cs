namespace EdgeRnn.Trainer.Datasets;

/// <summary>
/// The UCR/UEA archive's format: lines that begin with <c>#</c> or <c>@</c> are a header; after <c>@data</c> each line
/// is a case, its channels separated by <c>:</c>, the values of a channel by <c>,</c>; the last field is the class
/// label. Cases may differ in length; the channels of one case may not.
/// </summary>
internal sealed class TsFile(string path)
{
    private readonly List<float> _values = [];
    private readonly List<(int Start, int Steps, int Label)> _cases = [];
    private float[] _channel = new float[1024];
    private List<string>? _labels;
    private int _channels;
    private int _steps;
    private bool _equalLength;

    public SequenceDataset Load()
    {
        var text = TextFile.Read(path);
        var lines = new Lines(text.Span);
        ReadHeader(ref lines);
        while (lines.MoveNext())
        {
            var line = TextFile.Trim(lines.Current);
            if (!line.IsEmpty && line[0] != '#')
                ReadCase(line, lines.Number);
        }
        var values = _values.ToArray();
        Sequence[] sequences =
            [.. _cases.Select(c => new Sequence(values.AsMemory(c.Start, c.Steps * _channels), c.Steps, c.Label))];
        return new(Path.GetFileNameWithoutExtension(path), SequenceDataset.Numbered(_channels), _labels!, sequences);
    }

    private void ReadHeader(ref Lines lines)
    {
        while (lines.MoveNext())
        {
            string line = TextFile.Text(lines.Current);
            if (line.Length == 0 || line[0] == '#')
                continue;
            var words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words[0][0] != '@')
                throw Error(lines.Number, $"found {TextFile.Quote(lines.Current)} before @data, expected a line that " +
                    "begins with @ or #");
            switch (words[0].ToLowerInvariant())
            {
                case "@data":
                    if (_labels is null)
                        throw Error(lines.Number, "found no @classLabel above, expected '@classLabel true A B …'");
                    return;
                case "@classlabel":
                    _labels = Labels(words, lines.Number);
                    break;
                case "@dimensions" or "@dimension":
                    _channels = Size(words, lines.Number);
                    break;
                case "@univariate" when IsTrue(words):
                    _channels = 1;
                    break;
                case "@equallength":
                    _equalLength = IsTrue(words);
                    break;
                case "@serieslength":
                    _steps = Size(words, lines.Number);
                    break;
                case "@timestamps" when IsTrue(words):
                    throw Error(lines.Number, "found time stamps, expected evenly sampled values; " +
                        "resample them and write '@timeStamps false'");
            }
        }
        throw new UserException($"{path} has no line '@data'; expected the UCR/UEA archive's .ts format.");
    }

    private List<string> Labels(string[] words, int line)
    {
        if (!IsTrue(words) || words.Length < 3)
            throw Error(line, "found no class names, expected '@classLabel true NAME …'; choose labelled data");
        List<string> labels = [.. words[2..]];
        return labels.Distinct().Count() == labels.Count
            ? labels
            : throw Error(line, "found a class name twice, expected each once; remove one");
    }

    private int Size(string[] words, int line) =>
        words.Length == 2 && int.TryParse(words[1], out int size) && size > 0
            ? size
            : throw Error(line, $"found '{string.Join(' ', words)}', expected {words[0]} and a number from 1");

    private static bool IsTrue(string[] words) =>
        words.Length > 1 && words[1].Equals("true", StringComparison.OrdinalIgnoreCase);

    private void ReadCase(ReadOnlySpan<byte> line, int number)
    {
        int fields = line.Count((byte)':');
        if (_channels == 0)
            _channels = fields;
        if (fields != _channels || fields == 0)
            throw Error(number, $"found {fields} channels and a label, expected {Math.Max(_channels, 1)}; complete " +
                "or remove the case");

        int start = _values.Count, steps = 0;
        for (int channel = 0; channel < fields; channel++)
        {
            int end = line.IndexOf((byte)':');
            int length = ReadChannel(line[..end], number, channel);
            if (channel == 0)
            {
                steps = length;
                System.Runtime.InteropServices.CollectionsMarshal.SetCount(_values, start + steps * _channels);
            }
            if (length != steps)
                throw Error(number, $"found {length} values in channel {channel + 1} but {steps} in channel 1, " +
                    "expected as many; complete or remove the case");
            for (int t = 0; t < steps; t++)
                _values[start + t * _channels + channel] = _channel[t];
            line = line[(end + 1)..];
        }
        if (_equalLength && _steps > 0 && steps != _steps)
            throw Error(number, $"found {steps} steps, expected the {_steps} of @seriesLength; write '@equalLength " +
                "false' if lengths differ");

        int label = _labels!.IndexOf(TextFile.Text(line));
        if (label < 0)
            throw Error(number, $"found class {TextFile.Quote(line)}, expected one of @classLabel: " +
                $"{string.Join(", ", _labels)}");
        _cases.Add((start, steps, label));
    }

    /// <summary>Parses the values of one channel into <see cref="_channel"/> and returns how many.</summary>
    private int ReadChannel(ReadOnlySpan<byte> text, int line, int channel)
    {
        int count = 0;
        for (var cells = new Cells(text, (byte)','); cells.MoveNext(); count++)
        {
            if (count == _channel.Length)
                Array.Resize(ref _channel, 2 * count);
            if (TextFile.TryNumber(cells.Current, out _channel[count]))
                continue;
            string remedy = cells.Current is [(byte)'?'] ? "fill the missing value" : "correct it";
            throw Error(line, $"found {TextFile.Quote(cells.Current)} as value {count + 1} of channel {channel + 1}, " +
                $"expected a finite number; {remedy} or remove the case");
        }
        return count;
    }

    private UserException Error(int line, string sentence) => new($"{path}, line {line}: {sentence}.");
}

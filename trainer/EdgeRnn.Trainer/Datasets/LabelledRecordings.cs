using System.Text;
using EdgeRnn.Features;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>
/// A WAV file with a file of labels beside it, of the same name: <c>.csv</c> with a line <c>start,end,label</c> for each
/// word, in seconds, under such a header or none; or <c>.txt</c> with tabs in place of commas, as Audacity exports a
/// label track.
/// </summary>
internal sealed class LabelledRecording : LongRecording
{
    private const double PieceSeconds = 30;

    private readonly string _path;
    private readonly List<LabelledSpan> _spans = [];

    private LabelledRecording(string path, AudioFormat format, double seconds) =>
        (_path, Format, Seconds) = (path, format, seconds);

    public AudioFormat Format { get; }

    public override string Name => Path.GetFileName(_path);

    public override int RateHz => Format.RateHz;

    public override double Seconds { get; }

    public override IReadOnlyList<LabelledSpan> Spans => _spans;

    /// <summary>Reads labels, and of the sound its length.</summary>
    /// <param name="path">The WAV file.</param>
    /// <param name="labels">Labels so far, in the order of their first word; new ones are added.</param>
    public static LabelledRecording Open(string path, List<string> labels)
    {
        string stem = Path.ChangeExtension(path, null);
        string track = new[] { $"{stem}.csv", $"{stem}.txt" }.FirstOrDefault(File.Exists) ?? throw new UserException(
            $"{path} has no labels; write {Path.GetFileName(stem)}.csv beside it, with a line start,end,label in "
            + "seconds for each word.");
        var (format, samples) = WavFile.Read(path);
        var recording = new LabelledRecording(path, format, samples.Length / (double)format.RateHz);
        recording.ReadLabels(track, track.EndsWith(".txt", StringComparison.Ordinal) ? (byte)'\t' : (byte)',', labels);
        return recording;
    }

    public override IEnumerable<float[]> Pieces()
    {
        var (_, samples) = WavFile.Read(_path);
        return samples.Chunk((int)(PieceSeconds * RateHz));
    }

    private void ReadLabels(string track, byte separator, List<string> labels)
    {
        for (var lines = new Lines(TextFile.Read(track).Span); lines.MoveNext();)
        {
            // Audacity writes the frequencies of a spectral selection in lines of their own, after a backslash.
            if (TextFile.Trim(lines.Current).IsEmpty || lines.Current[0] == '\\')
                continue;
            bool isHeader = lines.Number == 1 && lines.Current.StartsWith("start"u8);
            if (!isHeader)
                _spans.Add(Span(lines.Current, separator, $"{track}, line {lines.Number}", labels));
        }

        _spans.Sort((a, b) => a.Start.CompareTo(b.Start));
        for (int i = 1; i < _spans.Count; i++)
        {
            if (_spans[i].Start < _spans[i - 1].End)
                throw new UserException(FormattableString.Invariant(
                    $"{track}: '{labels[_spans[i].Label]}' begins at {_spans[i].Start} s, before '{labels[_spans[i - 1].Label]}' ends at {_spans[i - 1].End} s; let words follow each other."));
        }
    }

    private LabelledSpan Span(ReadOnlySpan<byte> line, byte separator, string where, List<string> labels)
    {
        var cells = new Cells(line, separator);
        string form = separator == '\t' ? "start, end and label with tabs between" : "start,end,label";
        if (!cells.MoveNext() || !TextFile.TryDouble(cells.Current, out double start)
            || !cells.MoveNext() || !TextFile.TryDouble(cells.Current, out double end) || !cells.MoveNext()
            || cells.Current.IsEmpty)
            throw new UserException($"{where} is {TextFile.Quote(line)}, expected {form}, in seconds.");
        if (!(start >= 0 && start < end && end <= Seconds))
            throw new UserException(FormattableString.Invariant(
                $"{where}: the word is from {start} to {end} s, expected a begin before its end and both within the {Seconds:0.###} s of the recording."));
        string label = Encoding.UTF8.GetString(cells.Current);
        if (!labels.Contains(label))
            labels.Add(label);
        return new(labels.IndexOf(label), start, end);
    }
}

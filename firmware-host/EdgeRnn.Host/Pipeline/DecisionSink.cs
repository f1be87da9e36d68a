using System.Diagnostics;
using System.Text;
using EdgeRnn.Decisions;
using EdgeRnn.Runtime;

namespace EdgeRnn.Host.Pipeline;

/// <summary>What a decision's line looks like.</summary>
internal enum OutputFormat
{
    /// <summary>A JSON object.</summary>
    Jsonl,

    /// <summary>Comma-separated values under a header.</summary>
    Csv,

    /// <summary>The score of every class, as the Arduino IDE's serial plotter draws it.</summary>
    Plotter,
}

/// <summary>Applies the decision rules and makes a line of each decision, or of each change only.</summary>
internal sealed class DecisionSink
{
    private readonly RnnModel _model;
    private readonly Decider _decider;
    private readonly OutputFormat _format;
    private readonly bool _eventsOnly;
    private readonly LineText _text = new(OutputQueue.LongestLine);
    private readonly byte[][] _labels;
    private readonly long[] _perClass;
    private long _started = Stopwatch.GetTimestamp();

    /// <summary>Prepares the names of <paramref name="model"/>'s labels.</summary>
    /// <param name="model">The model.</param>
    /// <param name="rules">Its own decision rules, or others.</param>
    /// <param name="output">Where the lines go.</param>
    /// <param name="format">How they look.</param>
    /// <param name="eventsOnly">Whether only changes are reported.</param>
    public DecisionSink(RnnModel model, DecisionRules rules, OutputQueue output, OutputFormat format, bool eventsOnly)
    {
        _model = model;
        _decider = new(rules, model.Labels.Count);
        _format = format;
        _eventsOnly = eventsOnly;
        Output = output;
        _labels = [.. model.Labels.Select((label, i) => format switch
        {
            OutputFormat.Jsonl => LineText.JsonQuote(label),
            OutputFormat.Csv => LineText.CsvQuote(label),
            _ => LineText.PlotterName(label, isFirst: i == 0),
        })];
        _perClass = new long[model.Labels.Count];
        PrometheusLabels = [.. model.Labels.Select(LineText.PrometheusQuote)];
        Checksum = Encoding.ASCII.GetBytes($"{model.Checksum:x8}");
    }

    /// <summary>The names of the classes as metrics write them.</summary>
    public byte[][] PrometheusLabels { get; }

    /// <summary>The model's checksum in hexadecimal digits.</summary>
    public byte[] Checksum { get; }

    /// <summary>Where the lines go.</summary>
    public OutputQueue Output { get; }

    /// <summary>Decisions taken so far.</summary>
    public long Decisions { get; private set; }

    /// <summary>Decisions in which no class was in force.</summary>
    public long Unknown { get; private set; }

    /// <summary>Changes of the class in force.</summary>
    public long Events { get; private set; }

    /// <summary>Decisions for each class.</summary>
    public ReadOnlySpan<long> PerClass => _perClass;

    /// <summary>Writes what stands before the first line, where the format has something there.</summary>
    public void Begin()
    {
        if (_format != OutputFormat.Csv)
            return;
        string result = _model.OutputKind == OutputKind.Values
            ? string.Join(',', _model.Labels.Select(label => Encoding.UTF8.GetString(LineText.CsvQuote(label))))
            : "label,class,score";
        string header = $"index,step,sequence,{result},device_us,host_us,bridged,event\n";
        StandardStreams.Write(StandardStreams.Output, Encoding.UTF8.GetBytes(header));
    }

    /// <summary>
    /// Goes on counting where another model's sink ended; classes are the same where their labels are.
    /// </summary>
    public void ContinueAfter(DecisionSink before)
    {
        (Decisions, Unknown, Events, _started) = (before.Decisions, before.Unknown, before.Events, before._started);
        for (int i = 0; i < _perClass.Length; i++)
        {
            for (int b = 0; b < before._perClass.Length; b++)
            {
                if (_labels[i].AsSpan().SequenceEqual(before._labels[b]))
                    _perClass[i] = before._perClass[b];
            }
        }
    }

    /// <summary>The stream was broken off.</summary>
    public void Reset() => _decider.Reset();

    /// <summary>Takes the last scores of <paramref name="stream"/>.</summary>
    /// <param name="stream">What gave them.</param>
    /// <param name="sequence">Number of the reading at which it did.</param>
    /// <param name="deviceUs">That reading's time; -1 for none.</param>
    public void Write(StreamClassifier stream, uint sequence, long deviceUs)
    {
        _decider.Decide(stream.Scores, stream.Steps - 1);
        if (_decider.IsKnown)
            _perClass[_decider.Class]++;
        else
            Unknown++;
        if (_decider.IsEvent)
            Events++;
        long index = Decisions++;
        if (_eventsOnly && !_decider.IsEvent)
            return;
        _text.Clear();
        switch (_format)
        {
            case OutputFormat.Jsonl: Json(index, stream, sequence, deviceUs); break;
            case OutputFormat.Csv: Csv(index, stream, sequence, deviceUs); break;
            default: Plotter(); break;
        }
        Output.Add(_text.Written);
    }

    private long HostUs => (long)Stopwatch.GetElapsedTime(_started).TotalMicroseconds;

    private void Json(long index, StreamClassifier stream, uint sequence, long deviceUs)
    {
        _text.Field("{\"index\":"u8, index);
        _text.Field(",\"step\":"u8, stream.Steps - 1);
        _text.Field(",\"sequence\":"u8, sequence);
        if (_model.OutputKind == OutputKind.Values)
        {
            _text.Raw(",\"values\":["u8);
            Numbers(stream.Scores);
            _text.Raw("]"u8);
        }
        else
        {
            _text.Raw(",\"label\":"u8);
            _text.Raw(_decider.IsKnown ? _labels[_decider.Class] : "null"u8);
            _text.Field(",\"class\":"u8, _decider.Class);
            _text.Raw(",\"score\":"u8);
            _text.Number(_decider.Score);
        }
        _text.Raw(",\"device_us\":"u8);
        if (deviceUs < 0)
            _text.Raw("null"u8);
        else
            _text.Number(deviceUs);
        _text.Field(",\"host_us\":"u8, HostUs);
        _text.Field(",\"bridged\":"u8, stream.Bridged);
        _text.Raw(_decider.IsEvent ? ",\"event\":true}\n"u8 : ",\"event\":false}\n"u8);
    }

    private void Csv(long index, StreamClassifier stream, uint sequence, long deviceUs)
    {
        _text.Number(index);
        _text.Field(","u8, stream.Steps - 1);
        _text.Field(","u8, sequence);
        _text.Raw(","u8);
        if (_model.OutputKind == OutputKind.Values)
        {
            Numbers(stream.Scores);
        }
        else
        {
            if (_decider.IsKnown)
                _text.Raw(_labels[_decider.Class]);
            _text.Field(","u8, _decider.Class);
            _text.Raw(","u8);
            _text.Number(_decider.Score);
        }
        _text.Raw(","u8);
        if (deviceUs >= 0)
            _text.Number(deviceUs);
        _text.Field(","u8, HostUs);
        _text.Field(","u8, stream.Bridged);
        _text.Raw(_decider.IsEvent ? ",1\n"u8 : ",0\n"u8);
    }

    private void Numbers(ReadOnlySpan<float> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (i > 0)
                _text.Raw(","u8);
            _text.Number(values[i]);
        }
    }

    // More classes than fit a line are not drawn: nobody would tell the curves apart.
    private void Plotter()
    {
        var scores = _decider.Scores;
        for (int i = 0; i < scores.Length && _text.Room > 2 * RnnModel.MaxNameBytes; i++)
        {
            _text.Raw(_labels[i]);
            _text.Number(scores[i]);
        }
        _text.Raw("\n"u8);
    }
}

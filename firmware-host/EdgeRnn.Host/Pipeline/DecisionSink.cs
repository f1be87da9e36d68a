using System.Diagnostics;
using EdgeRnn.Runtime;
using EdgeRnn.Wire;

namespace EdgeRnn.Host.Pipeline;

/// <summary>Writes a JSON object a line for each decision to standard output.</summary>
internal sealed class DecisionSink
{
    /// <summary>Longest line: a label of 64 bytes, each escaped as six, and ten numbers.</summary>
    private const int LongestLine = 1024;

    private readonly JsonText _json = new(64 * 1024);
    private readonly byte[][] _labels;
    private readonly long _started = Stopwatch.GetTimestamp();

    /// <summary>Prepares the names of <paramref name="model"/>'s labels.</summary>
    public DecisionSink(RnnModel model) => _labels = [.. model.Labels.Select(JsonText.Quote)];

    /// <summary>Decisions taken so far.</summary>
    public long Decisions { get; private set; }

    /// <summary>Decisions that were thrown away because nobody read them: none, as output blocks.</summary>
    public long Dropped => 0;

    /// <summary>Whether the reader of standard output is gone.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Takes the decision that <paramref name="stream"/> made at the last reading of
    /// <paramref name="line"/>.</summary>
    public void Write(StreamClassifier stream, LineReceiver line)
    {
        if (_json.Room < LongestLine)
            Flush();
        _json.Field("{\"index\":"u8, Decisions++);
        _json.Field(",\"step\":"u8, stream.Steps - 1);
        _json.Field(",\"sequence\":"u8, line.Sequence);
        _json.Raw(",\"label\":"u8);
        _json.Raw(stream.Label is null ? "null"u8 : _labels[stream.Class]);
        _json.Field(",\"class\":"u8, stream.Class);
        _json.Raw(",\"score\":"u8);
        _json.Number(stream.Score);
        _json.Raw(",\"device_us\":"u8);
        if (line.DeviceUs < 0)
            _json.Raw("null"u8);
        else
            _json.Number(line.DeviceUs);
        _json.Field(",\"host_us\":"u8, (long)Stopwatch.GetElapsedTime(_started).TotalMicroseconds);
        _json.Raw(",\"bridged\":0}\n"u8);
    }

    /// <summary>Passes on what has been written; waits for a slow reader.</summary>
    public void Flush()
    {
        if (_json.Written.IsEmpty)
            return;
        IsBroken |= !StandardStreams.Write(StandardStreams.Output, _json.Written);
        _json.Clear();
    }
}

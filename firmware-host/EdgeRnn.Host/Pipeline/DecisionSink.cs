using System.Diagnostics;
using EdgeRnn.Runtime;

namespace EdgeRnn.Host.Pipeline;

/// <summary>Makes a line of each decision.</summary>
internal sealed class DecisionSink
{
    private readonly JsonText _json = new(OutputQueue.LongestLine);
    private readonly byte[][] _labels;
    private readonly long _started = Stopwatch.GetTimestamp();

    /// <summary>Prepares the names of <paramref name="model"/>'s labels.</summary>
    /// <param name="model">The model.</param>
    /// <param name="output">Where the lines go.</param>
    public DecisionSink(RnnModel model, OutputQueue output)
    {
        Output = output;
        _labels = [.. model.Labels.Select(JsonText.Quote)];
    }

    /// <summary>Where the lines go.</summary>
    public OutputQueue Output { get; }

    /// <summary>Decisions taken so far.</summary>
    public long Decisions { get; private set; }

    /// <summary>Takes the last decision of <paramref name="stream"/>.</summary>
    /// <param name="stream">What decided.</param>
    /// <param name="sequence">Number of the reading at which it did.</param>
    /// <param name="deviceUs">That reading's time; -1 for none.</param>
    public void Write(StreamClassifier stream, uint sequence, long deviceUs)
    {
        _json.Clear();
        _json.Field("{\"index\":"u8, Decisions++);
        _json.Field(",\"step\":"u8, stream.Steps - 1);
        _json.Field(",\"sequence\":"u8, sequence);
        _json.Raw(",\"label\":"u8);
        _json.Raw(stream.Label is null ? "null"u8 : _labels[stream.Class]);
        _json.Field(",\"class\":"u8, stream.Class);
        _json.Raw(",\"score\":"u8);
        _json.Number(stream.Score);
        _json.Raw(",\"device_us\":"u8);
        if (deviceUs < 0)
            _json.Raw("null"u8);
        else
            _json.Number(deviceUs);
        _json.Field(",\"host_us\":"u8, (long)Stopwatch.GetElapsedTime(_started).TotalMicroseconds);
        _json.Field(",\"bridged\":"u8, stream.Bridged);
        _json.Raw("}\n"u8);
        Output.Add(_json.Written);
    }
}

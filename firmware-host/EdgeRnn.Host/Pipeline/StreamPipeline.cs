using EdgeRnn.Host.Transport;
using EdgeRnn.Runtime;
using EdgeRnn.Wire;

namespace EdgeRnn.Host.Pipeline;

/// <summary>
/// Port -> receiver -> classifier -> sink, on the one thread that owns the port. Nothing here allocates after the first
/// decision, however long it runs.
/// </summary>
internal sealed class StreamPipeline(
    Port port, LineReceiver line, StreamClassifier stream, DecisionSink sink, bool exitAtEnd)
{
    // Twice the longest chunk: what is left of one never keeps the next read small.
    private readonly ReadBuffer _buffer = new(2 * (TextReceiver.MaxLineLength + 1));
    private readonly AllocationMeter _meter = new();

    // More than any sender's greeting: by then a reading has come, or none will.
    private const int SilentBytes = 4096;
    private bool _hinted;

    /// <summary>Runs until the line ends, the program is told to stop, or something fails.</summary>
    /// <returns>Whether nothing failed; otherwise a sentence stands before the last line of standard error, the
    /// account.</returns>
    public bool Run()
    {
        string? error = Pump();
        long allocated = _meter.Stop(out int collections);
        sink.Flush();
        error ??= sink.IsBroken ? "nobody reads standard output any more" : null;
        if (error is not null)
            StandardStreams.Say(error);
        Report(allocated, collections);
        return error is null;
    }

    /// <summary>The loop; gives null, or a sentence.</summary>
    private string? Pump()
    {
        while (true)
        {
            var answer = line.Next(_buffer.Unread, out int consumed);
            _buffer.Take(consumed);
            switch (answer)
            {
                case LineAnswer.Reading:
                    Step();
                    break;
                case LineAnswer.Refused:
                    return line.Refusal;
                case LineAnswer.End when exitAtEnd:
                    return null;
                case LineAnswer.NeedMore:
                    sink.Flush();
                    if (sink.IsBroken)
                        return "nobody reads standard output any more";
                    Hint(SilentBytes);
                    var state = _buffer.Fill(port);
                    if (state == PortState.Failed)
                        return "the port cannot be read any more; was the device unplugged?";
                    if (state != PortState.Open)
                    {
                        if (line.Complete(_buffer.Unread))
                            Step();
                        Hint(1);
                        return line.Refusal;
                    }
                    break;
            }
        }
    }

    /// <summary>Says once that bytes come but no readings, as from a sender of the other format or speed.</summary>
    /// <param name="silentBytes">So many bytes without a reading are worth a hint; all that came have been judged.</param>
    private void Hint(int silentBytes)
    {
        if (_hinted || port.BytesRead < silentBytes || line.Counts.Expected > 0 || line.Counts.Undescribed > 0)
            return;
        _hinted = true;
        StandardStreams.Say($"no reading among the {port.BytesRead} bytes that came; check --input and --baud");
    }

    private void Step()
    {
        if (line.Interrupted)
            stream.Reset();
        if (!stream.Step(line.Readings))
            return;
        sink.Write(stream, line);
        _meter.Start();
    }

    private void Report(long allocatedBytes, int collections)
    {
        var counts = line.Counts;
        var json = new JsonText(1024);
        json.Field("{\"final\":true,\"expected\":"u8, counts.Expected);
        json.Field(",\"delivered\":"u8, counts.Delivered);
        json.Field(",\"lost\":"u8, counts.Lost);
        json.Field(",\"damaged\":"u8, counts.Damaged);
        json.Field(",\"noise\":"u8, counts.Noise);
        json.Field(",\"duplicates\":"u8, counts.Duplicates);
        json.Field(",\"restarts\":"u8, counts.Restarts);
        json.Field(",\"undescribed\":"u8, counts.Undescribed);
        json.Field(",\"steps\":"u8, stream.Steps);
        json.Field(",\"decisions\":"u8, sink.Decisions);
        json.Field(",\"dropped_output\":"u8, sink.Dropped);
        json.Field(",\"replaced_readings\":"u8, stream.ReplacedReadings);
        json.Field(",\"allocated_bytes\":"u8, allocatedBytes);
        json.Field(",\"collections\":"u8, collections);
        json.Raw("}\n"u8);
        StandardStreams.Write(StandardStreams.Error, json.Written);
    }
}

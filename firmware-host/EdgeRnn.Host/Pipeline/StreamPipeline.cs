using System.Diagnostics;
using System.Text;
using EdgeRnn.Host.Models;
using EdgeRnn.Host.Transport;
using EdgeRnn.Runtime;
using EdgeRnn.Wire;

namespace EdgeRnn.Host.Pipeline;

/// <summary>Makes the sink of a model's decisions, or gives null and a sentence.</summary>
internal delegate DecisionSink? SinkMaker(RnnModel model, out string? error);

/// <summary>
/// Port -> receiver -> gaps -> classifier -> sink, on the one thread that owns the port. Nothing here allocates after
/// the first decision, however long it runs.
/// </summary>
internal sealed class StreamPipeline(
    Port port, LineReceiver line, GapBridge gaps, StreamClassifier stream, DecisionSink sink, HostOptions options)
{
    // Twice the longest chunk: what is left of one never keeps the next read small.
    private readonly ReadBuffer _buffer = new(2 * (TextReceiver.MaxLineLength + 1));
    private readonly byte[] _lost = Encoding.UTF8.GetBytes($"{port.Name} is gone; it is looked for until it is back\n");
    private readonly byte[] _back = Encoding.UTF8.GetBytes($"{port.Name} is back\n");

    private bool _hinted;

    private const double RateTolerance = 0.2;
    private readonly FirstSecond _rate = new();
    private readonly LineText _sentence = new(256);

    // No microphone is so much faster than it was said to be; a file that comes through a pipe is.
    private const double FastestMicrophone = 5;
    private readonly bool _isSound = stream.Model.Features is not null;
    private readonly SoundClock? _clock = line is PcmReceiver pcm && port.MayBeLive ? new(pcm.Format) : null;

    /// <summary>The model that runs.</summary>
    public RnnModel Model => stream.Model;

    /// <summary>What runs it.</summary>
    public StreamClassifier Stream => stream;

    /// <summary>What makes lines of its decisions.</summary>
    public DecisionSink Sink => sink;

    /// <summary>Makes the sink of another model's decisions, or null and a sentence.</summary>
    public required SinkMaker MakeSink { get; init; }

    /// <summary>Keeps the raw bytes; may be null.</summary>
    public Capture? Capture { get; init; }

    /// <summary>Notices sound that is missing; null where the line counts its losses, or is no line.</summary>
    public SoundClock? Clock => _clock;

    /// <summary>Counts what is allocated while streaming.</summary>
    public AllocationMeter Meter { get; } = new();

    /// <summary>Time of a step of the network.</summary>
    public Histogram StepTime { get; } = new();

    /// <summary>Runs until the line ends, the program is told to stop, or something fails.</summary>
    /// <param name="loop">Where it waits.</param>
    /// <returns>Whether nothing failed; otherwise a sentence stands before the last line of standard error, the
    /// account.</returns>
    public bool Run(Loop loop)
    {
        string? error = Pump(loop);
        long allocated = Meter.Stop(out int collections);
        sink.Output.Finish();
        error ??= sink.Output.IsBroken ? "nobody reads standard output any more" : null;
        if (error is not null)
            StandardStreams.Say(error);
        Report(allocated, collections);
        return error is null;
    }

    /// <summary>Makes another model ready to take over; may run on another thread.</summary>
    public Successor? Prepare(StreamClassifier next, out string? error)
    {
        _ = next.Step(new float[next.Model.InputSize]); // whatever is made at the first step is made
        next.Reset();
        var nextSink = MakeSink(next.Model, out error);
        return nextSink is null ? null : new(next, nextSink);
    }

    /// <summary>Another model takes over, from the next reading on. Numbers and counts go on.</summary>
    public void Use(Successor successor)
    {
        successor.Stream.ContinueAfter(stream);
        successor.Sink.ContinueAfter(sink);
        (stream, sink) = (successor.Stream, successor.Sink);
    }

    /// <summary>Writes a line for systemd's status of the service.</summary>
    public void Status(LineText text)
    {
        var counts = line.Counts;
        text.Field("STATUS="u8, counts.Delivered);
        text.Field(" readings, "u8, counts.Lost);
        text.Field(" lost, "u8, counts.Damaged);
        text.Field(" damaged; "u8, sink.Decisions);
        text.Raw(port.IsLive && port.Fd < 0 ? " decisions; the port is gone\n"u8 : " decisions; listening\n"u8);
    }

    /// <summary>The loop; gives null, or a sentence.</summary>
    private string? Pump(Loop loop)
    {
        while (true)
        {
            var answer = line.Next(_buffer.Unread, out int consumed);
            _buffer.Take(consumed);
            switch (answer)
            {
                case LineAnswer.Reading:
                    Take();
                    break;
                case LineAnswer.Refused:
                    return line.Refusal;
                case LineAnswer.End when options.ExitAtEnd:
                    return null;
                case LineAnswer.NeedMore:
                    sink.Output.Serve();
                    if (sink.Output.IsBroken)
                        return null;
                    Hint(line.GreetingBytes);
                    if ((port.IsLive || _clock is not null) && _rate.IsOver(line.Counts.Expected, port.BytesRead, out double hz))
                        JudgeFirstSecond(hz);
                    if (line.Refusal is not null)
                        return line.Refusal;
                    var state = loop.Wait() ? Read() : PortState.Ended;
                    if (state == PortState.Failed)
                        return $"{port.Name} cannot be read any more";
                    if (state == PortState.Ended)
                        return End();
                    break;
            }
        }
    }

    private PortState Read()
    {
        var state = _buffer.Fill(port, out var bytes);
        if (state == PortState.Lost)
        {
            line.Break(_buffer.Unread);
            _buffer.Take(_buffer.Unread.Length);
        }
        if (port.IsLive && state is PortState.Lost or PortState.Back)
            StandardStreams.TrySay(state == PortState.Lost ? _lost : _back);
        if (_clock is not null && state == PortState.Open && _clock.Heard(port.BytesRead, Stopwatch.GetTimestamp()))
            SayMissing(_clock.LastMissingMs);
        if (state is PortState.Open or PortState.Lost && Capture?.Write(bytes) == false)
            StandardStreams.TrySay("the capture cannot be written any more; it ends here\n"u8);
        return state;
    }

    private string? End()
    {
        if (line.Complete(_buffer.Unread))
            Take();
        Hint(1);
        return line.Refusal;
    }

    /// <summary>Says once that bytes come but no readings, as from a sender of the other format or speed.</summary>
    /// <param name="silentBytes">So many bytes without a reading are worth a hint; all that came have been
    /// judged.</param>
    private void Hint(int silentBytes)
    {
        if (_hinted || port.BytesRead < silentBytes || line.Counts.Expected > 0 || line.Counts.Undescribed > 0)
            return;
        _hinted = true;
        StandardStreams.Say($"no reading among the {port.BytesRead} bytes that came; check --input and --baud");
    }

    /// <summary>The first second is over: the line may turn out to be another model's.</summary>
    private void JudgeFirstSecond(double hz)
    {
        line.FirstSecondOver();
        double wanted = stream.Model.SampleRateHz;
        if (wanted <= 0 || hz <= 0 || Math.Abs(hz - wanted) <= wanted * RateTolerance)
            return;
        if (!port.IsLive && hz > FastestMicrophone * wanted)
            return;
        _sentence.Clear();
        _sentence.Raw("the line gives about "u8);
        _sentence.Number(Math.Round(hz, 1));
        _sentence.Raw(_clock is null ? " readings a second, and"u8 : " frames of sound a second, and"u8);
        _sentence.Raw(" the model was trained on "u8);
        _sentence.Number(Math.Round(wanted, 1));
        _sentence.Raw(_clock is null ? "; check the sensor's rate\n"u8 : "; check --rate and --channels\n"u8);
        StandardStreams.TrySay(_sentence.Written);
    }

    private void SayMissing(long ms)
    {
        _sentence.Clear();
        _sentence.Field("some "u8, ms);
        _sentence.Raw(" ms of sound are missing: its recorder lost them, or was stopped\n"u8);
        StandardStreams.TrySay(_sentence.Written);
    }

    /// <summary>Takes the line's last reading, and before it those that are missing, where they are bridged.</summary>
    private void Take()
    {
        int missing = gaps.Count(line);
        if (missing == GapBridge.NotBridged && !(options.KeepAtRestart && line.Missing == LineReceiver.Unknown))
        {
            stream.Reset();
            sink.Reset();
        }
        for (int i = 1; i <= missing; i++)
        {
            var made = gaps.Make(line, i, missing, out long deviceUs);
            Step(made, line.Sequence - (uint)(missing - i + 1), deviceUs, bridged: true);
        }
        Step(line.Readings, line.Sequence, line.DeviceUs, bridged: false);
        gaps.Keep(line);
    }

    private void Step(ReadOnlySpan<float> readings, uint sequence, long deviceUs, bool bridged)
    {
        long began = Stopwatch.GetTimestamp();
        bool isDue = stream.Step(readings, bridged);
        StepTime.Add(Stopwatch.GetTimestamp() - began);
        if (!isDue)
            return;
        sink.Write(stream, sequence, deviceUs);
        Meter.Start();
    }

    private void Report(long allocatedBytes, int collections)
    {
        var counts = line.Counts;
        var json = new LineText(1024);
        json.Field("{\"final\":true,\"expected\":"u8, counts.Expected);
        json.Field(",\"delivered\":"u8, counts.Delivered);
        json.Field(",\"lost\":"u8, counts.Lost);
        json.Field(",\"damaged\":"u8, counts.Damaged);
        json.Field(",\"noise\":"u8, counts.Noise);
        json.Field(",\"duplicates\":"u8, counts.Duplicates);
        json.Field(",\"restarts\":"u8, counts.Restarts);
        json.Field(",\"undescribed\":"u8, counts.Undescribed);
        json.Field(",\"unauthenticated\":"u8, counts.Unauthenticated);
        json.Field(",\"replayed\":"u8, counts.Replayed);
        json.Field(",\"sender_errors\":"u8, counts.SenderErrors);
        json.Field(",\"reconnects\":"u8, port.Reconnects);
        if (port.Errors() is { } errors)
        {
            json.Field(",\"overrun_errors\":"u8, errors.Overrun);
            json.Field(",\"parity_errors\":"u8, errors.Parity);
            json.Field(",\"framing_errors\":"u8, errors.Framing);
        }
        if (_isSound)
        {
            json.Field(",\"samples\":"u8, counts.Samples);
            json.Field(",\"replaced_samples\":"u8, counts.ReplacedSamples);
            json.Field(",\"unused_samples\":"u8, counts.UnusedSamples);
        }
        if (_clock is not null)
        {
            json.Field(",\"overruns\":"u8, _clock.Overruns);
            json.Field(",\"missing_ms\":"u8, _clock.MissingMs);
        }
        json.Field(",\"bridged\":"u8, gaps.Bridged);
        json.Field(",\"resets\":"u8, stream.Resets);
        json.Field(",\"steps\":"u8, stream.Steps);
        json.Field(",\"decisions\":"u8, sink.Decisions);
        json.Field(",\"events\":"u8, sink.Events);
        json.Field(",\"dropped_output\":"u8, sink.Output.Dropped);
        json.Field(",\"replaced_readings\":"u8, stream.ReplacedReadings);
        json.Field(",\"allocated_bytes\":"u8, allocatedBytes);
        json.Field(",\"collections\":"u8, collections);
        json.Raw("}\n"u8);
        StandardStreams.Write(StandardStreams.Error, json.Written);
    }
}

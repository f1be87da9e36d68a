using System.Diagnostics;
using System.Globalization;
using System.Text;
using EdgeRnn.Host.Transport;
using EdgeRnn.Wire;

namespace EdgeRnn.Host.Pipeline;

/// <summary>All counters and times of a host in Prometheus' text format 0.0.4, without allocating.</summary>
internal sealed class Metrics
{
    // All but what is written for each label, which is some hundred bytes and its name.
    private const int FixedBytes = 16 * 1024;

    // A label with every byte escaped, and what stands around it.
    private const int LongestSample = 2 * RnnModel.MaxNameBytes + 64;

    /// <summary>Most bytes of the text, of whatever model is deployed.</summary>
    public const int Capacity = FixedBytes + RnnModel.MaxLabels * LongestSample;

    private static readonly byte[][] Limits =
    [
        .. Histogram.LimitsUs().ToArray()
            .Select(us => Encoding.ASCII.GetBytes((us / 1e6).ToString("0.######", CultureInfo.InvariantCulture))),
    ];

    private readonly Port _port;
    private readonly LineReceiver _line;
    private readonly GapBridge _gaps;
    private readonly StreamPipeline _pipeline;
    private readonly LineText _text;
    private readonly long _started = Stopwatch.GetTimestamp();

    public Metrics(Port port, LineReceiver line, GapBridge gaps, StreamPipeline pipeline)
    {
        (_port, _line, _gaps, _pipeline) = (port, line, gaps, pipeline);
        _text = new(Capacity);
    }

    /// <summary>The text, valid until the next call.</summary>
    public ReadOnlySpan<byte> Write()
    {
        _text.Clear();
        Line();
        Network();
        Output();
        Process();
        return _text.Written;
    }

    private void Line()
    {
        var counts = _line.Counts;
        Counter("edgernn_readings_expected_total"u8, counts.Expected);
        Type("edgernn_readings_total"u8, "counter"u8);
        Sample("edgernn_readings_total{outcome=\"delivered\"}"u8, counts.Delivered);
        Sample("edgernn_readings_total{outcome=\"lost\"}"u8, counts.Lost);
        Sample("edgernn_readings_total{outcome=\"damaged\"}"u8, counts.Damaged);
        Counter("edgernn_noise_chunks_total"u8, counts.Noise);
        Counter("edgernn_duplicate_frames_total"u8, counts.Duplicates);
        Counter("edgernn_undescribed_frames_total"u8, counts.Undescribed);
        Counter("edgernn_unauthenticated_frames_total"u8, counts.Unauthenticated);
        Counter("edgernn_replayed_frames_total"u8, counts.Replayed);
        Counter("edgernn_sender_restarts_total"u8, counts.Restarts);
        Counter("edgernn_sender_errors_total"u8, counts.SenderErrors);
        Counter("edgernn_line_bytes_total"u8, _port.BytesRead);
        if (_pipeline.Model.Features is not null)
        {
            Counter("edgernn_sound_samples_total"u8, counts.Samples);
            Counter("edgernn_replaced_samples_total"u8, counts.ReplacedSamples);
        }
        if (_pipeline.Clock is { } clock)
        {
            Counter("edgernn_sound_overruns_total"u8, clock.Overruns);
            Counter("edgernn_sound_missing_ms_total"u8, clock.MissingMs);
        }
        Counter("edgernn_reconnects_total"u8, _port.Reconnects);
        if (_port.Errors() is not { } errors)
            return;
        Type("edgernn_line_errors_total"u8, "counter"u8);
        Sample("edgernn_line_errors_total{kind=\"overrun\"}"u8, errors.Overrun);
        Sample("edgernn_line_errors_total{kind=\"parity\"}"u8, errors.Parity);
        Sample("edgernn_line_errors_total{kind=\"framing\"}"u8, errors.Framing);
    }

    private void Network()
    {
        Counter("edgernn_steps_total"u8, _pipeline.Stream.Steps);
        Counter("edgernn_bridged_steps_total"u8, _gaps.Bridged);
        Counter("edgernn_state_resets_total"u8, _pipeline.Stream.Resets);
        Counter("edgernn_replaced_readings_total"u8, _pipeline.Stream.ReplacedReadings);
        Times("edgernn_step_seconds"u8, _pipeline.StepTime);
    }

    private void Output()
    {
        Type("edgernn_decisions_total"u8, "counter"u8);
        var perClass = _pipeline.Sink.PerClass;
        for (int i = 0; i < perClass.Length; i++)
        {
            _text.Raw("edgernn_decisions_total{label="u8);
            _text.Raw(_pipeline.Sink.PrometheusLabels[i]);
            _text.Field("} "u8, perClass[i]);
            _text.Raw("\n"u8);
        }
        Counter("edgernn_unknown_decisions_total"u8, _pipeline.Sink.Unknown);
        Counter("edgernn_events_total"u8, _pipeline.Sink.Events);
        Counter("edgernn_dropped_output_total"u8, _pipeline.Sink.Output.Dropped);
        Times("edgernn_output_queue_seconds"u8, _pipeline.Sink.Output.Latency);
    }

    private void Process()
    {
        Type("edgernn_model_info"u8, "gauge"u8);
        _text.Raw("edgernn_model_info{crc32c=\""u8);
        _text.Raw(_pipeline.Sink.Checksum);
        _text.Raw("\"} 1\n"u8);
        Type("edgernn_uptime_seconds"u8, "gauge"u8);
        _text.Raw("edgernn_uptime_seconds "u8);
        _text.Number(Stopwatch.GetElapsedTime(_started).TotalSeconds);
        _text.Raw("\n"u8);
        Counter("edgernn_allocated_bytes_total"u8, GC.GetTotalAllocatedBytes());
        Counter("edgernn_collections_total"u8, GC.CollectionCount(0));
    }

    private void Counter(ReadOnlySpan<byte> name, long value)
    {
        Type(name, "counter"u8);
        Sample(name, value);
    }

    private void Type(ReadOnlySpan<byte> name, ReadOnlySpan<byte> type)
    {
        _text.Raw("# TYPE "u8);
        _text.Raw(name);
        _text.Raw(" "u8);
        _text.Raw(type);
        _text.Raw("\n"u8);
    }

    private void Sample(ReadOnlySpan<byte> name, long value)
    {
        _text.Raw(name);
        _text.Field(" "u8, value);
        _text.Raw("\n"u8);
    }

    private void Times(ReadOnlySpan<byte> name, Histogram times)
    {
        Type(name, "histogram"u8);
        long sum = 0;
        var counts = times.Counts;
        for (int i = 0; i < counts.Length; i++)
        {
            sum += counts[i];
            _text.Raw(name);
            _text.Raw("_bucket{le=\""u8);
            _text.Raw(i < Limits.Length ? Limits[i] : "+Inf"u8);
            _text.Field("\"} "u8, sum);
            _text.Raw("\n"u8);
        }
        _text.Raw(name);
        _text.Raw("_sum "u8);
        _text.Number(times.Seconds);
        _text.Raw("\n"u8);
        _text.Raw(name);
        _text.Field("_count "u8, times.Count);
        _text.Raw("\n"u8);
    }
}

using System.Diagnostics;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Wire;

namespace EdgeRnn.Cli;

/// <summary>Plays recordings into a line as a sensor would send them: descriptor, data frames, end.</summary>
public sealed class SensorPlayer
{
    private const uint DescriptorEveryUs = 5_000_000;

    private readonly VirtualLine _line;
    private readonly FrameEncoder _encoder;
    private readonly CancellationToken _hostIsGone;
    private readonly double _stepUs;
    private readonly byte[] _pending = new byte[32 * 1024];
    private int _pendingLength;
    private long _steps;
    private long _described = long.MinValue;

    /// <summary>Prepares a sensor.</summary>
    /// <param name="line">Where it is plugged in.</param>
    /// <param name="descriptor">Its channels.</param>
    /// <param name="hostIsGone">Ends the play early.</param>
    /// <param name="stream">The sender's session.</param>
    public SensorPlayer(VirtualLine line, Descriptor descriptor, CancellationToken hostIsGone, ushort stream = 1)
    {
        _line = line;
        _encoder = new(descriptor, stream);
        _hostIsGone = hostIsGone;
        _stepUs = 1e6 / (descriptor.RateHz > 0 ? descriptor.RateHz : 1000);
    }

    /// <summary>How fast to play, from the next recording on; 0 for as fast as the line takes it.</summary>
    public double StepsPerSecond { get; set; }

    /// <summary>Sends every step of a recording, and a descriptor every five seconds of the sensor's time.</summary>
    public void Play(Sequence sequence)
    {
        int channels = sequence.Values.Length / Math.Max(1, sequence.Steps);
        long begin = Stopwatch.GetTimestamp();
        for (int step = 0; step < sequence.Steps; step++)
        {
            long timeUs = (long)(_steps * _stepUs);
            if (_described == long.MinValue || timeUs - _described >= DescriptorEveryUs)
            {
                _described = timeUs;
                Queue(_encoder.EncodeDescriptor((uint)timeUs));
            }
            Queue(_encoder.EncodeData(sequence.Values.Span.Slice(step * channels, channels), (uint)timeUs));
            _steps++;
            if (StepsPerSecond > 0)
                KeepPace(TimeSpan.FromSeconds((step + 1) / StepsPerSecond) - Stopwatch.GetElapsedTime(begin));
        }
        Flush();
    }

    /// <summary>Says that no more follows.</summary>
    public void End()
    {
        Queue(_encoder.EncodeEnd((uint)(long)(_steps * _stepUs)));
        Flush();
    }

    private void KeepPace(TimeSpan ahead)
    {
        Flush();
        if (ahead > TimeSpan.Zero)
            _hostIsGone.WaitHandle.WaitOne(ahead);
    }

    private void Queue(ReadOnlySpan<byte> frame)
    {
        if (frame.Length > _pending.Length - _pendingLength)
            Flush();
        if (frame.Length > _pending.Length)
        {
            _line.Send(frame, _hostIsGone);
            return;
        }
        frame.CopyTo(_pending.AsSpan(_pendingLength));
        _pendingLength += frame.Length;
    }

    private void Flush()
    {
        _line.Send(_pending.AsSpan(0, _pendingLength), _hostIsGone);
        _pendingLength = 0;
    }
}

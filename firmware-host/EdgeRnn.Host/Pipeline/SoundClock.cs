using System.Diagnostics;
using EdgeRnn.Features;

namespace EdgeRnn.Host.Pipeline;

/// <summary>
/// Notices that sound is missing from a pipe, where nothing else tells: a microphone's samples are a clock, and when
/// that falls behind the machine's and stays there, samples were lost on the way, or the recorder was stopped. Sound
/// that is late only, as it waited in the pipe, catches up, and is not counted. Allocates nothing.
/// </summary>
/// <param name="format">The samples.</param>
internal sealed class SoundClock(AudioFormat format)
{
    // Judged by the read of each second at which least was on its way.
    private const double WindowMs = 1000;

    // arecord hands over an eighth of a second at a time, and readers sleep: less is not to be told from being late.
    private const double ToleranceMs = 250;

    // Crystals differ by some 100 ppm; so much a window is drift, and no loss.
    private const double DriftMs = 0.5;

    // What a pipe and its recorder hold may come at once. Sound that is further ahead is not live, and has no clock.
    private const int PipeBytes = 1 << 16;
    private const double RecorderMs = 1000;

    private readonly double _bytesPerMs = format.BlockBytes * (double)format.RateHz / 1000;
    private long _began;
    private double _windowBegan;
    private double _leastLate = double.PositiveInfinity; // in this window
    private double _usuallyLate = double.PositiveInfinity;
    private bool _isNotLive;

    /// <summary>Times that sound was found missing.</summary>
    public long Overruns { get; private set; }

    /// <summary>How much, all together.</summary>
    public long MissingMs { get; private set; }

    /// <summary>How much the last time.</summary>
    public long LastMissingMs { get; private set; }

    /// <summary>Bytes have come.</summary>
    /// <param name="bytes">So many since the beginning.</param>
    /// <param name="timestamp">Of <see cref="Stopwatch"/>.</param>
    /// <returns>Whether some are found missing now.</returns>
    public bool Heard(long bytes, long timestamp)
    {
        if (_began == 0)
            _began = timestamp;
        double now = Stopwatch.GetElapsedTime(_began, timestamp).TotalMilliseconds;
        double late = now - bytes / _bytesPerMs;
        if (late < -(PipeBytes / _bytesPerMs + RecorderMs))
            _isNotLive = true;
        if (_isNotLive)
            return false;
        // The first read after a pause still has sound before it that waits: it opens the next window.
        bool isMissing = now - _windowBegan >= WindowMs && Judge(now);
        _leastLate = Math.Min(_leastLate, late);
        return isMissing;
    }

    private bool Judge(double now)
    {
        double least = _leastLate;
        (_windowBegan, _leastLate) = (now, double.PositiveInfinity);
        bool isMissing = least > _usuallyLate + ToleranceMs;
        if (isMissing)
        {
            LastMissingMs = (long)(least - _usuallyLate);
            MissingMs += LastMissingMs;
            Overruns++;
        }
        _usuallyLate = isMissing ? least : Math.Min(least, _usuallyLate + DriftMs);
        return isMissing;
    }
}

using System.Diagnostics;

namespace EdgeRnn.Host.Pipeline;

/// <summary>Counts what comes in the first second of a line.</summary>
internal sealed class FirstSecond
{
    // What had piled up before the port was opened comes at once, and says nothing about the rate.
    private static readonly TimeSpan Settling = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private long _begun;
    private long _counted;
    private long _before = -1;
    private bool _isOver;

    /// <summary>To be asked again and again; true once.</summary>
    /// <param name="readings">Readings so far.</param>
    /// <param name="bytes">Bytes so far.</param>
    /// <param name="hz">Readings a second.</param>
    public bool IsOver(long readings, long bytes, out double hz)
    {
        hz = 0;
        if (_isOver || bytes == 0)
            return false;
        if (_begun == 0)
            _begun = Stopwatch.GetTimestamp();
        if (_before < 0 && Stopwatch.GetElapsedTime(_begun) >= Settling)
            (_before, _counted) = (readings, Stopwatch.GetTimestamp());
        if (_before < 0 || Stopwatch.GetElapsedTime(_counted) < Second)
            return false;
        hz = (readings - _before) / Stopwatch.GetElapsedTime(_counted).TotalSeconds;
        return _isOver = true;
    }
}

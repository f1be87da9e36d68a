using System.Globalization;
using EdgeRnn.Wire;

namespace EdgeRnn.Host.Pipeline;

/// <summary>What is done about readings that are missing.</summary>
internal enum GapRule
{
    /// <summary>Windows and state begin anew.</summary>
    Reset,

    /// <summary>The reading before the gap is repeated.</summary>
    Hold,

    /// <summary>A straight line is drawn from the reading before the gap to the one after it.</summary>
    Interpolate,
}

/// <summary>
/// Makes up the readings of a gap, where it is short enough; one that is too long, or of unknown length, is not
/// bridged.
/// </summary>
/// <param name="rule">What is done about a gap.</param>
/// <param name="limit">The most readings that are made up in a row.</param>
/// <param name="channels">Channels of a reading.</param>
internal sealed class GapBridge(GapRule rule, int limit, int channels)
{
    /// <summary>The answer for a gap that stays one.</summary>
    public const int NotBridged = -1;

    /// <summary>More than this, made up in one go, would keep the port waiting.</summary>
    private const int MostReadings = 100_000;

    private readonly float[] _before = new float[channels];
    private readonly float[] _made = new float[channels];
    private long _deviceUsBefore;

    /// <summary>Readings made up so far.</summary>
    public long Bridged { get; private set; }

    /// <summary>
    /// The most readings that are made up where the command line does not say: a window, beyond which nothing real
    /// would be left in it, or a second of a stream without windows.
    /// </summary>
    public static int DefaultLimit(RnnModel model) =>
        model.StreamMode == StreamMode.Window ? Math.Min(model.Window, MostReadings)
        : model.SampleRateHz > 0 ? (int)Math.Clamp(model.SampleRateHz, 1, MostReadings)
        : 100;

    /// <summary>Reads <c>reset</c>, <c>hold[:N]</c> or <c>interpolate[:N]</c>.</summary>
    public static bool TryParse(string text, out GapRule rule, out int? limit)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string name = colon < 0 ? text : text[..colon];
        rule = name switch { "hold" => GapRule.Hold, "interpolate" => GapRule.Interpolate, _ => GapRule.Reset };
        limit = null;
        if (colon < 0)
            return name is "reset" or "hold" or "interpolate";
        bool isNumber =
            int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int n);
        limit = n;
        return isNumber && n is >= 1 and <= MostReadings && rule != GapRule.Reset;
    }

    /// <summary>How many readings are to be made up before the last one of <paramref name="line"/>.</summary>
    public int Count(LineReceiver line) =>
        line.Missing == 0 ? 0
        : line.Missing == LineReceiver.Unknown || rule == GapRule.Reset || line.Missing > limit ? NotBridged
        : (int)line.Missing;

    /// <summary>Makes up a reading, valid until the next call.</summary>
    /// <param name="line">Its last reading is the one after the gap.</param>
    /// <param name="number">1 for the first that is missing.</param>
    /// <param name="count">How many are missing.</param>
    /// <param name="deviceUs">When the sensor would have taken it; -1 where the line has no clock.</param>
    public ReadOnlySpan<float> Make(LineReceiver line, int number, int count, out long deviceUs)
    {
        Bridged++;
        float share = number / (count + 1f);
        deviceUs = line.DeviceUs < 0 ? -1 : _deviceUsBefore + (line.DeviceUs - _deviceUsBefore) * number / (count + 1);
        if (rule == GapRule.Hold)
            return _before;
        var after = line.Readings;
        for (int c = 0; c < _made.Length; c++)
            _made[c] = _before[c] + (after[c] - _before[c]) * share;
        return _made;
    }

    /// <summary>Keeps the last reading of <paramref name="line"/>, in case the next ones are missing.</summary>
    public void Keep(LineReceiver line)
    {
        line.Readings.CopyTo(_before);
        _deviceUsBefore = line.DeviceUs;
    }
}

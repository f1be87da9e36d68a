namespace EdgeRnn.Wire;

/// <summary>What a receiver makes of the next bytes of the line.</summary>
public enum LineAnswer
{
    /// <summary>Nothing whole is left: read on.</summary>
    NeedMore,

    /// <summary>One reading of every channel has arrived.</summary>
    Reading,

    /// <summary>The sender said that no more follows.</summary>
    End,

    /// <summary>The line is not one for this model; <see cref="LineReceiver.Refusal"/> says why.</summary>
    Refused,
}

/// <summary>
/// Bytes of a line to readings and counts; the same for every cut of the same bytes. Allocates only to refuse.
/// </summary>
public abstract class LineReceiver
{
    /// <summary>A number of missing readings that nobody knows.</summary>
    public const long Unknown = -1;

    private protected const string Remedy = "; use the model that was trained for this sensor";

    private readonly float[] _readings;

    private protected LineReceiver(int channels) => _readings = new float[channels];

    /// <summary>What became of the readings so far.</summary>
    public virtual LineCounts Counts { get; } = new();

    /// <summary>The last reading, one value a channel in real units.</summary>
    public ReadOnlySpan<float> Readings => _readings;

    /// <summary>The number of the last reading.</summary>
    public uint Sequence { get; private protected set; }

    /// <summary>The sender's clock in µs, carried on beyond 2^32; -1 where the line has none.</summary>
    public long DeviceUs { get; private protected set; } = -1;

    /// <summary>
    /// Readings that are missing between the one before and the last one; <see cref="Unknown"/> where the sender began
    /// in between, at the start of a line too.
    /// </summary>
    public long Missing { get; private protected set; }

    /// <summary>Whether the last reading does not follow the one before it.</summary>
    public bool Interrupted => Missing != 0;

    /// <summary>After <see cref="LineAnswer.Refused"/>: a sentence.</summary>
    public string? Refusal { get; private protected set; }

    /// <summary>More bytes than any sender's greeting: by then a reading has come, or none will.</summary>
    public virtual int GreetingBytes => 4096;

    private protected Span<float> MutableReadings => _readings;

    /// <summary>Takes the next reading, or whatever else there is to report, out of <paramref name="input"/>.</summary>
    /// <param name="input">Bytes that have not been consumed yet, in order.</param>
    /// <param name="consumed">Bytes to pass over before the next call.</param>
    public abstract LineAnswer Next(ReadOnlySpan<byte> input, out int consumed);

    /// <summary>The line was broken off, as by an unplug; what comes next may begin anywhere, of any session.</summary>
    /// <param name="rest">Bytes that <see cref="Next"/> did not consume; they are judged.</param>
    public abstract void Break(ReadOnlySpan<byte> rest);

    /// <summary>
    /// The line has been heard for a second: long enough to tell whether it is the model's, and not a sender's
    /// greeting.
    /// </summary>
    public virtual void FirstSecondOver()
    {
    }

    /// <summary>
    /// The line has ended: judges what is left of it, and gives a <see cref="Refusal"/> that was waiting for more
    /// evidence its last chance.
    /// </summary>
    /// <param name="rest">Bytes that <see cref="Next"/> did not consume.</param>
    /// <returns>Whether the rest was a last reading.</returns>
    public abstract bool Complete(ReadOnlySpan<byte> rest);
}

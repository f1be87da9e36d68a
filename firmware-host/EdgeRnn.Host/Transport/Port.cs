namespace EdgeRnn.Host.Transport;

/// <summary>What came of reading a port.</summary>
internal enum PortState
{
    /// <summary>It gave some bytes.</summary>
    Open,

    /// <summary>It has none now.</summary>
    Idle,

    /// <summary>
    /// The other end is gone: what has arrived of a frame will not be continued. The port looks for it.
    /// </summary>
    Lost,

    /// <summary>The other end is there again.</summary>
    Back,

    /// <summary>No more bytes will ever come.</summary>
    Ended,

    /// <summary>Reading failed.</summary>
    Failed,
}

/// <summary>Errors that a serial driver has counted.</summary>
internal readonly record struct DriverErrors(int Overrun, int Parity, int Framing)
{
    public static DriverErrors operator +(DriverErrors a, DriverErrors b) =>
        new(a.Overrun + b.Overrun, a.Parity + b.Parity, a.Framing + b.Framing);

    // Drivers count from the device's start, in numbers that wrap.
    public static DriverErrors operator -(DriverErrors a, DriverErrors b) =>
        new(a.Overrun - b.Overrun, a.Parity - b.Parity, a.Framing - b.Framing);
}

/// <summary>Where bytes come from. Owned by one thread; nothing here allocates once it is open.</summary>
internal abstract class Port : IDisposable
{
    /// <summary>What messages call it.</summary>
    public string Name { get; protected init; } = "";

    /// <summary>The descriptor to poll for bytes; -1 for none.</summary>
    public virtual int Fd => -1;

    /// <summary>Milliseconds after which to read though nothing came; -1 for never.</summary>
    public virtual int TimeoutMs => -1;

    /// <summary>Whether it goes on whether we read or not, as a sensor does and a file does not.</summary>
    public virtual bool IsLive => false;

    /// <summary>
    /// Whether bytes may come at the pace at which somebody makes them, as on a line or in a pipe, and not in a file.
    /// </summary>
    public virtual bool MayBeLive => IsLive;

    /// <summary>Whether the first bytes may come from the middle of a line.</summary>
    public virtual bool JoinsMidway => false;

    /// <summary>Bytes read so far.</summary>
    public long BytesRead { get; protected set; }

    /// <summary>Times it was opened again.</summary>
    public long Reconnects { get; protected set; }

    /// <summary>Reads what is there; on Linux without waiting.</summary>
    public abstract PortState Read(Span<byte> buffer, out int count);

    /// <summary>Errors since it was opened first; null where the driver counts none.</summary>
    public virtual DriverErrors? Errors() => null;

    /// <inheritdoc/>
    public abstract void Dispose();
}

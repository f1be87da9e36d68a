namespace EdgeRnn.Host.Transport;

/// <summary>Why a port gave no bytes.</summary>
internal enum PortState
{
    /// <summary>It gave some.</summary>
    Open,

    /// <summary>The other end is gone, or a file is at its end.</summary>
    Ended,

    /// <summary>A signal asked the program to stop.</summary>
    Stopped,

    /// <summary>Reading failed.</summary>
    Failed,
}

/// <summary>Where bytes come from. Owned by one thread.</summary>
internal abstract class Port : IDisposable
{
    /// <summary>Whether the first bytes may come from the middle of a line.</summary>
    public virtual bool JoinsMidway => false;

    /// <summary>Bytes read so far.</summary>
    public long BytesRead { get; protected set; }

    /// <summary>Opens <paramref name="name"/>, a path, <c>stdin</c> or <c>-</c>.</summary>
    /// <returns>The port, or null and a sentence.</returns>
    public static Port? Open(string name, int baud, out string? error) => OperatingSystem.IsLinux()
        ? LinuxPort.Open(name, baud, out error)
        : StreamPort.Open(name, out error);

    /// <summary>Waits for bytes and reads what is there.</summary>
    public abstract PortState Read(Span<byte> buffer, out int count);

    /// <inheritdoc/>
    public abstract void Dispose();
}

namespace EdgeRnn.Cli;

/// <summary>
/// A line into <c>edgernn-host</c> that needs no hardware: a pseudo-terminal on Linux, the host's standard input
/// elsewhere. It loses nothing: a full line makes <see cref="Send"/> wait.
/// </summary>
public abstract class VirtualLine : IDisposable
{
    /// <summary>What the host's <c>--port</c> is to be.</summary>
    public abstract string PortName { get; }

    /// <summary>Opens a line; both its ends are open and raw before the first byte.</summary>
    public static VirtualLine Open() => OperatingSystem.IsLinux() ? new PseudoTerminal() : new StandardInputLine();

    /// <summary>Sends all of <paramref name="bytes"/>.</summary>
    /// <exception cref="OperationCanceledException">The other end is gone for good.</exception>
    public abstract void Send(ReadOnlySpan<byte> bytes, CancellationToken hostIsGone);

    /// <summary>Tells the line which process reads it.</summary>
    internal virtual void Attach(System.Diagnostics.Process host)
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Closes the sending end.</summary>
    protected abstract void Dispose(bool disposing);
}

/// <summary>Stands in for a pseudo-terminal where there is none.</summary>
internal sealed class StandardInputLine : VirtualLine
{
    private Stream? _stream;

    public override string PortName => "stdin";

    public override void Send(ReadOnlySpan<byte> bytes, CancellationToken hostIsGone)
    {
        hostIsGone.ThrowIfCancellationRequested();
        try
        {
            _stream?.Write(bytes);
            _stream?.Flush();
        }
        catch (IOException e)
        {
            throw new OperationCanceledException("The host no longer reads.", e, hostIsGone);
        }
    }

    internal override void Attach(System.Diagnostics.Process host) => _stream = host.StandardInput.BaseStream;

    protected override void Dispose(bool disposing) => _stream?.Dispose();
}

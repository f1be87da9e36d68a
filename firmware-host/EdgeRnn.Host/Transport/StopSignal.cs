using System.Runtime.InteropServices;

namespace EdgeRnn.Host.Transport;

/// <summary>SIGTERM and SIGINT as a descriptor that poll waits for: no decision and no account is lost.</summary>
internal sealed unsafe class StopSignal : IDisposable
{
    private const int SigInt = 2;
    private const int SigTerm = 15;
    private const ulong Mask = 1ul << (SigInt - 1) | 1ul << (SigTerm - 1);

    private readonly int _write = -1;
    private readonly PosixSignalRegistration? _interrupt;
    private readonly PosixSignalRegistration? _terminate;

    public StopSignal()
    {
        var mask = stackalloc ulong[16]; // sigset_t: 1,024 bits, of which the kernel takes the first 64
        _ = Libc.SignalMask(0, null, mask);
        if ((mask[0] & Mask) == Mask)
        {
            // The native binary blocks both signals before the runtime makes its threads (native/start.c), so they
            // wait here, and taking one allocates nothing and needs no thread.
            new Span<ulong>(mask, 16).Clear();
            mask[0] = Mask;
            Fd = Libc.SignalFd(-1, mask, Libc.O_NONBLOCK | Libc.O_CLOEXEC);
            return;
        }
        var ends = stackalloc int[2];
        _ = Libc.Pipe2(ends, Libc.O_NONBLOCK | Libc.O_CLOEXEC);
        Fd = ends[0];
        _write = ends[1];
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    }

    /// <summary>Readable once a signal has come.</summary>
    public int Fd { get; }

    public void Dispose()
    {
        _interrupt?.Dispose();
        _terminate?.Dispose();
        _ = Libc.Close(Fd);
        if (_write >= 0)
            _ = Libc.Close(_write);
    }

    private void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        byte one = 1;
        _ = Libc.Write(_write, &one, 1);
    }
}

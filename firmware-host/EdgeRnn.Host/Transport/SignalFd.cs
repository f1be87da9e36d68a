using System.Runtime.InteropServices;

namespace EdgeRnn.Host.Transport;

/// <summary>Signals as a descriptor that poll waits for: nothing that is under way is broken off.</summary>
internal sealed unsafe class SignalFd : IDisposable
{
    private const int SigHup = 1;
    private const int SigInt = 2;
    private const int SigTerm = 15;

    private readonly int _write = -1;
    private readonly PosixSignalRegistration[] _registrations = [];

    /// <summary>Takes over these signals; <see cref="PosixSignal.SIGHUP"/>, SIGINT and SIGTERM can be.</summary>
    public SignalFd(params ReadOnlySpan<PosixSignal> signals)
    {
        ulong wanted = 0;
        foreach (var signal in signals)
            wanted |= 1ul << (NumberOf(signal) - 1);
        var mask = stackalloc ulong[16]; // sigset_t: 1,024 bits, of which the kernel takes the first 64
        _ = Libc.SignalMask(0, null, mask);
        if ((mask[0] & wanted) == wanted)
        {
            // The native binary blocks the signals before the runtime makes its threads (native/start.c), so they wait
            // here, and taking one allocates nothing and needs no thread.
            new Span<ulong>(mask, 16).Clear();
            mask[0] = wanted;
            Fd = Libc.SignalFd(-1, mask, Libc.O_NONBLOCK | Libc.O_CLOEXEC);
            return;
        }
        var ends = stackalloc int[2];
        _ = Libc.Pipe2(ends, Libc.O_NONBLOCK | Libc.O_CLOEXEC);
        Fd = ends[0];
        _write = ends[1];
        _registrations = new PosixSignalRegistration[signals.Length];
        for (int i = 0; i < signals.Length; i++)
            _registrations[i] = PosixSignalRegistration.Create(signals[i], Pass);
    }

    /// <summary>Readable once a signal has come.</summary>
    public int Fd { get; }

    /// <summary>Takes what has come; false for nothing.</summary>
    public bool Take()
    {
        const int SignalInfoBytes = 128; // struct signalfd_siginfo
        var taken = stackalloc byte[SignalInfoBytes];
        bool any = false;
        while (Libc.Read(Fd, taken, SignalInfoBytes) > 0)
            any = true;
        return any;
    }

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _ = Libc.Close(Fd);
        if (_write >= 0)
            _ = Libc.Close(_write);
    }

    private static int NumberOf(PosixSignal signal) => signal switch
    {
        PosixSignal.SIGHUP => SigHup,
        PosixSignal.SIGINT => SigInt,
        _ => SigTerm,
    };

    private void Pass(PosixSignalContext context)
    {
        context.Cancel = true;
        byte one = 1;
        _ = Libc.Write(_write, &one, 1);
    }
}

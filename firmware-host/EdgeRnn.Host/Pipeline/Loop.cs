using EdgeRnn.Host.Transport;

namespace EdgeRnn.Host.Pipeline;

/// <summary>Something that the loop serves beside the line, on the same thread.</summary>
internal interface IServed
{
    /// <summary>The descriptor to wait for; -1 for none now.</summary>
    int Fd { get; }

    /// <summary>What to wait for: POLLIN or POLLOUT.</summary>
    short Events { get; }

    /// <summary>Milliseconds after which to be served though nothing happened; -1 for never.</summary>
    int TimeoutMs { get; }

    /// <summary>Does what can be done now, without waiting and without allocating.</summary>
    void Serve();
}

/// <summary>
/// The one place where the host waits: for the port, for a signal to stop and for all it serves, in one poll.
/// </summary>
internal sealed unsafe class Loop(Port port, SignalFd? stop, IReadOnlyList<IServed> served)
{
    private readonly IServed[] _served = [.. served];

    /// <summary>Waits until something is to be done, serves everything but the port, and comes back.</summary>
    /// <returns>False once the program shall stop.</returns>
    public bool Wait()
    {
        if (stop is null) // elsewhere than on Linux reading is waiting
            return true;
        int count = 2 + _served.Length;
        var waiting = stackalloc Libc.PollFd[count];
        waiting[0] = new() { Fd = stop.Fd, Events = Libc.POLLIN };
        waiting[1] = new() { Fd = port.Fd, Events = Libc.POLLIN }; // poll passes over -1
        int timeoutMs = port.TimeoutMs;
        for (int i = 0; i < _served.Length; i++)
        {
            waiting[2 + i] = new() { Fd = _served[i].Fd, Events = _served[i].Events };
            timeoutMs = Sooner(timeoutMs, _served[i].TimeoutMs);
        }
        if (Libc.Poll(waiting, (nuint)count, timeoutMs) < 0)
            return true; // EINTR: to be asked again
        for (int i = 0; i < _served.Length; i++)
        {
            if (waiting[2 + i].Revents != 0 || _served[i].TimeoutMs == 0)
                _served[i].Serve();
        }
        return waiting[0].Revents == 0;
    }

    private static int Sooner(int a, int b) => a < 0 ? b : b < 0 ? a : Math.Min(a, b);
}

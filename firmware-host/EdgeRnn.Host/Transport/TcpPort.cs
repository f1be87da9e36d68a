namespace EdgeRnn.Host.Transport;

/// <summary>A serial line over the network: <c>tcp:HOST:PORT</c>, as ser2net and serial adapters serve it.</summary>
internal sealed unsafe class TcpPort : ReturningPort
{
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int SocketError = 4; // SO_ERROR
    private const int KeepAlive = 9; // SO_KEEPALIVE
    private const int TcpLevel = 6; // IPPROTO_TCP
    private const int KeepIdle = 4; // TCP_KEEPIDLE, seconds
    private const int KeepInterval = 5; // TCP_KEEPINTVL
    private const int KeepCount = 6; // TCP_KEEPCNT
    private const int ConnectMs = 5000;

    private readonly SocketAddress _address;
    private int _calling = -1;
    private long _giveUpAt;

    private TcpPort(string name, SocketAddress address)
    {
        Name = name;
        _address = address;
    }

    /// <summary>Connects; the address is looked up once, as asking for it again could wait.</summary>
    public static TcpPort? Open(string name, out string? error)
    {
        var address = SocketAddress.Parse(name["tcp:".Length..], defaultHost: null, out bool isKnown);
        if (address is null)
        {
            error = isKnown
                ? $"the host of {name} is not known; check its name, or give its address"
                : $"{name} names no host and port; write tcp:HOST:PORT, such as tcp:192.168.1.7:4001";
            return null;
        }
        var port = new TcpPort(name, address);
        error = port.Call(ConnectMs)
            ? null
            : $"{name} does not answer; check that the adapter is on and listens there";
        if (error is null)
            return port;
        port.Dispose();
        return null;
    }

    protected override bool TryOpen() => Call(waitMs: 0);

    protected override void Close()
    {
        if (_calling >= 0)
            _ = Libc.Close(_calling);
        _calling = -1;
        base.Close();
    }

    /// <summary>Begins or goes on with a connection; true once it stands.</summary>
    private bool Call(int waitMs)
    {
        if (_calling < 0 && !Begin())
            return false;
        var waiting = new Libc.PollFd { Fd = _calling, Events = Libc.POLLOUT };
        if (Libc.Poll(&waiting, 1, waitMs) == 0 && Environment.TickCount64 < _giveUpAt && waitMs == 0)
            return false;
        int fault;
        uint length = sizeof(int);
        bool stands = (waiting.Revents & Libc.POLLOUT) != 0
            && Libc.GetSocketOption(_calling, SocketLevel, SocketError, &fault, &length) == 0 && fault == 0;
        if (stands)
            Use(_calling);
        else
            _ = Libc.Close(_calling);
        _calling = -1;
        return stands;
    }

    private bool Begin()
    {
        fixed (byte* address = _address.Bytes)
        {
            _calling = Libc.Socket(_address.Family, SocketAddress.StreamNonBlocking, 0);
            if (_calling < 0)
                return false;
            _giveUpAt = Environment.TickCount64 + ConnectMs;
            Set(SocketLevel, KeepAlive, 1); // an adapter that lost its power says nothing
            Set(TcpLevel, KeepIdle, 10);
            Set(TcpLevel, KeepInterval, 5);
            Set(TcpLevel, KeepCount, 3);
            if (Libc.Connect(_calling, address, (uint)_address.Bytes.Length) == 0 || Libc.LastError == Libc.EINPROGRESS)
                return true;
        }
        _ = Libc.Close(_calling);
        _calling = -1;
        return false;
    }

    private void Set(int level, int option, int value) =>
        _ = Libc.SetSocketOption(_calling, level, option, &value, sizeof(int));
}

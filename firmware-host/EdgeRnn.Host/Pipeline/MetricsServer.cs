using EdgeRnn.Host.Transport;

namespace EdgeRnn.Host.Pipeline;

/// <summary>
/// Serves <see cref="Metrics"/> over HTTP/1.0, one caller at a time, on the loop's own thread: the sockets of the class
/// library allocate. Who calls and then says nothing is hung up on.
/// </summary>
internal sealed unsafe class MetricsServer : IServed, IDisposable
{
    private const int PatienceMs = 2000;
    private const int SocketLevel = 1; // SOL_SOCKET
    private const int ReuseAddress = 2; // SO_REUSEADDR
    private const int NonBlocking = 0x80800; // SOCK_NONBLOCK | SOCK_CLOEXEC
    private const int NoSignal = 0x4000; // MSG_NOSIGNAL

    private readonly Metrics _metrics;
    private readonly int _listener;
    private readonly byte[] _request = new byte[1024];
    private readonly byte[] _answer;
    private readonly LineText _head = new(256);
    private int _caller = -1;
    private long _hangUpAt;
    private int _requestLength;
    private int _sent;
    private int _answerLength;

    private MetricsServer(int listener, Metrics metrics)
    {
        _listener = listener;
        _metrics = metrics;
        // With the head of the answer.
        _answer = new byte[Metrics.Capacity + 1024];
        _ = metrics.Write(); // what is made at its first use is made before the stream begins
    }

    /// <inheritdoc/>
    public int Fd => _caller >= 0 ? _caller : _listener;

    /// <inheritdoc/>
    public short Events => _caller >= 0 && _answerLength > 0 ? Libc.POLLOUT : Libc.POLLIN;

    /// <inheritdoc/>
    public int TimeoutMs => _caller < 0 ? -1 : (int)Math.Max(0, _hangUpAt - Environment.TickCount64);

    /// <summary>Listens at <c>[HOST:]PORT</c>, HOST an address, 127.0.0.1 if not given.</summary>
    /// <returns>The server, or null and a sentence.</returns>
    public static MetricsServer? Open(string where, Metrics metrics, out string? error)
    {
        var address = OperatingSystem.IsLinux() ? SocketAddress.Parse(where, "127.0.0.1", out _) : null;
        error = $"--metrics {where} is no address and port; give a port such as 9100, or 0.0.0.0:9100 for all to see";
        if (address is null)
            return null;
        int fd = Libc.Socket(address.Family, SocketAddress.StreamNonBlocking, 0);
        int one = 1;
        _ = Libc.SetSocketOption(fd, SocketLevel, ReuseAddress, &one, sizeof(int));
        bool listens;
        fixed (byte* bytes = address.Bytes)
            listens = Libc.Bind(fd, bytes, (uint)address.Bytes.Length) == 0 && Libc.Listen(fd, 16) == 0;
        error = listens
            ? null
            : $"--metrics {where} cannot be listened at (error {Libc.LastError}); choose another port";
        if (listens)
            return new(fd, metrics);
        _ = Libc.Close(fd);
        return null;
    }

    /// <inheritdoc/>
    public void Serve()
    {
        if (_caller < 0)
            PickUp();
        else if (Environment.TickCount64 >= _hangUpAt)
            HangUp();
        else if (_answerLength == 0)
            Listen();
        else
            Send();
    }

    public void Dispose()
    {
        HangUp();
        _ = Libc.Close(_listener);
    }

    private void PickUp()
    {
        _caller = Libc.Accept(_listener, null, null, NonBlocking);
        _hangUpAt = Environment.TickCount64 + PatienceMs;
        _requestLength = _sent = _answerLength = 0;
    }

    private void HangUp()
    {
        if (_caller >= 0)
            _ = Libc.Close(_caller);
        _caller = -1;
    }

    private void Listen()
    {
        nint read;
        fixed (byte* bytes = _request)
            read = Libc.Read(_caller, bytes + _requestLength, _request.Length - _requestLength);
        if (read < 0 && Libc.LastError is Libc.EAGAIN or Libc.EINTR)
            return;
        _requestLength += (int)Math.Max(0, read);
        var request = _request.AsSpan(0, _requestLength);
        // What follows the first line of a request says nothing that matters here, but is waited for.
        if (request.IndexOf("\r\n\r\n"u8) >= 0 || request.IndexOf("\n\n"u8) >= 0)
        {
            bool isAsked = request.StartsWith("GET /metrics "u8) || request.StartsWith("GET / "u8);
            Answer(isAsked ? "200 OK"u8 : "404 Not Found"u8, isAsked ? _metrics.Write() : "see /metrics\n"u8);
        }
        else if (read <= 0 || _requestLength == _request.Length)
        {
            HangUp();
        }
    }

    private void Answer(ReadOnlySpan<byte> status, ReadOnlySpan<byte> body)
    {
        _head.Clear();
        _head.Raw("HTTP/1.0 "u8);
        _head.Raw(status);
        _head.Raw("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nConnection: close"u8);
        _head.Field("\r\nContent-Length: "u8, body.Length);
        _head.Raw("\r\n\r\n"u8);
        _head.Written.CopyTo(_answer);
        body.CopyTo(_answer.AsSpan(_head.Written.Length));
        _answerLength = _head.Written.Length + body.Length;
        Send();
    }

    private void Send()
    {
        nint sent;
        fixed (byte* bytes = _answer)
            sent = Libc.Send(_caller, bytes + _sent, _answerLength - _sent, NoSignal);
        if (sent < 0 && Libc.LastError is Libc.EAGAIN or Libc.EINTR)
            return;
        _sent += (int)Math.Max(0, sent);
        if (sent <= 0 || _sent == _answerLength)
            HangUp();
    }
}

using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using EdgeRnn.Host.Pipeline;
using EdgeRnn.Host.Transport;

namespace EdgeRnn.Host;

/// <summary>
/// What systemd is told (sd_notify(3)): datagrams to the socket that NOTIFY_SOCKET names. The watchdog is fed here and
/// nowhere else, and the loop that reads the port is the only one that calls: when that stands still, systemd knows.
/// </summary>
internal sealed unsafe partial class Notifier : IServed, IDisposable
{
    private const int Unix = 1; // AF_UNIX
    private const int DatagramCloseOnExec = 0x80002; // SOCK_DGRAM | SOCK_CLOEXEC
    private const int PathOffset = 2; // in sockaddr_un
    private const int LongestPath = 108;
    private const int NoWait = 0x4040; // MSG_DONTWAIT | MSG_NOSIGNAL
    private const int StatusEveryMs = 5000;

    private readonly StreamPipeline _pipeline;
    private readonly LineText _text = new(512);
    private readonly byte* _address = (byte*)NativeMemory.AllocZeroed(PathOffset + LongestPath);
    private readonly uint _addressLength;
    private readonly int _socket = -1;
    private readonly int _everyMs;
    private readonly bool _watched;
    private long _next;
    private long _nextStatus;

    /// <summary>Finds what to notify; without NOTIFY_SOCKET nothing is sent.</summary>
    public Notifier(StreamPipeline pipeline)
    {
        _pipeline = pipeline;
        string? name = Environment.GetEnvironmentVariable("NOTIFY_SOCKET");
        if (!OperatingSystem.IsLinux() || string.IsNullOrEmpty(name) || name[0] is not ('/' or '@')
            || Encoding.UTF8.GetByteCount(name) >= LongestPath)
            return;
        *(ushort*)_address = Unix;
        int length = Encoding.UTF8.GetBytes(name, new Span<byte>(_address + PathOffset, LongestPath));
        if (name[0] == '@') // a name outside of the file system begins with a zero
            _address[PathOffset] = 0;
        _addressLength = (uint)(PathOffset + length);
        _socket = Libc.Socket(Unix, DatagramCloseOnExec, 0);
        long watchdogUs = Microseconds("WATCHDOG_USEC");
        long watched = Microseconds("WATCHDOG_PID");
        _watched = watchdogUs > 0 && (watched == 0 || watched == Environment.ProcessId);
        // Three times within the patience of the watchdog, and the status at times.
        _everyMs = _watched ? (int)Math.Clamp(watchdogUs / 3000, 1, StatusEveryMs) : StatusEveryMs;
    }

    public int Fd => -1;

    public short Events => 0;

    public int TimeoutMs => _socket < 0 ? -1 : (int)Math.Max(0, _next - Environment.TickCount64);

    /// <summary>The line is open and the model ready.</summary>
    public void Ready() => Send("READY=1\n"u8);

    /// <summary>The program ends now.</summary>
    public void Stopping() => Send("STOPPING=1\n"u8);

    public void Serve()
    {
        long now = Environment.TickCount64;
        if (_socket < 0 || now < _next)
            return;
        _next = now + _everyMs;
        _text.Clear();
        if (_watched)
            _text.Raw("WATCHDOG=1\n"u8);
        if (now >= _nextStatus)
        {
            _nextStatus = now + StatusEveryMs;
            _pipeline.Status(_text);
        }
        Send(_text.Written);
    }

    public void Dispose()
    {
        if (_socket >= 0)
            _ = Libc.Close(_socket);
        NativeMemory.Free(_address);
    }

    private static long Microseconds(string variable) =>
        long.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture,
            out long number) ? number : 0;

    private void Send(ReadOnlySpan<byte> message)
    {
        if (_socket < 0 || message.IsEmpty)
            return;
        fixed (byte* bytes = message)
            _ = SendTo(_socket, bytes, message.Length, NoWait, _address, _addressLength);
    }

    [LibraryImport("libc", EntryPoint = "sendto", SetLastError = true)]
    private static partial nint SendTo(
        int socket, byte* bytes, nint length, int flags, byte* address, uint addressLength);
}

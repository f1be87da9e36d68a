using System.Globalization;

namespace EdgeRnn.Host.Transport;

/// <summary>A <c>struct sockaddr</c> of a host and a port.</summary>
internal sealed unsafe class SocketAddress
{
    /// <summary>SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC</summary>
    public const int StreamNonBlocking = 0x80801;

    private const int TcpStream = 1; // SOCK_STREAM
    private const int NumericHost = 4; // AI_NUMERICHOST

    private SocketAddress(Libc.AddressInfo* found) =>
        Bytes = new ReadOnlySpan<byte>(found->Address, (int)found->AddressLength).ToArray();

    /// <summary>The bytes that connect() and bind() take.</summary>
    public byte[] Bytes { get; }

    /// <summary>AF_INET or AF_INET6.</summary>
    public int Family => BitConverter.ToUInt16(Bytes);

    /// <summary>Reads <c>HOST:PORT</c>, an IPv6 host in brackets.</summary>
    /// <param name="text">The name or address, and the number.</param>
    /// <param name="defaultHost">The host where only a number is given; null where there must be one.</param>
    /// <param name="isKnown">Whether host and port could be read, though the host may not be known.</param>
    public static SocketAddress? Parse(string text, string? defaultHost, out bool isKnown)
    {
        int colon = text.LastIndexOf(':');
        string? host = colon > 0 ? text[..colon].Trim('[', ']') : colon < 0 ? defaultHost : null;
        isKnown = ushort.TryParse(
            text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort number)
            && host is { Length: > 0 } && (number > 0 || defaultHost is not null);
        if (!isKnown)
            return null;
        var hints = new Libc.AddressInfo { SocketType = TcpStream, Flags = defaultHost is null ? 0 : NumericHost };
        Libc.AddressInfo* found;
        if (Libc.GetAddressInfo(host!, number.ToString(CultureInfo.InvariantCulture), &hints, &found) != 0)
            return null;
        var address = new SocketAddress(found);
        Libc.FreeAddressInfo(found);
        return address;
    }
}

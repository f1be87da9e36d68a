namespace EdgeRnn.Host.Transport;

/// <summary>How a serial port is to be set.</summary>
/// <param name="Baud">Its speed.</param>
/// <param name="Dtr">Data terminal ready: true or false to set it, null to leave it.</param>
/// <param name="Rts">Request to send, likewise.</param>
internal sealed record SerialSettings(int Baud, bool? Dtr = null, bool? Rts = null)
{
    private const uint ControlSpeed = 0x100F; // CBAUD
    private const uint SpeedInNumbers = 0x1000; // BOTHER
    private const uint InputSpeedBits = ControlSpeed << 16; // CIBAUD: 0 there means the output's speed
    private const uint EightBits = 0x30; // CS8, also the mask CSIZE
    private const uint TwoStops = 0x40; // CSTOPB
    private const uint Receive = 0x80; // CREAD
    private const uint Parity = 0x100; // PARENB
    private const uint HangUpOnClose = 0x400; // HUPCL
    private const uint IgnoreModemLines = 0x800; // CLOCAL
    private const uint HardwareFlow = 0x80000000; // CRTSCTS
    private const int DtrLine = 2; // TIOCM_DTR
    private const int RtsLine = 4; // TIOCM_RTS
    private const int MinimumChars = 6; // VMIN
    private const int ReadTime = 5; // VTIME

    // The speeds that have a constant of their own, in its order: B50 is 1 and B38400 15, B57600 is 0x1001.
    private static ReadOnlySpan<int> SlowSpeeds =>
        [50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400];

    private static ReadOnlySpan<int> FastSpeeds =>
    [
        57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000,
        3500000, 4000000,
    ];

    /// <summary>Whether <paramref name="fd"/> is a terminal.</summary>
    public static unsafe bool IsTerminal(int fd)
    {
        Libc.Termios2 settings;
        return Libc.Ioctl(fd, Libc.TCGETS, &settings) == 0;
    }

    /// <summary>
    /// Eight bits, no parity, no flow control, nothing translated, the modem lines left as they are unless asked.
    /// </summary>
    /// <returns>Whether the driver took it; otherwise <see cref="Libc.LastError"/> tells why.</returns>
    public unsafe bool TryApply(int fd)
    {
        if (!TrySetRaw(fd, Baud))
            return false;
        SetLine(fd, DtrLine, Dtr);
        SetLine(fd, RtsLine, Rts);
        return true;
    }

    private static unsafe void SetLine(int fd, int line, bool? on)
    {
        if (on is { } set) // a port without modem lines, such as a pseudo-terminal, has nothing to set
            _ = Libc.Ioctl(fd, set ? Libc.TIOCMBIS : Libc.TIOCMBIC, &line);
    }

    private static unsafe bool TrySetRaw(int fd, int baud)
    {
        // TCSETS for the usual speeds: user-mode emulators lack TCSETS2.
        uint speed = SpeedConstant(baud);
        bool inNumbers = speed == SpeedInNumbers;
        Libc.Termios2 settings = default;
        if (Libc.Ioctl(fd, inNumbers ? Libc.TCGETS2 : Libc.TCGETS, &settings) < 0)
            return false;
        settings.Input = settings.Output = settings.Local = 0;
        settings.Control &=
            ~(ControlSpeed | InputSpeedBits | EightBits | TwoStops | Parity | HangUpOnClose | HardwareFlow);
        // Without HUPCL the lines stay as they are at close, and the next open does not reset an Arduino.
        settings.Control |= speed | EightBits | Receive | IgnoreModemLines;
        settings.Chars[MinimumChars] = 1;
        settings.Chars[ReadTime] = 0;
        settings.InputSpeed = settings.OutputSpeed = (uint)baud;
        return Libc.Ioctl(fd, inNumbers ? Libc.TCSETS2 : Libc.TCSETS, &settings) == 0;
    }

    private static uint SpeedConstant(int baud)
    {
        int slow = SlowSpeeds.IndexOf(baud);
        if (slow >= 0)
            return (uint)(slow + 1);
        int fast = FastSpeeds.IndexOf(baud);
        return fast >= 0 ? SpeedInNumbers + 1 + (uint)fast : SpeedInNumbers;
    }
}

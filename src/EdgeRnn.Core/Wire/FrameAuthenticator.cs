namespace EdgeRnn.Wire;

/// <summary>
/// The secret that sender and host share: makes the tag of a sealed frame, HMAC-SHA-256 cut to 8 bytes.
/// </summary>
public abstract class FrameAuthenticator
{
    /// <summary>Bytes of a tag.</summary>
    public const int TagLength = sizeof(ulong);

    /// <summary>Bytes that a seal adds to a frame: its stamp and its tag.</summary>
    public const int SealLength = sizeof(ulong) + TagLength;

    /// <summary>The first 8 bytes of HMAC-SHA-256, as a little-endian number.</summary>
    /// <param name="covered">The frame from its version to its stamp.</param>
    public abstract ulong TagOf(ReadOnlySpan<byte> covered);
}

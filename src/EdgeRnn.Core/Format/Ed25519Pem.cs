using System.Diagnostics.CodeAnalysis;

namespace EdgeRnn.Format;

/// <summary>
/// Ed25519 keys as text, in the form of RFC 8410 that OpenSSL and others read and write: PEM around DER, which for this
/// one kind of key is a fixed head and the key's 32 bytes.
/// </summary>
public static class Ed25519Pem
{
    /// <summary>Bytes of a key, public or private.</summary>
    public const int KeyLength = 32;

    private const string PublicName = "PUBLIC KEY";
    private const string PrivateName = "PRIVATE KEY";

    // SubjectPublicKeyInfo { AlgorithmIdentifier { 1.3.101.112 }, BIT STRING }
    private static ReadOnlySpan<byte> PublicHead =>
        [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00];

    // PrivateKeyInfo { 0, AlgorithmIdentifier { 1.3.101.112 }, OCTET STRING { OCTET STRING } }
    private static ReadOnlySpan<byte> PrivateHead =>
        [0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

    /// <summary>A public key's text.</summary>
    public static string WritePublic(ReadOnlySpan<byte> key) => Write(PublicName, PublicHead, key);

    /// <summary>A private key's text.</summary>
    public static string WritePrivate(ReadOnlySpan<byte> key) => Write(PrivateName, PrivateHead, key);

    /// <summary>Reads a public key; false where the text is something else.</summary>
    public static bool TryReadPublic(string text, [NotNullWhen(true)] out byte[]? key) =>
        TryRead(text, PublicName, PublicHead, out key);

    /// <summary>Reads a private key; false where the text is something else.</summary>
    public static bool TryReadPrivate(string text, [NotNullWhen(true)] out byte[]? key) =>
        TryRead(text, PrivateName, PrivateHead, out key);

    private static string Write(string name, ReadOnlySpan<byte> head, ReadOnlySpan<byte> key)
    {
        if (key.Length != KeyLength)
            throw new ArgumentException($"A key of {key.Length} bytes, expected {KeyLength}.", nameof(key));
        return $"-----BEGIN {name}-----\n{Convert.ToBase64String([.. head, .. key])}\n-----END {name}-----\n";
    }

    private static bool TryRead(
        string text, string name, ReadOnlySpan<byte> head, [NotNullWhen(true)] out byte[]? key)
    {
        key = null;
        string[] lines = text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        Span<byte> der = stackalloc byte[PrivateHead.Length + KeyLength];
        if (lines.Length != 3 || lines[0] != $"-----BEGIN {name}-----" || lines[2] != $"-----END {name}-----"
            || !Convert.TryFromBase64String(lines[1], der, out int length)
            || length != head.Length + KeyLength || !der.StartsWith(head))
            return false;
        key = der[head.Length..length].ToArray();
        return true;
    }
}

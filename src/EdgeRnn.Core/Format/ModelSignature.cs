using System.Buffers.Binary;

namespace EdgeRnn.Format;

/// <summary>
/// Where a model file keeps its Ed25519 signature (RFC 8032): in field 64, right before the checksum, over every byte
/// before its tag. Readers that know nothing of it pass over the field. Signing and verifying are the callers'.
/// </summary>
public static class ModelSignature
{
    /// <summary>Bytes of a signature.</summary>
    public const int Length = 64;

    // bytes ed25519_signature = 64: its tag, two bytes as a varint, and its length.
    private static ReadOnlySpan<byte> Head => [0x82, 0x04, Length];

    /// <summary>Splits a file that is signed.</summary>
    /// <param name="file">A whole file.</param>
    /// <param name="signed">Bytes from the beginning that the signature covers.</param>
    /// <param name="signature">The signature.</param>
    /// <returns>Whether there is a signature where one belongs.</returns>
    public static bool TryFind(ReadOnlySpan<byte> file, out int signed, out ReadOnlySpan<byte> signature)
    {
        signed = file.Length - ModelReader.ChecksumFieldBytes - Length - Head.Length;
        signature = default;
        if (signed < 0 || !file.Slice(signed, Head.Length).SequenceEqual(Head))
            return false;
        signature = file.Slice(signed + Head.Length, Length);
        return true;
    }

    /// <summary>Signs a file, in place of a signature that it may have.</summary>
    /// <param name="file">A model file.</param>
    /// <param name="sign">Gives the signature of what it is given.</param>
    /// <returns>The signed file.</returns>
    public static byte[] Sign(ReadOnlySpan<byte> file, Func<byte[], byte[]> sign)
    {
        ArgumentNullException.ThrowIfNull(sign);
        int length = TryFind(file, out int signed, out _) ? signed : file.Length - ModelReader.ChecksumFieldBytes;
        byte[] body = file[..length].ToArray();
        byte[] result = [.. body, .. Head, .. sign(body), ModelReader.ChecksumTag, 0, 0, 0, 0];
        uint crc = Crc32C.Compute(result.AsSpan(..^ModelReader.ChecksumFieldBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(result.AsSpan(^sizeof(uint)..), crc);
        return result;
    }
}

using System.Buffers.Binary;
using EdgeRnn.Wire;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Macs;
using Org.BouncyCastle.Crypto.Parameters;

namespace EdgeRnn.Host;

/// <summary>HMAC-SHA-256 in managed code: .NET's own loads OpenSSL when it is used.</summary>
internal sealed class HmacAuthenticator : FrameAuthenticator
{
    /// <summary>Bytes a key must have at least.</summary>
    public const int ShortestKey = 16;

    private readonly HMac _hmac = new(new Sha256Digest());
    private readonly byte[] _whole = new byte[32];

    public HmacAuthenticator(byte[] key) => _hmac.Init(new KeyParameter(key));

    /// <summary>Reads a file with the key in hexadecimal digits.</summary>
    /// <returns>The key, or null and a sentence.</returns>
    public static HmacAuthenticator? Load(string path, out string? error)
    {
        try
        {
            byte[] key = Convert.FromHexString(File.ReadAllText(path).Trim());
            error = key.Length >= ShortestKey ? null : $"{path} has a key of {key.Length} bytes; make one of 32";
            return error is null ? new(key) : null;
        }
        catch (FormatException)
        {
            error = $"{path} is no key; write 64 hexadecimal digits into it, such as openssl rand -hex 32 gives";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            error = $"the key {path} cannot be read; check that it is there and that this user may read it";
        }
        return null;
    }

    /// <inheritdoc/>
    public override ulong TagOf(ReadOnlySpan<byte> covered)
    {
        Compute(covered, _whole);
        return BinaryPrimitives.ReadUInt64LittleEndian(_whole);
    }

    /// <summary>All 32 bytes.</summary>
    internal void Compute(ReadOnlySpan<byte> data, Span<byte> code)
    {
        _hmac.BlockUpdate(data);
        _hmac.DoFinal(code);
    }
}

using System.Text;
using EdgeRnn.Format;
using Org.BouncyCastle.Math.EC.Rfc8032;

namespace EdgeRnn.Host.Models;

/// <summary>The public key that models must be signed with.</summary>
internal sealed class TrustedKey
{
    private readonly byte[] _key;
    private readonly string _path;

    private TrustedKey(string path, byte[] key) => (_path, _key) = (path, key);

    /// <summary>Reads a key that <c>edgernn keygen</c> or <c>openssl pkey -pubout</c> wrote.</summary>
    /// <returns>The key, or null and a sentence.</returns>
    public static TrustedKey? Load(string path, out string? error)
    {
        if (!ModelReader.TryReadFile(path, out byte[]? text, out error))
        {
            error = $"the key cannot be used: {error}";
            return null;
        }
        if (Ed25519Pem.TryReadPublic(Encoding.UTF8.GetString(text), out byte[]? key))
            return new(path, key);
        error = $"{path} is no public key of Ed25519; make one with edgernn keygen";
        return null;
    }

    /// <summary>Null where the file is signed with this key; otherwise what is wrong.</summary>
    public string? Check(byte[] file)
    {
        if (!ModelSignature.TryFind(file, out int signed, out var signature))
            return $"it is not signed, and only models signed with the key of {_path} are trusted; use edgernn sign";
        return Ed25519.Verify(signature.ToArray(), 0, _key, 0, file, 0, signed)
            ? null
            : $"its signature is not of the key {_path}, or the file was changed; sign it with the trusted key";
    }
}

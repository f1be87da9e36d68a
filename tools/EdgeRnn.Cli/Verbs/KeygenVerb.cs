using System.CommandLine;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using EdgeRnn.Format;
using EdgeRnn.Trainer;
using Org.BouncyCastle.Math.EC.Rfc8032;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn keygen</c>: a key to sign models with.</summary>
internal static class KeygenVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var output = SharedOptions.Out("FILE", "The private key; the public one goes beside it, as FILE.pub.");
        var force = SharedOptions.Force();
        var json = SharedOptions.Json();
        var command = new Command("keygen", "Make an Ed25519 key to sign models with.") { output, force, json };
        command.SetAction(parsed =>
        {
            string path = parsed.GetRequiredValue(output);
            bool overwrite = parsed.GetValue(force);
            AtomicFile.RefuseExisting(path, overwrite);
            AtomicFile.RefuseExisting($"{path}.pub", overwrite);
            byte[] key = RandomNumberGenerator.GetBytes(Ed25519Pem.KeyLength);
            byte[] publicKey = new byte[Ed25519Pem.KeyLength];
            Ed25519.GeneratePublicKey(key, 0, publicKey, 0);
            AtomicFile.Write(
                path, stream => WriteText(stream, Ed25519Pem.WritePrivate(key)), overwrite, isPrivate: true);
            AtomicFile.Write($"{path}.pub", stream => WriteText(stream, Ed25519Pem.WritePublic(publicKey)), overwrite);
            new Terminal(parsed, parsed.GetValue(json)).Result(
                new JsonObject { ["private_key"] = path, ["public_key"] = $"{path}.pub" },
                Terminal.Facts(
                    ("private key", $"{path} (keep it secret: edgernn sign --key {path})"),
                    ("public key", $"{path}.pub (for the board: edgernn-host --trust {path}.pub)")));
        });
        return command;
    }

    private static void WriteText(Stream stream, string text) =>
        stream.Write(System.Text.Encoding.ASCII.GetBytes(text));
}

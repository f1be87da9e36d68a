using System.CommandLine;
using System.Text.Json.Nodes;
using EdgeRnn.Format;
using EdgeRnn.Trainer;
using Org.BouncyCastle.Math.EC.Rfc8032;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn sign</c>: a model that a host with <c>--trust</c> takes.</summary>
internal static class SignVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var model = SharedOptions.Model();
        var key = SharedOptions.Required("--key", "FILE", "The private key, from edgernn keygen.");
        var output = SharedOptions.Out("FILE", "The signed model.");
        var force = SharedOptions.Force();
        var json = SharedOptions.Json();
        const string Summary = "Sign a model, for hosts that trust the key alone.";
        var command = new Command("sign", Summary) { model, key, output, force, json };
        command.SetAction(parsed =>
        {
            string input = parsed.GetRequiredValue(model), keyPath = parsed.GetRequiredValue(key);
            string path = parsed.GetRequiredValue(output);
            SharedOptions.RefuseOutput(path, parsed.GetValue(force), input, keyPath);
            _ = SharedOptions.LoadModel(input); // what is no model is not signed
            byte[] file = File.ReadAllBytes(input);
            byte[] privateKey = ReadKey(keyPath);
            byte[] signed = ModelSignature.Sign(file, body => Sign(privateKey, body));
            AtomicFile.Write(path, signed, parsed.GetValue(force));
            new Terminal(parsed, parsed.GetValue(json)).Result(
                new JsonObject { ["model"] = path, ["bytes"] = signed.Length },
                Terminal.Facts(("signed model", path), ("size", Figures.Bytes(signed.Length))));
        });
        return command;
    }

    /// <summary>The Ed25519 signature of some bytes.</summary>
    internal static byte[] Sign(byte[] privateKey, byte[] body)
    {
        byte[] signature = new byte[ModelSignature.Length];
        Ed25519.Sign(privateKey, 0, body, 0, body.Length, signature, 0);
        return signature;
    }

    private static byte[] ReadKey(string path)
    {
        if (!File.Exists(path))
            throw new UserException($"There is no key '{path}'; make one with edgernn keygen.");
        return Ed25519Pem.TryReadPrivate(File.ReadAllText(path), out byte[]? key)
            ? key
            : throw new UserException($"'{path}' is no private key of Ed25519; make one with edgernn keygen.");
    }
}

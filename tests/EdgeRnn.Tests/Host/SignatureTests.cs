using System.Diagnostics;
using EdgeRnn.Cli;
using EdgeRnn.Format;
using EdgeRnn.Host.Models;
using EdgeRnn.Trainer;
using Org.BouncyCastle.Math.EC.Rfc8032;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>A host that trusts a key takes models of that key alone.</summary>
public sealed class SignatureTests : IDisposable
{
    private static readonly byte[] Model = ModelWriter.Write(
        SelfTests.Attach(RandomModels.Create(1, Precision.Int8, 2, "rnn:3,dense:2")));

    private readonly string _folder = Directory.CreateTempSubdirectory("edgernn-sign-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>RFC 8032, section 7.1: secret key, public key, message, signature.</summary>
    [Theory]
    [InlineData(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")]
    [InlineData(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")]
    [InlineData(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")]
    [InlineData( // SHA(abc)
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589" +
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704")]
    public void Signatures_are_those_of_rfc_8032(string secret, string publicKey, string message, string signature)
    {
        byte[] key = Convert.FromHexString(secret), text = Convert.FromHexString(message);
        byte[] derived = new byte[32];
        Ed25519.GeneratePublicKey(key, 0, derived, 0);
        Assert.Equal(publicKey, Convert.ToHexStringLower(derived));
        Assert.Equal(signature, Convert.ToHexStringLower(SignVerb.Sign(key, text)));
        byte[] found = Convert.FromHexString(signature);
        Assert.True(Ed25519.Verify(found, 0, derived, 0, text, 0, text.Length));
        found[40] ^= 1;
        Assert.False(Ed25519.Verify(found, 0, derived, 0, text, 0, text.Length));
    }

    [Fact]
    public void A_key_signs_and_the_host_takes_what_it_signed_and_nothing_else()
    {
        var (key, other) = (Keygen("key"), Keygen("other"));
        File.WriteAllBytes(PathOf("model.ernn"), Model);
        Run("sign", "--model", PathOf("model.ernn"), "--key", key, "--out", PathOf("signed.ernn"));
        byte[] signed = File.ReadAllBytes(PathOf("signed.ernn"));
        Assert.Equal(Model.Length + 67, signed.Length);

        var trust = TrustedKey.Load($"{key}.pub", out _)!;
        Assert.Null(trust.Check(signed));
        Assert.NotNull(new ModelLoader(trust).Load(signed, out _));
        Assert.StartsWith("it is not signed", trust.Check(Model), StringComparison.Ordinal);
        Assert.Null(new ModelLoader(trust).Load(Model, out string? error));
        Assert.StartsWith("it is not signed", error, StringComparison.Ordinal);
        Assert.Contains("is not of the key", TrustedKey.Load($"{other}.pub", out _)!.Check(signed));

        // Any byte that changes is noticed by the signature alone, as an attacker makes the checksum right.
        var random = new SeededRandom(5);
        for (int i = 0; i < 300; i++)
        {
            byte[] changed = [.. signed];
            changed[random.Below(signed.Length - ModelReader.ChecksumFieldBytes)] ^= (byte)(1 << random.Below(8));
            Assert.NotNull(trust.Check(changed));
        }

        // One that is signed anew has one signature; a reader that knows of none reads the same model.
        Run("sign", "--model", PathOf("signed.ernn"), "--key", other, "--out", PathOf("anew.ernn"));
        Assert.Equal(signed.Length, new FileInfo(PathOf("anew.ernn")).Length);
        Assert.Contains("is not of the key", trust.Check(File.ReadAllBytes(PathOf("anew.ernn"))));
        Assert.True(ModelReader.TryRead(signed, out var read, out _));
        Assert.Equal(Model, ModelWriter.Write(read with { Checksum = 0 }));
        Assert.Equal(64, EdgeRnn.Format.Proto.Model.Parser.ParseFrom(signed).Ed25519Signature.Length);
    }

    [Fact]
    public void A_private_key_is_its_owners_alone_and_no_public_one()
    {
        string key = Keygen("key");
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(key));
        Assert.Null(TrustedKey.Load(key, out string? error));
        Assert.Contains("is no public key of Ed25519", error, StringComparison.Ordinal);
        Assert.Null(TrustedKey.Load(PathOf("none"), out error));
        Assert.Contains("there is no such file", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Openssl_reads_the_keys_and_agrees_with_the_signature()
    {
        string key = Keygen("key");
        File.WriteAllBytes(PathOf("model.ernn"), Model);
        Run("sign", "--model", PathOf("model.ernn"), "--key", key, "--out", PathOf("signed.ernn"));
        byte[] file = File.ReadAllBytes(PathOf("signed.ernn"));
        Assert.True(ModelSignature.TryFind(file, out int signed, out var signature));
        File.WriteAllBytes(PathOf("body"), file[..signed]);
        File.WriteAllBytes(PathOf("signature"), signature.ToArray());
        Assert.Contains("Verified", OpenSsl(
            "pkeyutl", "-verify", "-pubin", "-inkey", $"{key}.pub", "-rawin", "-in", PathOf("body"),
            "-sigfile", PathOf("signature")));
        Assert.Equal(File.ReadAllText($"{key}.pub"), OpenSsl("pkey", "-in", key, "-pubout"));
    }

    private static string OpenSsl(params string[] arguments)
    {
        try
        {
            using var process =
                Process.Start(new ProcessStartInfo("openssl", arguments) { RedirectStandardOutput = true })!;
            return process.StandardOutput.ReadToEnd();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("there is no openssl here");
            return "";
        }
    }

    private string Keygen(string name)
    {
        Run("keygen", "--out", PathOf(name));
        return PathOf(name);
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private static void Run(params string[] arguments)
    {
        var error = new StringWriter();
        Assert.True(CommandLine.Run(arguments, new StringWriter(), error) == 0, error.ToString());
    }
}

using System.Runtime.InteropServices;
using EdgeRnn.Features;
using EdgeRnn.Tests;

namespace EdgeRnn.AotSmoke;

/// <summary>
/// Every bit of the features of made-up audio, in scalar and in vector code, and what a frame allocates.
/// </summary>
internal static class FeatureExactness
{
    private const int Samples = 20_000;

    private static readonly string[] Texts =
    [
        "logmel:40", "logmel:64,scale=slaney,running=0.5", "mfcc:13,deltas=2", "pcen:40,deltas=1",
            "logmel:23,rate=8000",
    ];

    /// <summary>Adds lines to the table that <see cref="Check"/> reads.</summary>
    public static void Print(TextWriter output)
    {
        foreach (var (text, rate) in Runs())
            output.WriteLine($"{Name(text, rate)} {Hash(text, rate, isVectorised: false):x8}");
    }

    public static void Check(Checks checks, IReadOnlyDictionary<string, uint> expected)
    {
        foreach (var (text, rate) in Runs())
        {
            string found = expected.TryGetValue(Name(text, rate), out uint known) ? $"expected {known:x8}" : "unknown";
            foreach (bool isVectorised in (bool[])[false, true])
            {
                uint hash = Hash(text, rate, isVectorised);
                string code = isVectorised ? "vector" : "scalar";
                checks.That(hash == known, $"{Name(text, rate)} in {code} code has hash {hash:x8}, {found}");
            }
            CheckAllocation(checks, text, rate);
        }
    }

    private static IEnumerable<(string Text, int Rate)> Runs() =>
        from text in Texts from rate in (int[])[8000, 16000, 44100, 48000] select (text, rate);

    private static string Name(string text, int rate) => $"features/{text}/{rate}";

    private static FrontEnd Create(string text, int rate, bool isVectorised) =>
        new(FeatureSpec.Parse(text, 16000, out _)!, rate, isVectorised);

    private static float[] Audio()
    {
        float[] audio = new SeededRandom(21).Floats(Samples, -1, 1);
        // From loud to below the least that 16 bits hold, and what a microphone should not give.
        for (int i = 0; i < Samples; i++)
            audio[i] *= i % 5000 < 2500 ? 1 : 1e-7f;
        (audio[1234], audio[2345], audio[3456]) = (float.NaN, float.NegativeInfinity, 1e30f);
        return audio;
    }

    private static uint Hash(string text, int rate, bool isVectorised)
    {
        var frontEnd = Create(text, rate, isVectorised);
        ReadOnlySpan<float> audio = Audio();
        byte[] state = new byte[frontEnd.StateBytes];
        uint hash = 0;
        while (frontEnd.Next(ref audio))
        {
            hash = Crc32C.Compute(MemoryMarshal.AsBytes(frontEnd.Features), hash);
            frontEnd.SaveState(state);
            hash = Crc32C.Compute(state, hash);
        }
        return hash;
    }

    private static void CheckAllocation(Checks checks, string text, int rate)
    {
        var frontEnd = Create(text, rate, isVectorised: true);
        float[] audio = Audio();
        long allocated = Allocation.AllocatedBy(() =>
        {
            ReadOnlySpan<float> rest = audio;
            while (frontEnd.Next(ref rest))
            {
            }
        });
        checks.That(allocated == 0, $"{Name(text, rate)} allocates {allocated} bytes");
    }
}

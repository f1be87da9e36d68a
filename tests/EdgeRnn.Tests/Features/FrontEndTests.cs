using System.Runtime.InteropServices;
using System.Text.Json;
using EdgeRnn.Features;
using Xunit;

namespace EdgeRnn.Tests.Features;

/// <summary>
/// The front end against formulas that numpy and scipy evaluated (tools/golden/speech-features.py), and against itself:
/// any cut of the audio, and scalar and vector code, give the same bits.
/// </summary>
public class FrontEndTests
{
    private static readonly string[] Specs =
    [
        "logmel:40", "logmel:40,deltas=1,running=0.2", "mfcc:13,deltas=2", "pcen:40",
            "logmel:23,frame=30,hop=7,rate=8000",
    ];

    private static readonly JsonElement Golden =
        JsonDocument.Parse(Repository.Golden("speech-features.json")).RootElement;

    public static TheoryData<int, string> Cases =>
        [.. Golden.EnumerateArray().Select((c, i) => (i, c.GetProperty("features").GetString()!))];

    public static TheoryData<string, int> SpecsAndRates =>
        [.. from spec in Specs from rate in (int[])[8000, 16000, 22050, 44100, 48000] select (spec, rate)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Features_are_those_of_the_published_formulas(int index, string text)
    {
        var golden = Golden[index];
        int rate = golden.GetProperty("rate").GetInt32();
        var spec = Parsed(text, rate);
        float[] expected = [.. golden.GetProperty("values").EnumerateArray().Select(v => v.GetSingle())];
        Assert.Equal(golden.GetProperty("width").GetInt32(), spec.Width);

        float[] found = Run(new(spec, rate), Audio(golden.GetProperty("samples").GetInt32(), rate), int.MaxValue);

        // Single against double precision: energies are within 1e-6 of the loudest bins of their frame, of which a
        // quiet band may have a thousandth; its logarithm is then within 1e-3, and mostly within 1e-5.
        Assert.Equal(expected.Length, found.Length);
        double[] errors = [.. expected.Zip(found, (e, f) => (double)MathF.Abs(e - f) / MathF.Max(1, MathF.Abs(e)))];
        Assert.True(errors.Max() < 1e-3, $"{text}: {errors.Max()} at {Array.IndexOf(errors, errors.Max())}");
        Assert.True(errors.Average() < 1e-5, $"{text}: {errors.Average()} on average");
    }

    [Theory]
    [MemberData(nameof(SpecsAndRates))]
    public void Audio_in_pieces_of_any_size_gives_the_bits_of_the_whole(string text, int rate)
    {
        var spec = Parsed(text, 16000);
        float[] audio = Audio(rate / 4, rate);
        float[] whole = Run(new(spec, rate), audio, int.MaxValue);
        Assert.True(whole.Length >= 15 * spec.Width);
        foreach (int piece in (int[])[1, 7, 160, 401, 4096])
            AssertSameBits(whole, Run(new(spec, rate), audio, piece), $"{text} in pieces of {piece} at {rate} Hz");
    }

    [Theory]
    [MemberData(nameof(SpecsAndRates))]
    public void Scalar_code_gives_the_bits_of_vector_code(string text, int rate)
    {
        var spec = Parsed(text, 16000);
        float[] audio = Audio(rate / 4, rate);
        AssertSameBits(Run(new(spec, rate, isVectorised: false), audio, 999), Run(new(spec, rate), audio, 999), text);
    }

    [Theory]
    [MemberData(nameof(SpecsAndRates))]
    public void A_saved_state_goes_on_and_a_reset_begins_anew(string text, int rate)
    {
        var spec = Parsed(text, 16000);
        float[] audio = Audio(rate / 4, rate);
        var first = new FrontEnd(spec, rate);
        float[] whole = Run(first, audio, int.MaxValue);
        first.Reset();
        AssertSameBits(whole, Run(first, audio, int.MaxValue), $"{text} after a reset");

        first.Reset();
        float[] begin = Run(first, audio.AsSpan(0, audio.Length / 3), int.MaxValue);
        byte[] state = new byte[first.StateBytes];
        first.SaveState(state);
        var second = new FrontEnd(spec, rate);
        _ = Run(second, audio.AsSpan(0, audio.Length / 2), int.MaxValue);
        second.RestoreState(state);
        AssertSameBits(
            whole, [.. begin, .. Run(second, audio.AsSpan(audio.Length / 3), int.MaxValue)], $"{text} restored");
        Assert.Throws<ArgumentException>(() => second.RestoreState(state.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => second.SaveState(new byte[state.Length - 1]));
    }

    [Theory]
    [MemberData(nameof(SpecsAndRates))]
    public void Frames_allocate_nothing(string text, int rate)
    {
        var frontEnd = new FrontEnd(Parsed(text, 16000), rate);
        float[] audio = Audio(rate / 4, rate);
        Assert.True(AllocatedBy(() => _kept = new byte[64]) >= 64);
        Pass();
        Assert.Equal(0, AllocatedBy(Pass));

        void Pass()
        {
            ReadOnlySpan<float> samples = audio;
            while (frontEnd.Next(ref samples))
                _ = frontEnd.Features[0];
        }
    }

    [Fact]
    public void Samples_that_are_no_numbers_are_counted_and_leave_features_finite()
    {
        float[] audio = Audio(4000, 16000);
        (audio[100], audio[500], audio[900], audio[1300]) = (float.NaN, float.PositiveInfinity, -1e30f, 1e6f);
        foreach (int rate in (int[])[8000, 16000])
        {
            var frontEnd = new FrontEnd(Parsed("pcen:40,deltas=2,running=1", 16000), rate);
            Assert.All(Run(frontEnd, audio, 64), x => Assert.True(float.IsFinite(x)));
            Assert.Equal(3, frontEnd.ReplacedSamples);
        }
    }

    [Theory]
    [InlineData("logmel:40", 1.0)]
    [InlineData("mfcc:13,deltas=1", 1.0)]
    [InlineData("logmel:40,deltas=2", 0.0749)]
    [InlineData("logmel:40", 0.02)]
    public void Frames_are_as_many_as_the_features_say(string text, double seconds)
    {
        var spec = Parsed(text, 16000);
        float[] audio = Audio((int)(seconds * 16000), 16000);
        Assert.Equal(spec.FramesOf(audio.Length), Run(new(spec, 16000), audio, 100).Length / spec.Width);
    }

    internal static FeatureSpec Parsed(string text, int rate)
    {
        var spec = FeatureSpec.Parse(text, rate, out string? error);
        Assert.True(spec is not null, error);
        return spec;
    }

    internal static float[] Run(FrontEnd frontEnd, ReadOnlySpan<float> audio, int piece)
    {
        var all = new List<float>();
        while (!audio.IsEmpty)
        {
            var samples = audio[..Math.Min(piece, audio.Length)];
            audio = audio[samples.Length..];
            while (frontEnd.Next(ref samples))
                all.AddRange(frontEnd.Features);
            Assert.True(samples.IsEmpty);
        }
        return [.. all];
    }

    /// <summary>The audio of tools/golden/speech-features.py.</summary>
    internal static float[] Audio(int count, int rate)
    {
        long state = 1;
        var samples = new float[count];
        for (int n = 0; n < count; n++)
        {
            state = (state * 1103515245 + 12345) % (1L << 31);
            long noise = state / 65536 - 16384, square = n * 440 / rate % 2 != 0 ? 8000 : -8000;
            long sample =
                Floor(Floor(noise * n, count), 4) + Floor(square * (n * 3 / count), 3) + n % (rate / 3000) * 500;
            samples[n] = sample / 32768f;
        }
        return samples;

        static long Floor(long a, long b) => (a - (a % b + b) % b) / b;
    }

    private static void AssertSameBits(float[] expected, float[] found, string what) => Assert.True(
        MemoryMarshal.AsBytes(expected.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(found.AsSpan())), what);

    private static byte[]? _kept;

    private static long AllocatedBy(Action action)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}

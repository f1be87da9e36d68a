using EdgeRnn.Features;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;
using Xunit;

namespace EdgeRnn.Tests.Training;

/// <summary>What variations of sound do to the features of tones, whose pitch, level and place are known.</summary>
public class SoundAugmentationTests
{
    private const int Rate = 8000;
    private const int Epochs = 40;
    private const double NepersPerDb = 0.2302585; // of energy

    // 0.5 s: silence but for a tone in the middle third.
    private static readonly SequenceDataset Tones = Data(700, 2500);

    private static int Width => Tones.Channels.Count;

    [Fact]
    public void Gain_moves_every_logarithm_alike_and_within_its_limit()
    {
        var changes = new List<double>();
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            float[] varied = Varied("gain:12", epoch);
            double change = varied[Loudest(varied)] - Features(0)[Loudest(varied)];
            changes.Add(change / NepersPerDb);
            for (int c = 0; c < 8; c++)
                Assert.Equal(change, varied[Loudest(varied) - 4 + c] - Features(0)[Loudest(varied) - 4 + c], 1e-2);
        }
        Assert.InRange(changes.Max(), 8, 12.01);
        Assert.InRange(changes.Min(), -12.01, -8);
    }

    [Fact]
    public void Pitch_moves_the_tone_and_leaves_its_time()
    {
        var bands = new List<int>();
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            float[] varied = Varied("pitch:0.3", epoch);
            bands.Add(Loudest(varied) % Width);
            Assert.InRange(Begin(varied), Begin(Features(0)) - 2, Begin(Features(0)) + 2);
        }
        Assert.InRange(bands.Min(), BandOf(700 * 0.7) - 1, BandOf(700 * 0.8));
        Assert.InRange(bands.Max(), BandOf(700 * 1.2), BandOf(700 * 1.3) + 1);
    }

    [Fact]
    public void Speed_moves_the_tone_and_its_time_against_each_other()
    {
        var found = new List<(int Band, int Begin)>();
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            float[] varied = Varied("speed:0.3", epoch);
            found.Add((Loudest(varied) % Width, Begin(varied)));
        }
        var (fastest, slowest) = (found.MinBy(f => f.Begin), found.MaxBy(f => f.Begin));
        Assert.InRange(fastest.Begin, Begin(Features(0)) * 0.7, Begin(Features(0)) * 0.85);
        Assert.InRange(slowest.Begin, Begin(Features(0)) * 1.2, Begin(Features(0)) * 1.5);
        Assert.True(fastest.Band > BandOf(700) && slowest.Band < BandOf(700));
    }

    // The same draws at ratios 30 dB apart: where only what was added is heard, energies are 30 dB apart.
    [Theory]
    [InlineData("snr", 3500)]
    [InlineData("mix", 2500)]
    public void What_is_added_stands_at_its_ratio(string kind, int hz)
    {
        int heard = 0;
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            float[] loud = Varied($"{kind}:1", epoch), soft = Varied($"{kind}:31", epoch);
            // A recording mixed with itself has nothing there, and brown noise next to nothing.
            int place = Begin(Features(0)) * Width + 2 * Width + BandOf(hz);
            if (soft[place] < Features(0)[place] + 2)
                continue;
            heard++;
            Assert.Equal(30 * NepersPerDb, loud[place] - soft[place], 0.5);
            // Both tones are as loud as each other: where one is in the background of the other, its level is the
            // ratio.
            if (kind == "mix")
                Assert.InRange((Highest(loud, hz) - Highest(Features(1), hz)) / NepersPerDb, -21.5, -0.5);
        }
        Assert.InRange(heard, Epochs / 5, Epochs);
    }

    [Theory]
    [InlineData("bands:5")]
    [InlineData("mask:0.2")]
    public void Masks_read_the_mean_in_at_most_two_stretches(string text)
    {
        bool areBands = text.StartsWith("bands", StringComparison.Ordinal);
        int most = 0;
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            float[] varied = Varied(text, epoch);
            int steps = varied.Length / Width, lines = areBands ? Width : steps, hidden = 0;
            for (int line = 0; line < lines; line++)
            {
                bool isHidden = Enumerable.Range(0, areBands ? steps : Width).All(other =>
                    varied[areBands ? other * Width + line : line * Width + other] == Mean[areBands ? line : other]);
                hidden += isHidden ? 1 : 0;
                for (int i = 0; i < (areBands ? steps : Width) && !isHidden; i++)
                {
                    int at = areBands ? i * Width + line : line * Width + i;
                    Assert.Equal(Features(0)[at], varied[at]);
                }
            }
            Assert.InRange(hidden, 0, areBands ? 10 : 2 * (int)(0.2 * steps));
            most = Math.Max(most, hidden);
        }
        Assert.InRange(most, areBands ? 6 : 8, Width);
    }

    [Fact]
    public void A_recording_follows_from_seed_epoch_and_index_alone()
    {
        const string Kinds = "speed:0.1,pitch:0.1,gain:6,snr:10,mix:10,bands:4,mask:0.1,warp:0.1";
        var first = Make(Kinds);
        _ = first.Apply(1, 3);
        float[] late = first.Apply(0, 5).ToArray();
        Assert.Equal(late, Make(Kinds).Apply(0, 5).ToArray());
        Assert.NotEqual(late, first.Apply(0, 6).ToArray());
    }

    [Fact]
    public void Data_without_sound_are_refused()
    {
        var readings = Tones with { Features = null, AudioRateHz = 0 };
        string message = Assert.Throws<UserException>(() => Make("speed:0.1", readings)).Message;
        Assert.Contains("'speed' varies sound, and tones holds none", message);
    }

    private static float[] Mean => Normalisation.Measure(Tones, NormalisationMode.Channel).Mean;

    private static float[] Features(int index) => Tones.Sequences[index].Values.ToArray();

    private static float[] Varied(string kinds, int epoch) => Make(kinds).Apply(0, epoch).ToArray();

    private static Augmenter Make(string kinds, SequenceDataset? data = null) => new(
        Augmentation.Parse(kinds), data ?? Tones, Normalisation.Measure(Tones, NormalisationMode.Channel), seed: 3);

    private static int Loudest(float[] features) => Array.IndexOf(features, features.Max());

    private static float Highest(float[] features, int hz) => Enumerable.Range(0, features.Length / Width)
        .Max(t => features[t * Width + BandOf(hz)]);

    /// <summary>The first step that is as loud as the tone, but for 20 dB.</summary>
    private static int Begin(float[] features) =>
        Array.FindIndex(features, x => x > features.Max() - 20 * NepersPerDb) / Width;

    /// <summary>The HTK filter that peaks nearest to a frequency.</summary>
    private static int BandOf(double hz)
    {
        static double Mel(double f) => 2595 * Math.Log10(1 + f / 700);
        return (int)Math.Round((Mel(hz) - Mel(20)) / (Mel(Rate / 2.0) - Mel(20)) * (Width + 1)) - 1;
    }

    private static SequenceDataset Data(params int[] hz)
    {
        const int Samples = Rate / 2;
        var sequences = hz.Select(f =>
        {
            float[] audio = [.. Enumerable.Range(0, Samples).Select(n =>
                n is > Samples / 3 and < 2 * Samples / 3 ? (float)Math.Sin(2 * Math.PI * f * n / Rate) / 4 : 0)];
            return new Sequence(audio, Samples, 0) { Audio = audio };
        });
        var sound = new SequenceDataset("tones", ["sound"], ["tone"], [.. sequences], Rate) { AudioRateHz = Rate };
        return sound.WithFeatures(FeatureSpec.Parse("logmel:40", Rate, out _)!);
    }
}

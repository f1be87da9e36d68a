using System.Globalization;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>What a <c>room:</c> data spec may ask for.</summary>
internal sealed record RoomOptions(double Minutes, ulong Seed)
{
    /// <summary>Decibels by which a word is above the noise, drawn from a range.</summary>
    public (double Low, double High) Snr { get; init; } = (10, 10);

    /// <summary>Seconds in which nobody speaks, drawn from a range.</summary>
    public (double Low, double High) Pause { get; init; } = (1, 15);

    /// <summary>Part of the utterances that are a keyword.</summary>
    public double Keywords { get; init; } = 1 / 3.0;

    /// <summary>By how much words are spoken faster or slower at most.</summary>
    public double Speed { get; init; }

    public static RoomOptions From(DataSpec spec)
    {
        if (spec.Count is not null)
            throw spec.BadOption("count", "minutes in its place, as a room has no sequences to count");
        var usual = new RoomOptions(spec.Number("minutes", 0.1, 6000) ?? 60,
            (ulong)(spec.Integer("seed", 0, int.MaxValue) ?? 1));
        return usual with
        {
            Snr = Range(spec, "snr", -20, 100) ?? usual.Snr,
            Pause = Range(spec, "pause", 0.1, 600) ?? usual.Pause,
            Keywords = spec.Number("keywords", 0.01, 1) ?? usual.Keywords,
            Speed = spec.Number("speed", 0, 0.5) ?? usual.Speed,
        };
    }

    /// <summary>Reads <c>LOW:HIGH</c>, or one number for both.</summary>
    private static (double, double)? Range(DataSpec spec, string key, double least, double most)
    {
        if (spec.Option(key) is not { } text)
            return null;
        string[] ends = text.Split(':');
        double low = 0, high = 0;
        bool isRange = ends.Length <= 2 && TryNumber(ends[0], out low) && TryNumber(ends[^1], out high)
            && least <= low && low <= high && high <= most;
        return isRange ? (low, high) : throw spec.BadOption(
            key, FormattableString.Invariant($"a number from {least} to {most}, or a range of such as {low}:{most}"));
    }

    private static bool TryNumber(string text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
}

/// <summary>
/// A long recording that is made of clips, as a microphone in a room might hear it: noise of a kind and loudness that
/// change every half minute or so, runs of words that are none of the keywords, and a keyword now and then. The recipe
/// is in speech.md. Equal seeds give equal bits.
/// </summary>
internal sealed class RoomAudio : LongRecording
{
    private const double LeastScene = 20, MostScene = 60; // seconds
    private const double LowestLevelDb = -55, HighestLevelDb = -30;
    private const double LeastGap = 0.05, MostGap = 0.3; // seconds between words of a run
    private const int MostWordsOfARun = 6;
    private const ulong PlanStream = 0, FirstSceneStream = 1;

    private readonly RoomOptions _options;
    private readonly RoomClips _clips;
    private readonly List<Scene> _scenes = [];
    private readonly List<LabelledSpan> _spans = [];

    public RoomAudio(SequenceDataset clips, BackgroundLabels background, RoomOptions options)
    {
        (_options, _clips, RateHz) = (options, new(clips, background), clips.AudioRateHz);
        Name = $"{clips.Name}-room";
        Plan(SeededRandom.Stream(options.Seed, PlanStream));
    }

    private enum Noise
    {
        Coloured,
        Clips,
        Babble,
    }

    public override string Name { get; }

    public override int RateHz { get; }

    public override double Seconds => _scenes.Sum(s => (double)s.Samples) / RateHz;

    public override IReadOnlyList<LabelledSpan> Spans => _spans;

    public override IEnumerable<float[]> Pieces() => _scenes.Select(Make);

    private void Plan(SeededRandom random)
    {
        Noise[] kinds = [Noise.Coloured, .. _clips.HasNoise ? [Noise.Clips] : (Noise[])[],
            .. _clips.HasSpeech ? [Noise.Babble] : (Noise[])[]];
        long all = (long)(_options.Minutes * 60 * RateHz), begin = 0;
        while (begin < all)
        {
            long samples = (long)(Drawn((LeastScene, MostScene), random) * RateHz);
            if (begin + samples + LeastScene * RateHz > all)
                samples = all - begin;
            var scene = new Scene(_scenes.Count, (int)samples, kinds[random.NextInt(kinds.Length)],
                Decibels.Amplitude(Drawn((LowestLevelDb, HighestLevelDb), random)), []);
            Fill(scene, begin, random);
            _scenes.Add(scene);
            begin += samples;
        }
    }

    /// <summary>Puts words into a scene: after each pause a keyword, or a run of other words.</summary>
    private void Fill(Scene scene, long begin, SeededRandom random)
    {
        int at = 0;
        while (true)
        {
            at += (int)(Drawn(_options.Pause, random) * RateHz);
            bool isKeyword = !_clips.HasSpeech || random.NextDouble() < _options.Keywords;
            int words = isKeyword ? 1 : 1 + random.NextInt(MostWordsOfARun);
            for (int w = 0; w < words; w++)
            {
                var clip = _clips.Draw(isKeyword, random);
                double speed = 1 + (2 * random.NextDouble() - 1) * _options.Speed;
                var placed = new Placed(clip, at, speed, Drawn(_options.Snr, random));
                if (placed.End > scene.Samples)
                    return;
                scene.Words.Add(placed);
                _spans.Add(new(clip.Label, (begin + placed.WordStart) / (double)RateHz,
                    (begin + placed.WordEnd) / (double)RateHz));
                at = placed.End + (int)(Drawn((LeastGap, MostGap), random) * RateHz);
            }
        }
    }

    private float[] Make(Scene scene)
    {
        var random = SeededRandom.Stream(_options.Seed, FirstSceneStream + (ulong)scene.Index);
        var samples = new float[scene.Samples];
        switch (scene.Noise)
        {
            case Noise.Coloured: new ColouredNoise(random).AddTo(samples, 1); break;
            case Noise.Clips: _clips.AddNoise(samples, random); break;
            default: _clips.AddBabble(samples, random); break;
        }

        float power = Decibels.Power(samples);
        Decibels.Scale(samples, power > 0 ? scene.Amplitude / MathF.Sqrt(power) : 0);
        foreach (var word in scene.Words)
            Add(word, scene.Amplitude, samples);
        foreach (ref float sample in samples.AsSpan())
            sample = Math.Clamp(MathF.Round(sample * 32768), -32768, 32767) / 32768; // what a sound card gives
        return samples;
    }

    private static void Add(Placed word, float noise, Span<float> samples)
    {
        float[] sound = word.Clip.At(word.Speed, word.Samples);
        float power = Decibels.Power(sound.AsSpan(word.WordStart - word.At, word.WordEnd - word.WordStart));
        float factor = power > 0 ? noise * Decibels.Amplitude(word.SnrDb) / MathF.Sqrt(power) : 0;
        for (int n = 0; n < sound.Length; n++)
            samples[word.At + n] += factor * sound[n];
    }

    private static double Drawn((double Low, double High) range, SeededRandom random) =>
        range.Low + (range.High - range.Low) * random.NextDouble();

    /// <summary>Half a minute or so with noise of one kind.</summary>
    private sealed record Scene(int Index, int Samples, Noise Noise, float Amplitude, List<Placed> Words);

    /// <summary>A word in its scene; places are in samples of the scene.</summary>
    private sealed record Placed(RoomClip Clip, int At, double Speed, double SnrDb)
    {
        public int Samples => (int)(Clip.Sound.Length / Speed);

        public int End => At + Samples;

        public int WordStart => At + (int)(Clip.WordStart / Speed);

        public int WordEnd => At + (int)(Clip.WordEnd / Speed);
    }
}

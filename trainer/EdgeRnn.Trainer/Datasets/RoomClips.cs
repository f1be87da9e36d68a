using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>A clip cut to the word in it.</summary>
/// <param name="Sound">The word with a little before and after it, faded in and out.</param>
/// <param name="Label">Index into the labels of the clips.</param>
/// <param name="WordStart">Where in it the word begins, in samples.</param>
/// <param name="WordEnd">Where it ends.</param>
internal sealed record RoomClip(float[] Sound, int Label, int WordStart, int WordEnd)
{
    private const double FrameSeconds = 0.01;
    private const double MarginSeconds = 0.06;
    private const int BridgedFrames = 15;      // the closure of a "t", as in eight, is silent for that long
    private const double PeakRatio = 1 / 316.0; // 25 dB below the loudest frame
    private const double FloorRatio = 4;       // 6 dB above the quietest tenth

    /// <summary>Cuts a clip: a word is where it is loud, around its loudest frame.</summary>
    public static RoomClip Of(ReadOnlySpan<float> audio, int label, int rateHz)
    {
        int frame = Math.Max(1, (int)(FrameSeconds * rateHz)), frames = Math.Max(1, audio.Length / frame);
        var power = new double[frames];
        for (int f = 0; f < frames; f++)
            power[f] = Decibels.Power(audio.Slice(f * frame, Math.Min(frame, audio.Length - f * frame)));
        double least = Math.Max(power.Max() * PeakRatio, Math.Min(power.Order().ElementAt(frames / 10) * FloorRatio,
            power.Max() / FloorRatio));
        int peak = Array.IndexOf(power, power.Max());
        int first = Outermost(-1) * frame, end = Math.Min((Outermost(1) + 1) * frame, audio.Length);
        int margin = (int)(MarginSeconds * rateHz);
        int from = Math.Max(0, first - margin), to = Math.Min(audio.Length, end + margin);
        float[] sound = audio[from..to].ToArray();
        Fade(sound.AsSpan(0, first - from), isReversed: false);
        Fade(sound.AsSpan(end - from), isReversed: true);
        return new(sound, label, first - from, end - from);

        int Outermost(int direction)
        {
            int last = peak;
            for (int f = peak; f >= 0 && f < frames && Math.Abs(f - last) <= BridgedFrames; f += direction)
                last = power[f] >= least ? f : last;
            return last;
        }
    }

    /// <summary>The sound, played faster by a factor.</summary>
    public float[] At(double speed, int samples)
    {
        if (speed == 1)
            return Sound;
        var result = new float[samples];
        Decibels.Resample(Sound, speed, result);
        return result;
    }

    private static void Fade(Span<float> part, bool isReversed)
    {
        for (int n = 0; n < part.Length; n++)
            part[n] *= (isReversed ? part.Length - n : n + 1) / (part.Length + 1f);
    }
}

/// <summary>Clips to make a room of, each drawn once before any is drawn again.</summary>
internal sealed class RoomClips
{
    private const int Voices = 4;
    private const double MostPause = 0.2, Crossfade = 0.05; // seconds

    private readonly RoomClip[][] _keywords;
    private readonly RoomClip[] _speech;
    private readonly RoomClip[] _noise;
    private readonly Dictionary<RoomClip[], (int[] Order, int Next)> _decks = [];
    private readonly int _rateHz;

    public RoomClips(SequenceDataset clips, BackgroundLabels background)
    {
        _rateHz = clips.AudioRateHz;
        _noise = [.. Of(background.IsNoise).Where(s => Decibels.Power(s.Audio.Span) > 0)
            .Select(s => new RoomClip(s.Audio.ToArray(), s.Label, 0, s.Audio.Length))];
        _speech = Words(l => background.Contains(l) && !background.IsNoise(l));
        _keywords = [.. clips.Labels.Where(l => !background.Contains(l)).Select(k => Words(l => l == k))];

        IEnumerable<Sequence> Of(Func<string, bool> wanted) => clips.Sequences.Where(s => wanted(clips.Labels[s.Label]));

        RoomClip[] Words(Func<string, bool> wanted) =>
            [.. Of(wanted).Select(s => RoomClip.Of(s.Audio.Span, s.Label, _rateHz))];
    }

    public bool HasNoise => _noise.Length > 0;

    public bool HasSpeech => _speech.Length > 0;

    /// <summary>A keyword, each as often as the others, or another word.</summary>
    public RoomClip Draw(bool isKeyword, SeededRandom random) =>
        isKeyword ? Next(_keywords[random.NextInt(_keywords.Length)], random) : Next(_speech, random);

    /// <summary>Clips of noise, one fading into the next, all equally loud.</summary>
    public void AddNoise(Span<float> samples, SeededRandom random)
    {
        int fade = (int)(Crossfade * _rateHz);
        for (int at = 0; at < samples.Length;)
        {
            float[] clip = _noise[random.NextInt(_noise.Length)].Sound;
            float factor = 1 / MathF.Sqrt(Decibels.Power(clip));
            for (int n = 0; n < clip.Length && at + n < samples.Length; n++)
            {
                float edge = Math.Min(1, Math.Min(n + 1, clip.Length - n) / (float)fade);
                samples[at + n] += factor * edge * clip[n];
            }

            at += Math.Max(1, clip.Length - fade);
        }
    }

    /// <summary>Several voices at once, each of which says one word after the other.</summary>
    public void AddBabble(Span<float> samples, SeededRandom random)
    {
        for (int v = 0; v < Voices; v++)
        {
            int at = random.NextInt(_rateHz);
            while (at < samples.Length)
            {
                float[] clip = _speech[random.NextInt(_speech.Length)].Sound;
                float power = Decibels.Power(clip), factor = power > 0 ? 1 / MathF.Sqrt(power) : 0;
                for (int n = 0; n < clip.Length && at + n < samples.Length; n++)
                    samples[at + n] += factor * clip[n];
                at += clip.Length + (int)(MostPause * random.NextDouble() * _rateHz);
            }
        }
    }

    private RoomClip Next(RoomClip[] clips, SeededRandom random)
    {
        var (order, next) = _decks.GetValueOrDefault(clips);
        if (order is null || next == order.Length)
        {
            order = [.. Enumerable.Range(0, clips.Length)];
            random.Shuffle(order);
            next = 0;
        }

        _decks[clips] = (order, next + 1);
        return clips[order[next]];
    }
}

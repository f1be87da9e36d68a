using EdgeRnn.Features;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Training;

/// <summary>
/// Varies recordings of sound and computes their features by the board's front end. The number of steps stays: what
/// becomes shorter goes on with its last frame, what becomes longer is cut at its end.
/// </summary>
internal sealed class SoundAugmenter
{
    // Ratios are drawn from the least to so many decibels more.
    private const float RangeOfRatiosDb = 20;

    private readonly Augmentation _options;
    private readonly SequenceDataset _data;
    private readonly FrontEnd _frontEnd;
    private readonly float[] _samples;
    private readonly float[] _frames;

    public SoundAugmenter(Augmentation options, SequenceDataset data)
    {
        (_options, _data) = (options, data);
        _frontEnd = new(data.Features!, data.AudioRateHz);
        int longest = data.Sequences.Max(s => s.Audio.Length);
        double slowest = (1 - options.Speed) * (1 - options.Pitch);
        _samples = new float[(int)(longest / slowest) + 1];
        // Conversion of the rate may give a frame more or less.
        long converted = (long)_samples.Length * data.Features!.SampleRateHz / data.AudioRateHz + 1;
        _frames = new float[(data.Features!.FramesOf(converted) + 1) * data.Features.Width];
    }

    /// <summary>Fills <paramref name="features"/>, <c>[steps, width]</c>, with those of the varied recording.</summary>
    public void Apply(int index, SeededRandom random, Span<float> features)
    {
        double speed = Factor(_options.Speed, random), pitch = Factor(_options.Pitch, random);
        var samples = Resampled(_data.Sequences[index].Audio.Span, speed * pitch);
        if (_options.Gain > 0)
            Decibels.Scale(samples, Decibels.Amplitude((2 * (float)random.NextDouble() - 1) * _options.Gain));
        float power = Decibels.Power(samples);
        if (_options.Mix > 0)
            AddRecording(samples, power, random);
        if (_options.Snr > 0)
            AddNoise(samples, power, random);
        Stretch(Frames(samples), pitch, features);
    }

    private static double Factor(float most, SeededRandom random) =>
        most == 0 ? 1 : 1 + (2 * random.NextDouble() - 1) * most;

    private Span<float> Resampled(ReadOnlySpan<float> audio, double factor)
    {
        int count = Math.Min(_samples.Length, Math.Max(1, (int)((audio.Length - 1) / factor) + 1));
        var samples = _samples.AsSpan(0, count);
        if (factor == 1)
        {
            audio.CopyTo(samples);
            return samples;
        }

        Decibels.Resample(audio, factor, samples);
        return samples;
    }

    /// <summary>
    /// The factor by which something of <paramref name="power"/> stands at a drawn ratio to the signal.
    /// </summary>
    private static float FactorAt(float least, float signalPower, float power, SeededRandom random)
    {
        float ratio = Decibels.Amplitude(-least - RangeOfRatiosDb * (float)random.NextDouble());
        return power > 0 ? ratio * MathF.Sqrt(signalPower / power) : 0;
    }

    private void AddRecording(Span<float> samples, float power, SeededRandom random)
    {
        var other = _data.Sequences[random.NextInt(_data.Count)].Audio.Span;
        int offset = random.NextInt(other.Length);
        float factor = FactorAt(_options.Mix, power, Decibels.Power(other), random);
        for (int n = 0; n < samples.Length; n++)
            samples[n] += factor * other[(n + offset) % other.Length];
    }

    private void AddNoise(Span<float> samples, float power, SeededRandom random)
    {
        var noise = new ColouredNoise(random);
        noise.AddTo(samples, FactorAt(_options.Snr, power, noise.Power, random));
    }

    private ReadOnlySpan<float> Frames(ReadOnlySpan<float> samples)
    {
        _frontEnd.Reset();
        int written = 0;
        while (_frontEnd.Next(ref samples) && written < _frames.Length)
        {
            _frontEnd.Features.CopyTo(_frames.AsSpan(written));
            written += _frontEnd.Features.Length;
        }

        return _frames.AsSpan(0, written);
    }

    /// <summary>
    /// Plays frames slower by <paramref name="factor"/>, linearly between them; leaves features where there is no
    /// frame.
    /// </summary>
    private void Stretch(ReadOnlySpan<float> frames, double factor, Span<float> features)
    {
        int width = _frontEnd.Spec.Width, last = frames.Length / width - 1;
        for (int t = 0; t < features.Length / width && last >= 0; t++)
        {
            double at = Math.Min(t / factor, last);
            int before = (int)at, after = Math.Min(before + 1, last);
            float part = (float)(at - before);
            for (int c = 0; c < width; c++)
            {
                float x = frames[before * width + c];
                features[t * width + c] = x + part * (frames[after * width + c] - x);
            }
        }
    }
}

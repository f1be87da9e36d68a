using System.Diagnostics;
using System.Globalization;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Cli;

/// <summary>A word as somebody says it.</summary>
/// <param name="Word">The word.</param>
/// <param name="Voice">The voice's name.</param>
/// <param name="WordsPerMinute">How fast.</param>
/// <param name="Pitch">How high, 0 to 99.</param>
internal sealed record Utterance(string Word, string Voice, int WordsPerMinute, int Pitch);

/// <summary>Speaks through <c>espeak-ng</c>: 22,050 samples a second of one channel.</summary>
internal static class Speaker
{
    /// <summary>Samples a second.</summary>
    public const int RateHz = 22050;

    // Of the loudest sample: what is softer at both ends is no part of the word.
    private const float Threshold = 0.02f;

    /// <summary>Speaks each, some at a time; silence at both ends is cut off.</summary>
    /// <param name="utterances">What to say.</param>
    /// <param name="folder">Where files may be left.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="UserException">There is no <c>espeak-ng</c>, or it fails.</exception>
    public static float[][] Speak(
        IReadOnlyList<Utterance> utterances, string folder, CancellationToken cancellation)
    {
        var spoken = new float[utterances.Count][];
        var options = new ParallelOptions
        {
            MaxDegreeOfParallelism = Environment.ProcessorCount,
            CancellationToken = cancellation,
        };
        try
        {
            Parallel.For(0, spoken.Length, options, i =>
            {
                string file = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{i}.wav"));
                spoken[i] = Trimmed(Speak(utterances[i], file));
                File.Delete(file);
            });
        }
        catch (AggregateException e) when (e.InnerException is UserException inner)
        {
            throw new UserException(inner.Message, e);
        }
        return spoken;
    }

    private static float[] Speak(Utterance utterance, string file)
    {
        var start = new ProcessStartInfo("espeak-ng")
        {
            RedirectStandardError = true,
            ArgumentList =
            {
                "-v", utterance.Voice,
                "-s", utterance.WordsPerMinute.ToString(CultureInfo.InvariantCulture),
                "-p", utterance.Pitch.ToString(CultureInfo.InvariantCulture),
                "-w", file, utterance.Word,
            },
        };
        try
        {
            using var process = Process.Start(start)!;
            string said = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
                throw new UserException($"espeak-ng failed with exit code {process.ExitCode}: {said.Trim()}");
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new UserException(
                "espeak-ng, which speaks the data of this demo, is not on this machine's PATH; on Debian, "
                + "sudo apt-get install espeak-ng.", e);
        }
        var (format, samples) = WavFile.Read(file);
        return format.RateHz == RateHz
            ? samples
            : throw new UserException($"espeak-ng's {utterance.Voice} speaks at {format.RateHz} Hz, not {RateHz}.");
    }

    private static float[] Trimmed(float[] samples)
    {
        float least = Threshold * samples.Max(MathF.Abs);
        int first = Array.FindIndex(samples, s => MathF.Abs(s) > least);
        int last = Array.FindLastIndex(samples, s => MathF.Abs(s) > least);
        return first < 0 ? samples : samples[first..(last + 1)];
    }
}

/// <summary>Sound in the making: words and noise, added up.</summary>
internal sealed class SoundTrack(int samples, Random random)
{
    /// <summary>What it has become.</summary>
    public float[] Samples { get; } = new float[samples];

    /// <summary>Adds sound at a level; what lies beyond either end is left out.</summary>
    public void Add(ReadOnlySpan<float> sound, int at, double level)
    {
        float gain = (float)(level / Loudness(sound));
        for (int i = Math.Max(0, -at); i < sound.Length && at + i < Samples.Length; i++)
            Samples[at + i] += gain * sound[i];
    }

    /// <summary>Adds noise that is louder in the bass, at a level.</summary>
    public void AddNoise(double level)
    {
        const float Bass = 0.9f;
        var noise = new float[Samples.Length];
        float last = 0;
        for (int i = 0; i < noise.Length; i++)
            noise[i] = last = Bass * last + random.NextSingle() - 0.5f;
        Add(noise, 0, level);
    }

    /// <summary>As 16-bit samples; what is too loud is clipped.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[2 * Samples.Length];
        for (int i = 0; i < Samples.Length; i++)
            BitConverter.TryWriteBytes(bytes.AsSpan(2 * i), (short)Math.Clamp(Samples[i] * 32768, -32768, 32767));
        return bytes;
    }

    /// <summary>The root of the mean square.</summary>
    private static double Loudness(ReadOnlySpan<float> sound)
    {
        double sum = 0;
        foreach (float sample in sound)
            sum += (double)sample * sample;
        return Math.Sqrt(Math.Max(sum / sound.Length, 1e-12));
    }
}

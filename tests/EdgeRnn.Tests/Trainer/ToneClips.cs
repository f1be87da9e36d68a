using EdgeRnn.Tests.Datasets;

namespace EdgeRnn.Tests.Training;

/// <summary>
/// Clips of tones in place of words, in the folder "clips": two keywords, a tone that is none, and noise. Each tone has
/// 0.3 s in the middle of 0.8 s at 8 kHz, whose rest is hardly heard.
/// </summary>
internal sealed class ToneClips
{
    private const int Rate = 8000, Samples = 6400, First = 2000, Length = 2400;

    public ToneClips(int count = 8)
    {
        var random = new Random(7);
        foreach (var (label, hz) in ((string, int)[])[("low", 500), ("high", 2000), ("_other_", 1000), ("_silence_", 0)])
        {
            for (int i = 0; i < count; i++)
            {
                byte[] bytes = new byte[2 * Samples];
                double turns = hz * (1 + 0.1 * (random.NextDouble() - 0.5)) / Rate;
                for (int n = 0; n < Samples; n++)
                {
                    bool isTone = n is >= First and < First + Length;
                    double sample = hz == 0 ? random.Next(-3000, 3000)
                        : random.Next(-20, 20) + (isTone ? 8000 * Math.Sin(2 * Math.PI * turns * n) : 0);
                    BitConverter.TryWriteBytes(bytes.AsSpan(2 * n), (short)sample);
                }

                Folder.With($"clips/{label}/{i}.wav", WavTests.Wav(bytes, rate: Rate));
            }
        }
    }

    public DataFolder Folder { get; } = new();
}

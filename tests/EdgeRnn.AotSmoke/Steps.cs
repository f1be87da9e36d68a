using System.Globalization;
using EdgeRnn.Features;
using EdgeRnn.Format;
using EdgeRnn.Runtime;

namespace EdgeRnn.AotSmoke;

/// <summary>
/// So many steps of one model, or frames of sound, and nothing else, for <c>tools/arm-cost</c>: the difference between
/// runs of N and of 2·N steps is what N steps cost.
/// </summary>
internal static class Steps
{
    private const int Readings = 64;

    public static int Run(string path, string count)
    {
        if (!ModelReader.TryLoad(path, out var model, out string? error))
        {
            Console.Error.WriteLine(error);
            return 1;
        }
        var session = new RnnSession(model);
        float[] scores = new float[model.Labels.Count];
        float[] readings = new float[Readings * model.InputSize];
        for (int i = 0; i < readings.Length; i++)
            readings[i] = i * 37 % 65 / 16f - 2;
        int steps = int.Parse(count, CultureInfo.InvariantCulture);
        for (int t = 0; t < steps; t++)
            session.Step(readings.AsSpan(t % Readings * model.InputSize, model.InputSize), scores);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{session.Kernel.Name} {scores[0]:R}"));
        return 0;
    }

    public static int RunFrames(string text, string count)
    {
        const int RateHz = 16000;
        var spec = FeatureSpec.Parse(text, RateHz, out string? error);
        if (spec is null)
        {
            Console.Error.WriteLine(error);
            return 1;
        }
        var frontEnd = new FrontEnd(spec, RateHz);
        float[] samples = new float[spec.FrameStep];
        for (int i = 0; i < samples.Length; i++)
            samples[i] = i * 37 % 65 / 65f - 0.5f;
        int frames = int.Parse(count, CultureInfo.InvariantCulture);
        for (int t = 0; t < frames; t++)
        {
            ReadOnlySpan<float> rest = samples;
            while (frontEnd.Next(ref rest))
            {
            }
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"front-end {frontEnd.Features[0]:R}"));
        return 0;
    }
}

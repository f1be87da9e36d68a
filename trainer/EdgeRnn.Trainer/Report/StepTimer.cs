using System.Diagnostics;
using EdgeRnn.Runtime;
using EdgeRnn.Runtime.Kernels;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Report;

/// <summary>Times steps of models, all in turns, so that whatever else the machine does meets all alike.</summary>
public static class StepTimer
{
    private const int StepsOfABlock = 50, BlocksOfARound = 40, LeastRounds = 4, MostRounds = 10;
    private static readonly TimeSpan CompilerPause = TimeSpan.FromMilliseconds(110);
    private static readonly TimeSpan LongestRound = TimeSpan.FromMilliseconds(100);

    /// <summary>The kernel that is timed.</summary>
    public static string KernelName => Kernel.Choose(Environment.GetEnvironmentVariable(Kernel.Variable)).Name;

    /// <summary>
    /// Microseconds a step of each model: the median block of steps in its best round. The compiler goes over its code
    /// three times, each after a pause; rounds go on until none has become faster.
    /// </summary>
    /// <param name="models">Models of any precision.</param>
    public static IReadOnlyList<double> Microseconds(IReadOnlyList<RnnModel> models)
    {
        ArgumentNullException.ThrowIfNull(models);
        var contestants = models.Select(model => (Runner: new SequenceRunner(model), Readings: Noise(model))).ToList();
        double[] best = [.. contestants.Select(c => Round(c.Runner, c.Readings))];
        bool improves = true;
        for (int round = 1; round < LeastRounds || (improves && round < MostRounds); round++)
        {
            Thread.Sleep(CompilerPause);
            improves = false;
            for (int i = 0; i < best.Length; i++)
            {
                double time = Round(contestants[i].Runner, contestants[i].Readings);
                improves |= time < 0.9 * best[i];
                best[i] = Math.Min(best[i], time);
            }
        }

        return best;
    }

    private static double Round(SequenceRunner runner, float[] readings)
    {
        var outputs = new float[runner.OutputsOf(StepsOfABlock) * runner.Model.Labels.Count];
        var blocks = new List<double>(BlocksOfARound);
        for (var clock = Stopwatch.StartNew(); blocks.Count < BlocksOfARound && clock.Elapsed < LongestRound;)
        {
            long begin = Stopwatch.GetTimestamp();
            runner.Run(readings, outputs);
            blocks.Add(Stopwatch.GetElapsedTime(begin).TotalMicroseconds / StepsOfABlock);
        }

        return blocks.Order().ElementAt(blocks.Count / 2);
    }

    /// <summary>Readings about the model's mean.</summary>
    private static float[] Noise(RnnModel model)
    {
        var random = new SeededRandom(1);
        var readings = new float[StepsOfABlock * model.InputSize];
        for (int i = 0; i < readings.Length; i++)
        {
            int channel = i % model.InputSize;
            float normalised = (float)(3 * random.NextDouble() - 1.5);
            readings[i] = model.Mean.Floats[channel] + model.Deviation.Floats[channel] * normalised;
        }

        return readings;
    }
}

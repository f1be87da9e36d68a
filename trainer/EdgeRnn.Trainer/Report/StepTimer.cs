using System.Diagnostics;
using EdgeRnn.Runtime;
using EdgeRnn.Runtime.Kernels;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Report;

/// <summary>Times steps of models, all in turns, so that whatever else the machine does meets all alike.</summary>
public static class StepTimer
{
    private const int StepsOfABlock = 20, LeastBlocks = 5, WarmRounds = 6, PatientRounds = 4, MostRounds = 20;
    private const int WarmBlocks = 40;
    private const double Faster = 0.95;
    private static readonly TimeSpan ForEach = TimeSpan.FromMilliseconds(40);
    private static readonly TimeSpan LongestRound = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan CompilerPause = TimeSpan.FromMilliseconds(110);

    /// <summary>How long a warm-up lasts if nobody stops it, for small models.</summary>
    public static TimeSpan WarmAfter => WarmRounds * CompilerPause;

    /// <summary>The kernel that is timed.</summary>
    public static string KernelName => Kernel.Choose(Environment.GetEnvironmentVariable(Kernel.Variable)).Name;

    /// <summary>
    /// Microseconds a step of each model: the best of many short blocks, so that neither other programs nor code that
    /// is compiled anew in between count. Takes 40 ms a model, or five blocks where those last longer, after rounds
    /// that the compiler needs: it goes over code up to three times, each after a pause that is the longer the busier
    /// the machine is, so they go on until none has made a model faster for a while.
    /// </summary>
    /// <param name="models">Models of any precision.</param>
    public static IReadOnlyList<double> Microseconds(IReadOnlyList<RnnModel> models)
    {
        ArgumentNullException.ThrowIfNull(models);
        Contestant[] contestants = [.. models.Select(model => new Contestant(model))];
        int sinceFaster = 0;
        for (int round = 0; round < MostRounds && sinceFaster < PatientRounds; round++)
        {
            double[] before = [.. contestants.Select(c => c.Best)];
            RunRound(contestants);
            sinceFaster = contestants.Zip(before).Any(c => c.First.Best < Faster * c.Second) ? 0 : sinceFaster + 1;
            Thread.Sleep(CompilerPause);
        }

        var clock = Stopwatch.StartNew();
        for (int block = 0; block < LeastBlocks || clock.Elapsed < contestants.Length * ForEach; block++)
        {
            foreach (var contestant in contestants)
                contestant.RunBlock();
        }

        return [.. contestants.Select(contestant => contestant.Best)];
    }

    /// <summary>
    /// Runs some steps of models on a thread of its own, while something else goes on: the compiler goes over code
    /// again only some time after it was used.
    /// </summary>
    /// <param name="models">Models like those that will be timed; weights do not matter.</param>
    /// <returns>Stops it.</returns>
    public static IDisposable WarmUp(IReadOnlyList<RnnModel> models)
    {
        ArgumentNullException.ThrowIfNull(models);
        return new Rounds([.. models.Select(model => new Contestant(model))]);
    }

    private static void RunRound(Contestant[] contestants)
    {
        foreach (var contestant in contestants)
        {
            var clock = Stopwatch.StartNew();
            for (int i = 0; i < WarmBlocks && clock.Elapsed < LongestRound; i++)
                contestant.RunBlock();
        }
    }

    private sealed class Rounds : IDisposable
    {
        private readonly ManualResetEventSlim _stop = new();
        private readonly Thread _thread;

        public Rounds(Contestant[] contestants)
        {
            _thread = new(() => Run(contestants)) { IsBackground = true, Priority = ThreadPriority.BelowNormal };
            _thread.Start();
        }

        public void Dispose()
        {
            _stop.Set();
            _thread.Join();
            _stop.Dispose();
        }

        private void Run(Contestant[] contestants)
        {
            for (int round = 0; round < WarmRounds && !_stop.IsSet; round++)
            {
                RunRound(contestants);
                _stop.Wait(CompilerPause);
            }
        }
    }

    private sealed class Contestant(RnnModel model)
    {
        private readonly SequenceRunner _runner = new(model);
        private readonly float[] _readings = Noise(model);
        private readonly float[] _outputs = new float[StepsOfABlock * model.Labels.Count];

        public double Best { get; private set; } = double.PositiveInfinity;

        public void RunBlock()
        {
            var outputs = _outputs.AsSpan(0, _runner.OutputsOf(StepsOfABlock) * _runner.Model.Labels.Count);
            long begin = Stopwatch.GetTimestamp();
            _runner.Run(_readings, outputs);
            Best = Math.Min(Best, Stopwatch.GetElapsedTime(begin).TotalMicroseconds / StepsOfABlock);
        }
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

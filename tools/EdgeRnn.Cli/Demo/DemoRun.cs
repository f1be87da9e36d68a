using System.Diagnostics;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Report;
using EdgeRnn.Trainer.Training;
using EdgeRnn.Wire;

namespace EdgeRnn.Cli;

/// <summary>What a demo found.</summary>
internal sealed record DemoFigures
{
    public required double LinearAccuracy { get; init; }

    public required Evaluation Float { get; init; }

    public required Evaluation Int8 { get; init; }

    public required History Training { get; init; }

    /// <summary>The report of the training, where files are kept and it could be drawn.</summary>
    public string? Page { get; init; }

    public required long FloatBytes { get; init; }

    public required long ModelBytes { get; init; }

    public required BoardBinary Host { get; init; }

    public required HostAccount Account { get; init; }

    public required int Gestures { get; init; }

    public required int WireCorrect { get; init; }

    public required int WireMatches { get; init; }

    public required double MicrosecondsPerStep { get; init; }

    public required double StepMicroseconds { get; init; }

    public double WireAccuracy => (double)WireCorrect / Gestures;

    /// <summary>
    /// Whether the wire kept what the trainer promised. A just-in-time compiler may allocate whenever it recompiles, so
    /// only the native host is held to 0 bytes.
    /// </summary>
    public bool Passed =>
        WireMatches == Gestures && Account.Delivered == Account.Expected
        && (!Host.IsNative || Account.AllocatedBytes == 0);
}

/// <summary>The whole chain on <c>synthetic:motion</c>: train, quantize, and stream to the board's program.</summary>
internal sealed class DemoRun(
    Terminal terminal, bool isShort, int seed, string folder, bool keepsFiles, bool force,
        CancellationToken cancellation)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan CompilerPause = TimeSpan.FromMilliseconds(150);

    /// <summary>Runs it.</summary>
    /// <param name="hostCommand">The host, or null to look for it.</param>
    public DemoFigures Run(string? hostCommand)
    {
        string floatPath = Path.Combine(folder, "gestures.ernn"), path = Path.Combine(folder, "gestures.int8.ernn");
        AtomicFile.RefuseExisting(floatPath, force);
        AtomicFile.RefuseExisting(path, force);
        AtomicFile.RefuseExisting(Path.Combine(folder, "report.html"), force);
        terminal.Say("1/4  gestures of a six-axis motion sensor, made from a seed");
        var train = DataSpec.Load($"synthetic:motion?seed={seed}&count={(isShort ? 1200 : 2400)}");
        var test = DataSpec.Load($"synthetic:motion?seed={seed}&part=test&count={(isShort ? 240 : 600)}");
        double linear = new LinearBaseline(train).Accuracy(test);
        terminal.Say($"     {string.Join(", ", train.Labels)}");
        terminal.Say($"     {train.Count} to learn from, {test.Count} of other people to be tested on");
        string guess = Figures.Percent(1.0 / train.Labels.Count);
        terminal.Say($"     a linear classifier on window means: {Figures.Percent(linear)}; guessing: {guess}");

        terminal.Say("2/4  training an LSTM");
        var (history, floating) = Train(train);
        var floatEvaluation = Evaluator.Evaluate(floating, test, Environment.ProcessorCount);
        ModelWriter.Save(floatPath, floating with { Training = Provenance(train, floatEvaluation) }, force);

        terminal.Say("3/4  quantizing to int8");
        var model = Calibration.Quantize(floating, train, Precision.Int8);
        var evaluation = Evaluator.Evaluate(model, test, Environment.ProcessorCount, keepPredictions: true);
        ModelWriter.Save(path, model with { Training = Provenance(train, evaluation) }, force);
        string? page = keepsFiles ? WritePage(history, floating, train, test) : null;
        terminal.Say(
            $"     float {Figures.Percent(floatEvaluation.Accuracy)}, int8 {Figures.Percent(evaluation.Accuracy)}");
        cancellation.ThrowIfCancellationRequested();

        var host = BoardBinary.Find(hostCommand, terminal);
        string kind = host.IsNative ? "native" : "on the .NET runtime";
        string wire = OperatingSystem.IsLinux() ? "a virtual serial line" : "a pipe";
        terminal.Say($"4/4  streaming to edgernn-host ({kind}) over {wire}");
        var (decisions, account, microseconds) = Stream(host, path, test, model);
        return new()
        {
            LinearAccuracy = linear,
            Float = floatEvaluation,
            Int8 = evaluation,
            Training = history,
            Page = page,
            FloatBytes = new FileInfo(floatPath).Length,
            ModelBytes = new FileInfo(path).Length,
            Host = host,
            Account = account,
            Gestures = test.Count,
            WireCorrect = decisions.Count(d => d.Index < test.Count && d.Class == test.Sequences[(int)d.Index].Label),
            WireMatches = decisions.Count(
                d => d.Index < test.Count && d.Class == evaluation.Predictions[(int)d.Index].Predicted),
            MicrosecondsPerStep = microseconds,
            StepMicroseconds = TimeSteps(model, test),
        };
    }

    private (History History, RnnModel Model) Train(SequenceDataset train)
    {
        var network = Network.Parse($"lstm:32,dense:{train.Labels.Count}", train.Channels.Count);
        var options = new TrainingOptions
        {
            Epochs = isShort ? 8 : 20,
            BatchSize = 32,
            LearningRate = 5e-3f,
            Seed = (ulong)seed,
            Threads = Math.Clamp(Environment.ProcessorCount, 1, 8),
        };
        var history = terminal.Fit(network, train, options, cancellation);
        cancellation.ThrowIfCancellationRequested();
        return (history, SelfTests.Attach(network.ToModel(train)));
    }

    private string? WritePage(History history, RnnModel model, SequenceDataset train, SequenceDataset test)
    {
        string page = Path.Combine(folder, "report.html");
        var summary = ModelSummary.Of(model, train);
        bool isWritten = RunPage.Write(page, terminal, new()
        {
            Network = $"lstm:32,dense:{train.Labels.Count}",
            Options = [("seed", $"{seed}"), ("epochs", $"{history.Epochs.Count}")],
            Histories = [history],
            Train = train,
            Summary = summary,
            Examinations = RunReport.Examine(summary, train, null, test, Environment.ProcessorCount),
            ToolVersion = CommandLine.Version,
        });
        return isWritten ? page : null;
    }

    private TrainingProvenance Provenance(SequenceDataset train, Evaluation test) =>
        new(train.Name, (ulong)seed, 0, (float)test.Accuracy, CommandLine.Version);

    /// <summary>Plays a few gestures at the sensor's pace, to be watched, and the rest as fast as it goes.</summary>
    private (IReadOnlyList<HostDecision> Decisions, HostAccount Account, double MicrosecondsPerStep) Stream(
        BoardBinary binary, string path, SequenceDataset data, RnnModel model)
    {
        int shown = isShort ? 6 : 12;
        var view = new LiveView(terminal, data, shown);
        using var line = VirtualLine.Open();
        using var host = HostProcess.Start(binary.Command, path, line, view.Heard, "--exit-at-end");
        using var over = CancellationTokenSource.CreateLinkedTokenSource(host.Gone, cancellation);
        try
        {
            var player = new SensorPlayer(line, Descriptor.ForModel(model), over.Token)
            {
                StepsPerSecond = model.SampleRateHz * (isShort ? 10 : 1),
            };
            view.Show(player.Play, stepsAtOnce: isShort ? 16 : 4);
            player.StepsPerSecond = 0;
            foreach (var sequence in data.Sequences.Skip(shown))
                player.Play(sequence);
            player.End();
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // The host ended early; WaitForEnd says why.
        }

        var account = host.WaitForEnd(Patience);
        var fast = view.Decisions.Skip(shown).ToList();
        double microseconds = fast.Count < 2
            ? 0
            : (double)(fast[^1].HostUs - fast[0].HostUs) / (fast[^1].Step - fast[0].Step);
        return (view.Decisions, account, microseconds);
    }

    /// <summary>Time of the network's step alone: the median window of the last round, when all is compiled.</summary>
    private static double TimeSteps(RnnModel model, SequenceDataset data)
    {
        const int Rounds = 4; // the compiler goes over its code three times, each after a pause
        var session = new RnnSession(model);
        var scores = new float[model.Labels.Count];
        var windows = new double[data.Count];
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < data.Count; i++)
            {
                var sequence = data.Sequences[i];
                long begin = Stopwatch.GetTimestamp();
                for (int t = 0; t < sequence.Steps; t++)
                    session.Step(sequence.Values.Span.Slice(t * model.InputSize, model.InputSize), scores);
                windows[i] = Stopwatch.GetElapsedTime(begin).TotalMicroseconds / sequence.Steps;
            }

            Thread.Sleep(CompilerPause);
        }

        return windows.Order().ElementAt(windows.Length / 2);
    }
}

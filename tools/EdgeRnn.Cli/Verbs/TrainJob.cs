using System.Text.Json.Nodes;
using EdgeRnn.Features;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Report;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Cli;

/// <summary>One training run, from data to files.</summary>
internal sealed record TrainJob
{
    /// <summary>What is computed of sound unless the user says otherwise.</summary>
    public const string UsualFeatures = "logmel:40";

    /// <summary>Training data.</summary>
    public required DataSpec Data { get; init; }

    /// <summary>What the best epoch is chosen on.</summary>
    public Validation Validation { get; init; } = new(null, 0);

    /// <summary>Whether what judges may have groups of the training data.</summary>
    public bool AllowSharedGroups { get; init; }

    /// <summary>Data looked at once, at the end.</summary>
    public DataSpec? Test { get; init; }

    /// <summary>What to compute of sound, as <c>--features</c> has it; null for the usual.</summary>
    public string? Features { get; init; }

    /// <summary>Layers; null for an LSTM of 64 and its head.</summary>
    public string? Net { get; init; }

    /// <inheritdoc cref="TrainingOptions.Epochs"/>
    public int Epochs { get; init; } = 20;

    /// <summary>Sequences a step; null for what suits the size of the data.</summary>
    public int? Batch { get; init; }

    /// <inheritdoc cref="TrainingOptions.Optimizer"/>
    public Optimizer Optimizer { get; init; } = new Adam();

    /// <inheritdoc cref="TrainingOptions.LearningRate"/>
    public float? LearningRate { get; init; }

    /// <inheritdoc cref="TrainingOptions.Schedule"/>
    public LearningRateSchedule Schedule { get; init; } = new CosineSchedule();

    /// <inheritdoc cref="TrainingOptions.WeightDecay"/>
    public float? WeightDecay { get; init; }

    /// <inheritdoc cref="TrainingOptions.Accumulate"/>
    public int Accumulate { get; init; } = 1;

    /// <inheritdoc cref="TrainingOptions.LabelSmoothing"/>
    public float LabelSmoothing { get; init; }

    /// <inheritdoc cref="TrainingOptions.ClassWeights"/>
    public ClassWeights? ClassWeights { get; init; }

    /// <inheritdoc cref="TrainingOptions.ClipNorm"/>
    public float ClipNorm { get; init; } = 1f;

    /// <inheritdoc cref="TrainingOptions.Patience"/>
    public int Patience { get; init; }

    /// <summary>How inputs are normalised; null for what suits the kind of data.</summary>
    public NormalisationMode? Normalise { get; init; }

    /// <inheritdoc cref="TrainingOptions.Augment"/>
    public Augmentation? Augment { get; init; }

    /// <inheritdoc cref="TrainingOptions.Loss"/>
    public LossKind? Loss { get; init; }

    /// <summary>Steps between cuts of the gradient on recordings whose state goes on; 0 for none.</summary>
    public int Truncate { get; init; }

    /// <inheritdoc cref="TrainingOptions.Crop"/>
    public int Crop { get; init; }

    /// <inheritdoc cref="TrainingOptions.RandomStart"/>
    public bool RandomStart { get; init; }

    /// <inheritdoc cref="RnnModel.StreamMode"/>
    public StreamMode Stream { get; init; }

    /// <summary>Steps from one window of the stream to the next; 0 for the window.</summary>
    public int Hop { get; init; }

    /// <summary>Changes to the rules of <see cref="RnnModel.Decision"/>, as <c>--decide</c> has them.</summary>
    public string Decide { get; init; } = "none";

    /// <inheritdoc cref="TrainingOptions.Seed"/>
    public ulong Seed { get; init; } = 1;

    /// <inheritdoc cref="TrainingOptions.Threads"/>
    public int Threads { get; init; } = 1;

    /// <summary>Whether steps are rows or pixels of pictures.</summary>
    public bool IsImages => Data.Kind.StartsWith("idx", StringComparison.Ordinal);

    /// <summary>The training data; of sound, its features.</summary>
    /// <exception cref="UsageException">The features are none, or the data no sound.</exception>
    public SequenceDataset Load(Terminal terminal)
    {
        var data = terminal.Load(Data);
        if (!data.IsAudio)
            return Features is null ? data
                : throw new UsageException("--features is for sound, which wav: data are; leave it out.");
        var spec = FeatureSpec.Parse(Features ?? UsualFeatures, data.AudioRateHz, out string? error)
            ?? throw new UsageException($"--features: {error}.");
        var features = data.WithFeatures(spec);
        foreach (string warning in features.Warnings.Except(data.Warnings))
            terminal.Say($"note: {warning}");
        terminal.Say($"features: {spec}");
        return features;
    }

    /// <summary>The network for data like <paramref name="data"/>.</summary>
    /// <exception cref="UsageException">The layers are none.</exception>
    public Network NetworkFor(SequenceDataset data)
    {
        try
        {
            return Network.Parse(
                Net ?? $"lstm:64,dense:{data.Labels.Count}", data.Channels.Count,
                data.EachStep || Truncate > 0 ? Pooling.EachStep : Pooling.Last);
        }
        catch (UserException e)
        {
            throw new UsageException($"--net: {e.Message}", e);
        }
    }

    /// <summary>The options for <paramref name="train"/>.</summary>
    public TrainingOptions OptionsFor(SequenceDataset train, SequenceDataset? validation) => new()
    {
        Epochs = Epochs,
        BatchSize = Batch ?? BatchFor(train.Count),
        Optimizer = Optimizer,
        LearningRate = LearningRate,
        Schedule = Schedule,
        WeightDecay = WeightDecay,
        Accumulate = Accumulate,
        LabelSmoothing = LabelSmoothing,
        ClassWeights = ClassWeights,
        ClipNorm = ClipNorm,
        Patience = Patience,
        Seed = Seed,
        Threads = Threads,
        Validation = validation,
        Augment = Augment,
        Loss = Loss,
        Truncate = Truncate,
        Crop = Crop,
        RandomStart = RandomStart,
        // Border pixels of images hardly vary: on their own they would become noise.
        Normalisation = Normalise ?? (IsImages ? NormalisationMode.Global : NormalisationMode.Channel),
    };

    /// <summary>Trains, looks at the test set, writes the files and reports.</summary>
    /// <param name="run">Where the files go.</param>
    /// <param name="force">Whether files that exist are replaced.</param>
    /// <param name="terminal">Where to report.</param>
    /// <param name="cancellation">Stops training; what is there by then is kept.</param>
    public int Run(UnfinishedRun run, bool force, Terminal terminal, CancellationToken cancellation)
    {
        using var files = new TrainedFiles(run.Folder, force);
        using var unfinished = run.Begin();
        var data = Load(terminal);
        var test = Test is null ? null : terminal.Load(Test).AlignedTo(data);
        if (test is not null)
            Leaks.Check(test, "--test", data, AllowSharedGroups, terminal);
        var (train, validation) = Validation.Apply(data, Seed, AllowSharedGroups, terminal);
        if (Truncate > 0)
            (train, validation, test) = (train.LabelledEachStep(), validation?.LabelledEachStep(),
                test?.LabelledEachStep());
        bool areValues = data.OutputKind == OutputKind.Values;
        string outputs = areValues ? "values" : "classes";
        var network = NetworkFor(data);
        if (network.OutputSize != data.Labels.Count)
        {
            throw new UserException($"'{data.Name}' has {data.Labels.Count} {outputs}, but --net ends in "
                + $"dense:{network.OutputSize}; use dense:{data.Labels.Count}.");
        }

        var options = OptionsFor(train, validation) with { Checkpoint = run.Checkpoint, Resume = true };
        // Windows that no board can run are refused now, not after an hour of training.
        var untrained = network.ToModel(
            train, Stream, hop: Hop, decision: SharedOptions.Decision(Decide, train.Labels, train.SampleRateHz));
        string held = validation is null ? "" : $"; {Figures.Count(validation.Count)} for validation";
        terminal.Say($"{data.Name}: {Figures.Count(train.Count)} sequences of up to {train.MaxSteps} steps × "
            + $"{train.Channels.Count} channels, {data.Labels.Count} " +
                $"{outputs}{(train.EachStep ? " a step" : "")}{held}");
        terminal.Say($"{network.Specification}: {Figures.Count(network.ParameterCount)} parameters");
        double megabytes = network.ActivationBytes(train, options) / 1e6;
        terminal.Say($"activations: {Figures.Short(megabytes)} MB for a batch of "
            + $"{Math.Min(options.BatchSize, train.Count)} × {train.MaxSteps} steps");

        History history;
        using (StepTimer.WarmUp(ModelSummary.InAllPrecisions(untrained, train.Subset([0]))))
            history = terminal.Fit(network, train, options, cancellation);
        terminal.Say(history.Summary);
        var model = network.ToModel(
            train, Stream, hop: Hop, decision: SharedOptions.Decision(Decide, train.Labels, train.SampleRateHz));
        bool isStopped = history.StopReason == StopReason.Cancelled;
        var evaluation = test is null ? null : Evaluator.TryEvaluate(
            model, test, cancellation, Threads, keepPredictions: true);
        isStopped |= test is not null && evaluation is null;
        float validated = (float)(history.Best?.ValidationAccuracy ?? 0), tested = (float)(evaluation?.Accuracy ?? 0);
        var provenance = new TrainingProvenance(data.Name, Seed, validated, tested, CommandLine.Version);
        model = SelfTests.Attach(model with { Training = provenance });
        var described = Describe(network, options);
        files.Write(model, history, described);
        var summary = ModelSummary.Of(model, train);
        var examinations = RunReport.Examine(
            summary, train, validation, isStopped ? null : test, Threads, evaluation);
        bool hasPage = RunPage.Write(files.Page, terminal, new()
        {
            Network = network.Specification,
            Options = RunPage.OptionsOf(described),
            Histories = [history],
            Train = train,
            Summary = summary,
            Examinations = examinations,
            StepsAreRows = IsImages,
            ToolVersion = CommandLine.Version,
        });
        var result = new TrainResult(network, history, evaluation, summary, examinations)
        {
            Model = files.Model,
            Page = hasPage ? files.Page : null,
            AreValues = areValues,
        };
        files.WriteResult(result.Json);
        result.Report(terminal);
        if (isStopped)
        {
            terminal.Say($"Go on with: {run.Command}");
            return CommandLine.Stopped;
        }

        run.Finish();
        return CommandLine.Done;
    }

    /// <summary>At least 20 steps an epoch where the data allow it, in batches of 8 to 128.</summary>
    private static int BatchFor(int sequences)
    {
        int batch = 128;
        while (batch > 8 && sequences < 20 * batch)
            batch /= 2;
        return batch;
    }

    /// <summary>The options as they were after every default was filled in.</summary>
    public JsonObject Describe(Network network, TrainingOptions options) => new()
    {
        ["tool_version"] = CommandLine.Version,
        ["data"] = Data.Text,
        ["validation"] = Validation.Spec is null ? Validation.Part : Validation.Spec.Text,
        ["test"] = Test?.Text,
        ["features"] = Features,
        ["net"] = network.Specification,
        ["epochs"] = options.Epochs,
        ["batch"] = options.BatchSize,
        ["optimizer"] = options.Optimizer.GetType().Name.ToLowerInvariant(),
        ["learning_rate"] = options.LearningRate ?? options.Optimizer.DefaultLearningRate,
        ["momentum"] = (options.Optimizer as Sgd)?.Momentum,
        ["schedule"] = options.Schedule.Name,
        ["weight_decay"] = options.WeightDecay ?? options.Optimizer.DefaultWeightDecay,
        ["accumulate"] = options.Accumulate,
        ["label_smoothing"] = options.LabelSmoothing,
        ["class_weights"] = options.ClassWeights?.ToString(),
        ["clip_norm"] = options.ClipNorm,
        ["patience"] = options.Patience,
        ["normalise"] = options.Normalisation.ToString().ToLowerInvariant(),
        ["augment"] = options.Augment?.ToString(),
        ["loss"] = options.Loss?.ToString().ToLowerInvariant(),
        ["truncate"] = options.Truncate,
        ["crop"] = options.Crop,
        ["random_start"] = options.RandomStart,
        ["stream"] = Stream.ToString().ToLowerInvariant(),
        ["hop"] = Hop,
        ["decide"] = Decide,
        ["seed"] = options.Seed,
        ["threads"] = options.Threads,
    };
}

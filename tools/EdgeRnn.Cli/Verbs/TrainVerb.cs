using System.CommandLine;
using System.Globalization;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn train</c>: from recordings to a float model.</summary>
internal static class TrainVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var data = SharedOptions.Data(
            "--data", "Training data, as kind:path[?key=value&…], e.g. csv:recordings?window=100.");
        var validation = new Option<string?>("--validation")
        {
            HelpName = "SPEC|PART",
            Description = "Data on which the best epoch is chosen, or the part of the training data held out for "
                + "it, e.g. 0.1.",
        };
        var test = SharedOptions.Data("--test", "Data looked at once, at the end.");
        var features = new Option<string?>("--features")
        {
            HelpName = "KIND:N,…",
            Description =
                "What to compute of wav: data: logmel:40, mfcc:13 or pcen:40, with ,key=value for rate, frame and hop "
                + "(ms), mels, low and high (Hz), scale (htk, slaney), deltas (0 to 2), running (s of running mean " +
                    "and deviation) "
                + $"and floor [default: {TrainJob.UsualFeatures}]",
        };
        var net = new Option<string?>("--net")
        {
            HelpName = "LAYERS",
            Description = "Layers, e.g. gru:64,dropout:0.2,dense:10 [default: lstm:64 and a dense layer with a unit "
                + "a class]",
        };
        var epochs = SharedOptions.Whole("--epochs", "Times the data is gone through.", 1, 1_000_000, 20);
        var batch = SharedOptions.Whole(
            "--batch", "Sequences a step [default: 128, fewer where an epoch would have fewer than 20 steps]", 1,
            1 << 20);
        var optimizer =
            SharedOptions.Named("--optimizer", "NAME", "sgd, rmsprop, adam or adamw.", "adam", Optimizer.Parse);
        var learningRate = SharedOptions.Number(
            "--learning-rate", "Largest learning rate [default: 0.001, for sgd 0.01]", 1e-9f, 999);
        var momentum = SharedOptions.Number("--momentum", "Momentum of sgd [default: 0.9]", 0, 0.9999f);
        var schedule = SharedOptions.Named(
            "--schedule", "NAME", "Learning rate over time: constant; step:N[:F], times F (0.1) every N epochs; " +
                "cosine[:N], with N epochs of "
                + "warm-up; plateau[:N[:F]], times F (0.5) when N (5) epochs brought no lower loss.",
            "cosine", LearningRateSchedule.Parse);
        var decay = SharedOptions.Number(
            "--weight-decay", "How far weights are drawn to 0 [default: 0, for adamw 0.01]", 0, 0.9999f);
        var accumulate = SharedOptions.Whole(
            "--accumulate", "Batches whose gradients make one step, where a larger batch needs too much memory.", 1,
            1 << 20, 1);
        var smoothing = SharedOptions.Number(
            "--label-smoothing", "Part of the target spread over all classes [default: 0]", 0, 0.99f);
        var classWeights = new Option<ClassWeights?>("--class-weights")
        {
            HelpName = "WEIGHTS",
            Description = "How much classes count: balanced, or numbers as in rest=0.5,swipe=2 [default: all 1]",
            CustomParser = result => SharedOptions.Parsed(result, ClassWeights.Parse),
        };
        var clip = SharedOptions.Number(
            "--clip-norm", "Longer gradients are shortened to this norm; 0 leaves them [default: 1]", 0, 1e9f);
        var patience = SharedOptions.Whole(
            "--patience", "Epochs without a better one after which training stops; 0 never stops early.", 0, 1_000_000,
            0);
        var loss = new Option<LossKind?>("--loss")
        {
            HelpName = "NAME",
            Description =
                "What training makes small: cross-entropy for classes; mse or mae for values [default: what suits the "
                + "data]",
            CustomParser = result => ParseLoss(result),
        };
        var truncate = SharedOptions.Whole(
            "--truncate",
                "With --stream continuous: cut gradients after so many steps, while the state goes on to the end of "
                + "each recording; every step counts.", 1, int.MaxValue);
        var crop = SharedOptions.Whole(
            "--crop", "Show a random part of so many steps of each longer sequence, another one each epoch.", 1,
                int.MaxValue);
        var randomStart = new Option<bool>("--random-start")
        {
            Description = "Begin each sequence with the state that another one ended with, as on a stream without end.",
        };
        var normalise = SharedOptions.Named(
            "--normalise", "MODE",
            "How inputs get mean 0 and deviation 1: channel, global, none, or auto, which is global for images, "
                + "else channel.",
            "auto", ParseNormalisation);
        var augment = new Option<Augmentation?>("--augment")
        {
            HelpName = "KIND:N,…",
            Description = "Vary training sequences anew each epoch. noise:0.05 and scale:0.1 in deviations of a "
                + "channel and of a factor, shift:0.1 in parts of the length, warp:0.2 in deviations of the speed, "
                + "rotate:15 in degrees (all x, y, z alike), drop:0.1 as probability of a channel, pixels:2 for idx; "
                + "of sound speed:0.1, pitch:0.1, gain:6 (dB), snr:10 and mix:10 (noise and other recordings, from " +
                    "so many dB to 20 "
                + "more), bands:8 and mask:0.1 (features and parts of the length that are hidden).",
            CustomParser = result => SharedOptions.Parsed(result, Augmentation.Parse),
        };
        var stream = SharedOptions.Named(
            "--stream", "MODE",
            "How the model sees a stream: window (one label per window) or continuous (one a step).", "window",
            ParseStream);
        var hop = SharedOptions.Whole(
            "--hop", "Steps from one window of the stream to the next [default: the window]", 1, int.MaxValue);
        var decide = SharedOptions.Decide();
        var folds = SharedOptions.Whole(
            "--folds", "Cross-validate in so many folds instead: makes no model, and a report only with --out.", 2,
                1000);
        var byGroup = new Option<bool>("--leave-one-group-out")
        {
            Description = "Cross-validate by training without each group (person or recording) in turn.",
        };
        var allowSharedGroups = new Option<bool>("--allow-shared-groups")
        {
            Description = "Judge by groups that are in the training data as well; the accuracy flatters then.",
        };
        var seed = SharedOptions.Seed();
        var threads = SharedOptions.Threads();
        var output = new Option<string?>("--out")
        {
            HelpName = "DIR",
            Description = "Folder for model.ernn, report.html, history.csv, options.json and result.json.",
        };
        var resume = new Option<string?>("--resume")
        {
            HelpName = "DIR",
            Description = "Go on with the run in this folder, which was interrupted; its options come from there.",
        };
        var force = SharedOptions.Force();
        var json = SharedOptions.Json();
        var command = new Command("train", "Train a network on labelled sequences.")
        {
            data, validation, test, features, net, epochs, batch, accumulate, optimizer, learningRate, momentum,
                schedule, decay,
            clip, smoothing, classWeights, patience, normalise, augment, loss, stream, truncate, crop, randomStart, hop,
                decide,
            folds, byGroup, allowSharedGroups, seed, threads, output, resume, force, json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(resume) is { } folder && result.GetValue(output) is { } other
                && Path.GetFullPath(folder) != Path.GetFullPath(other))
            {
                result.AddError("--resume names the folder already; leave --out out");
            }

            bool isResumed = result.GetResult(resume) is not null;
            bool isByGroup = result.GetResult(byGroup) is not null;
            if (isByGroup && result.GetResult(folds) is not null)
                result.AddError("--leave-one-group-out and --folds exclude each other; leave one");
            if (!isResumed && result.GetValue(output) is null && result.GetResult(folds) is null && !isByGroup)
                result.AddError("--out is missing; name the folder that the model goes to");
            if (!isResumed && result.GetResult(data) is null)
                result.AddError("--data is missing; name the recordings, e.g. --data csv:recordings?window=100");
            bool areImages = result.GetResult(data)?.Tokens is [{ Value: { } spec }]
                && spec.StartsWith("idx:", StringComparison.Ordinal);
            if (!areImages && result.GetResult(augment)?.Tokens is [{ Value: { } kinds }] && kinds.Contains("pixels:"))
                result.AddError("--augment: pixels are for images that idx: reads; leave them out");
            if (result.GetResult(truncate) is not null
                && result.GetResult(stream)?.Tokens is not [{ Value: "continuous" }])
                result.AddError("--truncate belongs to --stream continuous; name that too");
            if (result.GetResult(momentum) is not null && result.GetResult(optimizer)?.Tokens is not [{ Value: "sgd" }])
                result.AddError("--momentum belongs to --optimizer sgd; leave it out");
        });
        command.SetAction((parsed, cancellation) =>
        {
            var terminal = new Terminal(parsed, parsed.GetValue(json));
            if (parsed.GetValue(resume) is { } interrupted)
            {
                var found = UnfinishedRun.Find(interrupted);
                var saved = found.Parse(command, parsed, resume, output, force, json);
                return Task.FromResult(JobOf(saved).Run(found, force: true, terminal, cancellation));
            }

            var job = JobOf(parsed);
            bool isForced = parsed.GetValue(force);
            if (parsed.GetValue(folds) is not null || parsed.GetValue(byGroup))
            {
                using var folded = parsed.GetValue(output) is { } folder ? new FoldsOutput(folder, isForced) : null;
                return Task.FromResult(parsed.GetValue(folds) is { } count
                    ? CrossValidation.InFolds(job, count, folded, terminal, cancellation)
                    : CrossValidation.ByGroup(job, folded, terminal, cancellation));
            }

            var run = UnfinishedRun.New(parsed.GetRequiredValue(output)!, parsed, threads, isForced);
            return Task.FromResult(job.Run(run, isForced, terminal, cancellation));
        });
        return command;

        TrainJob JobOf(ParseResult parsed) => new()
        {
            Data = parsed.GetRequiredValue(data)!,
            Validation = Validation.Parse(parsed.GetValue(validation)),
            AllowSharedGroups = parsed.GetValue(allowSharedGroups),
            Test = parsed.GetValue(test),
            Features = parsed.GetValue(features),
            Net = parsed.GetValue(net),
            Epochs = parsed.GetValue(epochs),
            Batch = parsed.GetValue(batch),
            Optimizer = WithMomentum(
                Optimizer.Parse(parsed.GetRequiredValue(optimizer)), parsed.GetValue(momentum)),
            LearningRate = parsed.GetValue(learningRate),
            Schedule = LearningRateSchedule.Parse(parsed.GetRequiredValue(schedule)),
            WeightDecay = parsed.GetValue(decay),
            Accumulate = parsed.GetValue(accumulate),
            LabelSmoothing = parsed.GetValue(smoothing) ?? 0,
            ClassWeights = parsed.GetValue(classWeights),
            ClipNorm = parsed.GetValue(clip) ?? 1f,
            Patience = parsed.GetValue(patience),
            Normalise = ParseNormalisation(parsed.GetRequiredValue(normalise)),
            Augment = parsed.GetValue(augment),
            Loss = parsed.GetValue(loss),
            Stream = ParseStream(parsed.GetRequiredValue(stream)),
            Truncate = parsed.GetValue(truncate) ?? 0,
            Crop = parsed.GetValue(crop) ?? 0,
            RandomStart = parsed.GetValue(randomStart),
            Hop = parsed.GetValue(hop) ?? 0,
            Decide = parsed.GetValue(decide) ?? "none",
            Seed = (ulong)parsed.GetValue(seed),
            Threads = parsed.GetValue(threads),
        };
    }

    private static LossKind? ParseLoss(System.CommandLine.Parsing.ArgumentResult result)
    {
        string text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
        switch (text)
        {
            case "cross-entropy": return LossKind.CrossEntropy;
            case "mse": return LossKind.Mse;
            case "mae": return LossKind.Mae;
            default:
                result.AddError($"--loss is '{text}', expected cross-entropy, mse or mae");
                return null;
        }
    }

    // Offline is what a network with a bidirectional layer makes of either.
    private static StreamMode ParseStream(string text) => text switch
    {
        "window" => StreamMode.Window,
        "continuous" => StreamMode.Continuous,
        _ => throw new UserException($"'{text}' is unknown; use window or continuous."),
    };

    private static NormalisationMode? ParseNormalisation(string text) =>
        text == "auto" ? null : SharedOptions.ParseName<NormalisationMode>(text);

    private static Optimizer WithMomentum(Optimizer optimizer, float? momentum) =>
        optimizer is Sgd && momentum is { } value ? new Sgd(value) : optimizer;
}

/// <summary>What the best epoch is chosen on: other data, a part of the training data, or nothing.</summary>
internal sealed record Validation(DataSpec? Spec, double Part)
{
    /// <summary>Reads <c>SPEC|PART</c>.</summary>
    public static Validation Parse(string? text)
    {
        if (text is null)
            return new(null, 0);
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double part))
            return new(ParseSpec(text), 0);
        return part is >= 0 and <= 0.9
            ? new(null, part)
            : throw new UsageException($"--validation is '{text}', "
                + "expected data or a part from 0 to 0.9, such as 0.1.");
    }

    /// <summary>The data to train on and those to choose on.</summary>
    /// <exception cref="UserException">Both have sequences of one group, and may not.</exception>
    public (SequenceDataset Train, SequenceDataset? Validation) Apply(
        SequenceDataset data, ulong seed, bool allowSharedGroups, Terminal terminal)
    {
        if (Spec is not null)
        {
            var given = terminal.Load(Spec).AlignedTo(data);
            Leaks.Check(given, "--validation", data, allowSharedGroups, terminal);
            return (data, given);
        }

        if (Part == 0)
            return (data, null);
        var (train, validation) = data.Split(Part, seed);
        foreach (string warning in train.Warnings.Concat(validation.Warnings).Except(data.Warnings).Distinct())
            terminal.Say($"note: {warning}");
        Leaks.Say(validation, "the validation part", train, terminal);
        return (train, validation);
    }

    private static DataSpec ParseSpec(string text)
    {
        try
        {
            return DataSpec.Parse(text);
        }
        catch (UserException e)
        {
            throw new UsageException($"--validation: {e.Message}", e);
        }
    }
}

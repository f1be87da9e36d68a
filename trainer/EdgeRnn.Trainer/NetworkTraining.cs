using EdgeRnn.Decisions;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Layers;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Trainer;

/// <content>From data to weights, and from weights to a model.</content>
public sealed partial class Network
{
    /// <summary>The input normalisation measured by <see cref="Fit"/>; null before.</summary>
    public Normalisation? Normalisation { get; private set; }

    /// <summary>The normalisation of values, measured by <see cref="Fit"/>; null before, and for classes.</summary>
    public Normalisation? Targets { get; private set; }

    /// <summary>
    /// Trains from first values drawn by the options' seed, and leaves the network with its best epoch.
    /// </summary>
    /// <param name="train">The training data.</param>
    /// <param name="options">How to train.</param>
    /// <param name="progress">Told after each batch and epoch, on the calling thread.</param>
    /// <param name="cancellation">Ends the run after the batch at hand.</param>
    /// <exception cref="UserException">
    /// Data that does not fit the network, classes or channels that nothing can be learnt of, or a loss that is NaN in
    /// the first epoch.
    /// </exception>
    public History Fit(
        SequenceDataset train, TrainingOptions? options = null, IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        options ??= new();
        options.Check();
        Check(train);
        var validation = options.Validation;
        if (validation is null && options.ValidationFraction > 0)
            (train, validation) = train.Split(options.ValidationFraction, options.Seed);
        validation = validation?.AlignedTo(train);
        if (validation is not null)
            Check(validation);
        train.RefuseUntrainable(options.Normalisation);
        options.CheckLoss(train);
        Normalisation = Normalisation.Measure(train, options.Normalisation);
        Targets = Normalisation.MeasureTargets(train);
        Initialise(options.Seed);
        options.CheckParts(this, train);
        using var loop = new TrainingLoop(this, train, validation, Normalisation, options);
        return loop.Run(progress, cancellation);
    }

    /// <summary>
    /// Bytes that <see cref="Fit"/> will reserve for activations and their gradients: they grow with the batch and its
    /// longest sequences.
    /// </summary>
    public long ActivationBytes(SequenceDataset train, TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(options);
        return BatchShares.ActivationBytes(this, train, options);
    }

    /// <summary>The network as an immutable float model, ready to run, write or quantize.</summary>
    /// <param name="data">Names the labels, channels and rate.</param>
    /// <param name="streamMode">How the model sees a stream.</param>
    /// <param name="window">Steps of a window; 0 for the longest sequence of <paramref name="data"/>.</param>
    /// <param name="hop">Steps from one window to the next; 0 for the whole window.</param>
    /// <param name="decision">How a stream's scores become labels; null for the largest score.</param>
    /// <param name="provenance">Where the model comes from.</param>
    /// <exception cref="UserException">Windows that a board cannot run.</exception>
    public RnnModel ToModel(
        SequenceDataset data, StreamMode streamMode = StreamMode.Window, int window = 0, int hop = 0,
        DecisionRules? decision = null, TrainingProvenance? provenance = null)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (window == 0)
            window = Math.Max(1, data.MaxSteps);
        if (hop == 0)
            hop = window;
        if (window < 0 || hop < 0 || (window + hop - 1L) / hop > RnnModel.MaxOverlap)
        {
            throw new UserException(
                $"A window of {window} steps every {hop} steps cannot be run; at most {RnnModel.MaxOverlap} windows " +
                "may overlap.");
        }

        if (_layers.Exists(layer => layer is Bidirectional))
            streamMode = StreamMode.Offline;
        if (streamMode == StreamMode.Continuous && Pooling is Pooling.Mean or Pooling.Max)
        {
            throw new UserException(
                $"A stream without end has no {Pooling.ToString().ToLowerInvariant()} over its steps; use --stream " +
                    "window, or "
                + "pool:last.");
        }

        bool windows = streamMode == StreamMode.Window;
        return ToModel(data, Normalisation ?? Normalisation.Measure(data, NormalisationMode.None)) with
        {
            StreamMode = streamMode,
            Window = windows ? window : 0,
            Hop = windows ? hop : 0,
            Decision = decision ?? DecisionRules.None,
            Training = provenance,
        };
    }

    /// <summary>The part of a model that decides on scores.</summary>
    internal RnnModel ToModel(SequenceDataset data, Normalisation normalisation) => new()
    {
        Precision = Precision.Float32,
        Layers = [.. _layers.Select(layer => layer.ToModel(Parameters.Span)).OfType<RnnLayer>()],
        Labels = data.Labels,
        Pooling = Pooling,
        OutputKind = data.OutputKind,
        OutputMean = OutputScale(data, scale => scale.Mean),
        OutputDeviation = OutputScale(data, scale => scale.Deviation),
        Channels = data.Features is null ? data.Channels : [],
        Features = data.Features,
        Mean = Tensor.FromFloats(InputSize, 1, normalisation.Mean),
        Deviation = Tensor.FromFloats(InputSize, 1, normalisation.Deviation),
        SampleRateHz = data.SampleRateHz,
        StreamMode = StreamMode.Continuous,
    };

    private Tensor? OutputScale(SequenceDataset data, Func<Normalisation, float[]> part) =>
        data.OutputKind == OutputKind.Values
            ? Tensor.FromFloats(OutputSize, 1, part(Targets ?? Normalisation.None(OutputSize)))
            : null;

    private void Check(SequenceDataset data)
    {
        if (data.Count == 0)
            throw new UserException($"{data.Name} holds no sequences.");
        if (data.Channels.Count != InputSize)
            throw new UserException(
                $"{data.Name} has {data.Channels.Count} channels, but the network reads {InputSize}.");
        if (data.Labels.Count != OutputSize)
        {
            throw new UserException(
                $"{data.Name} has {data.Labels.Count} {(data.OutputKind == OutputKind.Values ? "values an output" : "classes")}, but the network ends in dense:{OutputSize}; " +
                $"use dense:{data.Labels.Count}.");
        }

        if (data.EachStep != (Pooling == Pooling.EachStep))
        {
            throw new UserException(data.EachStep
                ? $"{data.Name} has an output for each step, but the network pools them; use pool:none."
                : $"{data.Name} has one output a sequence, but the network one a step; leave pool:none out.");
        }

        for (int i = 0; i < data.Count; i++)
        {
            var sequence = data.Sequences[i];
            if (sequence.Steps < 1 || sequence.Values.Length != sequence.Steps * InputSize)
            {
                throw new UserException(
                    $"Sequence {i} of {data.Name} has {sequence.Values.Length} readings, expected " +
                    $"{sequence.Steps} steps × {InputSize} channels and at least one step.");
            }

            int outputs = data.EachStep ? sequence.Steps : 1;
            if (data.OutputKind == OutputKind.Values)
            {
                if (sequence.Targets.Length != outputs * OutputSize)
                {
                    throw new UserException(
                        $"Sequence {i} of {data.Name} has {sequence.Targets.Length} values to predict, expected "
                        + $"{outputs} × {OutputSize}.");
                }

                continue;
            }

            if (data.EachStep && (sequence.StepLabels.Length != outputs
                || sequence.StepLabels.Span.ContainsAnyExceptInRange(0, OutputSize - 1)))
            {
                throw new UserException(
                    $"Sequence {i} of {data.Name} needs a label from 0 to {OutputSize - 1} for each of its {outputs} " +
                        "steps.");
            }

            if ((uint)sequence.Label >= (uint)OutputSize)
            {
                throw new UserException(
                    $"Sequence {i} of {data.Name} has label {sequence.Label}, expected 0 to {OutputSize - 1}.");
            }
        }
    }
}

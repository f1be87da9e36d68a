using EdgeRnn.Onnx.Import;
using EdgeRnn.Trainer;

namespace EdgeRnn.Onnx;

/// <summary>What an import may not find in the file.</summary>
public sealed record OnnxImportOptions
{
    /// <summary>Names of classes or values; empty for those the file has, or numbers.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>What the results mean; null for classes, unless they are of one unit or of a function other than
    /// softmax.</summary>
    public OutputKind? Kind { get; init; }

    /// <summary>Steps of a window; 0 for those the network was exported for, or none.</summary>
    public int Window { get; init; }

    /// <summary>Steps from window to window; 0 for the window's.</summary>
    public int Hop { get; init; }

    /// <summary>Whether nothing is given.</summary>
    public bool IsEmpty => Labels.Count == 0 && Kind is null && Window == 0 && Hop == 0;
}

/// <summary>What the last operator of an imported graph gives.</summary>
public enum OnnxResult
{
    /// <summary>What the head gives: values, or logits of classes.</summary>
    Values,

    /// <summary>Scores of classes.</summary>
    Softmax,

    /// <summary>Their logarithms.</summary>
    LogSoftmax,
}

/// <summary>An input of a graph that a state comes in by.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Its shape, of one sequence where it is free.</param>
/// <param name="Values">What a sequence starts from.</param>
public sealed record OnnxStart(string Name, int[] Shape, float[] Values);

/// <summary>A network of a graph, and how the graph is called to compute the same.</summary>
/// <param name="Model">The network.</param>
/// <param name="Input">Name of the graph's input.</param>
/// <param name="Axes">Its axes: <c>b</c> sequences, <c>t</c> steps, <c>c</c> channels, <c>1</c> a single
/// element.</param>
/// <param name="Channels">Channels.</param>
/// <param name="Batch">Sequences it takes at once.</param>
/// <param name="Steps">Steps it takes; 0 for any number.</param>
/// <param name="Starts">Its other inputs: states.</param>
/// <param name="Output">Name of the output.</param>
/// <param name="IsStepMajor">Whether the outputs of all sequences at a step stand together.</param>
/// <param name="Result">What the output is.</param>
/// <param name="Notes">What the user should know, each a sentence.</param>
public sealed record ImportedNetwork(
    RnnModel Model, string Input, string Axes, int Channels, int Batch, int Steps,
    IReadOnlyList<OnnxStart> Starts, string Output, bool IsStepMajor, OnnxResult Result,
    IReadOnlyList<string> Notes)
{
    /// <summary>The float network that the graph computes: not the model itself where that is quantized, or where the
    /// graph has a result each step so that its state can be carried on.</summary>
    public RnnModel Computed { get; init; } = Model;

    /// <summary>Whether the file was exported from this model, labels and windows included, and options changed
    /// nothing.</summary>
    public bool IsWhole { get; init; }
}

/// <summary>
/// ONNX files to models. A graph is traced with names of elements in place of numbers (<see cref="GraphTracer"/>), what
/// it computes becomes a chain of stages, and the chain layers (<see cref="LayerChain"/>). Where the number of steps is
/// free, two numbers must lead to the same layers.
/// </summary>
public static class OnnxImport
{
    /// <summary>The oldest operator set that is read.</summary>
    public const int OldestOpset = 7;

    // Two lengths that nobody builds a network for.
    private static readonly int[] Lengths = [11, 14];

    // Axes an input may have, by their number; batch_first is commoner.
    private static readonly string[] AxesKnown = ["btc", "tbc", "bt", "tc", "tb", "b1tc", "bt1c", "btc1", "t"];

    /// <summary>Reads a file, at most 512 MiB.</summary>
    /// <exception cref="UserException">It cannot be read.</exception>
    public static byte[] Load(string path) => OnnxFile.Load(path);

    /// <summary>Lowers a graph.</summary>
    /// <param name="file">The bytes of an ONNX file.</param>
    /// <param name="options">What the file may lack; a file that edgernn exported lacks nothing.</param>
    /// <exception cref="UserException">A sentence's part: which node or field, which operator, and why not.</exception>
    public static ImportedNetwork Read(byte[] file, OnnxImportOptions options)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(options);
        var parsed = OnnxFile.Parse(file);
        var source = new OnnxSource(parsed);
        if (StoredModel.Read(parsed) is { } stored)
            return Stored(source, stored.Model, stored.IsStateful);
        if (parsed.MetadataProps.Any(entry => entry.Key == StoredModel.Key))
            source.Notes.Add(
                "the graph is not the one that edgernn exported, or another version did; it is imported as any other");
        UserException? best = null;
        int furthest = -1;
        foreach (string axes in AxesKnown.Where(axes => axes.Length == source.InputShape.Count))
        {
            int progress = 0;
            try
            {
                return Lower(source, axes, options, ref progress);
            }
            catch (UserException e)
            {
                // Of several ways to read the input, that which got furthest has the reason that matters.
                if (progress > furthest)
                    (best, furthest) = (e, progress);
            }
        }
        throw best ?? new UserException(
            $"input '{source.Input}' has {source.InputShape.Count} axes, expected sequences, steps and channels");
    }

    // What edgernn exported, whole.
    private static ImportedNetwork Stored(OnnxSource source, RnnModel model, bool isStateful)
    {
        OnnxStart[] starts = isStateful ? [.. OnnxExport.States(model)] : [];
        var result = model.OutputKind == OutputKind.Classes ? OnnxResult.Softmax : OnnxResult.Values;
        return new(
            model, source.Input, "btc", model.InputSize, Batch: 1, Steps: 0, starts, source.Output, IsStepMajor: false,
                result, [])
        {
            Computed = OnnxExport.Computed(model, isStateful),
            IsWhole = true,
        };
    }

    private static ImportedNetwork Lower(OnnxSource source, string axes, OnnxImportOptions options, ref int progress)
    {
        int steps = source.SizeOf(axes, 't');
        if (steps > 0)
            return Lower(source, axes, steps, options, ref progress);
        var networks = new ImportedNetwork[Lengths.Length];
        for (int i = 0; i < Lengths.Length; i++)
            networks[i] = Lower(source, axes, Lengths[i], options, ref progress);
        return Bytes(networks[0].Model).AsSpan().SequenceEqual(Bytes(networks[1].Model))
            ? networks[0] with { Steps = 0 }
            : throw new UserException(
                "its weights depend on the number of steps, which no layer's do; export it for a fixed number");
    }

    private static ImportedNetwork Lower(
        OnnxSource source, string axes, int steps, OnnxImportOptions options, ref int progress)
    {
        int batch = Math.Max(1, source.SizeOf(axes, 'b')), channels = axes.Contains('c') ? source.SizeOf(axes, 'c') : 1;
        if (channels is < 1 or > RnnModel.MaxInputs)
            throw new UserException(
                $"input '{source.Input}' has no fixed number of channels from 1 to {RnnModel.MaxInputs}");
        var tracer = new GraphTracer(source);
        try
        {
            tracer.Set(source.Input, Readings(tracer.Stages, axes, batch, steps, channels));
            foreach (var start in source.Starts)
                tracer.Set(start.Name, new OpaqueValue(start.Shape, "an input of the network", isStart: true));
            if (tracer.Trace(source.Output) is not SignalValue signal)
                throw new UserException($"output '{source.Output}' does not depend on the input '{source.Input}'");
            var rows = Results(tracer.Stages, signal, source.Output);
            var (last, pooling) = Ending(tracer.Stages, rows, source.Output);
            var (chain, kind) = LayerChain.Of(last, options.Kind);
            return new(
                Model(chain, kind, pooling, source, steps, options), source.Input, axes, channels, batch, steps,
                    source.Starts,
                source.Output, pooling == Pooling.EachStep && rows.Places is [0, not 1, ..],
                chain.SoftmaxIsLog switch
                {
                    null => OnnxResult.Values,
                    true => OnnxResult.LogSoftmax,
                    false =>
                    OnnxResult.Softmax
                },
                source.Notes);
        }
        finally
        {
            progress = Math.Max(progress, tracer.Computed);
        }
    }

    private static SignalValue Readings(Stages stages, string axes, int batch, int steps, int channels)
    {
        var stage = stages.Add(new InputStage(batch, steps, channels));
        var all = new SignalValue([batch, steps, channels], [.. Enumerable.Range(stage.Start, stage.Count)]);
        // The axes of the input in the order b, t, c, of which a missing one has one element.
        int[] shape = [.. axes.Select(axis => axis switch { 'b' => batch, 't' => steps, 'c' => channels, _ => 1 })];
        string order = string.Concat(axes.Where(axis => axis != '1'));
        string full = order + string.Concat("btc".Where(axis => !order.Contains(axis)));
        var moved = Rearrangement.Transpose(all, [.. full.Select(axis => (long)"btc".IndexOf(axis))]);
        return (SignalValue)Rearrangement.Shaped(moved, shape);
    }

    // The last axis has the units; a network with one may have left it out.
    private static Rows Results(Stages stages, SignalValue signal, string output)
    {
        int features = stages.Of(signal).Features;
        int length = features == 1 ? 1 : signal.Shape.LastOrDefault(1);
        try
        {
            return Rows.Of(stages, signal, length);
        }
        catch (UserException e)
        {
            throw new UserException($"output '{output}': {e.Message}");
        }
    }

    // The stage with all units of the output in order, and the steps that are given.
    private static (Stage Last, Pooling Pooling) Ending(Stages stages, Rows rows, string output)
    {
        var stage = rows.Stage;
        if (!rows.IsWhole)
        {
            float[] choice = new float[Value.CountOf([rows.Features.Length, stage.Features])];
            for (int k = 0; k < rows.Features.Length; k++)
                choice[k * stage.Features + rows.Features[k]] = 1;
            stage = stages.Add(new Linear(stage, choice, rows.Features.Length));
        }
        var recurrent = stage.Chain().OfType<Recurrent>().LastOrDefault();
        if (stage.Chain().OfType<Pooled>().LastOrDefault() is { } pooled)
            return (stage, pooled.Pooling);
        int steps = stage.Steps;
        if (steps > 1 && rows.Places.Length == stage.Batch * steps
            && rows.Places.Distinct().Count() == rows.Places.Length)
            return (stage, Pooling.EachStep);
        bool isForward = recurrent is { Layer.Direction: Direction.Forward };
        if (rows.Places.Length == stage.Batch
            && rows.Places.Select((place, b) => place == b * steps + steps - 1).All(isLast => isLast))
            return (stage, isForward ? Pooling.Last : Pooling.LastStep);
        bool isReverse = recurrent is { Layer.Direction: Direction.Reverse };
        if (isReverse && rows.Places.Length == stage.Batch
            && rows.Places.Select((place, b) => place == b * steps).All(isFirst => isFirst))
            return (stage, Pooling.Last);
        throw new UserException($"output '{output}' is of other steps than all, the last or a layer's final ones");
    }

    private static RnnModel Model(
        LayerChain chain, OutputKind kind, Pooling pooling, OnnxSource source, int steps, OnnxImportOptions options)
    {
        int units = chain.Layers[^1].Units, inputs = chain.Layers[0].InputSize;
        if (chain.Layers.Count > RnnModel.MaxLayers)
            throw new UserException($"it has {chain.Layers.Count} layers, expected at most {RnnModel.MaxLayers}");
        if (units > RnnModel.MaxLabels)
            throw new UserException($"its output has {units} units, expected at most {RnnModel.MaxLabels}");
        if (options.Labels.Count > 0 && options.Labels.Count != units)
            throw new UserException(
                $"its output has {units} units, but there are {options.Labels.Count} labels; name each unit");
        bool isOffline = chain.Layers.Any(layer => layer.Direction != Direction.Forward);
        bool isPooled = pooling is Pooling.Mean or Pooling.Max;
        int window = isOffline ? 0 : options.Window > 0 ? options.Window : source.HasSteps && steps > 1 ? steps : 0;
        if (isPooled && window == 0 && !isOffline)
            throw new UserException("it pools over all steps of a sequence whose length is free; give --window N, " +
                "the steps of a stream that are pooled");
        var model = new RnnModel
        {
            Precision = Precision.Float32,
            Layers = chain.Layers,
            OutputKind = kind,
            Pooling = pooling,
            OutputMean = chain.Output is { } o ? Tensor.FromFloats(units, 1, o.Mean) : null,
            OutputDeviation = chain.Output is { } p ? Tensor.FromFloats(units, 1, p.Deviation) : null,
            Labels = options.Labels.Count > 0 ? options.Labels : [.. Enumerable.Range(0, units).Select(i => $"{i}")],
            Mean = Tensor.FromFloats(inputs, 1, chain.Mean),
            Deviation = Tensor.FromFloats(inputs, 1, chain.Deviation),
            StreamMode = isOffline ? StreamMode.Offline : window > 0 ? StreamMode.Window : StreamMode.Continuous,
            Window = window,
            Hop = window == 0 ? 0 : options.Hop > 0 ? options.Hop : window,
        };
        // Refused, if it is, before a step is taken.
        Bytes(model);
        return SelfTests.Attach(model);
    }

    // What the writer refuses is a property of the file that was read.
    private static byte[] Bytes(RnnModel model)
    {
        try
        {
            return ModelWriter.Write(model);
        }
        catch (ArgumentException e)
        {
            throw new UserException($"its network is beyond what a model may hold: {e.Message}", e);
        }
    }
}

using EdgeRnn.Trainer;

namespace EdgeRnn.Onnx.Import;

/// <summary>
/// What the network has computed at some point: <c>[Batch, Steps, Features]</c> elements, whose names are the numbers
/// from <see cref="Start"/> on, in this order. Stages form a chain back to the network's input.
/// </summary>
internal abstract class Stage(Stage? before, int batch, int steps, int features)
{
    public Stage? Before => before;

    public int Batch => batch;

    public int Steps => steps;

    public int Features => features;

    /// <summary>Name of the first element.</summary>
    public int Start { get; set; }

    public int Count => batch * steps * features;

    /// <summary>The stages from the input to this one.</summary>
    public IReadOnlyList<Stage> Chain()
    {
        var chain = new List<Stage>();
        for (Stage? stage = this; stage is not null; stage = stage.Before)
            chain.Add(stage);
        chain.Reverse();
        return chain;
    }

    /// <summary>Where a reading that goes from the first to the last step ends, for a feature; null if there is no such
    /// order any more.</summary>
    public virtual int? FinalStep(int feature) => null;
}

/// <summary>The readings.</summary>
internal sealed class InputStage(int batch, int steps, int features) : Stage(null, batch, steps, features);

/// <summary>scale · x + offset, feature by feature.</summary>
internal sealed class Scaling(Stage before, float[] scale, float[] offset, bool isProduct)
    : Stage(before, before.Batch, before.Steps, before.Features)
{
    public float[] Scale => scale;

    public float[] Offset => offset;

    /// <summary>Whether it multiplies; otherwise it only adds.</summary>
    public bool IsProduct => isProduct;

    public override int? FinalStep(int feature) => Before!.FinalStep(feature);
}

/// <summary>W·x, <c>[Features, Before.Features]</c>.</summary>
internal sealed class Linear(Stage before, float[] weights, int features)
    : Stage(before, before.Batch, before.Steps, features)
{
    public float[] Weights => weights;
}

/// <summary>A function of each element.</summary>
internal sealed class Applied(Stage before, Function function)
    : Stage(before, before.Batch, before.Steps, before.Features)
{
    public Function Function => function;

    public override int? FinalStep(int feature) => Before!.FinalStep(feature);
}

/// <summary>Layer normalisation: gain · (x - mean) / √(variance + epsilon) + offset over the features.</summary>
internal sealed class Normalised(Stage before, float[] gain, float[] offset, float epsilon)
    : Stage(before, before.Batch, before.Steps, before.Features)
{
    public float[] Gain => gain;

    public float[] Offset => offset;

    public float Epsilon => epsilon;

    public override int? FinalStep(int feature) => Before!.FinalStep(feature);
}

/// <summary>A recurrent layer, whose <c>weight_ih</c> reads all features of the stage before.</summary>
internal sealed class Recurrent(Stage before, RnnLayer layer)
    : Stage(before, before.Batch, before.Steps, layer.Outputs)
{
    public RnnLayer Layer => layer;

    public override int? FinalStep(int feature) =>
        layer.Direction == Direction.Reverse || feature >= layer.Units ? 0 : Steps - 1;
}

/// <summary>One step from all.</summary>
internal sealed class Pooled(Stage before, Pooling pooling) : Stage(before, before.Batch, 1, before.Features)
{
    public Pooling Pooling => pooling;
}

/// <summary>Softmax over the features, or its logarithm.</summary>
internal sealed class SoftmaxStage(Stage before, bool isLog)
    : Stage(before, before.Batch, before.Steps, before.Features)
{
    public bool IsLog => isLog;
}

/// <summary>All stages of a graph, and who is meant by a name.</summary>
internal sealed class Stages
{
    // Names of 128 MB; a network of 128 units over 10,000 steps has a tenth.
    private const int MostNames = 1 << 25;

    private readonly List<Stage> _stages = [];
    private int _next;

    /// <summary>Gives a stage its names.</summary>
    public T Add<T>(T stage)
        where T : Stage
    {
        if ((long)stage.Batch * stage.Steps * stage.Features > MostNames - _next)
            throw new UserException($"its signals have more than {MostNames} elements; export it with fewer steps");
        stage.Start = _next;
        _next += stage.Count;
        _stages.Add(stage);
        return stage;
    }

    /// <summary>The stage of a signal, all of whose elements must belong to it.</summary>
    public Stage Of(SignalValue signal)
    {
        if (signal.Count == 0)
            throw new UserException("it reads a signal without elements");
        int low = 0, high = _stages.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = _stages[middle].Start <= signal.Names[0] ? (middle, high) : (low, middle - 1);
        }
        var stage = _stages[low];
        foreach (int name in signal.Names)
        {
            if (name < stage.Start || name >= stage.Start + stage.Count)
                throw new UserException("it joins signals of different layers, where EdgeRnn's layers form a chain");
        }
        return stage;
    }
}

/// <summary>
/// A signal taken as rows of features: row r is step <c>Places[r] % Steps</c> of sequence <c>Places[r] / Steps</c>, and
/// its element k the feature <c>Features[k]</c>.
/// </summary>
internal sealed record Rows(Stage Stage, int[] Places, int[] Features)
{
    /// <summary>Whether each feature is there once, in order.</summary>
    public bool IsWhole =>
        Features.Length == Stage.Features && Features.Select((feature, k) => feature == k).All(same => same);

    /// <summary>Reads a signal whose last axis are features, as operators on vectors do.</summary>
    /// <param name="stages">All stages; gains one where the features are the final states of two directions.</param>
    /// <param name="signal">The signal.</param>
    /// <param name="length">Features of a row.</param>
    public static Rows Of(Stages stages, SignalValue signal, int length)
    {
        var stage = stages.Of(signal);
        if (length == 0)
            throw new UserException("it reads rows without elements");
        int[] places = new int[signal.Count / length];
        int[] features = new int[length];
        bool isFinal = false;
        for (int i = 0; i < signal.Count; i++)
        {
            int place = Math.DivRem(signal.Names[i] - stage.Start, stage.Features, out int feature);
            (int r, int k) = (i / length, i % length);
            if (r == 0)
                features[k] = feature;
            if (k == 0)
                places[r] = place;
            isFinal |= place != places[r];
            if (feature != features[k])
                throw new UserException("it mixes units and steps: what it reads is no vector of units at one step");
        }
        if (!isFinal)
            return new(stage, places, features);

        // The final states of both directions are of different steps.
        for (int i = 0; i < signal.Count; i++)
        {
            int place = Math.DivRem(signal.Names[i] - stage.Start, stage.Features, out int feature);
            (int b, int t) = (place / stage.Steps, place % stage.Steps);
            places[i / length] = b;
            if (t != stage.FinalStep(feature)
                || b != (signal.Names[i / length * length] - stage.Start) / stage.Features / stage.Steps)
                throw new UserException("it joins units of different steps that are not the final states of a layer");
        }
        return new(stages.Add(new Pooled(stage, Pooling.Last)), places, features);
    }
}

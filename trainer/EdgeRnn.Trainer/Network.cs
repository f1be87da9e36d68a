using EdgeRnn.Trainer.Layers;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer;

/// <summary>
/// A trainable network: recurrent layers, pooling over time, then dense ones; dropout anywhere before the head, layer
/// normalisation after any layer before it.
/// </summary>
public sealed partial class Network
{
    private readonly List<Layer> _layers = [];

    /// <summary>Makes a network with first values drawn from seed 1; see <see cref="Initialise"/>.</summary>
    /// <param name="inputSize">Readings a step.</param>
    /// <param name="layers">The layers; at least one recurrent, and at the end a <see cref="Dense"/>, the head.</param>
    /// <exception cref="UserException">Layers that do not make a network.</exception>
    public Network(int inputSize, params ReadOnlySpan<Layer> layers)
    {
        if (inputSize is < 1 or > RnnModel.MaxInputs)
            throw new UserException($"A network reads 1 to {RnnModel.MaxInputs} values a step, not {inputSize}.");
        CheckOrder(layers);
        int lastRecurrent = LastRecurrent(layers);
        int lastOfSteps = LastOfSteps(layers);
        int size = inputSize;
        int pool = IndexOfPool(layers);
        for (int i = 0; i < layers.Length; i++)
        {
            size = Append(layers[i], size);
            if (i == lastOfSteps && pool < 0)
                size = Append(new Pool(Pooling.Last), size);
        }

        foreach (var layer in _layers.SkipWhile(layer => layer is not Pool).Skip(1))
            layer.ReadsSteps = Pooling == Pooling.EachStep;
        if (layers[lastRecurrent] is Bidirectional last)
            _layers.OfType<Pool>().Single().ForwardUnits = last.OutputSize / 2;

        InputSize = inputSize;
        OutputSize = size;
        Parameters = new(ParameterCount);
        Initialise(1);
    }

    /// <summary>Readings a step.</summary>
    public int InputSize { get; }

    /// <summary>Classes, or values.</summary>
    public int OutputSize { get; }

    /// <summary>Numbers that are trained.</summary>
    public int ParameterCount { get; private set; }

    /// <summary>The network in the words of <see cref="Parse"/>.</summary>
    public string Specification =>
        string.Join(',',
            _layers.Where(layer => layer is not Pool { Pooling: Pooling.Last }).Select(layer => layer.Specification));

    /// <summary>Which steps the dense layers read.</summary>
    public Pooling Pooling => _layers.OfType<Pool>().Single().Pooling;

    internal IReadOnlyList<Layer> Layers => _layers;

    /// <summary>All parameters, layer after layer.</summary>
    internal FloatBuffer Parameters { get; }

    /// <summary>Draws first values anew: Glorot uniform, orthogonal for recurrent weights, forget gates open.</summary>
    public void Initialise(ulong seed)
    {
        var random = SeededRandom.Stream(seed, 0);
        foreach (var layer in _layers)
            layer.Initialise(Parameters.Span, random);
    }

    private static int LastRecurrent(ReadOnlySpan<Layer> layers)
    {
        int last = -1;
        for (int i = 0; i < layers.Length; i++)
        {
            if (layers[i].IsRecurrent)
                last = i;
        }

        return last;
    }

    /// <summary>The last recurrent layer, or what normalises its outputs: after it, steps are pooled.</summary>
    private static int LastOfSteps(ReadOnlySpan<Layer> layers)
    {
        int last = -1;
        for (int i = 0; i < layers.Length && layers[i] is not Dense; i++)
        {
            if (layers[i].IsRecurrent || layers[i] is LayerNormalization)
                last = i;
        }

        return last;
    }

    private static int IndexOfPool(ReadOnlySpan<Layer> layers)
    {
        int found = -1;
        for (int i = 0; i < layers.Length; i++)
        {
            if (layers[i] is not Pool)
                continue;
            if (found >= 0)
                throw new UserException($"A network has one pooling, not both '{layers[found].Specification}' and " +
                    $"'{layers[i].Specification}'.");
            found = i;
        }

        return found;
    }

    private static void CheckOrder(ReadOnlySpan<Layer> layers)
    {
        int last = LastRecurrent(layers);
        if (last < 0)
            throw new UserException("A network needs a recurrent layer: rnn, lstm or gru, as in 'lstm:64,dense:10'.");
        if (layers[^1] is not Dense { IsRelu: false })
            throw new UserException(
                "A network ends in a dense layer with one unit a class and no relu, as in 'lstm:64,dense:10'.");
        for (int i = 0; i < last; i++)
        {
            if (layers[i] is Dense)
                throw new UserException(
                    $"'{layers[i].Specification}' stands before a recurrent layer; dense layers come after them.");
        }

        int pool = IndexOfPool(layers);
        for (int i = 0; i < layers.Length; i++)
        {
            if (pool >= 0 && (layers[i].IsRecurrent && i > pool || layers[i] is Dense && i < pool))
                throw new UserException(
                    $"'{layers[pool].Specification}' stands between the recurrent layers and the dense ones, as in "
                    + "'lstm:64,pool:mean,dense:10'.");
        }

        CheckNormalised(layers);
        int inModel = 0;
        foreach (var layer in layers)
            inModel += layer is Dropout or Pool ? 0 : 1;
        if (inModel > RnnModel.MaxLayers)
            throw new UserException($"A network has at most {RnnModel.MaxLayers} layers, not {inModel}.");
    }

    private static void CheckNormalised(ReadOnlySpan<Layer> layers)
    {
        Layer? before = null;
        foreach (var layer in layers)
        {
            if (layer is LayerNormalization && before is null or Pool)
            {
                string where = before is null ? "first" : $"after '{before.Specification}'";
                throw new UserException(
                    $"'{layer.Specification}' stands {where}; it comes right after the recurrent or dense layer "
                    + "whose outputs it normalises, as in 'gru:64,norm,dense:10'.");
            }

            before = layer is Dropout ? before : layer;
        }
    }

    private int Append(Layer layer, int inputSize)
    {
        layer.Join(inputSize, ParameterCount);
        _layers.Add(layer);
        ParameterCount = checked(ParameterCount + layer.ParameterCount);
        return layer.OutputSize;
    }
}

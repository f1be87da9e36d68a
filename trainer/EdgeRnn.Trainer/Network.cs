using EdgeRnn.Trainer.Layers;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer;

/// <summary>
/// A trainable network: recurrent layers, then dense ones that read the last step of each sequence; dropout anywhere
/// before the head.
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
        int size = inputSize;
        for (int i = 0; i < layers.Length; i++)
        {
            if (layers[i] is Dropout dropout)
                dropout.AfterLastStep = i > lastRecurrent;
            size = Append(layers[i], size);
            if (i == lastRecurrent)
                size = Append(new LastStep(), size);
        }

        InputSize = inputSize;
        OutputSize = size;
        Parameters = new(ParameterCount);
        Initialise(1);
    }

    /// <summary>Readings a step.</summary>
    public int InputSize { get; }

    /// <summary>Classes.</summary>
    public int OutputSize { get; }

    /// <summary>Numbers that are trained.</summary>
    public int ParameterCount { get; private set; }

    /// <summary>The network in the words of <see cref="Parse"/>.</summary>
    public string Specification =>
        string.Join(',', _layers.Where(layer => layer is not LastStep).Select(layer => layer.Specification));

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

        int inModel = 0;
        foreach (var layer in layers)
            inModel += layer is Dropout ? 0 : 1;
        if (inModel > RnnModel.MaxLayers)
            throw new UserException($"A network has at most {RnnModel.MaxLayers} layers, not {inModel}.");
    }

    private int Append(Layer layer, int inputSize)
    {
        layer.Join(inputSize, ParameterCount);
        _layers.Add(layer);
        ParameterCount = checked(ParameterCount + layer.ParameterCount);
        return layer.OutputSize;
    }
}

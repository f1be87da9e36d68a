using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>A matrix within a network's parameters, row-major from <paramref name="Offset"/> on.</summary>
internal readonly record struct ParameterBlock(string Name, int Offset, int Rows, int Columns)
{
    /// <summary>Elements.</summary>
    public int Length => Rows * Columns;

    /// <summary>Whether inputs are multiplied by it, unlike a bias.</summary>
    public bool IsWeight => Name.StartsWith("weight", StringComparison.Ordinal);

    /// <summary>The elements among all of a network's.</summary>
    public Span<float> Of(Span<float> parameters) => parameters.Slice(Offset, Length);
}

/// <summary>Weights in the form that products read, to be packed again after each update.</summary>
/// <param name="Source">Where the weights are.</param>
/// <param name="FirstRow">First row of the part that is packed.</param>
/// <param name="Matrix">Where they go.</param>
/// <param name="Transposed">Whether rows of the source become columns.</param>
internal sealed record PackedWeights(ParameterBlock Source, int FirstRow, PackedMatrix Matrix, bool Transposed)
{
    /// <summary>
    /// Columns of a product are rows <paramref name="first"/> to first + count of <paramref name="source"/>.
    /// </summary>
    public static PackedWeights Forward(ParameterBlock source, int first, int count) =>
        new(source, first, new(source.Columns, count), true);

    /// <summary>The other way: a product with these rows as they are.</summary>
    public static PackedWeights Backward(ParameterBlock source, int first, int count) =>
        new(source, first, new(count, source.Columns), false);

    /// <summary>Packs the present weights.</summary>
    public unsafe void Pack(float* parameters)
    {
        float* from = parameters + Source.Offset + (long)FirstRow * Source.Columns;
        if (Transposed)
            Matrix.PackTransposed(from, Source.Columns);
        else
            Matrix.Pack(from, Source.Columns);
    }
}

/// <summary>
/// One layer of a <see cref="Network"/>: what it computes and its place in the network's parameters. Activations live
/// in passes, one a thread, so a layer is shared by all threads.
/// </summary>
public abstract class Layer
{
    private readonly List<ParameterBlock> _parameters = [];
    private readonly List<PackedWeights> _packed = [];

    /// <summary>Values it reads a step; 0 until the layer belongs to a network.</summary>
    public int InputSize { get; private set; }

    /// <summary>Values it gives a step.</summary>
    public int OutputSize { get; private set; }

    /// <summary>The layer in the words of <see cref="Network.Parse"/>.</summary>
    public abstract string Specification { get; }

    internal IReadOnlyList<ParameterBlock> Parameters => _parameters;

    internal IReadOnlyList<PackedWeights> Packed => _packed;

    /// <summary>Whether it is given a row a step; else one row a sequence, as after pooling.</summary>
    internal bool ReadsSteps { get; set; } = true;

    internal int FirstParameter { get; private set; }

    internal int ParameterCount { get; private set; }

    /// <summary>Whether it carries a state from step to step.</summary>
    internal virtual bool IsRecurrent => false;

    /// <summary>Gives the layer its place behind <paramref name="firstParameter"/> parameters of others.</summary>
    internal void Join(int inputSize, int firstParameter)
    {
        if (InputSize != 0)
        {
            throw new InvalidOperationException(
                $"The layer '{Specification}' belongs to a network already; make another.");
        }

        InputSize = inputSize;
        FirstParameter = firstParameter;
        OutputSize = Declare();
    }

    /// <summary>Declares parameters and packed forms; gives the output size.</summary>
    private protected abstract int Declare();

    /// <summary>Draws first values.</summary>
    internal virtual void Initialise(Span<float> parameters, SeededRandom random)
    {
    }

    /// <summary>Reserves what one thread needs to run the layer.</summary>
    /// <param name="batch">The batch whose sizes count.</param>
    /// <param name="parameters">All parameters of the network.</param>
    internal abstract LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters);

    /// <summary>The layer as the runtime knows it, or null when it has no part in inference.</summary>
    internal virtual RnnLayer? ToModel(Span<float> parameters) => null;

    /// <summary>Rows that it reads in this batch.</summary>
    internal int Rows(PackedBatch batch) => ReadsSteps ? batch.Rows : batch.Sequences;

    /// <summary>Most rows that it can read.</summary>
    internal int RowCapacity(PackedBatch batch) => ReadsSteps ? batch.RowCapacity : batch.Capacity;

    /// <summary>Takes the parameters of a layer within this one, which has joined behind those taken before.</summary>
    private protected void Adopt(Layer inner)
    {
        _parameters.AddRange(inner._parameters);
        _packed.AddRange(inner._packed);
        ParameterCount += inner.ParameterCount;
    }

    private protected ParameterBlock Parameter(string name, int rows, int columns)
    {
        var block = new ParameterBlock(name, FirstParameter + ParameterCount, rows, columns);
        ParameterCount += block.Length;
        _parameters.Add(block);
        return block;
    }

    private protected PackedMatrix Pack(PackedWeights weights)
    {
        _packed.Add(weights);
        return weights.Matrix;
    }

    private protected static Tensor Export(ParameterBlock block, Span<float> parameters) =>
        Tensor.FromFloats(block.Rows, block.Columns, block.Of(parameters));
}

/// <summary>What one thread needs to run a layer on its share of a batch.</summary>
internal abstract unsafe class LayerPass
{
    /// <summary>
    /// Where dropout masks come from; null in inference. One sequence of random bits runs through all layers.
    /// </summary>
    public SeededRandom? Random { get; set; }

    /// <summary>The result, <c>[rows, OutputSize]</c>.</summary>
    public abstract float* Output { get; }

    /// <summary>Computes <see cref="Output"/> from x <c>[rows, InputSize]</c>.</summary>
    public abstract void Forward(float* x);

    /// <summary>Keeps the state that sequences ended with, for a next batch that goes on with them.</summary>
    /// <param name="shift">Each sequence gets the state of the one so many places on.</param>
    public virtual void KeepState(int shift)
    {
    }

    /// <summary>Lets sequences begin with zeros again.</summary>
    public virtual void ForgetState()
    {
    }

    /// <summary>Adds the gradient of the layer's parameters, and writes that of its input.</summary>
    /// <param name="x">The input of <see cref="Forward"/>.</param>
    /// <param name="dy">Gradient of <see cref="Output"/>; the layer may use it as scratch.</param>
    /// <param name="dx">Receives the gradient of x; null when nobody needs it.</param>
    /// <param name="gradient">Gradients of all the network's parameters.</param>
    public abstract void Backward(float* x, float* dy, float* dx, float* gradient);
}

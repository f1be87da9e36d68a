using System.Runtime.InteropServices;
using EdgeRnn.Decisions;
using EdgeRnn.Features;

namespace EdgeRnn;

/// <summary>The arithmetic of a model: what its weights and activations are made of.</summary>
public enum Precision
{
    /// <summary>IEEE single throughout.</summary>
    Float32 = 1,

    /// <summary>int8 weights, int8 input and hidden activations.</summary>
    Int8 = 2,

    /// <summary>int8 weights, int16 input and hidden activations.</summary>
    Int8x16 = 3,
}

/// <summary>The kinds of layer.</summary>
public enum LayerKind
{
    /// <summary>h = tanh(W_ih·x + W_hh·h + b), or relu.</summary>
    SimpleRnn = 1,

    /// <summary>Long short-term memory, gates in the order i f g o.</summary>
    Lstm = 2,

    /// <summary>Gated recurrent unit, gates in the order r z n.</summary>
    Gru = 3,

    /// <summary>y = W·x + b; the last layer of every model is one.</summary>
    Dense = 4,

    /// <summary>
    /// y = gain·(x - mean) / √(variance + epsilon) + offset, over the units of the layer before, at each step.
    /// </summary>
    Norm = 5,
}

/// <summary>The function applied to a layer's result.</summary>
public enum Activation
{
    /// <summary>
    /// tanh for recurrent layers, none for dense ones (the head's scores are the softmax of its logits).
    /// </summary>
    Default = 0,

    /// <summary>max(0, x), for SimpleRNN and for dense layers before the head.</summary>
    Relu = 1,
}

/// <summary>How a model sees an endless stream.</summary>
public enum StreamMode
{
    /// <summary>
    /// Every <see cref="RnnModel.Hop"/> steps, one output for the last <see cref="RnnModel.Window"/> steps.
    /// </summary>
    Window = 0,

    /// <summary>The state is carried on for ever, one output a step.</summary>
    Continuous = 1,

    /// <summary>Not at all: a layer that is not forward reads whole sequences.</summary>
    Offline = 2,
}

/// <summary>What the head's results mean.</summary>
public enum OutputKind
{
    /// <summary>Classes: scores are the softmax of the head's logits.</summary>
    Classes = 0,

    /// <summary>Values in the user's units: mean + deviation · what the head gives.</summary>
    Values = 1,
}

/// <summary>Which steps the dense layers read.</summary>
public enum Pooling
{
    /// <summary>The state that each direction ends with; a reverse layer's is that of the first step.</summary>
    Last = 0,

    /// <summary>The mean of all steps.</summary>
    Mean = 1,

    /// <summary>The maximum of all steps, for each unit.</summary>
    Max = 2,

    /// <summary>Each: every step has an output of its own.</summary>
    EachStep = 3,

    /// <summary>The last step in every direction.</summary>
    LastStep = 4,
}

/// <summary>The element type of a <see cref="Tensor"/>.</summary>
public enum TensorType
{
    /// <summary>IEEE single, little-endian.</summary>
    Float32 = 1,

    /// <summary>Symmetric int8 from -127 to 127, one scale per row.</summary>
    Int8 = 2,
}

/// <summary>
/// A matrix <c>[Rows, Columns]</c>, row-major, over bytes it does not own (usually a part of the file that was read);
/// a vector has one column.
/// </summary>
public sealed record Tensor(
    TensorType Type, int Rows, int Columns, ReadOnlyMemory<byte> Data, ReadOnlyMemory<byte> ScaleData)
{
    /// <summary>The elements of a <see cref="TensorType.Float32"/> tensor.</summary>
    public ReadOnlySpan<float> Floats => MemoryMarshal.Cast<byte, float>(Data.Span);

    /// <summary>The elements of a <see cref="TensorType.Int8"/> tensor.</summary>
    public ReadOnlySpan<sbyte> Int8s => MemoryMarshal.Cast<byte, sbyte>(Data.Span);

    /// <summary>
    /// Real weight per integer, for each row of a <see cref="TensorType.Int8"/> tensor: float32 <c>[Rows]</c>.
    /// </summary>
    public ReadOnlySpan<float> Scales => MemoryMarshal.Cast<byte, float>(ScaleData.Span);

    /// <summary>
    /// Makes a float tensor from a copy of <paramref name="values"/>, which are <c>[rows, columns]</c>.
    /// </summary>
    public static Tensor FromFloats(int rows, int columns, ReadOnlySpan<float> values)
    {
        if (values.Length != rows * columns)
            throw new ArgumentException($"{values.Length} values do not fill {rows} × {columns}.", nameof(values));
        return new(TensorType.Float32, rows, columns, MemoryMarshal.AsBytes(values).ToArray(), default);
    }

    /// <summary>Makes an int8 tensor from copies of <paramref name="values"/> and one scale per row.</summary>
    public static Tensor FromInt8s(int rows, int columns, ReadOnlySpan<sbyte> values, ReadOnlySpan<float> scales)
    {
        if (values.Length != rows * columns || scales.Length != rows)
            throw new ArgumentException(
                $"{values.Length} values and {scales.Length} scales do not fill {rows} × {columns}.");
        return new(TensorType.Int8, rows, columns, MemoryMarshal.AsBytes(values).ToArray(),
            MemoryMarshal.AsBytes(scales).ToArray());
    }
}

/// <summary>One layer. Gates are stacked in the rows of its tensors.</summary>
public sealed record RnnLayer
{
    /// <summary>What the layer computes.</summary>
    public required LayerKind Kind { get; init; }

    /// <summary>In which order a recurrent layer reads the steps; other than forward in float models only.</summary>
    public Direction Direction { get; init; }

    /// <summary>A form of the cell that other programs know, in float models only; or null.</summary>
    public CellVariant? Variant { get; init; }

    /// <summary>Values it reads a step.</summary>
    public required int InputSize { get; init; }

    /// <summary>The hidden size of a direction, or a dense layer's outputs.</summary>
    public required int Units { get; init; }

    /// <summary>The function applied to the result.</summary>
    public Activation Activation { get; init; }

    /// <summary>
    /// GRU: the reset gate multiplies the state before the recurrent product, which is not PyTorch's form.
    /// </summary>
    public bool ResetBefore { get; init; }

    /// <summary>
    /// <c>[Gates·Units, InputSize]</c>; here and below once for each direction, one after the other. Of a norm layer
    /// its gain, float32 <c>[Units]</c> in every precision.
    /// </summary>
    public required Tensor WeightIh { get; init; }

    /// <summary><c>[Gates·Units, Units]</c>; null but for recurrent layers.</summary>
    public Tensor? WeightHh { get; init; }

    /// <summary>float32 <c>[Gates·Units]</c>; of a norm layer its offset.</summary>
    public required Tensor BiasIh { get; init; }

    /// <summary>float32 <c>[Gates·Units]</c>, or null for zeros.</summary>
    public Tensor? BiasHh { get; init; }

    /// <summary>Quantized: real input = InputScale × integer.</summary>
    public float InputScale { get; init; }

    /// <summary>Quantized: real output = OutputScale × integer.</summary>
    public float OutputScale { get; init; }

    /// <summary>Quantized LSTM: real cell state = integer × 2^-CellFractionBits; 1 to 12.</summary>
    public int CellFractionBits { get; init; }

    /// <summary>Norm: what is added to the variance, in real units squared; 0 for other layers.</summary>
    public float Epsilon { get; init; }

    /// <summary>Gates of the cell: 1, 4 (LSTM) or 3 (GRU).</summary>
    public int Gates => GatesOf(Kind);

    /// <summary>2 for a bidirectional layer, else 1.</summary>
    public int Directions => Direction == Direction.Bidirectional ? 2 : 1;

    /// <summary>Values it gives a step: the units of all directions.</summary>
    public int Outputs => Directions * Units;

    /// <summary>Whether the layer carries a state from step to step.</summary>
    public bool IsRecurrent => Kind is LayerKind.SimpleRnn or LayerKind.Lstm or LayerKind.Gru;

    /// <summary>The forward layer that one direction of this one is, on the same memory.</summary>
    /// <param name="direction">0, or 1 for the reverse cell of a bidirectional layer.</param>
    public RnnLayer OfDirection(int direction) => this with
    {
        Direction = Direction.Forward,
        WeightIh = Part(WeightIh, direction)!,
        WeightHh = Part(WeightHh, direction),
        BiasIh = Part(BiasIh, direction)!,
        BiasHh = Part(BiasHh, direction),
        Variant = Variant is null ? null : Variant with
        {
            Functions = [.. Variant.Functions
                .Skip(direction * Variant.Functions.Count / Directions).Take(Variant.Functions.Count / Directions)],
            Peephole = Part(Variant.Peephole, direction),
            InitialHidden = Part(Variant.InitialHidden, direction),
            InitialCell = Part(Variant.InitialCell, direction),
        },
    };

    // Float tensors only: integers have one direction.
    private Tensor? Part(Tensor? tensor, int direction)
    {
        if (tensor is null || Directions == 1)
            return tensor;
        int bytes = tensor.Data.Length / 2;
        return tensor with { Rows = tensor.Rows / 2, Data = tensor.Data.Slice(direction * bytes, bytes) };
    }

    /// <summary>Gates of a cell of this kind.</summary>
    public static int GatesOf(LayerKind kind) => kind switch { LayerKind.Lstm => 4, LayerKind.Gru => 3, _ => 1 };
}

/// <summary>Where a model comes from.</summary>
/// <param name="DataSet">Name of the data, without a path.</param>
/// <param name="Seed">Seed of weights and shuffling.</param>
/// <param name="ValidationAccuracy">0 to 1; 0 when it was not measured.</param>
/// <param name="TestAccuracy">0 to 1, of this precision; 0 when it was not measured.</param>
/// <param name="ToolVersion">Version of the program that wrote the file.</param>
public sealed record TrainingProvenance(
    string DataSet, ulong Seed, float ValidationAccuracy, float TestAccuracy, string ToolVersion);

/// <summary>
/// A short run with known outcome: channel c of step t reads
/// <c>mean[c] + deviation[c] · Input[(t · channels + c) mod length] / 32</c>.
/// </summary>
/// <param name="Input">1 to 256 numbers.</param>
/// <param name="Steps">1 to 64, from a zero state.</param>
/// <param name="Scores">float32 <c>[labels]</c>, the exact bytes after the last step.</param>
public sealed record SelfTest(ReadOnlyMemory<byte> Input, int Steps, ReadOnlyMemory<byte> Scores)
{
    /// <summary>Writes the readings of step <paramref name="step"/> into <paramref name="readings"/>.</summary>
    public void Readings(RnnModel model, int step, Span<float> readings)
    {
        var input = Input.Span;
        var mean = model.Mean.Floats;
        var deviation = model.Deviation.Floats;
        for (int c = 0; c < readings.Length; c++)
        {
            float normalised = (sbyte)input[(step * readings.Length + c) % input.Length] / 32f;
            readings[c] = MathF.FusedMultiplyAdd(deviation[c], normalised, mean[c]);
        }
    }
}

/// <summary>
/// A trained network with everything the board needs to run it. Immutable; made by the reader, the trainer or the
/// quantizer, which all hold to the limits below.
/// </summary>
public sealed record RnnModel
{
    /// <summary>The format version this program writes, and the newest it reads.</summary>
    public const int CurrentFormatVersion = 4;

    /// <summary>The arithmetic this program computes with: equal numeric versions give equal bits.</summary>
    public const int CurrentNumericVersion = 2;

    /// <summary>Most layers of a model.</summary>
    public const int MaxLayers = 16;

    /// <summary>Most units of a layer.</summary>
    public const int MaxUnits = 4096;

    /// <summary>Most inputs a step.</summary>
    public const int MaxInputs = 4096;

    /// <summary>Most labels.</summary>
    public const int MaxLabels = 1024;

    /// <summary>Most UTF-8 bytes of a label or a channel name.</summary>
    public const int MaxNameBytes = 64;

    /// <summary>Most windows that overlap at any step: Window / Hop, rounded up.</summary>
    public const int MaxOverlap = 64;

    /// <summary>What weights and activations are made of.</summary>
    public required Precision Precision { get; init; }

    /// <summary>
    /// Recurrent layers first, then dense ones, of which the last is the head; norm layers after any but the head.
    /// </summary>
    public required IReadOnlyList<RnnLayer> Layers { get; init; }

    /// <summary>What the head's results mean.</summary>
    public OutputKind OutputKind { get; init; }

    /// <summary>Which steps the dense layers read.</summary>
    public Pooling Pooling { get; init; }

    /// <summary>float32 <c>[Labels.Count]</c> in the user's units; null unless the outputs are values.</summary>
    public Tensor? OutputMean { get; init; }

    /// <summary>float32 <c>[Labels.Count]</c>, positive; null unless the outputs are values.</summary>
    public Tensor? OutputDeviation { get; init; }

    /// <summary>How audio becomes the steps, which then are frames; null where the steps are readings.</summary>
    public FeatureSpec? Features { get; init; }

    /// <summary>Names of the classes, or of the values: one per unit of the head.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>Names of the input channels, or empty.</summary>
    public IReadOnlyList<string> Channels { get; init; } = [];

    /// <summary>float32 <c>[InputSize]</c> in the sensor's units.</summary>
    public required Tensor Mean { get; init; }

    /// <summary>float32 <c>[InputSize]</c>, positive: normalised = (reading - mean) / deviation.</summary>
    public required Tensor Deviation { get; init; }

    /// <summary>Steps a second, 0 when unknown.</summary>
    public float SampleRateHz { get; init; }

    /// <summary>How the model sees a stream.</summary>
    public StreamMode StreamMode { get; init; }

    /// <summary>Steps of a window; 0 in continuous mode.</summary>
    public int Window { get; init; }

    /// <summary>Steps from one window to the next; 0 in continuous mode.</summary>
    public int Hop { get; init; }

    /// <summary>How a stream of scores becomes labels, unless the board says otherwise.</summary>
    public DecisionRules Decision { get; init; } = DecisionRules.None;

    /// <summary>Where the model comes from.</summary>
    public TrainingProvenance? Training { get; init; }

    /// <summary>A short run with known outcome.</summary>
    public SelfTest? SelfTest { get; init; }

    /// <summary>Readings a step.</summary>
    public int InputSize => Layers[0].InputSize;

    /// <summary>Index of the first dense layer: those before it run at each step, and then there is pooling.</summary>
    public int FirstDense => Layers.TakeWhile(layer => layer.Kind != LayerKind.Dense).Count();

    /// <summary>Whether it reads whole sequences only.</summary>
    public bool IsOffline => Layers.Any(layer => layer.Direction != Direction.Forward);

    /// <summary>Why no stream can run through the model, in a sentence with the way out; null if one can.</summary>
    public string? StreamRefusal
    {
        get
        {
            for (int i = 0; i < Layers.Count; i++)
            {
                if (Layers[i].Direction != Direction.Forward)
                    return $"layer {i + 1} is {(Layers[i].Directions == 2 ? "bidirectional" : "reverse")}: it needs " +
                        $"the " +
                        "whole sequence; evaluate it with edgernn evaluate, or train a forward layer to stream it";
            }
            return null;
        }
    }

    /// <summary>The lowest format version that has what the model uses.</summary>
    public int FormatVersion => FormatVersionOf(Layers, OutputKind, Pooling, Decision, Features);

    internal static int FormatVersionOf(
        IEnumerable<RnnLayer> layers, OutputKind kind, Pooling pooling, DecisionRules decision,
            FeatureSpec? features) =>
        layers.Any(layer => layer.Kind == LayerKind.Norm) ? 4 :
        features is not null ? 3 :
        decision.IsMoreThanThreshold || kind != OutputKind.Classes || pooling != Pooling.Last ||
        layers.Any(layer => layer.Direction != Direction.Forward || layer.Variant is not null) ? 2 : 1;

    /// <summary>The CRC-32C of the file it was read from; 0 when it was not read from one.</summary>
    public uint Checksum { get; init; }
}

namespace EdgeRnn;

/// <summary>In which order a recurrent layer reads the steps of a sequence.</summary>
public enum Direction
{
    /// <summary>From the first to the last.</summary>
    Forward = 0,

    /// <summary>From the last to the first.</summary>
    Reverse = 1,

    /// <summary>Two cells, one each way, whose outputs of a step stand one after the other.</summary>
    Bidirectional = 2,
}

/// <summary>The activation functions that ONNX's recurrent operators know.</summary>
public enum FunctionKind
{
    /// <summary>tanh(x)</summary>
    Tanh = 1,

    /// <summary>1 / (1 + e^-x)</summary>
    Sigmoid = 2,

    /// <summary>max(0, x)</summary>
    Relu = 3,

    /// <summary>max(0, min(1, alpha·x + beta))</summary>
    HardSigmoid = 4,

    /// <summary>alpha·x + beta</summary>
    Affine = 5,

    /// <summary>x, below 0 alpha·x</summary>
    LeakyRelu = 6,

    /// <summary>x, below alpha 0</summary>
    ThresholdedRelu = 7,

    /// <summary>alpha·tanh(beta·x)</summary>
    ScaledTanh = 8,

    /// <summary>x, below 0 alpha·(e^x - 1)</summary>
    Elu = 9,

    /// <summary>x / (1 + |x|)</summary>
    Softsign = 10,

    /// <summary>ln(1 + e^x)</summary>
    Softplus = 11,
}

/// <summary>An activation function with its parameters, which are 0 where the kind has none.</summary>
public readonly record struct Function(FunctionKind Kind, float Alpha = 0, float Beta = 0);

/// <summary>
/// A form of a float layer beside those that are trained here, as the ONNX operators RNN, GRU and LSTM define them. A
/// bidirectional layer has everything twice: for the forward cell, then for the reverse one.
/// </summary>
public sealed record CellVariant
{
    /// <summary>Largest magnitude of a function's parameter.</summary>
    public const float MaxParameter = 1e6f;

    /// <summary>
    /// In a direction f for a SimpleRNN; f (r and z), g (n) for a GRU; f (i, f and o), g, h (of the cell state) for an
    /// LSTM; for a dense layer that of its result. Empty for the cell's own.
    /// </summary>
    public IReadOnlyList<Function> Functions { get; init; } = [];

    /// <summary>LSTM: what i, f and o see of the cell state, float32 <c>[3·Units]</c>; or null.</summary>
    public Tensor? Peephole { get; init; }

    /// <summary>Pre-activations are limited to this magnitude; 0 leaves them.</summary>
    public float Clip { get; init; }

    /// <summary>LSTM: f = 1 - i.</summary>
    public bool InputForget { get; init; }

    /// <summary>What the hidden state starts from, float32 <c>[Units]</c>; null for zeros.</summary>
    public Tensor? InitialHidden { get; init; }

    /// <summary>LSTM: what the cell state starts from, float32 <c>[Units]</c>; null for zeros.</summary>
    public Tensor? InitialCell { get; init; }

    /// <summary>Functions of one direction of a layer of this kind.</summary>
    public static int FunctionsOf(LayerKind kind) => kind switch { LayerKind.Lstm => 3, LayerKind.Gru => 2, _ => 1 };
}

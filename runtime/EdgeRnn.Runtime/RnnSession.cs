using System.Buffers.Binary;
using EdgeRnn.Format;
using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// One stream through one model. All memory is reserved when it is made; no step allocates, locks or calls the
/// operating system. Results are equal to the bit on every processor and kernel. Not thread-safe: one session a thread,
/// <see cref="Clone"/> makes another on the same weights.
/// </summary>
public sealed class RnnSession
{
    // CRC-32C of what follows, seeded with the numeric version; checksum of the model.
    private const int StateHeaderBytes = 8;

    // The cells work on raw memory of buffers that they own. A step ends by keeping its session alive, so that the
    // collector cannot take the buffers while the last step of a session that nobody refers to any more still runs.
    private readonly InputStage _input;
    private readonly Cell[] _cells;
    private readonly TimePool? _pool;
    private readonly DenseHead _head;
    private readonly int[] _integerLogits;
    private readonly int _inputSize, _labels;

    /// <summary>Packs the model's weights for a kernel and starts at a zero state.</summary>
    /// <param name="model">A model as the reader, the trainer or the quantizer made it.</param>
    /// <param name="kernel">One of <see cref="Kernels.Kernel.Available"/>, or null for the one that the environment's
    /// <see cref="Kernel.Variable"/> names, or the best.</param>
    /// <exception cref="NotSupportedException">The model reads whole sequences, which <see cref="SequenceRunner"/>
    /// runs.
    /// </exception>
    /// <exception cref="PlatformNotSupportedException">The environment names a kernel that does not run here.
    /// </exception>
    public RnnSession(RnnModel model, Kernel? kernel = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.StreamRefusal is { } refusal)
            throw new NotSupportedException(refusal);
        Model = model;
        Kernel = kernel ?? Kernel.Choose(Environment.GetEnvironmentVariable(Kernel.Variable));
        _input = InputStage.Create(model, Kernel);
        var packing = new Packing(Kernel);
        _cells = [.. model.Layers.SkipLast(1).Select(layer => Cell.Create(layer, model.Precision, packing))];
        StepCells = StepCellsOf(model);
        _pool = NewPool();
        _head = HeadOf(model, packing);
        (_inputSize, _labels) = (model.InputSize, model.Labels.Count);
        _integerLogits = new int[model.Precision == Precision.Float32 ? 0 : _labels];
    }

    private RnnSession(RnnSession other)
    {
        Model = other.Model;
        Kernel = other.Kernel;
        _input = InputStage.Create(Model, Kernel);
        _cells = [.. other._cells.Select(cell => cell.Clone())];
        StepCells = other.StepCells;
        _pool = NewPool();
        _head = other._head.Clone();
        (_inputSize, _labels) = (other._inputSize, other._labels);
        _integerLogits = new int[other._integerLogits.Length];
    }

    /// <summary>The model.</summary>
    public RnnModel Model { get; }

    /// <summary>The kernel that multiplies.</summary>
    public Kernel Kernel { get; }

    /// <summary>Readings (NaN or infinite) that were replaced by their channel's mean so far.</summary>
    public long ReplacedReadings => _input.Replaced;

    /// <summary>The head's logits of the last <see cref="Score"/> in real units, <c>[labels]</c>; of a model that gives
    /// values, these before their mean and deviation.</summary>
    public ReadOnlySpan<float> Logits => _head.Logits;

    /// <summary>The same as integers of 2^-12, <c>[labels]</c>, for quantized models; empty for float ones.</summary>
    public ReadOnlySpan<int> IntegerLogits
    {
        get
        {
            for (int i = 0; i < _integerLogits.Length; i++)
                _integerLogits[i] = (int)(_head.Logits[i] * 4096f);
            return _integerLogits;
        }
    }

    /// <summary>Bytes of a saved state; the same for all sessions of a model.</summary>
    public int StateBytes => StateHeaderBytes + _cells.Sum(cell => cell.StateBytes) + (_pool?.StateBytes ?? 0);

    /// <summary>What the first layer reads.</summary>
    internal Signal Input => _input.Output;

    /// <summary>
    /// Layers that run at each step: those before the first dense one, but for norm layers at their end unless steps
    /// are pooled. These run when scores are asked for, so that they need no place in the state.
    /// </summary>
    internal int StepCells { get; }

    /// <summary>Loads a model file and prepares a session.</summary>
    /// <param name="path">An <c>.ernn</c> file.</param>
    /// <exception cref="InvalidDataException">It is not a model this program reads, or one that no stream can run
    /// through; the message says what was found.</exception>
    /// <exception cref="IOException">The file is not there or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    /// <exception cref="PlatformNotSupportedException">The environment's <see cref="Kernel.Variable"/> names a kernel
    /// that does not run here.</exception>
    public static RnnSession Load(string path)
    {
        if (!ModelReader.TryRead(File.ReadAllBytes(path), out var model, out string? error))
            throw new InvalidDataException($"{path}: {error}");
        if (model.StreamRefusal is { } refusal)
            throw new InvalidDataException($"{path}: {refusal}");
        return new(model);
    }

    /// <summary>
    /// Advances by one step and gives the scores after it. The state is carried on from the steps before, in either
    /// stream mode; <see cref="Reset"/> begins another sequence, and <see cref="StreamClassifier"/> cuts a stream into
    /// windows.
    /// </summary>
    /// <param name="readings"><c>[InputSize]</c> raw readings in the sensor's units, which the model normalises. One
    /// that is NaN or infinite is replaced by its channel's mean and counted in <see cref="ReplacedReadings"/>.</param>
    /// <param name="scores"><c>[labels]</c>, in the order of <see cref="RnnModel.Labels"/>; softmax: each 0 to 1,
    /// together 1; or values in the user's units.</param>
    /// <exception cref="ArgumentException">A length is not the model's.</exception>
    public void Step(ReadOnlySpan<float> readings, Span<float> scores)
    {
        if (scores.Length != _labels)
            ThrowLength(nameof(scores), scores.Length, _labels);
        Advance(readings);
        Score(scores);
    }

    /// <summary>
    /// Advances the recurrent layers by one step, without the head: all that a window's inner steps need.
    /// </summary>
    /// <param name="readings"><c>[InputSize]</c> raw readings in the sensor's units.</param>
    /// <exception cref="ArgumentException">The length is not the model's.</exception>
    public void Advance(ReadOnlySpan<float> readings)
    {
        if (readings.Length != _inputSize)
            ThrowLength(nameof(readings), readings.Length, _inputSize);
        Read(readings);
        var x = Input;
        foreach (var cell in _cells.AsSpan(0, StepCells))
        {
            cell.Step(x);
            x = cell.Hidden;
        }
        Collect();
        GC.KeepAlive(this);
    }

    /// <summary>The scores of the present state, which stays as it is.</summary>
    /// <param name="scores"><c>[labels]</c>, softmax: each 0 to 1, together 1.</param>
    /// <exception cref="ArgumentException">The length is not the model's.</exception>
    public void Score(Span<float> scores)
    {
        if (scores.Length != _labels)
            ThrowLength(nameof(scores), scores.Length, _labels);
        var x = _pool is null ? _cells[StepCells - 1].Hidden : _pool.Result();
        foreach (var cell in _cells.AsSpan(StepCells))
        {
            cell.Step(x);
            x = cell.Hidden;
        }
        _head.Forward(x, scores);
        GC.KeepAlive(this);
    }

    /// <summary>Sets the state to zero, as before the first step; <see cref="ReplacedReadings"/> is kept.</summary>
    public void Reset()
    {
        foreach (var cell in _cells)
            cell.Reset();
        _pool?.Reset();
    }

    /// <summary>
    /// Writes the state into <paramref name="target"/>, so that a program that starts anew, on this processor or
    /// another, can go on where it was.
    /// </summary>
    /// <param name="target">At least <see cref="StateBytes"/> bytes; the rest is left alone.</param>
    /// <exception cref="ArgumentException"><paramref name="target"/> is too short.</exception>
    public void SaveState(Span<byte> target)
    {
        int length = StateBytes;
        if (target.Length < length)
            ThrowLength(nameof(target), target.Length, length);
        int at = StateHeaderBytes;
        foreach (var cell in _cells)
        {
            cell.SaveState(target[at..length]);
            at += cell.StateBytes;
        }
        _pool?.SaveState(target[at..length]);
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], Model.Checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(target, StateChecksum(target[4..length]));
    }

    /// <summary>Takes up a state that <see cref="SaveState"/> wrote for this model.</summary>
    /// <param name="source">What was written.</param>
    /// <returns>False, with the state as it was, when <paramref name="source"/> is cut short, damaged, of another model
    /// or of another numeric version. Models that were not read from a file have no checksum and tell each other's
    /// states apart by their length only.</returns>
    public bool TryRestoreState(ReadOnlySpan<byte> source)
    {
        int length = StateBytes;
        if (source.Length < length ||
            BinaryPrimitives.ReadUInt32LittleEndian(source[4..]) != Model.Checksum ||
            BinaryPrimitives.ReadUInt32LittleEndian(source) != StateChecksum(source[4..length]))
            return false;
        int at = StateHeaderBytes;
        foreach (var cell in _cells)
        {
            cell.RestoreState(source[at..length]);
            at += cell.StateBytes;
        }
        _pool?.RestoreState(source[at..length]);
        return true;
    }

    /// <summary>Another stream, at a zero state, on the same packed weights; it may run on another thread.</summary>
    public RnnSession Clone() => new(this);

    /// <summary>What a layer read in the last step, <c>[its InputSize]</c> in real units; for calibration.</summary>
    /// <param name="layer">Index in <see cref="RnnModel.Layers"/>.</param>
    /// <exception cref="InvalidOperationException">The model is quantized.</exception>
    public ReadOnlySpan<float> InputOf(int layer)
    {
        if (Model.Precision != Precision.Float32)
            throw new InvalidOperationException("Only a float session shows its signals.");
        var signal = layer == 0 ? _input.Output : _cells[layer - 1].Hidden;
        return signal.Values;
    }

    /// <summary>The cell state of an LSTM layer, <c>[units]</c> in real units; empty for other layers.</summary>
    /// <param name="layer">Index in <see cref="RnnModel.Layers"/>, but for the head.</param>
    public ReadOnlySpan<float> CellStateOf(int layer) => _cells[layer].CellState;

    /// <summary>Takes in the readings of a step, without advancing any layer.</summary>
    internal void Read(ReadOnlySpan<float> readings) => _input.Step(readings);

    /// <summary>Takes what the last recurrent layer gave in this step into the pool, where there is one.</summary>
    internal void Collect() => _pool?.Add(_cells[StepCells - 1].Hidden);

    internal Cell CellOf(int layer) => _cells[layer];

    internal static DenseHead HeadOf(RnnModel model, Packing packing) => model.OutputKind == OutputKind.Values
        ? new ValueHead(model, packing)
        : DenseHead.Create(model.Layers[^1], model.Precision, packing);

    private static int StepCellsOf(RnnModel model)
    {
        int count = model.FirstDense;
        while (model.Pooling is not (Pooling.Mean or Pooling.Max) && model.Layers[count - 1].Kind == LayerKind.Norm)
            count--;
        return count;
    }

    private TimePool? NewPool() =>
        TimePool.Create(Model.Pooling, _cells[StepCells - 1].Layer.Units, Model.Precision);

    private static uint StateChecksum(ReadOnlySpan<byte> state) =>
        Crc32C.Compute(state, RnnModel.CurrentNumericVersion);

    private static void ThrowLength(string name, int found, int expected) =>
        throw new ArgumentException($"{name} has {found} values, the model needs {expected}.", name);
}

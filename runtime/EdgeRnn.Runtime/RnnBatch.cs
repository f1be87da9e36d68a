namespace EdgeRnn.Runtime;

/// <summary>
/// Many streams through one model at once. Each gives, to the bit, what a session of its own would; the weights are
/// read once for all of them. All memory is reserved when it is made, and no step allocates. Not thread-safe.
/// </summary>
public sealed class RnnBatch
{
    private readonly RnnSession[] _sessions;
    private readonly CellGroup[] _layers;
    private readonly bool _sharesInput;

    /// <summary>
    /// Prepares <paramref name="streams"/> streams at a zero state on the packed weights of <paramref name="session"/>.
    /// </summary>
    /// <param name="session">A session of the model; it stays a stream of its own.</param>
    /// <param name="streams">At least 1.</param>
    /// <param name="sharesInput">Whether all streams read the same readings, as overlapping windows of one stream
    /// do.</param>
    public RnnBatch(RnnSession session, int streams, bool sharesInput = false)
    {
        ArgumentNullException.ThrowIfNull(session);
        ArgumentOutOfRangeException.ThrowIfLessThan(streams, 1);
        Model = session.Model;
        _sharesInput = sharesInput;
        _sessions = new RnnSession[streams];
        for (int s = 0; s < streams; s++)
            _sessions[s] = session.Clone();
        var inputs = Array.ConvertAll(_sessions, s => (sharesInput ? _sessions[0] : s).Input);
        _layers = new CellGroup[_sessions[0].StepCells];
        for (int i = 0; i < _layers.Length; i++)
        {
            _layers[i] = new(Array.ConvertAll(_sessions, s => s.CellOf(i)), inputs);
            inputs = Array.ConvertAll(_sessions, s => s.CellOf(i).Hidden);
        }
    }

    /// <summary>The model.</summary>
    public RnnModel Model { get; }

    /// <summary>Number of streams.</summary>
    public int Streams => _sessions.Length;

    /// <summary>
    /// Readings (NaN or infinite) that were replaced by their channel's mean so far, over all streams.
    /// </summary>
    public long ReplacedReadings
    {
        get
        {
            long sum = 0;
            foreach (var session in _sessions)
                sum += session.ReplacedReadings;
            return sum;
        }
    }

    /// <summary>Advances every stream by one step and gives the scores after it.</summary>
    /// <param name="readings"><c>[streams, InputSize]</c>, or <c>[InputSize]</c> when the input is shared.</param>
    /// <param name="scores"><c>[streams, labels]</c>; each stream's are a softmax.</param>
    /// <exception cref="ArgumentException">A length is another.</exception>
    public void Step(ReadOnlySpan<float> readings, Span<float> scores)
    {
        int labels = Model.Labels.Count;
        if (scores.Length != _sessions.Length * labels)
        {
            throw new ArgumentException(
                $"scores has {scores.Length} values, {_sessions.Length} × {labels} are needed.", nameof(scores));
        }
        Advance(readings);
        for (int s = 0; s < _sessions.Length; s++)
            _sessions[s].Score(scores.Slice(s * labels, labels));
    }

    /// <summary>Advances every stream by one step, without the heads.</summary>
    /// <param name="readings"><c>[streams, InputSize]</c> raw readings in the sensor's units, or <c>[InputSize]</c>
    /// when the input is shared.</param>
    /// <exception cref="ArgumentException">The length is another.</exception>
    public void Advance(ReadOnlySpan<float> readings)
    {
        int size = Model.InputSize, inputs = _sharesInput ? 1 : _sessions.Length;
        if (readings.Length != inputs * size)
        {
            throw new ArgumentException(
                $"readings has {readings.Length} values, {inputs} × {size} are needed.", nameof(readings));
        }
        for (int s = 0; s < inputs; s++)
            _sessions[s].Read(readings.Slice(s * size, size));
        foreach (var layer in _layers)
            layer.Step();
        foreach (var session in _sessions)
            session.Collect();
        GC.KeepAlive(this);
    }

    /// <summary>The scores of one stream's present state.</summary>
    /// <param name="stream">0 to <see cref="Streams"/> - 1.</param>
    /// <param name="scores"><c>[labels]</c>, softmax: each 0 to 1, together 1.</param>
    /// <exception cref="ArgumentException">The length is not the model's.</exception>
    public void Score(int stream, Span<float> scores) => _sessions[stream].Score(scores);

    /// <summary>Sets the state of one stream to zero.</summary>
    /// <param name="stream">0 to <see cref="Streams"/> - 1.</param>
    public void Reset(int stream) => _sessions[stream].Reset();

    /// <summary>
    /// The same layer of all streams: each product for all of them, then what the equations make of it.
    /// </summary>
    private sealed class CellGroup
    {
        private readonly Cell[] _cells;
        private readonly Signal[] _inputs;
        private readonly Product[][] _products;

        public CellGroup(Cell[] cells, Signal[] inputs)
        {
            (_cells, _inputs) = (cells, inputs);
            var products = cells.Zip(inputs, (cell, x) => cell.ProductsOf(x)).ToArray();
            _products = [.. products[0].Select((_, p) => Array.ConvertAll(products, ofStream => ofStream[p]))];
        }

        public void Step()
        {
            foreach (var streams in _products)
                streams[0].Weights.Multiply(streams);
            for (int s = 0; s < _cells.Length; s++)
                _cells[s].Update(_inputs[s]);
        }
    }
}

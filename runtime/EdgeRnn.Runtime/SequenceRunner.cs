using EdgeRnn.Runtime.Kernels;

namespace EdgeRnn.Runtime;

/// <summary>
/// Whole sequences through any model, also one whose layers read them from the end. A model that can stream gives, to
/// the bit, what an <see cref="RnnSession"/> gives step after step; every model gives equal bits on every processor and
/// kernel. Memory grows with the longest sequence. Not thread-safe: one runner a thread.
/// </summary>
public sealed unsafe class SequenceRunner
{
    private readonly RnnSession? _session;
    private readonly InputStage _input;
    private readonly RecurrentLayer[] _recurrent;
    private readonly Cell[] _dense;
    private readonly DenseHead _head;
    private readonly TimePool? _pool;
    private readonly Signal _last;

    /// <summary>Packs the model's weights for a kernel.</summary>
    /// <param name="model">A model as the reader, the trainer or the quantizer made it.</param>
    /// <param name="kernel">As for <see cref="RnnSession"/>.</param>
    /// <exception cref="PlatformNotSupportedException">The environment names a kernel that does not run
    /// here.</exception>
    public SequenceRunner(RnnModel model, Kernel? kernel = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        Model = model;
        kernel ??= Kernel.Choose(Environment.GetEnvironmentVariable(Kernel.Variable));
        if (!model.IsOffline)
            _session = new(model, kernel);
        var recurrent = model.Layers.Take(model.FirstDense).ToArray();
        _input = InputStage.Create(model, kernel);
        var packing = new Packing(kernel);
        _recurrent = _session is not null ? [] : [.. recurrent.Select(layer => new RecurrentLayer(layer, packing))];
        _dense = _session is not null ? [] :
            [.. model.Layers.Skip(recurrent.Length).SkipLast(1)
                .Select(layer => Cell.Create(layer, model.Precision, packing))];
        _head = RnnSession.HeadOf(model, packing);
        int size = recurrent[^1].Outputs;
        _pool = TimePool.Create(model.Pooling, size, model.Precision);
        _last = new(size, model.Precision);
    }

    /// <summary>The model.</summary>
    public RnnModel Model { get; }

    /// <summary>Readings (NaN or infinite) that were replaced by their channel's mean so far.</summary>
    public long ReplacedReadings => _session?.ReplacedReadings ?? _input.Replaced;

    /// <summary>Outputs of a sequence: one a step if the model's pooling says so, else one.</summary>
    public int OutputsOf(int steps) => Model.Pooling == Pooling.EachStep ? steps : 1;

    /// <summary>Runs a sequence from the state that every sequence begins with.</summary>
    /// <param name="readings"><c>[steps, InputSize]</c> raw readings in the sensor's units, at least one step.</param>
    /// <param name="outputs"><c>[OutputsOf(steps), labels]</c>: scores or values.</param>
    /// <exception cref="ArgumentException">A length is not the model's.</exception>
    public void Run(ReadOnlySpan<float> readings, Span<float> outputs)
    {
        int channels = Model.InputSize, steps = readings.Length / channels, labels = Model.Labels.Count;
        if (steps == 0 || steps * channels != readings.Length)
        {
            throw new ArgumentException(
                $"readings has {readings.Length} values, expected steps × {channels}.", nameof(readings));
        }
        if (outputs.Length != OutputsOf(steps) * labels)
        {
            throw new ArgumentException(
                $"outputs has {outputs.Length} values, expected {OutputsOf(steps)} × {labels}.", nameof(outputs));
        }
        if (_session is not null)
            Stream(_session, readings, steps, outputs);
        else
            RunWhole(readings, steps, outputs);
        GC.KeepAlive(this);
    }

    private void Stream(RnnSession session, ReadOnlySpan<float> readings, int steps, Span<float> outputs)
    {
        int channels = Model.InputSize, labels = Model.Labels.Count;
        session.Reset();
        for (int t = 0; t < steps; t++)
        {
            session.Advance(readings.Slice(t * channels, channels));
            if (Model.Pooling == Pooling.EachStep)
                session.Score(outputs.Slice(t * labels, labels));
        }
        if (Model.Pooling != Pooling.EachStep)
            session.Score(outputs);
    }

    private void RunWhole(ReadOnlySpan<float> readings, int steps, Span<float> outputs)
    {
        int channels = Model.InputSize, labels = Model.Labels.Count;
        var x = new Sequence(channels, steps);
        for (int t = 0; t < steps; t++)
        {
            _input.Step(readings.Slice(t * channels, channels));
            _input.Output.Values.CopyTo(x[t]);
        }
        foreach (var layer in _recurrent)
            x = layer.Run(x);

        if (Model.Pooling == Pooling.EachStep)
        {
            for (int t = 0; t < steps; t++)
                Score(Load(x[t]), outputs.Slice(t * labels, labels));
            return;
        }
        if (_pool is null)
        {
            var last = Array.FindLast(_recurrent, layer => layer.IsRecurrent)!;
            Score(Load(Model.Pooling == Pooling.LastStep ? x[steps - 1] : last.FinalState(x)), outputs);
            return;
        }
        _pool.Reset();
        for (int t = 0; t < steps; t++)
            _pool.Add(Load(x[t]));
        Score(_pool.Result(), outputs);
    }

    private Signal Load(ReadOnlySpan<float> values)
    {
        values.CopyTo(new(_last.Floats, _last.Size));
        return _last;
    }

    private void Score(Signal x, Span<float> scores)
    {
        foreach (var cell in _dense)
        {
            cell.Step(x);
            x = cell.Hidden;
        }
        _head.Forward(x, scores);
    }

    /// <summary>Floats <c>[Steps, size]</c>.</summary>
    private sealed class Sequence(int size, int steps)
    {
        private readonly float[] _values = new float[(long)size * steps];

        public int Size => size;

        public int Steps => steps;

        public Span<float> this[int step] => _values.AsSpan(step * size, size);
    }

    /// <summary>A layer with a cell for each direction.</summary>
    private sealed class RecurrentLayer
    {
        private readonly RnnLayer _layer;
        private readonly Cell[] _cells;
        private readonly Signal _input;

        public RecurrentLayer(RnnLayer layer, Packing packing)
        {
            _layer = layer;
            _cells = [.. Enumerable.Range(0, layer.Directions)
                .Select(direction => Cell.Create(layer.OfDirection(direction), Precision.Float32, packing))];
            _input = new(layer.InputSize, Precision.Float32);
        }

        public bool IsRecurrent => _layer.IsRecurrent;

        public Sequence Run(Sequence x)
        {
            var y = new Sequence(_layer.Outputs, x.Steps);
            for (int direction = 0; direction < _cells.Length; direction++)
            {
                var cell = _cells[direction];
                cell.Reset();
                for (int i = 0; i < x.Steps; i++)
                {
                    int t = IsReverse(direction) ? x.Steps - 1 - i : i;
                    x[t].CopyTo(new(_input.Floats, x.Size));
                    cell.Step(_input);
                    cell.Hidden.Values.CopyTo(y[t][(direction * _layer.Units)..]);
                }
            }
            return y;
        }

        /// <summary>What each direction ended with.</summary>
        /// <param name="y">Outputs of the layer, which norm layers may have changed.</param>
        public float[] FinalState(Sequence y)
        {
            var state = new float[_layer.Outputs];
            for (int direction = 0; direction < _cells.Length; direction++)
            {
                int t = IsReverse(direction) ? 0 : y.Steps - 1;
                y[t].Slice(direction * _layer.Units, _layer.Units).CopyTo(state.AsSpan(direction * _layer.Units));
            }
            return state;
        }

        private bool IsReverse(int direction) => _layer.Direction == Direction.Reverse || direction == 1;
    }
}

using EdgeRnn.Quantization;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer;

/// <summary>Runs a float model over data to see the ranges that its integers must cover.</summary>
public static class Calibration
{
    // Ranges settle long before this; a whole data set would only take longer.
    private const int MaxSequences = 512;
    private const int MaxSamples = 1 << 18;

    /// <summary>Quantizes <paramref name="model"/> for the ranges that <paramref name="data"/> shows.</summary>
    /// <param name="model">A float model.</param>
    /// <param name="data">Data like that of training; up to 512 sequences, spread over it, are run.</param>
    /// <param name="precision"><see cref="Precision.Int8"/> or <see cref="Precision.Int8x16"/>.</param>
    /// <exception cref="UserException">The model is no float model, or the data does not fit it.</exception>
    public static RnnModel Quantize(RnnModel model, SequenceDataset data, Precision precision)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        if (model.Precision != Precision.Float32)
            throw new UserException(
                $"The model is quantized already ({model.Precision}); give the float32 model it was made from.");
        Check(model);
        float[]? outputs = model.OutputKind == OutputKind.Values ? new float[model.Labels.Count] : null;
        var ranges = Measure(model, data, precision, outputs);
        return SelfTests.Attach(Quantizer.Quantize(model, ranges, precision, outputs));
    }

    // Integers run step by step, in the cells that are trained here.
    private static void Check(RnnModel model)
    {
        if (model.StreamRefusal is { } refusal)
            throw new UserException($"The model cannot be quantized for a stream: {refusal}.");
        for (int i = 0; i < model.Layers.Count; i++)
        {
            if (model.Layers[i].Variant is not null)
            {
                throw new UserException(
                    $"The model cannot be quantized: layer {i + 1} is a form of its cell (functions, peephole, clip " +
                        "or initial "
                    + "state) that runs in float32 only; run the float model, or train the plain cell.");
            }
        }
    }

    /// <summary>The ranges that <paramref name="data"/> shows, one a layer.</summary>
    /// <param name="model">A float model.</param>
    /// <param name="data">Data like that of training.</param>
    /// <param name="precision">What it will be quantized to.</param>
    /// <param name="outputs">Receives the largest magnitude of each result of the head; may be null.</param>
    public static IReadOnlyList<LayerRange> Measure(
        RnnModel model, SequenceDataset data, Precision precision, float[]? outputs = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        if (data.Count == 0)
            throw new UserException($"'{data.Name}' holds no sequences to calibrate with.");
        if (data.Channels.Count != model.InputSize)
            throw new UserException(
                $"'{data.Name}' has {data.Channels.Count} channels, but the model reads {model.InputSize}.");

        var session = new RnnSession(model);
        int layers = model.Layers.Count;
        var samples = new Sample[layers];
        for (int i = 0; i < layers; i++)
            samples[i] = new(MaxSamples);
        var cells = new float[layers];
        int stride = Math.Max(1, data.Count / MaxSequences);
        var scores = new float[model.Labels.Count];
        for (int s = 0; s < data.Count; s += stride)
        {
            session.Reset();
            var sequence = data.Sequences[s];
            for (int t = 0; t < sequence.Steps; t++)
            {
                session.Step(sequence.Values.Span.Slice(t * model.InputSize, model.InputSize), scores);
                for (int i = 0; i < layers; i++)
                    samples[i].Add(session.InputOf(i));
                // Before a window's end a network that was not trained for it may give anything.
                bool isOutput = t == sequence.Steps - 1 || model.Pooling == Pooling.EachStep
                    || model.StreamMode == StreamMode.Continuous;
                for (int i = 0; isOutput && i < outputs?.Length; i++)
                    outputs[i] = MathF.Max(outputs[i], MathF.Abs(session.Logits[i]));
                for (int i = 0; i < layers - 1; i++)
                {
                    foreach (float c in session.CellStateOf(i))
                        cells[i] = MathF.Max(cells[i], MathF.Abs(c));
                }
            }
        }

        // A layer's output is what the next one reads; the head's needs no range.
        float largest = precision == Precision.Int8 ? 127f : 32767f;
        float[] inputs = [.. samples.Select(sample => Quantizer.BestRange(sample.Values, largest))];
        return [.. Enumerable.Range(0, layers).Select(
            i => new LayerRange(inputs[i], cells[i], i + 1 < layers ? inputs[i + 1] : 0))];
    }

    /// <summary>
    /// A fair sample of a stream of unknown length (algorithm R of Vitter, 1985), the same each time.
    /// </summary>
    private sealed class Sample(int capacity)
    {
        private readonly float[] _values = new float[capacity];
        private readonly SeededRandom _random = SeededRandom.Stream(0, 0);
        private long _seen;

        public ReadOnlySpan<float> Values => _values.AsSpan(0, (int)Math.Min(_seen, capacity));

        public void Add(ReadOnlySpan<float> values)
        {
            foreach (float value in values)
            {
                long place = _seen < capacity ? _seen : (long)(_random.NextBits() % (ulong)(_seen + 1));
                if (place < capacity)
                    _values[place] = value;
                _seen++;
            }
        }
    }
}

using EdgeRnn.Runtime;
using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Trainer.Report;

/// <summary>Which values the weights of a layer, or its signals on data, have.</summary>
/// <param name="Layer">Index of the layer.</param>
/// <param name="Name"><c>weight_ih</c> …, or <c>input</c>, <c>cell</c>, <c>output</c>.</param>
/// <param name="Low">The smallest.</param>
/// <param name="High">The largest.</param>
/// <param name="Mean">Their mean.</param>
/// <param name="Deviation">Their standard deviation.</param>
/// <param name="Histogram">Parts of all values in equal steps from <paramref name="Low"/> to <paramref
/// name="High"/>.</param>
public sealed record ValueRange(
    int Layer, string Name, double Low, double High, double Mean, double Deviation, IReadOnlyList<double> Histogram)
{
    private const int Bins = 40;
    private const int MostSequences = 64;
    private const int MostValues = 1 << 16;

    /// <summary>Ranges of all weights.</summary>
    public static IReadOnlyList<ValueRange> OfWeights(RnnModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return [.. model.Layers.SelectMany((layer, i) =>
            ModelSummary.Tensors(layer).Select(t => Of(i, t.Name, t.Tensor.Floats)))];
    }

    /// <summary>
    /// Ranges of what each layer reads and remembers, in real units, and of the head's logits, on up to 64 sequences
    /// spread over <paramref name="data"/>.
    /// </summary>
    public static IReadOnlyList<ValueRange> OfSignals(RnnModel model, SequenceDataset data)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        var session = new RnnSession(model);
        int layers = model.Layers.Count;
        List<float>[] inputs = Lists(layers), cells = Lists(layers);
        var logits = new List<float>();
        var scores = new float[model.Labels.Count];
        int stride = (data.Count + MostSequences - 1) / MostSequences;
        // Long recordings are thinned, so that each sequence has its share of the room.
        int widest = Math.Max(model.InputSize, model.Layers.Max(layer => layer.Outputs));
        int stepsOfEach = Math.Max(1, MostValues / widest / Math.Min(data.Count, MostSequences));
        for (int s = 0; s < data.Count; s += stride)
        {
            session.Reset();
            var sequence = data.Sequences[s];
            int every = (sequence.Steps + stepsOfEach - 1) / stepsOfEach;
            for (int t = 0; t < sequence.Steps; t++)
            {
                session.Step(sequence.Values.Span.Slice(t * model.InputSize, model.InputSize), scores);
                if (t % every != 0)
                    continue;
                for (int i = 0; i < layers; i++)
                    inputs[i].AddRange(session.InputOf(i));
                for (int i = 0; i < layers - 1; i++)
                    cells[i].AddRange(session.CellStateOf(i));
            }

            logits.AddRange(session.Logits);
        }

        var ranges = new List<ValueRange>();
        for (int i = 0; i < layers; i++)
        {
            if (i == 0)
                ranges.Add(Of(0, "input", inputs[0].ToArray()));
            if (cells[i].Count > 0)
                ranges.Add(Of(i, "cell", cells[i].ToArray()));
            ranges.Add(i + 1 < layers
                ? Of(i, "output", inputs[i + 1].ToArray())
                : Of(i, "logits at the end", logits.ToArray()));
        }

        return ranges;
    }

    private static List<float>[] Lists(int count) => [.. Enumerable.Range(0, count).Select(_ => new List<float>())];

    private static ValueRange Of(int layer, string name, ReadOnlySpan<float> values)
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity, sum = 0, squares = 0;
        foreach (float value in values)
        {
            low = Math.Min(low, value);
            high = Math.Max(high, value);
            sum += value;
            squares += (double)value * value;
        }

        double mean = sum / values.Length;
        var histogram = new double[Bins];
        foreach (float value in values)
        {
            int bin = high > low ? (int)((value - low) / (high - low) * Bins) : Bins / 2;
            histogram[Math.Min(bin, Bins - 1)] += 1.0 / values.Length;
        }

        double deviation = Math.Sqrt(Math.Max(0, squares / values.Length - mean * mean));
        return new(layer, name, low, high, mean, deviation, histogram);
    }
}

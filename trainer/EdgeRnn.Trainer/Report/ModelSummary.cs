using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Trainer.Report;

/// <summary>What one layer holds and costs.</summary>
/// <param name="Kind"><c>lstm</c>, <c>gru</c>, <c>rnn</c> or <c>dense</c>.</param>
/// <param name="Inputs">Values it reads a step.</param>
/// <param name="Outputs">Values it gives a step.</param>
/// <param name="Parameters">Numbers that were trained.</param>
/// <param name="FloatBytes">Bytes of its tensors as float32.</param>
/// <param name="Int8Bytes">Bytes of its tensors with int8 weights, scales included; null where it cannot have
/// them.</param>
/// <param name="MultiplyAdds">Products of a step.</param>
public sealed record LayerSummary(
    string Kind, int Inputs, int Outputs, long Parameters, long FloatBytes, long? Int8Bytes, long MultiplyAdds);

/// <summary>What a model holds and costs, as float32 and with int8 weights.</summary>
public sealed record ModelSummary
{
    /// <summary>The float model.</summary>
    public required RnnModel Model { get; init; }

    /// <summary>The same with int8 weights; null where it cannot be quantized.</summary>
    public RnnModel? Int8 { get; init; }

    /// <summary>Why there is no int8 model; else empty.</summary>
    public string WhyNoInt8 { get; init; } = "";

    /// <summary>From input to head.</summary>
    public required IReadOnlyList<LayerSummary> Layers { get; init; }

    /// <summary>Bytes of the float model's file.</summary>
    public long FloatBytes { get; init; }

    /// <summary>Bytes of the int8 model's file.</summary>
    public long? Int8Bytes { get; init; }

    /// <summary>Microseconds a step of the float model takes on this machine, at best.</summary>
    public double FloatMicroseconds { get; init; }

    /// <summary>Microseconds a step of the int8 model takes on this machine, at best.</summary>
    public double? Int8Microseconds { get; init; }

    /// <summary>The kernel that was timed.</summary>
    public string Kernel { get; init; } = "";

    /// <summary>Numbers that were trained.</summary>
    public long Parameters => Layers.Sum(layer => layer.Parameters);

    /// <summary>Products of a step.</summary>
    public long MultiplyAdds => Layers.Sum(layer => layer.MultiplyAdds);

    /// <summary>A model as it is, and with int8 weights if it can have them: what <see cref="Of"/> will time.</summary>
    /// <param name="model">A float model.</param>
    /// <param name="data">Calibrates the int8 model.</param>
    public static IReadOnlyList<RnnModel> InAllPrecisions(RnnModel model, SequenceDataset data) =>
        Quantized(model, data) is { } int8 ? [model, int8] : [model];

    /// <summary>A model with int8 weights, or null where it cannot have them.</summary>
    /// <param name="model">A float model.</param>
    /// <param name="data">Calibrates the int8 model.</param>
    public static RnnModel? Quantized(RnnModel model, SequenceDataset data) => Quantize(model, data).Int8;

    /// <summary>Quantizes, measures and times a model.</summary>
    /// <param name="model">A float model.</param>
    /// <param name="train">What it was trained on; calibrates the int8 model.</param>
    public static ModelSummary Of(RnnModel model, SequenceDataset train)
    {
        ArgumentNullException.ThrowIfNull(model);
        var (int8, why) = Quantize(model, train);
        var times = StepTimer.Microseconds(int8 is null ? [model] : [model, int8]);
        return new()
        {
            Model = model,
            Int8 = int8,
            WhyNoInt8 = why,
            Layers = [.. model.Layers.Select((layer, i) => Summarise(layer, int8?.Layers[i]))],
            FloatBytes = ModelWriter.Write(model).Length,
            Int8Bytes = int8 is null ? null : ModelWriter.Write(int8).Length,
            FloatMicroseconds = times[0],
            Int8Microseconds = int8 is null ? null : times[1],
            Kernel = StepTimer.KernelName,
        };
    }

    private static (RnnModel? Int8, string WhyNot) Quantize(RnnModel model, SequenceDataset data)
    {
        if (model.StreamRefusal is { } refusal)
            return (null, refusal);
        try
        {
            return (Calibration.Quantize(model, data, Precision.Int8), "");
        }
        catch (Exception e) when (e is UserException or NotSupportedException)
        {
            return (null, e.Message);
        }
    }

    private static LayerSummary Summarise(RnnLayer layer, RnnLayer? int8)
    {
        string kind = layer.Kind == LayerKind.SimpleRnn ? "rnn" : layer.Kind.ToString().ToLowerInvariant();
        long products = (long)layer.WeightIh.Rows * layer.WeightIh.Columns
            + (layer.WeightHh is { } hidden ? (long)hidden.Rows * hidden.Columns : 0);
        return new(
            layer.Directions == 2 ? $"{kind}, both ways" : kind, layer.InputSize, layer.Outputs,
            Tensors(layer).Sum(t => (long)t.Tensor.Rows * t.Tensor.Columns) - Untrained(layer),
            Bytes(layer), int8 is null ? null : Bytes(int8), products);
    }

    // A GRU's bias_hh is 0 for r and z, where training has bias_ih alone.
    private static long Untrained(RnnLayer layer)
    {
        int gates = 3 * layer.Units, fixedRows = 2 * layer.Units;
        return layer is { Kind: LayerKind.Gru, BiasHh: { } bias }
            && !bias.Floats.ToArray().Where((x, i) => i % gates < fixedRows && x != 0).Any()
                ? fixedRows * layer.Directions
                : 0;
    }

    private static long Bytes(RnnLayer layer) =>
        Tensors(layer).Sum(t => (long)t.Tensor.Data.Length + t.Tensor.ScaleData.Length);

    /// <summary>The tensors of a layer that are there.</summary>
    internal static IEnumerable<(string Name, Tensor Tensor)> Tensors(RnnLayer layer)
    {
        yield return ("weight_ih", layer.WeightIh);
        if (layer.WeightHh is { } hidden)
            yield return ("weight_hh", hidden);
        yield return ("bias_ih", layer.BiasIh);
        if (layer.BiasHh is { } bias)
            yield return ("bias_hh", bias);
    }
}

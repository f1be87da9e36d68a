namespace EdgeRnn.Quantization;

/// <summary>What calibration saw at one layer of a float session, in real units.</summary>
/// <param name="Input">The magnitude that the largest integer of the first layer's input stands for.</param>
/// <param name="Cell">The largest |c| of an LSTM; 0 for other layers.</param>
/// <param name="Output">The magnitude that the largest integer of the output stands for; not read where tanh bounds
/// it.</param>
public readonly record struct LayerRange(float Input, float Cell, float Output);

/// <summary>Float models to integer models: ranges to scales, weights to int8 with one scale per row.</summary>
public static class Quantizer
{
    // Cell states of data that calibration did not see may be somewhat larger before they saturate.
    private const float CellHeadroom = 1.25f;

    // A head's integers are 2^-12 up to 1,023: values that stay below this have 15 bits and room to grow.
    private const float LargestValue = 8f;

    /// <summary>Quantizes <paramref name="model"/>.</summary>
    /// <param name="model">A float model.</param>
    /// <param name="ranges">One a layer.</param>
    /// <param name="precision"><see cref="Precision.Int8"/> or <see cref="Precision.Int8x16"/>.</param>
    /// <param name="outputs">Of a model that gives values, the largest magnitude of each result of its head; or
    /// null.</param>
    /// <returns>The integer model, without a self-test: its scores are other than the float model's.</returns>
    public static RnnModel Quantize(
        RnnModel model, IReadOnlyList<LayerRange> ranges, Precision precision, float[]? outputs = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(ranges);
        if (model.Precision != Precision.Float32 || precision == Precision.Float32)
            throw new ArgumentException($"A {model.Precision} model cannot be quantized to {precision}.");
        if (ranges.Count != model.Layers.Count)
            throw new ArgumentException(
                $"{ranges.Count} ranges do not fit {model.Layers.Count} layers.", nameof(ranges));

        if (model.OutputKind == OutputKind.Values && outputs is not null)
            model = WithValueScale(model, outputs);
        float largest = precision == Precision.Int8 ? 127f : 32767f;
        float inputScale = Scale(ranges[0].Input, largest);
        var layers = new RnnLayer[model.Layers.Count];
        for (int i = 0; i < layers.Length; i++)
        {
            var layer = model.Layers[i];
            bool isHead = i == layers.Length - 1;
            bool bounded = layer.IsRecurrent && layer.Activation == Activation.Default;
            float bound = precision == Precision.Int8 ? FixedPoint.Int8HiddenScale : FixedPoint.Int16HiddenScale;
            bool folds = layer.BiasHh is not null && (layer.Kind != LayerKind.Gru || layer.ResetBefore);
            layers[i] = layer with
            {
                WeightIh = layer.Kind == LayerKind.Norm ? layer.WeightIh : QuantizeRows(layer.WeightIh),
                WeightHh = layer.WeightHh is null ? null : QuantizeRows(layer.WeightHh),
                BiasIh = folds ? Sum(layer.BiasIh, layer.BiasHh!) : layer.BiasIh,
                BiasHh = folds ? null : layer.BiasHh,
                InputScale = inputScale,
                OutputScale = isHead ? FixedPoint.LogitScale : bounded ? bound : Scale(ranges[i].Output, largest),
                CellFractionBits = layer.Kind == LayerKind.Lstm ? CellFractionBits(ranges[i].Cell) : 0,
            };
            inputScale = layers[i].OutputScale;
        }
        return model with { Precision = precision, Layers = layers, SelfTest = null, Checksum = 0 };
    }

    /// <summary>
    /// The magnitude that the largest integer should stand for, so that rounding and saturating <paramref
    /// name="values"/> loses least in the mean square: rare outliers saturate where that makes all others finer.
    /// </summary>
    /// <param name="values">A sample of real values.</param>
    /// <param name="largest">127 or 32767.</param>
    public static float BestRange(ReadOnlySpan<float> values, float largest)
    {
        float maximum = 0;
        foreach (float value in values)
            maximum = MathF.Max(maximum, MathF.Abs(value));
        float best = maximum;
        double leastError = double.MaxValue;
        for (int percent = 100; percent >= 20; percent -= 2)
        {
            float range = maximum * percent / 100f;
            double error = SquaredError(values, Scale(range, largest), largest);
            if (error < leastError)
                (leastError, best) = (error, range);
        }
        return best;
    }

    // The head of values with each of its results scaled by a power of two, so that the largest lies between 4 and 8,
    // and its deviation by the inverse: the float model's values stay the same to the bit.
    private static RnnModel WithValueScale(RnnModel model, float[] largest)
    {
        var head = model.Layers[^1];
        float[] weights = head.WeightIh.Floats.ToArray(), bias = head.BiasIh.Floats.ToArray();
        float[] deviation = model.OutputDeviation!.Floats.ToArray();
        for (int i = 0; i < deviation.Length; i++)
        {
            int shift = 0;
            for (float value = MathF.Max(largest[i], 1e-6f); value <= LargestValue / 2; value *= 2)
                shift++;
            for (float value = largest[i]; value > LargestValue; value /= 2)
                shift--;
            float factor = MathF.ScaleB(1f, shift);
            foreach (ref float weight in weights.AsSpan(i * head.InputSize, head.InputSize))
                weight *= factor;
            bias[i] *= factor;
            deviation[i] /= factor;
        }
        return model with
        {
            OutputDeviation = Tensor.FromFloats(deviation.Length, 1, deviation),
            Layers =
            [
                .. model.Layers.Take(model.Layers.Count - 1),
                head with
                {
                    WeightIh = Tensor.FromFloats(head.Units, head.InputSize, weights),
                    BiasIh = Tensor.FromFloats(head.Units, 1, bias),
                },
            ],
        };
    }

    /// <summary>
    /// int8 rows, each with the scale between 80 % and 100 % of its largest weight / 127 that loses least.
    /// </summary>
    private static Tensor QuantizeRows(Tensor weights)
    {
        var values = new sbyte[weights.Rows * weights.Columns];
        var scales = new float[weights.Rows];
        for (int r = 0; r < weights.Rows; r++)
        {
            var row = weights.Floats.Slice(r * weights.Columns, weights.Columns);
            scales[r] = RowScale(row);
            for (int c = 0; c < row.Length; c++)
                values[r * weights.Columns + c] = (sbyte)FixedPoint.ToInteger(row[c], 1f / scales[r], 127f);
        }
        return Tensor.FromInt8s(weights.Rows, weights.Columns, values, scales);
    }

    private static float RowScale(ReadOnlySpan<float> row)
    {
        float maximum = 0;
        foreach (float value in row)
            maximum = MathF.Max(maximum, MathF.Abs(value));
        float best = Scale(maximum, 127f);
        double leastError = double.MaxValue;
        for (int percent = 100; percent >= 80; percent -= 2)
        {
            float scale = Scale(maximum * percent / 100f, 127f);
            double error = SquaredError(row, scale, 127f);
            if (error < leastError)
                (leastError, best) = (error, scale);
        }
        return best;
    }

    private static double SquaredError(ReadOnlySpan<float> values, float scale, float largest)
    {
        double sum = 0;
        float inverse = 1f / scale;
        foreach (float value in values)
        {
            double error = value - scale * FixedPoint.ToInteger(value, inverse, largest);
            sum += error * error;
        }
        return sum;
    }

    // What is always zero still needs a scale that can be written.
    private static float Scale(float range, float largest) => MathF.Max(range, 1e-6f) / largest;

    private static int CellFractionBits(float largestCell)
    {
        int bits = FixedPoint.MostCellFractionBits;
        while (bits > 1 && largestCell * CellHeadroom > MathF.ScaleB(32767f, -bits))
            bits--;
        return bits;
    }

    private static Tensor Sum(Tensor a, Tensor b)
    {
        var sum = new float[a.Rows];
        for (int i = 0; i < sum.Length; i++)
            sum[i] = a.Floats[i] + b.Floats[i];
        return Tensor.FromFloats(a.Rows, 1, sum);
    }
}

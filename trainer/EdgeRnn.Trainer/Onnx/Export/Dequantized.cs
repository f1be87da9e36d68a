namespace EdgeRnn.Onnx;

/// <summary>The float network that a quantized model's integers stand for.</summary>
internal static class Dequantized
{
    /// <summary>A float model is itself.</summary>
    public static RnnModel Of(RnnModel model) => model.Precision == Precision.Float32 ? model : model with
    {
        Precision = Precision.Float32,
        Layers = [.. model.Layers.Select(Of)],
        // Its scores are the integers'.
        SelfTest = null,
    };

    /// <summary>A layer whose weights are real numbers.</summary>
    public static RnnLayer Of(RnnLayer layer) => layer with
    {
        WeightIh = Of(layer.WeightIh),
        WeightHh = layer.WeightHh is null ? null : Of(layer.WeightHh),
        InputScale = 0,
        OutputScale = 0,
        CellFractionBits = 0,
    };

    private static Tensor Of(Tensor tensor)
    {
        if (tensor.Type == TensorType.Float32)
            return tensor;
        float[] real = new float[tensor.Rows * tensor.Columns];
        for (int i = 0; i < real.Length; i++)
            real[i] = tensor.Int8s[i] * tensor.Scales[i / tensor.Columns];
        return Tensor.FromFloats(tensor.Rows, tensor.Columns, real);
    }
}

namespace EdgeRnn.Cli.Onnx;

/// <summary>A model in words.</summary>
internal static class ModelTree
{
    /// <summary>A layer as <c>--net</c> writes it.</summary>
    public static string NameOf(RnnLayer layer)
    {
        string kind = layer.Kind == LayerKind.SimpleRnn ? "rnn" : SharedOptions.NameOf(layer.Kind);
        string direction = layer.Direction switch
        {
            Direction.Bidirectional => ":bi",
            Direction.Reverse => ":reverse",
            _ => "",
        };
        string form = (layer.Activation == Activation.Relu ? ":relu" : "") + (layer.ResetBefore ? ":reset-before" : "");
        return $"{kind}:{layer.Units}{form}{direction}";
    }
}

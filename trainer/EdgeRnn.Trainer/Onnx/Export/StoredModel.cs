using System.Runtime.InteropServices;
using EdgeRnn.Onnx.Import;
using EdgeRnn.Onnx.Proto;
using EdgeRnn.Trainer;
using Google.Protobuf;
using Ernn = EdgeRnn.Format.Proto;

namespace EdgeRnn.Onnx;

/// <summary>
/// A whole model within an ONNX file: in the metadata its message as <c>edgernn.proto</c> has it, but for the weights'
/// elements, which are constants of the graph.
/// </summary>
internal static class StoredModel
{
    /// <summary>Key of the metadata.</summary>
    public const string Key = "edgernn.model";

    /// <summary>The message without matrices, in base 64.</summary>
    public static string Write(RnnModel model)
    {
        var message = ModelWriter.ToMessage(model);
        foreach (var layer in message.Layers.Where(layer => layer.Kind != Ernn.LayerKind.Norm))
        {
            layer.WeightIh.Data = ByteString.Empty;
            layer.WeightHh?.Data = ByteString.Empty;
        }
        return message.ToByteString().ToBase64();
    }

    /// <summary>
    /// The model of a file that <see cref="OnnxExport"/> wrote. What is found is exported again: only where that gives
    /// the same graph was nothing changed, neither here nor there.
    /// </summary>
    /// <returns>Null where the file holds none, or one that its graph does not compute.</returns>
    public static (RnnModel Model, bool IsStateful)? Read(ModelProto file)
    {
        var entries = file.MetadataProps.Where(entry => entry.Key == Key).ToArray();
        if (entries.Length != 1)
            return null;
        try
        {
            byte[] bytes = Convert.FromBase64String(entries[0].Value);
            OnnxFile.Check(bytes, Ernn.Model.Descriptor);
            var message = Ernn.Model.Parser.ParseFrom(bytes);
            var constants = file.Graph.Initializer.ToDictionary(tensor => tensor.Name);
            for (int n = 0; n < message.Layers.Count; n++)
                Fill(message.Layers[n], n, constants);
            var model = ModelWriter.ToModel(message);
            bool isStateful = file.Graph.Input.Count > 1;
            return OnnxExport.ToModel(model, isStateful).Graph.Equals(file.Graph) ? (model, isStateful) : null;
        }
        catch (Exception e) when (
            e is UserException or FormatException or InvalidProtocolBufferException or ArgumentException or KeyNotFoundException)
        {
            return null;
        }
    }

    private static void Fill(Ernn.Layer layer, int n, Dictionary<string, TensorProto> constants)
    {
        if (layer.Units is < 1 or > RnnModel.MaxUnits || layer.InputSize is < 1 or > RnnModel.MaxInputs
            || layer.WeightIh is null)
            throw new FormatException();
        var kind = (LayerKind)layer.Kind;
        int units = (int)layer.Units, inputs = (int)layer.InputSize;
        if (kind == LayerKind.Norm)
            return;
        if (kind == LayerKind.Dense)
        {
            Set(layer.WeightIh, LayerNodes.Transposed(Elements("W", inputs, units), inputs, units));
            return;
        }
        int[] order = GateOrder.Rows(kind, layer.Direction == Ernn.Direction.Bidirectional ? 2 : 1, units);
        Set(layer.WeightIh, GateOrder.FromOnnx(Elements("W", order.Length, inputs), order));
        Set(layer.WeightHh, GateOrder.FromOnnx(Elements("R", order.Length, units), order));

        ReadOnlySpan<float> Elements(string name, int rows, int columns)
        {
            var elements = MemoryMarshal.Cast<byte, float>(constants[LayerNodes.Name(n, name)].RawData.Span);
            return elements.Length == (long)rows * columns ? elements : throw new FormatException();
        }
    }

    // An integer times its scale is off by half a bit, so that dividing and rounding finds it.
    private static void Set(Ernn.Tensor? tensor, float[] elements)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Type != Ernn.Tensor.Types.Type.Int8)
        {
            tensor.Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(elements));
            return;
        }
        var scales = MemoryMarshal.Cast<byte, float>(tensor.Scales.Span);
        int columns = elements.Length / Math.Max(1, scales.Length);
        byte[] integers = new byte[elements.Length];
        for (int i = 0; i < scales.Length * columns; i++)
            integers[i] = (byte)(sbyte)Math.Clamp(MathF.Round(elements[i] / scales[i / columns]), -127, 127);
        tensor.Data = UnsafeByteOperations.UnsafeWrap(integers);
    }
}

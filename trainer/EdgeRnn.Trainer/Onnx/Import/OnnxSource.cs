using EdgeRnn.Onnx.Proto;
using EdgeRnn.Trainer;

namespace EdgeRnn.Onnx.Import;

/// <summary>A graph with what the whole file says about it.</summary>
internal sealed class OnnxSource
{
    private readonly Dictionary<string, TensorProto> _tensors = [];
    private readonly Dictionary<string, Value> _constants = [];

    /// <summary>Checks what no node can answer for.</summary>
    public OnnxSource(ModelProto model)
    {
        Graph = model.Graph ?? throw new UserException("it has no graph: it is no ONNX model, or cut short");
        Opset = OpsetOf(model);
        if (model.Functions.Count > 0)
            throw new UserException("it defines functions of its own, which are not read; export it without");
        if (Graph.SparseInitializer.Count > 0)
            throw new UserException("it has sparse tensors, which are not read; export them dense");
        foreach (var tensor in Graph.Initializer)
        {
            if (tensor.DataLocation != 0 || tensor.ExternalData.Count > 0)
                throw Constants.OutsideOf(tensor);
            if (!_tensors.TryAdd(tensor.Name, tensor))
                throw new UserException($"tensor '{tensor.Name}' is there twice");
        }
        ValueInfoProto[] inputs = [.. Graph.Input.Where(input => !_tensors.ContainsKey(input.Name))];
        if (inputs.Length == 0 || Graph.Output.Count == 0)
            throw new UserException(
                $"it has {inputs.Length} inputs and {Graph.Output.Count} outputs, expected one of each");
        (Input, InputShape) = (inputs[0].Name, ShapeOf(inputs[0]));
        Starts = [.. inputs.Skip(1).Select(Start)];
        Output = Graph.Output[0].Name;
        if (Graph.Output.Count > 1)
            Notes.Add($"of {Graph.Output.Count} outputs '{Output}' is imported, the first");
        if (Starts.Count > 0)
            Notes.Add($"sequences start from zeros for {string.Join(", ", Starts.Select(start => $"'{start.Name}'"))}");
    }

    public GraphProto Graph { get; }

    public long Opset { get; }

    public string Input { get; }

    /// <summary>Sizes of the input's axes, 0 where they are free.</summary>
    public IReadOnlyList<int> InputShape { get; }

    /// <summary>Other inputs: states to start from.</summary>
    public IReadOnlyList<OnnxStart> Starts { get; }

    public string Output { get; }

    /// <summary>What the user should know, each a sentence.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>Whether the number of steps is fixed, for the axes that were found.</summary>
    public bool HasSteps { get; private set; }

    /// <summary>A constant of the graph.</summary>
    public Value? Constant(string name)
    {
        if (!_constants.TryGetValue(name, out var value) && _tensors.TryGetValue(name, out var tensor))
            _constants[name] = value = Constants.Of(tensor);
        return value;
    }

    /// <summary>Size of an axis of the input; 0 if it is free, 1 if it is not there.</summary>
    /// <exception cref="UserException">A single element has another size.</exception>
    public int SizeOf(string axes, char axis)
    {
        for (int i = 0; i < axes.Length; i++)
        {
            if (axes[i] == '1' && InputShape[i] > 1)
                throw new UserException(
                    $"input '{Input}' has {axes.Length} axes, expected sequences, steps and channels");
        }
        int size = axes.Contains(axis) ? InputShape[axes.IndexOf(axis)] : 1;
        if (axis == 't')
            HasSteps = size > 0;
        return size;
    }

    private static long OpsetOf(ModelProto model)
    {
        OperatorSetIdProto[] sets = [.. model.OpsetImport.Where(set => set.Domain is "" or "ai.onnx")];
        if (sets.Length != 1)
            throw new UserException($"it names {sets.Length} versions of the standard operators, expected 1");
        return sets[0].Version >= OnnxImport.OldestOpset
            ? sets[0].Version
            : throw new UserException(
                $"its operators are of version {sets[0].Version}, expected {OnnxImport.OldestOpset} or newer; "
                + "export it with a newer opset_version");
    }

    private static OnnxStart Start(ValueInfoProto input)
    {
        int[] shape = Array.ConvertAll(ShapeOf(input), size => Math.Max(1, size));
        return new(input.Name, shape, new float[Value.CountOf(shape)]);
    }

    private static int[] ShapeOf(ValueInfoProto value)
    {
        if (value.Type?.TensorType is not { } tensor || tensor.ElemType is not ((int)TensorProto.Types.DataType.Float))
            throw new UserException(
                $"input '{value.Name}' is no tensor of element type 1 (float); export the network in single precision");
        return [.. (tensor.Shape?.Dim ?? []).Select(dim => dim.HasDimValue ? Constants.Size(dim.DimValue) : 0)];
    }
}

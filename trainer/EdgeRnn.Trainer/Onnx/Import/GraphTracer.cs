using EdgeRnn.Onnx.Proto;
using EdgeRnn.Trainer;

namespace EdgeRnn.Onnx.Import;

/// <summary>
/// Follows a graph from one of its outputs to its input and computes every node that lies between: constants and shapes
/// with numbers, signals with names. What moves signals about needs no pattern this way: an operator that computes
/// finds by the names which steps and units it reads, and adds a <see cref="Stage"/>.
/// </summary>
internal sealed class GraphTracer
{
    // Elements of all results together, in names of four bytes: 256 MB.
    private const int MostElements = 1 << 26;

    private readonly Dictionary<string, NodeProto> _producers = [];
    private readonly Dictionary<string, Value> _values = [];
    private readonly OnnxSource _source;
    private long _elements;

    public GraphTracer(OnnxSource source)
    {
        _source = source;
        foreach (var node in source.Graph.Node)
        {
            foreach (string output in node.Output)
            {
                if (output.Length > 0 && !_producers.TryAdd(output, node))
                    throw new UserException($"two nodes give '{output}', expected one");
            }
        }
    }

    public Stages Stages { get; } = new();

    /// <summary>Nodes that were computed so far.</summary>
    public int Computed { get; private set; }

    /// <summary>Sets what a name of the graph stands for.</summary>
    public void Set(string name, Value value) => _values[name] = value;

    /// <summary>The value of a name, after all nodes it needs were computed.</summary>
    public Value Trace(string name)
    {
        // Depth first with a stack of its own: a chain of nodes may be longer than the stack of a thread. Each node is
        // there with how many of its inputs have values, so that none is looked at twice.
        var open = new Stack<(NodeProto Node, int Known)>();
        var isOpen = new HashSet<NodeProto>(ReferenceEqualityComparer.Instance);
        Require(name, null);
        while (open.TryPop(out var top))
        {
            var (node, known) = top;
            while (known < node.Input.Count
                && (node.Input[known].Length == 0 || _values.ContainsKey(node.Input[known])))
                known++;
            if (known < node.Input.Count)
            {
                open.Push((node, known));
                Require(node.Input[known], node);
                continue;
            }
            Compute(node);
            isOpen.Remove(node);
        }
        return _values[name];

        void Require(string wanted, NodeProto? reader)
        {
            if (_values.ContainsKey(wanted))
                return;
            if (_source.Constant(wanted) is { } constant)
            {
                _values[wanted] = constant;
                return;
            }
            if (!_producers.TryGetValue(wanted, out var producer))
                throw Refuse(reader, $"nothing gives its input '{wanted}'");
            if (!isOpen.Add(producer))
                throw Refuse(producer, "it reads its own result: the graph has a cycle");
            open.Push((producer, 0));
        }
    }

    private void Compute(NodeProto node)
    {
        try
        {
            if (node.Domain is not ("" or "ai.onnx"))
                throw new UserException($"operators of the domain {node.Domain} are unknown");
            var results = Operators.Compute(new(
                node, _source.Opset, Stages, [.. node.Input.Select(name => name.Length > 0 ? _values[name] : null)]));
            for (int i = 0; i < node.Output.Count; i++)
            {
                if (node.Output[i].Length == 0)
                    continue;
                if (i >= results.Count)
                    throw new UserException($"its output {i + 1} is not supported");
                if ((_elements += results[i].Count) > MostElements)
                    throw new UserException($"the results of all nodes have more than {MostElements} elements");
                _values[node.Output[i]] = results[i];
            }
            Computed++;
        }
        catch (UserException e)
        {
            throw Refuse(node, e.Message);
        }
    }

    private static UserException Refuse(NodeProto? node, string reason) => new(node is null
        ? reason
        : $"node '{(node.Name.Length > 0 ? node.Name : node.Output.FirstOrDefault() ?? "")}' ({node.OpType}): " +
            $"{reason}");
}

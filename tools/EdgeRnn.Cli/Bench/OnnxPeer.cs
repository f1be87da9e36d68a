using Microsoft.ML.OnnxRuntime;

namespace EdgeRnn.Cli.Bench;

/// <summary>
/// ONNX Runtime at its fastest for a stream: one thread, every buffer bound once, the state passed on by swapping two
/// bindings instead of copying it.
/// </summary>
public sealed class OnnxPeer : Contestant, IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly OrtIoBinding[] _bindings = new OrtIoBinding[2];
    private readonly List<OrtValue> _values = [];
    private readonly float[] _readings;
    private readonly float[] _x;
    private int _step;

    /// <summary>Loads a graph as <see cref="EdgeRnn.Onnx.OnnxStep"/> writes it.</summary>
    /// <param name="graph">The file's bytes.</param>
    /// <param name="readings"><c>[steps, inputs]</c>, taken round and round.</param>
    public OnnxPeer(byte[] graph, float[] readings)
    {
        using var options = new SessionOptions
        {
            IntraOpNumThreads = 1,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        _session = new(graph, options);
        _readings = readings;
        _x = new float[Length(_session.InputMetadata["x"])];
        Scores = new float[Length(_session.OutputMetadata["scores"])];
        var x = Value(_x, _session.InputMetadata["x"]);
        var scores = Value(Scores, _session.OutputMetadata["scores"]);
        for (int i = 0; i < 2; i++)
        {
            _bindings[i] = _session.CreateIoBinding();
            _bindings[i].BindInput("x", x);
            _bindings[i].BindOutput("scores", scores);
        }

        // Binding 0 reads state a and writes state b; binding 1 the other way round.
        foreach (var (input, metadata) in _session.InputMetadata.Where(entry => entry.Key != "x"))
        {
            string output = input.Replace("_in", "_out", StringComparison.Ordinal);
            OrtValue a = Value(new float[Length(metadata)], metadata), b = Value(new float[Length(metadata)], metadata);
            _bindings[0].BindInput(input, a);
            _bindings[0].BindOutput(output, b);
            _bindings[1].BindInput(input, b);
            _bindings[1].BindOutput(output, a);
        }
    }

    /// <summary>Its version.</summary>
    public static string Version => OrtEnv.Instance().GetVersionString();

    /// <summary>The scores of the last step.</summary>
    public float[] Scores { get; }

    /// <inheritdoc/>
    public override void Step()
    {
        _readings.AsSpan(_step * _x.Length, _x.Length).CopyTo(_x);
        _session.RunWithBinding(_options, _bindings[_step & 1]);
        _step = (_step + 1) * _x.Length == _readings.Length ? 0 : _step + 1;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var binding in _bindings)
            binding.Dispose();
        foreach (var value in _values)
            value.Dispose();
        _options.Dispose();
        _session.Dispose();
    }

    private static int Length(NodeMetadata metadata) => metadata.Dimensions.Aggregate(1, (a, b) => a * b);

    private OrtValue Value(float[] memory, NodeMetadata metadata)
    {
        var value = OrtValue.CreateTensorValueFromMemory(memory, [.. metadata.Dimensions.Select(size => (long)size)]);
        _values.Add(value);
        return value;
    }
}

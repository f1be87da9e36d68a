using EdgeRnn.Onnx;
using EdgeRnn.Trainer;
using Microsoft.ML.OnnxRuntime;

namespace EdgeRnn.Cli.Onnx;

/// <summary>ONNX Runtime, which computes what an imported graph computes, one sequence at a time.</summary>
internal sealed class OnnxReference : IDisposable
{
    private readonly InferenceSession _session;
    private readonly RunOptions _options = new();
    private readonly ImportedNetwork _network;

    /// <summary>Loads a graph.</summary>
    /// <exception cref="UserException">ONNX Runtime refuses it.</exception>
    public OnnxReference(byte[] file, ImportedNetwork network)
    {
        _network = network;
        using var options = new SessionOptions
        {
            IntraOpNumThreads = 1,
            InterOpNumThreads = 1,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        };
        try
        {
            _session = new(file, options);
        }
        catch (OnnxRuntimeException e)
        {
            throw Refused(e);
        }
    }

    /// <summary>The output for one sequence.</summary>
    /// <param name="readings"><c>[steps, channels]</c>, so many steps as the graph takes.</param>
    /// <returns><c>[outputs, units]</c>, an output a step or one.</returns>
    public float[] Run(ReadOnlySpan<float> readings)
    {
        int steps = readings.Length / _network.Channels, batch = _network.Batch;
        // Where the graph takes many sequences at once, all are this one.
        float[] input = new float[readings.Length * batch];
        bool isStepMajor = _network.Axes.IndexOf('t') < _network.Axes.IndexOf('b');
        int block = isStepMajor ? _network.Channels : readings.Length;
        for (int i = 0; i < readings.Length / block; i++)
        {
            for (int b = 0; b < batch; b++)
                readings.Slice(i * block, block).CopyTo(input.AsSpan((i * batch + b) * block));
        }
        long[] shape = [.. _network.Axes.Select(
            axis => axis switch { 'b' => batch, 't' => steps, 'c' => (long)_network.Channels, _ => 1 })];
        var values = new List<OrtValue> { OrtValue.CreateTensorValueFromMemory(input, shape) };
        foreach (var start in _network.Starts)
            values.Add(OrtValue.CreateTensorValueFromMemory(start.Values, [.. start.Shape.Select(size => (long)size)]));
        try
        {
            string[] names = [_network.Input, .. _network.Starts.Select(start => start.Name)];
            using var results = _session.Run(_options, names, values, [_network.Output]);
            var all = results[0].GetTensorDataAsSpan<float>();
            return First(all, _network.Model.Labels.Count, batch, _network.IsStepMajor);
        }
        catch (OnnxRuntimeException e)
        {
            throw Refused(e);
        }
        finally
        {
            foreach (var value in values)
                value.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _options.Dispose();
        _session.Dispose();
    }

    // The outputs of the first sequence.
    private static float[] First(ReadOnlySpan<float> all, int units, int batch, bool isStepMajor)
    {
        float[] first = new float[all.Length / batch];
        for (int i = 0; i < first.Length; i++)
            first[i] = all[isStepMajor ? i / units * batch * units + i % units : i];
        return first;
    }

    private static UserException Refused(OnnxRuntimeException e) => new(
        $"ONNX Runtime cannot run the graph ({e.Message.Split('\n')[0].Trim()}); import with --no-verify to do " +
            "without its judgement.", e);
}

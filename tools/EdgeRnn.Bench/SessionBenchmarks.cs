using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using EdgeRnn.Cli.Bench;
using EdgeRnn.Onnx;

namespace EdgeRnn.Bench;

/// <summary>A step of each of the suite's models, in each precision, beside ONNX Runtime's float session.</summary>
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByParams)]
public class SessionBenchmarks
{
    private OnnxPeer? _peer;
    private Contestant? _float32, _int8, _int8x16;

    /// <summary>A to F.</summary>
    [ParamsSource(nameof(Models))]
    public string Model { get; set; } = "A";

    /// <summary>The suite's models.</summary>
    public static IEnumerable<string> Models => SuiteModel.All.Select(model => model.Name);

    /// <summary>Makes the sessions.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var suite = SuiteModel.All.Single(model => model.Name == Model);
        float[] readings = suite.Readings();
        var model = suite.Create(Precision.Float32);
        _peer = new(OnnxStep.Write(model), readings);
        _float32 = new SessionContestant(model, readings);
        _int8 = new SessionContestant(suite.Create(Precision.Int8), readings);
        _int8x16 = new SessionContestant(suite.Create(Precision.Int8x16), readings);
    }

    /// <summary>Frees the peer.</summary>
    [GlobalCleanup]
    public void Cleanup() => _peer?.Dispose();

    /// <summary>The peer.</summary>
    [Benchmark(Baseline = true)]
    public void OnnxRuntimeFloat32() => _peer!.Step();

    /// <summary>Float weights and activations.</summary>
    [Benchmark]
    public void Float32() => _float32!.Step();

    /// <summary>int8 weights and activations.</summary>
    [Benchmark]
    public void Int8() => _int8!.Step();

    /// <summary>int8 weights, int16 activations.</summary>
    [Benchmark]
    public void Int8x16() => _int8x16!.Step();
}

using BenchmarkDotNet.Attributes;
using EdgeRnn.Cli.Bench;
using EdgeRnn.Runtime;

namespace EdgeRnn.Bench;

/// <summary>
/// One recurrent layer of 128 units on 32 inputs, without the head: <see cref="RnnSession.Advance"/>, which is also
/// what the inner steps of a window cost.
/// </summary>
public class CellBenchmarks
{
    private RnnSession? _session;
    private float[] _readings = [];

    /// <summary>As in <c>--net</c>.</summary>
    [Params("rnn:128", "gru:128", "lstm:128")]
    public string Cell { get; set; } = "lstm:128";

    /// <summary>The arithmetic.</summary>
    [Params(Precision.Float32, Precision.Int8, Precision.Int8x16)]
    public Precision Precision { get; set; }

    /// <summary>Makes the session.</summary>
    [GlobalSetup]
    public void Setup()
    {
        var suite = new SuiteModel("cell", 32, $"{Cell},dense:2", Target: 0);
        _session = new(suite.Create(Precision));
        _readings = suite.Readings()[..32];
    }

    /// <summary>A step of the cell.</summary>
    [Benchmark]
    public void Step() => _session!.Advance(_readings);
}

using BenchmarkDotNet.Attributes;
using EdgeRnn.Features;

namespace EdgeRnn.Bench;

/// <summary>The front end's work for 10 ms of audio.</summary>
public class FeatureBenchmarks
{
    private FrontEnd? _frontEnd;
    private float[] _samples = [];

    /// <summary>What is computed.</summary>
    [Params("logmel:40", "mfcc:13,deltas=2", "pcen:40")]
    public string Features { get; set; } = "logmel:40";

    /// <summary>Rate of the audio; that of the features is 16 kHz.</summary>
    [Params(16000, 44100, 48000)]
    public int Rate { get; set; }

    /// <summary>Makes 10 ms of noise.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _frontEnd = new(FeatureSpec.Parse(Features, 16000, out _)!, Rate);
        var random = new Random(1);
        _samples = [.. Enumerable.Range(0, Rate / 100).Select(_ => random.NextSingle() - 0.5f)];
    }

    /// <summary>One frame.</summary>
    [Benchmark]
    public float Frame()
    {
        ReadOnlySpan<float> samples = _samples;
        while (_frontEnd!.Next(ref samples))
        {
        }
        return _frontEnd.Features[0];
    }
}

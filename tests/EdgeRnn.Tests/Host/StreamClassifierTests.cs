using EdgeRnn.Runtime;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>A stream's decisions against evaluations of each window alone.</summary>
public class StreamClassifierTests
{
    [Theory]
    [InlineData(Precision.Float32, 10, 10)]
    [InlineData(Precision.Float32, 20, 7)]
    [InlineData(Precision.Int8, 10, 10)]
    [InlineData(Precision.Int8, 12, 5)]
    [InlineData(Precision.Int8, 64, 1)]
    [InlineData(Precision.Int8, 1, 1)]
    public void A_window_in_the_stream_is_the_window_alone_to_the_bit(Precision precision, int window, int hop)
    {
        const int Steps = 200;
        var model = RandomModels.Create(5, precision, 3, "lstm:12,gru:9,dense:4", window, hop);
        float[] readings = RandomModels.Readings(6, model, Steps);
        var stream = new StreamClassifier(new RnnSession(model));
        var alone = new RnnSession(model);
        int decisions = 0;
        for (int step = 0; step < Steps; step++)
        {
            if (!stream.Step(readings.AsSpan(step * 3, 3)))
                continue;
            int start = decisions++ * hop;
            Assert.Equal((start, start + window), (stream.WindowStart, step + 1));
            AssertEqualsAlone(alone, readings.AsSpan(start * 3, window * 3), stream);
        }
        Assert.Equal((Steps - window) / hop + 1, decisions);
    }

    [Fact]
    public void A_continuous_stream_decides_at_each_step()
    {
        var model = RandomModels.Create(5, Precision.Int8, 3, "gru:9,dense:4");
        float[] readings = RandomModels.Readings(6, model, 50);
        var stream = new StreamClassifier(new RnnSession(model));
        var session = new RnnSession(model);
        float[] scores = new float[4];
        for (int step = 0; step < 50; step++)
        {
            session.Step(readings.AsSpan(step * 3, 3), scores);
            Assert.True(stream.Step(readings.AsSpan(step * 3, 3)));
            Assert.Equal(scores, stream.Scores.ToArray());
        }
    }

    [Fact]
    public void After_a_reset_windows_begin_anew()
    {
        var model = RandomModels.Create(5, Precision.Int8, 3, "lstm:8,dense:4", window: 10, hop: 4);
        float[] readings = RandomModels.Readings(6, model, 33);
        var stream = new StreamClassifier(new RnnSession(model));
        for (int step = 0; step < 13; step++)
            stream.Step(readings.AsSpan(step * 3, 3));
        stream.Reset();
        List<long> starts = [];
        for (int step = 13; step < 33; step++)
        {
            if (!stream.Step(readings.AsSpan(step * 3, 3)))
                continue;
            starts.Add(stream.WindowStart);
            AssertEqualsAlone(new RnnSession(model), readings.AsSpan((int)stream.WindowStart * 3, 30), stream);
        }
        Assert.Equal([13, 17, 21], starts);
        Assert.Equal(1, stream.Resets);
    }

    [Fact]
    public void Readings_that_are_replaced_are_counted_once_for_overlapping_windows()
    {
        var model = RandomModels.Create(5, Precision.Int8, 3, "lstm:8,dense:4", window: 8, hop: 2);
        var stream = new StreamClassifier(new RnnSession(model));
        for (int step = 0; step < 40; step++)
            stream.Step([step % 10 == 0 ? float.NaN : 1, step == 5 ? float.PositiveInfinity : 0, 0]);
        Assert.Equal(5, stream.ReplacedReadings);
    }

    private static void AssertEqualsAlone(RnnSession alone, ReadOnlySpan<float> window, StreamClassifier stream)
    {
        int channels = stream.Model.InputSize;
        alone.Reset();
        for (int at = 0; at < window.Length; at += channels)
            alone.Advance(window.Slice(at, channels));
        float[] scores = new float[stream.Scores.Length];
        alone.Score(scores);
        Assert.Equal(scores, stream.Scores.ToArray());
        Assert.Equal(Array.IndexOf(scores, scores.Max()), stream.Class);
    }
}

using System.Diagnostics;
using System.Text.Json;
using EdgeRnn.Features;
using EdgeRnn.Runtime;
using EdgeRnn.Tests.Datasets;
using EdgeRnn.Tests.Features;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>
/// Sound through the host: its decisions are, to the bit, those on the features of the whole recording.
/// </summary>
public sealed class HostSoundTests : IDisposable
{
    private static readonly FeatureSpec Spec = FrontEndTests.Parsed("mfcc:6,deltas=1", 16000);

    private readonly ModelFile _file = new(Create(Spec));
    private readonly DataFolder _data = new();

    [Theory]
    [InlineData(16000, 1)]
    [InlineData(48000, 1)]
    [InlineData(44100, 2)]
    public void Samples_on_standard_input_give_the_decisions_of_their_features(int rate, int channels)
    {
        byte[] bytes = Sound(rate, channels);
        var run = HostRun.Of(
            [.. bytes, 7], "--model", _file.Name, "--port", "-", "--input", "pcm", "--rate", $"{rate}", "--channels",
                $"{channels}");
        AssertDecisions(run, new(SampleFormat.Int16, channels, rate), bytes);
        Assert.Contains("\"noise\":1,", run.Errors[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_is_played_in_its_own_time_or_at_once()
    {
        byte[] bytes = Sound(16000, 2);
        _data.With("a.wav", WavTests.Wav(bytes, channels: 2));
        var format = new AudioFormat(SampleFormat.Int16, 2, 16000);
        AssertDecisions(
            HostRun.Of([], "--model", _file.Name, "--wav", _data["a.wav"], "--speed", "max"), format, bytes);
        var clock = Stopwatch.StartNew();
        AssertDecisions(HostRun.Of([], "--model", _file.Name, "--wav", _data["a.wav"]), format, bytes);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.99, 60); // the recording has a second
    }

    [Fact]
    public void What_cannot_be_heard_is_refused()
    {
        _data.With("a.wav", WavTests.Wav(Sound(16000, 1))[..^10]).With(
            "b.wav", WavTests.Wav(new byte[100], rate: 11025));
        AssertFails(HostRun.Of([], "--model", _file.Name, "--wav", _data["a.wav"]), "the header promises");
        AssertFails(HostRun.Of([], "--model", _file.Name, "--wav", _data["b.wav"]), "its sample rate is 11025 Hz");
        AssertFails(HostRun.Of([], "--model", _file.Name, "--wav", _data["c.wav"]), "cannot be read");
        AssertFails(
            HostRun.Of([], "--model", _file.Name, "--port", "-", "--input", "text"), "the model hears sound (mfcc:6");
        using var sensor = new ModelFile(RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 10));
        AssertFails(HostRun.Of([], "--model", sensor.Name, "--port", "-", "--input", "pcm"),
            "reads 2 channels of a sensor, and no sound");
    }

    [Fact]
    public void A_broken_line_begins_frames_anew_and_pieces_of_any_size_are_equal()
    {
        var format = new AudioFormat(SampleFormat.Int16, 1, 16000);
        byte[] bytes = Sound(16000, 1);
        var whole = Readings(new(Spec, format), bytes, bytes.Length);
        Assert.Equal(whole, Readings(new(Spec, format), bytes, 333));
        var line = new PcmReceiver(Spec, format);
        _ = Readings(line, bytes[..5000], 100);
        line.Break([1]);
        Assert.Equal(1, line.Counts.Noise);
        Assert.Equal(whole, Readings(line, bytes, 4096));
    }

    // 100 frames of 160 samples; the 31st and 32nd are lost, the 61st is damaged.
    [Fact]
    public void Sound_in_frames_gives_the_decisions_of_each_stretch_that_came_whole()
    {
        byte[] bytes = Sound(16000, 1);
        var audio = new float[16000];
        new AudioFormat(SampleFormat.Int16, 1, 16000).Decode(bytes, audio);
        var descriptor = new Descriptor(
            SampleType.Int16, [.. Enumerable.Repeat(new Channel("", "", 1 / 32768f), Spec.FrameStep)],
                Spec.FramesPerSecond);
        var encoder = new FrameEncoder(descriptor);
        var line = new List<byte>([.. encoder.EncodeDescriptor(0)]);
        for (int i = 0; i < 100; i++)
        {
            byte[] frame = [.. encoder.EncodeData(audio.AsSpan(i * Spec.FrameStep, Spec.FrameStep), (uint)i * 10_000)];
            if (i == 60)
                frame[20] ^= 1;
            if (i is not (30 or 31))
                line.AddRange(frame);
        }
        var run = HostRun.Of([.. line], "--model", _file.Name, "--port", "-");
        Assert.True(run.ExitCode == 0, string.Join('\n', run.Errors));
        Assert.Contains(
            "\"expected\":100,\"delivered\":97,\"lost\":2,\"damaged\":1,", run.Errors[^1], StringComparison.Ordinal);

        var scores = new List<float>();
        foreach (var (first, end) in ((int, int)[])[(0, 30), (32, 60), (61, 100)])
        {
            var stream = new StreamClassifier(new RnnSession(_file.Model));
            float[] features =
                new FrontEnd(Spec, 16000).Run(audio.AsSpan(first * Spec.FrameStep, (end - first) * Spec.FrameStep));
            foreach (float[] row in features.Chunk(Spec.Width))
            {
                if (stream.Step(row))
                    scores.Add(stream.Score);
            }
        }
        Assert.Equal(
            scores, run.Output.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("score").GetSingle()));
        Assert.True(scores.Count >= 6);
    }

    public void Dispose()
    {
        _file.Dispose();
        _data.Dispose();
    }

    private void AssertDecisions(HostRun run, AudioFormat format, byte[] bytes)
    {
        Assert.True(run.ExitCode == 0, string.Join('\n', run.Errors));
        var audio = new float[bytes.Length / format.BlockBytes];
        format.Decode(bytes, audio);
        float[] features = new FrontEnd(Spec, format.RateHz).Run(audio);
        var stream = new StreamClassifier(new RnnSession(_file.Model));
        int index = 0;
        foreach (float[] row in features.Chunk(Spec.Width))
        {
            if (!stream.Step(row))
                continue;
            var decision = JsonDocument.Parse(run.Output[index++]).RootElement;
            Assert.Equal(stream.Class, decision.GetProperty("class").GetInt32());
            Assert.Equal(stream.Score, decision.GetProperty("score").GetSingle());
            // The clock is that of the samples: a frame is complete after 25 ms, and two more for its slope.
            double ms = 25 + 10 * (decision.GetProperty("sequence").GetInt32() + 2);
            Assert.InRange(decision.GetProperty("device_us").GetInt64() / 1000.0, ms - 0.1, ms + 6);
        }
        Assert.Equal(index, run.Output.Length);
        Assert.True(index >= 12, $"{index} decisions");
        Assert.Contains($"\"delivered\":{features.Length / Spec.Width},", run.Errors[^1], StringComparison.Ordinal);
        if (HostRun.IsNative)
            Assert.Contains("\"allocated_bytes\":0,", run.Errors[^1], StringComparison.Ordinal);
    }

    private static List<float> Readings(PcmReceiver line, byte[] bytes, int piece)
    {
        var readings = new List<float>();
        int begin = 0;
        for (int end = 0; end < bytes.Length;)
        {
            end = Math.Min(bytes.Length, end + piece);
            while (line.Next(bytes.AsSpan(begin, end - begin), out int consumed) is var answer)
            {
                begin += consumed;
                if (answer == LineAnswer.NeedMore)
                    break;
                readings.AddRange(line.Readings);
            }
        }
        return readings;
    }

    private static RnnModel Create(FeatureSpec spec) =>
        RandomModels.Create(3, Precision.Int8, spec.Width, "gru:8,dense:3", 20, 5) with
        {
            Features = spec,
            SampleRateHz = spec.FramesPerSecond,
        };

    private static byte[] Sound(int rate, int channels)
    {
        var random = new Random(5);
        byte[] bytes = new byte[2 * rate * channels];
        for (int i = 0; i < rate * channels; i++)
            BitConverter.TryWriteBytes(bytes.AsSpan(2 * i), (short)(random.Next(-3000, 3000) * Math.Sin(i * 0.0003)));
        return bytes;
    }

    private static void AssertFails(HostRun run, string sentence)
    {
        Assert.Equal(1, run.ExitCode);
        Assert.Contains(sentence, Assert.Single(run.Errors), StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }
}

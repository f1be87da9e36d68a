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

    [Theory]
    [InlineData("has 0 bytes, expected a WAV header", 0, 0)]
    [InlineData("promises 32000 bytes of samples, and 31990 are there", 32034, 0)]
    [InlineData("promises 4294967295 bytes of samples", 32044, 0xFFFFFFFF)]
    [InlineData("it holds no samples", 32044, 0x00000000)]
    public void A_file_that_is_empty_truncated_or_lies_is_refused(string sentence, int length, uint promised)
    {
        byte[] file = WavTests.Wav(Sound(16000, 1));
        if (length == file.Length)
            BitConverter.TryWriteBytes(file.AsSpan(40), promised);
        _data.With("a.wav", file[..length]);
        AssertFails(HostRun.Of([], "--model", _file.Name, "--wav", _data["a.wav"]), sentence);
    }

    [Fact]
    public void A_WAV_header_among_bare_samples_and_a_format_beside_a_files_own_are_refused()
    {
        var run = HostRun.Of(WavTests.Wav(Sound(16000, 1)), "--model", _file.Name, "--port", "-", "--input", "pcm");
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith("the line begins with a WAV header", run.Errors[0], StringComparison.Ordinal);
        Assert.Empty(run.Output);
        foreach (string[] option in (string[][])[["--rate", "8000"], ["--channels", "2"]])
        {
            run = HostRun.Of([], ["--model", _file.Name, "--wav", "a.wav", .. option]);
            Assert.Equal(2, run.ExitCode);
            Assert.Contains("--wav tells rate and channels itself", run.Errors[0], StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Samples_that_are_no_numbers_and_those_too_few_for_a_frame_are_counted()
    {
        byte[] bytes = new byte[2 * 4 * 4077];
        for (int i = 0; i < 2 * 4077; i++)
            BitConverter.TryWriteBytes(bytes.AsSpan(4 * i), MathF.Sin(i * i * 1e-3f));
        foreach (int at in (int[])[0, 1000, 3001])
            BitConverter.TryWriteBytes(bytes.AsSpan(4 * at), at == 1000 ? float.NegativeInfinity : float.NaN);
        _data.With("a.wav", WavTests.Wav(bytes, 3, 32, channels: 2));
        var run = HostRun.Of([], "--model", _file.Name, "--wav", _data["a.wav"], "--speed", "max");
        Assert.True(run.ExitCode == 0, string.Join('\n', run.Errors));
        Assert.Equal($"{_data["a.wav"]} has 2 channels, which are mixed down", run.Errors[0]);
        // 400 samples make a frame, each 160 more another: 23 of them, of which two wait for their slopes, leave
        // 4077 - 400 - 22 · 160 samples behind the last.
        Assert.Contains("\"delivered\":21,", run.Errors[^1], StringComparison.Ordinal);
        Assert.Contains("\"samples\":4077,\"replaced_samples\":3,\"unused_samples\":157,", run.Errors[^1],
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_stream_that_stops_inside_a_sample_or_a_frame_is_accounted_for()
    {
        byte[] bytes = Sound(16000, 1);
        var run = HostRun.Of(bytes[..1001], "--model", _file.Name, "--port", "-", "--input", "pcm");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("\"noise\":1,", run.Errors[^1], StringComparison.Ordinal);
        Assert.Contains("\"samples\":500,\"replaced_samples\":0,\"unused_samples\":500,", run.Errors[^1],
            StringComparison.Ordinal);
        var line = new PcmReceiver(Spec, new(SampleFormat.Int16, 1, 16000));
        _ = Readings(line, bytes[..4000], 100);
        line.Break([]);
        // 2,000 samples are 11 frames, of which the last ends at the 2,000th.
        Assert.Equal((2000, 0), (line.Counts.Samples, line.Counts.UnusedSamples));
        _ = Readings(line, bytes[..4100], 100);
        Assert.False(line.Complete([1]));
        Assert.Equal((4050, 50, 1), (line.Counts.Samples, line.Counts.UnusedSamples, line.Counts.Noise));
    }

    // Half as many samples again as were said; then the recorder stands still for a second.
    [Fact]
    public async Task A_live_pipe_of_another_rate_is_told_of_and_what_it_lost_is_counted()
    {
        using var host = HostRun.Start("--model", _file.Name, "--port", "-", "--input", "pcm", "--rate", "48000");
        var errors = host.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        byte[] tenMs = Sound(48000, 1)[..960];
        for (int i = 0; i < 30; i++)
            Write();
        Assert.NotNull(await host.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        var output = host.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await Play(blocks: 3, lengthMs: 1400);
        await Task.Delay(1000, TestContext.Current.CancellationToken);
        await Play(blocks: 2, lengthMs: 1300);
        host.StandardInput.Close();
        string said = await errors;
        Assert.NotEmpty(await output);
        Assert.Contains("frames of sound a second, and the model was trained on 100; check --rate and --channels", said,
            StringComparison.Ordinal);
        Assert.Contains("ms of sound are missing", said, StringComparison.Ordinal);
        var account = JsonDocument.Parse(said.TrimEnd('\n').Split('\n')[^1]).RootElement;
        Assert.InRange(account.GetProperty("overruns").GetInt64(), 1, 5);
        Assert.InRange(account.GetProperty("missing_ms").GetInt64(), 500, 60_000);

        async Task Play(int blocks, int lengthMs)
        {
            const int TickMs = 20;
            var clock = Stopwatch.StartNew();
            for (int ms = TickMs; ms <= lengthMs; ms += TickMs)
            {
                for (int i = 0; i < blocks; i++)
                    Write();
                await Task.Delay(
                    Math.Max(0, ms - (int)clock.ElapsedMilliseconds), TestContext.Current.CancellationToken);
            }
        }

        void Write()
        {
            host.StandardInput.BaseStream.Write(tenMs);
            host.StandardInput.BaseStream.Flush();
        }
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

using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using EdgeRnn.Features;
using EdgeRnn.Tests.Datasets;
using EdgeRnn.Tests.Features;
using EdgeRnn.Tests.Host;
using EdgeRnn.Trainer.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary><c>record --wav</c> and <c>listen</c>, with a script in the recorder's place that plays known sound.</summary>
public sealed class MicrophoneTests : IDisposable
{
    private const string Sound = "sound.raw";

    private readonly DataFolder _data = new();
    private readonly string? _path = Environment.GetEnvironmentVariable("PATH");

    public MicrophoneTests() => Environment.SetEnvironmentVariable("PATH", _data["bin"] + Path.PathSeparator + _path);

    [Fact]
    public void A_recording_is_what_the_recorder_gave_and_wav_reads_it()
    {
        Recorder("arecord", $"echo \"$@\" > {_data["arguments"]}; cat {_data[Sound]}");
        byte[] sound = MakeSound(8000, seconds: 1);
        var json = Record("--rate", "8000", "--seconds", "0.3", "--count", "2", "--speaker", "anna", "--device", "hw:1");
        string[] files = [Kept("yes/anna_001.wav"), Kept("yes/anna_002.wav")];
        Assert.Equal(files, json.GetProperty("files").EnumerateArray().Select(f => f.GetString()));
        Assert.Equal("-q -t raw -f S16_LE -r 8000 -c 1 -D hw:1", File.ReadAllText(_data["arguments"]).Trim());
        for (int i = 0; i < 2; i++)
        {
            var (format, samples) = WavFile.Read(files[i]);
            Assert.Equal(new AudioFormat(SampleFormat.Int16, 1, 8000), format);
            var expected = new float[2400];
            format.Decode(sound.AsSpan(i * 4800), expected);
            Assert.Equal(expected, samples);
        }
        var data = DataSpec.Load(json.GetProperty("data").GetString()!);
        Assert.Equal(["anna", "anna"], data.Sequences.Select(s => s.Group));
        Record("--rate", "8000", "--seconds", "0.1", "--speaker", "anna");
        Assert.Equal(3, Directory.GetFiles(Kept("yes")).Length);
    }

    [Fact]
    public void What_the_recorder_lost_a_part_of_is_counted_and_not_kept()
    {
        MakeSound(16000, seconds: 1);
        Recorder("arecord",
            $"head -c 1600 {_data[Sound]}; echo 'overrun!!! (at least 12.345 ms long)' >&2; sleep 0.3; cat {_data[Sound]}");
        var json = Record("--seconds", "0.1", "--count", "2");
        Assert.Equal((1, 1), (json.GetProperty("overruns").GetInt32(), json.GetProperty("not_kept").GetInt32()));
        Assert.Equal([Kept("yes/001.wav")], Directory.GetFiles(Kept("yes")));
        Fails("Nothing was kept, as arecord lost samples of every recording", "--seconds", "0.1");
    }

    [Fact]
    public void A_recorder_that_gives_too_little_is_named_with_what_it_said()
    {
        Recorder("arecord", "echo 'arecord: main:831: audio open error: No such device' >&2; exit 1");
        Fails("audio open error: No such device", "--seconds", "1");
        var file = Model();
        CliFolder.Run("listen", "--model", file.Name).Fails(1, "The sound broke off", "audio open error", "--device");
        MakeSound(16000, seconds: 1);
        Recorder("arecord", $"cat {_data[Sound]}");
        var cut = CliFolder.Run("listen", "--model", file.Name, "--seconds", "5");
        Assert.Equal((1, ""), (cut.ExitCode, cut.Output));
        Assert.StartsWith("The sound broke off: arecord ended", cut.Error.TrimEnd('\n').Split('\n')[^1],
            StringComparison.Ordinal);
    }

    [Fact]
    public void Too_loud_sound_is_told_of()
    {
        Recorder("arecord", $"cat {_data[Sound]}");
        _data.With(Sound, [.. Enumerable.Repeat((byte)0x80, 8000)]); // -32640
        Assert.Equal(0, Record("--seconds", "0.1").GetProperty("clipped").GetInt32());
        _data.With(Sound, [.. Enumerable.Repeat<byte[]>([0xFF, 0x7F], 4000).SelectMany(b => b)]);
        Assert.Equal(1, Record("--seconds", "0.1").GetProperty("clipped").GetInt32());
    }

    [Fact]
    public void Listening_hears_what_the_board_hears()
    {
        MakeSound(16000, seconds: 3);
        Recorder("arecord", $"cat {_data[Sound]}");
        var file = Model();
        var listened = CliFolder.Run("listen", "--model", file.Name, "--decide", "threshold=0.4", "--json").Works();
        var host = HostRun.Of(File.ReadAllBytes(_data[Sound]), "--model", file.Name, "--port", "-", "--input", "pcm",
            "--decide", "threshold=0.4", "--report", "events");
        var expected = host.Output.Select(line => JsonDocument.Parse(line).RootElement)
            .Where(e => e.GetProperty("label").ValueKind == JsonValueKind.String)
            .Select(e => (Math.Round(e.GetProperty("device_us").GetInt64() / 1e6, 3), e.GetProperty("label").GetString(),
                e.GetProperty("score").GetSingle())).ToArray();
        var events = listened.Json.GetProperty("events").EnumerateArray().Select(e => (
            e.GetProperty("seconds").GetDouble(), e.GetProperty("label").GetString(),
            e.GetProperty("score").GetSingle())).ToArray();
        Assert.Equal(expected, events);
        Assert.True(events.Length >= 2, $"{events.Length} events");
        Assert.Equal(3, listened.Json.GetProperty("seconds").GetDouble());
        Assert.Equal(events.Length, listened.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void An_overrun_begins_the_stream_anew_and_is_counted()
    {
        MakeSound(16000, seconds: 1);
        Recorder("arecord",
            $"head -c 6400 {_data[Sound]}; echo 'overrun!!! (at least 1 ms long)' >&2; sleep 0.3; cat {_data[Sound]}");
        var file = Model();
        var listened = CliFolder.Run("listen", "--model", file.Name, "--json").Works();
        Assert.Equal(1, listened.Json.GetProperty("overruns").GetInt32());
        Assert.Contains("arecord lost samples; beginning anew", listened.Error, StringComparison.Ordinal);
        int frames = file.Model.Features!.FramesOf(3200);
        int block = file.Model.Features!.FramesOf(16000 - 320); // the first block after it is heard before it is known of
        Assert.InRange(listened.Json.GetProperty("steps").GetInt32(), frames + block, frames + block + 4);
    }

    [Fact]
    public void Wrong_usage_is_a_sentence()
    {
        Recorder("arecord", "exit 0");
        using var sensor = new ModelFile(RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 10));
        CliFolder.Run("listen", "--model", sensor.Name).Fails(1, "reads 2 channels of a sensor, and no sound");
        string[] record = ["record", "--label", "yes", "--out", _data["out"]];
        CliFolder.Run([.. record, "--wav", "--port", "x"]).Fails(2, "leave --port out");
        CliFolder.Run([.. record, "--wav", "--rate", "11025"]).Fails(2, "'11025' is no rate; use 8000");
        CliFolder.Run([.. record, "--wav", "--speaker", "a_b"]).Fails(2, "has a _");
        CliFolder.Run([.. record, "--port", "x", "--rate", "8000"]).Fails(2, "are for --wav");
        CliFolder.Run([.. record, "--port", "x", "--input", "pcm"]).Fails(2, "--wav for sound");
        CliFolder.Run(record).Fails(2, "--port is missing");
    }

    [Fact]
    public void Parec_records_where_arecord_is_not()
    {
        MakeSound(16000, seconds: 1);
        Recorder("parec", $"echo \"$@\" > {_data["arguments"]}; /bin/cat {_data[Sound]}");
        var (exitCode, error) = RunOnPath(
            _data["bin"], "record", "--wav", "--label", "no", "--out", _data["out"], "--countdown", "0", "--device", "mic");
        Assert.True(exitCode == 0, error);
        Assert.Equal("--raw --format=s16le --rate=16000 --channels=1 --verbose --device=mic",
            File.ReadAllText(_data["arguments"]).Trim());
        Assert.Equal(16000, WavFile.Read(Kept("no/001.wav")).Samples.Length);
    }

    [Fact]
    public void Without_a_recorder_one_is_named()
    {
        var (exitCode, error) = RunOnPath(_data["nothing"], "listen", "--model", Model().Name);
        Assert.Equal(1, exitCode);
        Assert.Equal(
            "Neither arecord nor parec is on this machine's PATH, and one of them is needed to record; on Debian, "
            + "sudo apt-get install alsa-utils.\n",
            error);
    }

    /// <summary>Runs a command in a process of its own, which finds no other programs than those on a path.</summary>
    private static (int ExitCode, string Error) RunOnPath(string path, params string[] arguments)
    {
        string dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));
        var start = new ProcessStartInfo(dotnet,
            [Path.Combine(AppContext.BaseDirectory, "edgernn.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = path;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        _ = output.Result;
        return (process.ExitCode, error);
    }

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("PATH", _path);
        _models.ForEach(model => model.Dispose());
        _data.Dispose();
    }

    private readonly List<ModelFile> _models = [];

    private ModelFile Model()
    {
        var spec = FrontEndTests.Parsed("mfcc:6,deltas=1", 16000);
        var model = RandomModels.Create(3, Precision.Int8, spec.Width, "gru:8,dense:3", 20, 5) with
        {
            Features = spec,
            SampleRateHz = spec.FramesPerSecond,
        };
        _models.Add(new(model));
        return _models[^1];
    }

    private void Recorder(string name, string script)
    {
        _data.With($"bin/{name}", $"#!/bin/sh\n{script}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(
                _data[$"bin/{name}"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Sound that changes, so that labels do.</summary>
    private byte[] MakeSound(int rate, int seconds)
    {
        var random = new Random(5);
        byte[] bytes = new byte[2 * rate * seconds];
        for (int i = 0; i < bytes.Length / 2; i++)
        {
            double tone = Math.Sin(i * (0.05 + 0.3 * (i / (rate / 2) % 3)));
            BitConverter.TryWriteBytes(bytes.AsSpan(2 * i), (short)(9000 * tone + random.Next(-3000, 3000)));
        }
        _data.With(Sound, bytes);
        return bytes;
    }

    private string Kept(string name) => Path.Combine(_data["out"], name);

    private CliResult RunRecord(string[] more) => CliFolder.Run(
        ["record", "--wav", "--label", "yes", "--out", _data["out"], "--countdown", "0", "--json", .. more]);

    private JsonElement Record(params string[] more) => RunRecord(more).Works().Json;

    private void Fails(string sentence, params string[] more)
    {
        var result = RunRecord(more);
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains(sentence, result.Error, StringComparison.Ordinal);
    }
}

using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using EdgeRnn.Cli;
using EdgeRnn.Trainer;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>Models change under a host that runs.</summary>
public sealed partial class DeployTests : IDisposable
{
    private const int Terminate = 15;
    private const int KillNow = 9;

    private readonly string _folder = Directory.CreateTempSubdirectory("edgernn-deploy-").FullName;
    private readonly VirtualLine _line;
    private readonly FrameEncoder _encoder;
    private readonly string _old;
    private readonly string _new;
    private uint _time;

    public DeployTests()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "deploying is Linux's");
        Directory.CreateDirectory(State);
        _old = Save("old", Model(1, "old"));
        _new = Save("new", Model(2, "new"));
        _line = VirtualLine.Open();
        _encoder = new(new(SampleType.Float32, [new("x"), new("y")]));
    }

    private string State => Path.Combine(_folder, "state");

    public void Dispose()
    {
        _line?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void A_new_model_takes_over_between_two_readings_and_none_is_lost()
    {
        using var host = Start("--trial", "1");
        var labels = new List<string>();
        Play(host, 50, labels);
        Assert.Equal((0, ""), Deploy(_new));
        PlayUntil(host, "new", labels);
        int before = labels.IndexOf("new");
        Play(host, 50, labels);
        Assert.All(labels[before..], label => Assert.Equal("new", label)); // there is one moment at which it takes over
        WaitUntil(() => File.Exists(InState("current")));
        Play(host, 10, labels);
        Assert.Equal(File.ReadAllBytes(_new), File.ReadAllBytes(InState("current")));

        Assert.Equal((0, ""), Deploy(_old)); // and back
        PlayUntil(host, "old", labels);
        WaitUntil(() => File.Exists(InState("previous")));
        var account = Stop(host);
        long sent = labels.Count;
        Assert.Equal((sent, sent, sent, sent), (Count(account, "expected"), Count(account, "delivered"),
            Count(account, "steps"), Count(account, "decisions")));
        if (HostRun.IsNative)
            Assert.Equal((0, 0), (Count(account, "allocated_bytes"), Count(account, "collections")));
        Assert.Equal(File.ReadAllBytes(_old), File.ReadAllBytes(InState("current")));
        Assert.Equal(File.ReadAllBytes(_new), File.ReadAllBytes(InState("previous")));
    }

    [Fact]
    public void A_process_that_dies_on_trial_goes_back_and_one_that_is_stopped_does_not()
    {
        var labels = new List<string>();
        using (var host = Start())
        {
            Play(host, 5, labels);
            Assert.Equal((0, ""), Deploy(_new));
            PlayUntil(host, "new", labels);
            Stop(host);
        }
        Assert.True(File.Exists(InState("trial")));
        using (var host = Start())
        {
            Play(host, 5, labels);
            Assert.Equal("new", labels[^1]);
            Assert.Equal(0, Kill(host.Id, KillNow));
            host.WaitForExit();
        }
        using (var host = Start())
        {
            Assert.Contains("the process ended while it was on trial", host.StandardError.ReadLine());
            Play(host, 5, labels);
            Assert.Equal("old", labels[^1]);
            Stop(host);
        }
        Assert.False(File.Exists(InState("trial")) || File.Exists(InState("trial.running")));
    }

    [Fact]
    public void What_is_no_model_for_the_line_is_refused_and_the_old_one_goes_on()
    {
        var labels = new List<string>();
        using var host = Start();
        Play(host, 5, labels);
        var model = Model(2, "new");
        byte[] scores = model.SelfTest!.Scores.ToArray();
        scores[3] ^= 1;
        string failing = Save("failing", model with { SelfTest = model.SelfTest with { Scores = scores } });
        Assert.Contains("its self-test gives other bits", Deploy(failing, expected: 1).Error);
        byte[] bytes = File.ReadAllBytes(_new);
        bytes[^20] ^= 1;
        File.WriteAllBytes(Path.Combine(_folder, "damaged.ernn"), bytes);
        Assert.Contains("the file is damaged", Deploy(Path.Combine(_folder, "damaged.ernn"), expected: 1).Error);

        // Another width passes where nothing is known of the line yet; the host itself refuses it.
        string wide = Save("wide", SelfTests.Attach(RandomModels.Create(3, Precision.Int8, 3, "rnn:3,dense:2", 1)));
        Assert.Contains("the host rejected the model: it reads 3 channels", Deploy(wide, expected: 1).Error);

        // A hang-up without a new model changes nothing.
        Assert.Equal(0, Kill(host.Id, 1));
        Play(host, 5, labels);
        Assert.All(labels, label => Assert.Equal("old", label));
        Assert.Equal(10, Count(Stop(host), "steps"));
    }

    [Fact]
    public void Without_a_running_host_the_next_one_tries_the_model()
    {
        var run = HostRun.Of([], "deploy", _new, "--state", State);
        Assert.Contains("no host runs on", Assert.Single(run.Output));
        using var host = Start();
        var labels = new List<string>();
        Play(host, 3, labels);
        Assert.Equal("new", labels[^1]);
        var second = HostRun.Of([], "--state", State, "--port", "-");
        Assert.Contains("another edgernn-host runs on the state folder", Assert.Single(second.Errors));
        Stop(host);
        Assert.Equal(2, HostRun.Of([], "deploy", _new).ExitCode);
        Assert.Equal(2, HostRun.Of([], "deploy", "--state", State).ExitCode);
        Assert.Equal(1, HostRun.Of([], "deploy", "/no/such", "--state", State).ExitCode);
    }

    [Fact]
    public void A_disk_that_is_full_leaves_everything_as_it_was()
    {
        // A file system of 64 KB in a name space of our own; a model that does not fit into it.
        string big = Save("big", SelfTests.Attach(RandomModels.Create(4, Precision.Int8, 2, "lstm:200,dense:2", 1)));
        Assert.True(new FileInfo(big).Length > 100_000);
        string script = $"mount -t tmpfs -o size=64k none '{State}' && cp '{_old}' '{State}/current' && "
            + $"{string.Join(' ', HostRun.Command)} deploy '{big}' --state '{State}'; status=$?; "
            + $"cmp '{_old}' '{State}/current' && ls '{State}' && exit $status";
        using var process = Process.Start(new ProcessStartInfo("unshare", ["-rm", "sh", "-c", script])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        string files = process.StandardOutput.ReadToEnd(), error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.SkipWhen(error.Contains("unshare:") || error.Contains("mount:"), "name spaces are not to be had here");
        Assert.Contains("is full, and nothing has changed", error);
        Assert.Equal((1, "current\n"), (process.ExitCode, files));
    }

    private static RnnModel Model(ulong seed, string label) =>
        SelfTests.Attach(
            RandomModels.Create(seed, Precision.Int8, 2, "rnn:3,dense:2", 1) with { Labels = [label, label] });

    private string Save(string name, RnnModel model)
    {
        string path = Path.Combine(_folder, $"{name}.ernn");
        File.WriteAllBytes(path, ModelWriter.Write(model));
        return path;
    }

    private string InState(string name) => Path.Combine(State, name);

    private Process Start(params string[] options)
    {
        var host = HostRun.Start(["--model", _old, "--state", State, "--port", _line.PortName, .. options]);
        _line.Send(_encoder.EncodeDescriptor(_time), TestContext.Current.CancellationToken);
        return host;
    }

    /// <summary>Sends readings, each of which is a decision, and reads the labels.</summary>
    private void Play(Process host, int count, List<string> labels)
    {
        for (int i = 0; i < count; i++)
            _line.Send(_encoder.EncodeData([i, 1], _time += 1000), TestContext.Current.CancellationToken);
        for (int i = 0; i < count; i++)
        {
            string line = host.StandardOutput.ReadLine() ?? throw new IOException(host.StandardError.ReadToEnd());
            labels.Add(JsonDocument.Parse(line).RootElement.GetProperty("label").GetString()!);
        }
    }

    /// <summary>The host has taken a model when deploy says so, and swaps within a moment.</summary>
    private void PlayUntil(Process host, string label, List<string> labels)
    {
        for (int i = 0; i < 100 && labels[^1] != label; i++)
        {
            Play(host, 1, labels);
            Thread.Sleep(5);
        }
        Assert.Equal(label, labels[^1]);
    }

    private (int ExitCode, string Error) Deploy(string model, int expected = 0)
    {
        var run = HostRun.Of([], "deploy", model, "--state", State);
        Assert.True(run.ExitCode == expected, string.Join('\n', run.Errors));
        return (run.ExitCode, string.Join('\n', run.Errors));
    }

    private static string Stop(Process host)
    {
        Assert.Equal(0, Kill(host.Id, Terminate));
        string account = host.StandardError.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        host.WaitForExit();
        Assert.Equal(0, host.ExitCode);
        return account;
    }

    private static long Count(string account, string name) =>
        JsonDocument.Parse(account).RootElement.GetProperty(name).GetInt64();

    private static void WaitUntil(Func<bool> condition)
    {
        for (int i = 0; i < 500 && !condition(); i++)
            Thread.Sleep(20);
        Assert.True(condition());
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}

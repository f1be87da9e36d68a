using System.Diagnostics;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>Training as a process of its own that is killed or interrupted, and goes on.</summary>
public sealed class ResumeTests : IDisposable
{
    // A second or two of training, with masks and a rate that depends on the course.
    private static readonly string[] Train =
    [
        "train", "--data", "synthetic:motion?count=240", "--validation", "0.2", "--net", "gru:12,dropout:0.1,dense:6",
        "--epochs", "60", "--threads", "1", "--schedule", "plateau:3",
    ];

    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData]
    [InlineData("--stream", "continuous", "--truncate", "20", "--epochs", "15")]
    public async Task Killed_at_random_moments_it_ends_with_the_same_model(params string[] more)
    {
        string[] train = more.Length == 0 ? Train : [.. Train.Where(a => a is not ("--epochs" or "60")), .. more];
        CliFolder.Run([.. train, "--out", _folder["whole"]]).Works();
        byte[] expected =
            await File.ReadAllBytesAsync(_folder["whole/model.ernn"], TestContext.Current.CancellationToken);
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        string checkpoint = _folder["run/checkpoint.bin"];
        int kills = 0;
        for (; kills < 5; kills++)
        {
            // Some die as they start, the others some time after they saved something new.
            var saved = File.GetLastWriteTimeUtc(checkpoint);
            using var process = kills == 0
                ? Start([.. train, "--out", _folder["run"]])
                : Start("train", "--resume", _folder["run"]);
            if (kills % 3 != 1)
                await Until(() => process.HasExited || File.GetLastWriteTimeUtc(checkpoint) != saved);
            await Task.Delay(random.Next(250), TestContext.Current.CancellationToken);
            if (!await Kill(process))
                break;
        }

        if (File.Exists(_folder["run/arguments.json"]))
            CliFolder.Run("train", "--resume", _folder["run"]).Works();
        Assert.True(kills > 1, $"seed {seed}: {kills} kills");
        Assert.Equal(
            expected, await File.ReadAllBytesAsync(_folder["run/model.ernn"], TestContext.Current.CancellationToken));
        Assert.Equal(
            _folder.Entries.Where(e => e.StartsWith("whole", StringComparison.Ordinal)).Select(e => e[5..]),
            _folder.Entries.Where(e => e.StartsWith("run", StringComparison.Ordinal)).Select(e => e[3..]));
        CliFolder.Run("train", "--resume", _folder["run"]).Fails(1, "finished");
    }

    [Fact]
    public async Task Interrupted_it_saves_and_says_how_to_go_on()
    {
        CliFolder.Run([.. Train, "--out", _folder["whole"]]).Works();
        using var process = Start([.. Train, "--out", _folder["my run"]]);
        await Until(() => File.Exists(_folder["my run/checkpoint.bin"]));
        await Task.Delay(100, TestContext.Current.CancellationToken);
        using (var signal = Process.Start("kill", ["-INT", $"{process.Id}"]))
            await signal.WaitForExitAsync(TestContext.Current.CancellationToken);
        string error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(130, process.ExitCode);
        Assert.Contains("Stopped on request", error, StringComparison.Ordinal);
        Assert.EndsWith($"Go on with: edgernn train --resume '{_folder["my run"]}'\n", error, StringComparison.Ordinal);

        // Beginning anew would lose what is there, and other options would not be that run.
        CliFolder.Run([.. Train, "--out", _folder["my run"]]).Fails(1, "--resume", "--force");
        CliFolder.Run("train", "--resume", _folder["my run"], "--epochs", "20").Fails(1, "--epochs 60, not 20");
        CliFolder.Run("train", "--resume", _folder["my run"], "--net", "lstm:3,dense:6").Fails(1, "gru:12", "lstm:3");
        CliFolder.Run("train", "--resume", _folder["my run"], "--patience", "2").Fails(1, "--patience 0, not 2");
        CliFolder.Run([.. Train, "--resume", _folder["my run"]]).Works();
        Assert.Equal(
            await File.ReadAllBytesAsync(_folder["whole/model.ernn"], TestContext.Current.CancellationToken),
            await File.ReadAllBytesAsync(_folder["my run/model.ernn"], TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Nothing_to_resume_is_said()
    {
        CliFolder.Run("train", "--resume", _folder["none"]).Fails(1, "none", "--out");
        CliFolder.Run("train", "--resume", _folder["none"], "--out", _folder["other"]).Fails(2, "--out");
        CliFolder.Run("train", "--out", _folder["none"]).Fails(2, "--data");
        Assert.Empty(_folder.Entries);
    }

    private static Process Start(params string[] args) => Process.Start(
        new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "edgernn.dll"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    // SIGKILL: no handler runs, nothing is flushed.
    private static async Task<bool> Kill(Process process)
    {
        process.Kill();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return process.ExitCode == 137;
    }

    private static async Task Until(Func<bool> condition)
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60), "the process does not get going");
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }
    }
}

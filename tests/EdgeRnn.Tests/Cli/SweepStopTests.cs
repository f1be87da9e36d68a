using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>What becomes of a sweep and its processes when it is stopped, or killed.</summary>
public sealed class SweepStopTests
{
    // Never ends by itself within a test.
    private static readonly string[] Long =
        ["--data", "synthetic:motion?count=240", "--epochs", "1000000", "--seeds", "1", "--jobs", "2"];

    /// <summary>
    /// The sweep's process is killed as by the system; its runs end, and the next sweep does only the rest.
    /// </summary>
    [Fact]
    public void A_killed_sweep_leaves_no_process_and_goes_on()
    {
        using var folder = new CliFolder();
        string[] command =
        [
            "sweep", "--data", "synthetic:motion?count=60", "--net", "rnn:4,dense:6", "--seeds", "2", "--jobs", "1",
            "--grid", "epochs=1,120", "--out", folder["s"],
        ];
        using (var sweep = Start(command))
        {
            WaitFor(() => Directory.Exists(folder["s/runs"]) && SweepTests.Times(folder["s/runs"]).Count >= 2
                && Directory.GetDirectories(folder["s/runs"]).Length == 3);
            var children = Children(sweep.Id);
            Assert.NotEmpty(children);
            sweep.Kill();
            sweep.WaitForExit();
            WaitFor(() => children.All(id => !Directory.Exists($"/proc/{id}")));
        }

        var done = SweepTests.Times(folder["s/runs"]);
        Assert.InRange(done.Count, 2, 3);
        var result = CliFolder.Run(command).Works();
        Assert.Contains($"4 runs, {done.Count} of them done", result.Error, StringComparison.Ordinal);
        var after = SweepTests.Times(folder["s/runs"]);
        Assert.Equal(4, after.Count);
        Assert.All(done, d => Assert.Equal(d.Value, after[d.Key]));
    }

    [Fact]
    public void Ctrl_C_stops_all_runs_and_says_how_to_go_on()
    {
        using var folder = new CliFolder();
        using var stop = new CancellationTokenSource();
        string runs = folder["s/runs"];
        var asking = new Thread(() =>
        {
            WaitFor(() => Directory.Exists(runs) && Directory.GetDirectories(runs).Length == 2);
            Thread.Sleep(500);
            stop.Cancel();
        });
        asking.Start();
        var result = CliFolder.Run(stop.Token, ["sweep", .. Long, "--grid", "hidden=4,8", "--out", folder["s"]]);
        asking.Join();
        Assert.Equal(130, result.ExitCode);
        Assert.Equal("", result.Output);
        Assert.Contains("2 of 2 runs to do; the same command goes on", result.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["s/sweep.html"]));
    }

    private static Process Start(string[] command) => Process.Start(new ProcessStartInfo(
        "dotnet", [Path.Combine(AppContext.BaseDirectory, "edgernn.dll"), .. command])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    private static List<int> Children(int parent) =>
    [
        .. Directory.GetDirectories("/proc").Select(Path.GetFileName).Where(n => int.TryParse(n, out _)).Select(
            int.Parse!)
            .Where(id => ParentOf(id) == parent),
    ];

    private static int ParentOf(int id)
    {
        try
        {
            // "pid (name) state parent …"; the name may hold anything.
            string stat = File.ReadAllText($"/proc/{id}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static void WaitFor(Func<bool> condition)
    {
        for (var clock = Stopwatch.StartNew(); !condition(); Thread.Sleep(20))
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60), "it did not happen within a minute");
    }
}

using System.Text.Json;
using System.Xml.Linq;
using EdgeRnn.Cli.Sweep;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Report;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>Sweeps with real processes, as a user would start them.</summary>
public sealed class SweepTests
{
    private static readonly string[] Quick =
        ["--data", "synthetic:motion?count=60", "--epochs", "1", "--seeds", "1", "--jobs", "2"];

    [Fact]
    public void A_sweep_ranks_its_choices_and_repeats_nothing()
    {
        using var folder = new CliFolder();
        string[] command = ["sweep", .. Quick, "--grid", "hidden=4,8", "--out", folder["s"], "--json"];
        var json = CliFolder.Run(command).Works().Json;
        var choices = json.GetProperty("choices").EnumerateArray().ToList();
        Assert.Equal(
            ["4", "8"], choices.Select(c => c.GetProperty("options").GetProperty("hidden").GetString()!).Order());
        double[] accuracies = [.. choices.Select(c => c.GetProperty("accuracy").GetDouble())];
        Assert.Equal(accuracies.OrderDescending(), accuracies);
        Assert.Contains(choices, c => c.GetProperty("pareto").GetBoolean());
        Assert.All(choices, c => Assert.True(c.GetProperty("step_us").GetDouble() > 0));
        XElement.Load(folder["s/sweep.svg"]);
        Assert.Contains("Pareto-optimal", File.ReadAllText(folder["s/sweep.html"]), StringComparison.Ordinal);

        // A run is what train says of the same options: of four LSTM units, 4·4·(6 + 4 + 2) and a head of 6·5 numbers.
        string small =
            Directory.GetDirectories(folder["s/runs"]).Single(d => d.Contains("hidden-4", StringComparison.Ordinal));
        var options = JsonDocument.Parse(File.ReadAllText(Path.Combine(small, "options.json"))).RootElement;
        Assert.Equal("lstm:4,dense:6", options.GetProperty("net").GetString());
        Assert.Equal(0.2, options.GetProperty("validation").GetDouble());

        // Larger grids find what is done; only the new choice is trained.
        var times = Times(folder["s/runs"]);
        command[Array.IndexOf(command, "hidden=4,8")] = "hidden=4,8,12";
        json = CliFolder.Run(command).Works().Json;
        Assert.Equal(3, json.GetProperty("choices").GetArrayLength());
        var after = Times(folder["s/runs"]);
        Assert.Equal(3, after.Count);
        Assert.All(times, t => Assert.Equal(t.Value, after[t.Key]));
    }

    /// <summary>y = 2·x of the last step, and a value in other units that no network can know.</summary>
    private static string WriteValues(CliFolder folder, int values)
    {
        var random = new SeededRandom(3);
        float[] x = random.Floats(60 * 5, -1, 1);
        float[] y = [.. Enumerable.Range(0, 60).SelectMany(
            i => new[] { 2 * x[5 * i + 4], random.Float(-1000, 1000) }.Take(values))];
        using (var stream = File.Create(folder["x.npy"]))
            NpyArray.Write(stream, [60, 5, 1], x);
        using (var stream = File.Create(folder["y.npy"]))
            NpyArray.Write(stream, [60, values], y);
        return $"npy:{folder["x.npy"]},{folder["y.npy"]}";
    }

    [Theory]
    [InlineData("rmse", "--validation", "0.25")]
    [InlineData("mae", "--loss", "mae")]
    [InlineData("rmse", "--folds", "3")]
    public void Values_are_compared_by_their_error(string key, string option, string value)
    {
        using var folder = new CliFolder();
        string[] command =
        [
            "sweep", "--data", WriteValues(folder, 1), "--grid", "net=gru:6,dense:1;rnn:2,norm,dense:1", "--epochs",
            "8", "--seeds", "2", "--learning-rate", "0.02", option, value, "--out", folder["s"],
        ];
        var json = CliFolder.Run([.. command, "--json"]).Works().Json;
        Assert.Equal(key.ToUpperInvariant(), json.GetProperty("measure").GetString());
        var choices = json.GetProperty("choices").EnumerateArray().ToList();
        double[] errors = [.. choices.Select(c => c.GetProperty("error").GetDouble())];
        Assert.Equal(errors.Order(), errors);
        Assert.Contains(choices, c => c.GetProperty("pareto").GetBoolean());

        // The figures are those of the runs themselves, of the int8 model where it counts.
        string name = option == "--folds" ? "int8_values" : "int8_validation_values";
        var runs = Directory.GetFiles(folder["s/runs"], "result.json", SearchOption.AllDirectories)
            .Where(f => f.Contains("gru-6", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .Select(f => JsonDocument.Parse(File.ReadAllText(f)).RootElement.GetProperty(name)[0].GetProperty(key));
        var gru = choices.Single(c => c.GetProperty("options").GetProperty("net").GetString() == "gru:6,dense:1");
        Assert.Equal(
            runs.Select(r => r.GetDouble()),
            gru.GetProperty("int8_errors").EnumerateArray().Select(e => e.GetDouble()));

        string text = CliFolder.Run(command).Works().Output;
        Assert.Contains("the lower, the better", text, StringComparison.Ordinal);
        Assert.DoesNotContain("ccura", text, StringComparison.Ordinal);
        Assert.All(text.Split('\n'), line => Assert.True(line.Length <= 80, line));
        string page = File.ReadAllText(folder["s/sweep.html"]);
        Assert.Contains("Least error", page, StringComparison.Ordinal);
        Assert.DoesNotContain("ccura", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_of_different_units_count_alike()
    {
        using var folder = new CliFolder();
        var json = CliFolder.Run(
            "sweep", "--data", WriteValues(folder, 2), "--net", "gru:6,dense:2", "--grid", "epochs=8", "--seeds", "1",
            "--learning-rate", "0.02", "--out", folder["s"], "--json").Works().Json;
        // Of a value that is noise the error is about its deviation, 577 of 1,000, so a half of about 1 and a part of
        // what is left of the other; in the user's units it would be some hundreds.
        Assert.InRange(json.GetProperty("choices")[0].GetProperty("error").GetDouble(), 0.4, 1.2);
    }

    [Fact]
    public void The_table_fits_80_columns()
    {
        using var folder = new CliFolder();
        string text = CliFolder.Run([
            "sweep", .. Quick, "--grid", "hidden=4", "--grid", "cell=gru", "--grid", "layers=2", "--grid",
            "learning-rate=0.001", "--grid", "clip-norm=1", "--grid", "schedule=constant", "--out", folder["s"],
        ]).Works().Output;
        Assert.Contains("layers=2", text, StringComparison.Ordinal);
        Assert.All(text.Split('\n'), line => Assert.True(line.Length <= 80, line));
    }

    /// <summary>One run fails; the others and the table do not.</summary>
    [Fact]
    public void A_run_that_fails_is_told_of_and_stays_undone()
    {
        using var folder = new CliFolder();
        // The rate makes the loss infinite in the first epoch.
        string[] command =
        [
            "sweep", .. Quick, "--grid", "learning-rate=0.01,900", "--net", "rnn:8:relu,dense:6", "--clip-norm", "0",
            "--optimizer", "sgd", "--out", folder["s"], "--json",
        ];
        var result = CliFolder.Run(command);
        Assert.Equal(1, result.ExitCode);
        var choices = result.Json.GetProperty("choices").EnumerateArray().ToList();
        Assert.Equal(0, choices[0].GetProperty("failures").GetArrayLength());
        Assert.Contains("NaN or infinite", choices[1].GetProperty("failures")[0].GetString(), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, choices[1].GetProperty("accuracy").ValueKind);
        Assert.Single(Times(folder["s/runs"]));
    }

    [Theory]
    [InlineData("hiden=3", "hiden", "hidden")]
    [InlineData("test=3", "test")]
    [InlineData("hidden", "hidden")]
    [InlineData("hidden=3,3", "twice")]
    [InlineData("hidden=many", "hidden=many", "lstm:many")]
    [InlineData("cell=lst", "cell=lst", "lst:64")]
    [InlineData("epochs=0", "epochs=0", "--epochs")]
    public void A_wrong_grid_is_a_sentence_before_any_run(string grid, params string[] words)
    {
        using var folder = new CliFolder();
        CliFolder.Run("sweep", "--data", "synthetic:motion?count=12", "--grid", grid, "--out", folder["s"]).Fails(
            2, words);
        Assert.Empty(folder.Entries);
    }

    [Fact]
    public void Two_sweeps_do_not_share_a_folder()
    {
        using var folder = new CliFolder();
        Directory.CreateDirectory(folder["s"]);
        using var held = new FileStream(folder["s/sweep.lock"], FileMode.Create, FileAccess.Write, FileShare.None);
        CliFolder.Run(["sweep", .. Quick, "--grid", "hidden=4", "--out", folder["s"]]).Fails(1, "another folder");
    }

    [Fact]
    public void Every_value_meets_every_other()
    {
        var grid = new SweepGrid(
            [GridKey.Parse("cell=gru:reset-before,lstm"), GridKey.Parse("hidden=8,16"), GridKey.Parse("layers=2")], []);
        Assert.Equal(
            [
                "--net gru:8:reset-before,gru:8:reset-before,dense:3",
                    "--net gru:16:reset-before,gru:16:reset-before,dense:3",
                "--net lstm:8,lstm:8,dense:3", "--net lstm:16,lstm:16,dense:3",
            ],
            grid.Points().Select(p => string.Join(' ', grid.Arguments(p, 3))));
        Assert.Equal(["gru:8,dense:3", "rnn:8,dense:3"], GridKey.Parse("net=gru:8,dense:3;rnn:8,dense:3").Values);
    }

    [Fact]
    public void Names_in_a_sweep_stay_text()
    {
        const string Hostile = "<script>alert(1)</script>";
        var row = new SweepRow
        {
            Options = [(Hostile, Hostile)],
            FloatScores = [0.5],
            Int8Scores = [0.5],
            Int8Bytes = 1000,
            Microseconds = 1,
            Failures = [Hostile],
            IsOptimal = true,
        };
        var report = new SweepReport
        {
            Data = Hostile,
            ChosenBy = Hostile,
            Seeds = 1,
            Fixed = [(Hostile, Hostile)],
            Rows = [row, row with { FloatScores = [], Int8Scores = [], IsOptimal = false }],
            ToolVersion = "0",
        };
        Assert.DoesNotContain("<script", SweepPage.Write(report), StringComparison.Ordinal);
        Assert.DoesNotContain("<script", SweepPage.Picture(report), StringComparison.Ordinal);
    }

    /// <summary>When each finished run of a folder was written.</summary>
    internal static Dictionary<string, DateTime> Times(string runs) =>
        Directory.EnumerateFiles(runs, "result.json", SearchOption.AllDirectories).ToDictionary(
            f => f, File.GetLastWriteTimeUtc);
}

using System.Globalization;
using System.Text.Json;
using EdgeRnn.Cli.Bench;
using EdgeRnn.Format;
using EdgeRnn.Trainer.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>Train, quantize, evaluate and run, as a script would: by JSON and by files.</summary>
public sealed class ChainTests
{
    [Fact]
    public void Training_leaves_model_history_and_options()
    {
        using var folder = new CliFolder();
        var result = folder.Train(
            "run", "--validation", "0.2", "--test", "synthetic:motion?part=test&count=60").Works();
        Assert.Equal(CliFolder.FilesOfARun, folder.Entries);
        var json = result.Json;
        Assert.Equal(2, json.GetProperty("epochs").GetInt32());
        Assert.Equal(folder["run/model.ernn"], json.GetProperty("model").GetString());
        // LSTM: 4·8 rows of 6 inputs, 8 hidden and one bias; dense: 6 rows of 8 and one bias.
        Assert.Equal(32 * 15 + 6 * 9, json.GetProperty("parameters").GetInt32());
        Assert.InRange(json.GetProperty("test_accuracy").GetDouble(), 0, 1);
        Assert.True(json.GetProperty("train_seconds").GetDouble() > 0);
        Assert.True(json.GetProperty("samples_per_second").GetDouble() > 0);
        Assert.Equal(3, File.ReadAllLines(folder["run/history.csv"]).Length);
        var options = JsonDocument.Parse(File.ReadAllText(folder["run/options.json"])).RootElement;
        Assert.Equal("lstm:8,dense:6", options.GetProperty("net").GetString());
        Assert.Equal("adam", options.GetProperty("optimizer").GetString());
        Assert.True(ModelReader.TryLoad(folder["run/model.ernn"], out var model, out _));
        Assert.Equal((float)json.GetProperty("test_accuracy").GetDouble(), model.Training!.TestAccuracy);
        Assert.NotNull(model.SelfTest);
    }

    [Fact]
    public void Equal_options_give_equal_files()
    {
        using var folder = new CliFolder();
        folder.Train("a").Works();
        folder.Train("b").Works();
        Assert.Equal(File.ReadAllBytes(folder["a/model.ernn"]), File.ReadAllBytes(folder["b/model.ernn"]));
        Assert.Equal(File.ReadAllText(folder["a/options.json"]), File.ReadAllText(folder["b/options.json"]));
    }

    [Theory]
    [InlineData("int8")]
    [InlineData("int8x16")]
    public void A_quantized_model_is_smaller_and_evaluates_the_same_everywhere(string precision)
    {
        using var folder = new CliFolder();
        const string Data = "synthetic:motion?part=test&count=60";
        folder.Train("run").Works();
        var quantized = CliFolder.Run(
            "quantize", "--model", folder["run/model.ernn"], "--calibrate", "synthetic:motion?count=240",
            "--evaluate", Data, "--precision", precision, "--out", folder["q.ernn"], "--json").Works().Json;
        Assert.Equal(precision, quantized.GetProperty("precision").GetString());
        Assert.Equal(new FileInfo(folder["q.ernn"]).Length, quantized.GetProperty("bytes").GetInt64());
        Assert.True(quantized.GetProperty("bytes").GetInt64() < quantized.GetProperty("float_bytes").GetInt64());

        var evaluated = CliFolder.Run(
            "evaluate", "--model", folder["q.ernn"], "--data", Data, "--predictions", folder["p.csv"],
            "--json").Works().Json;
        Assert.Equal(60, evaluated.GetProperty("samples").GetInt32());
        Assert.Equal(precision, evaluated.GetProperty("precision").GetString());
        Assert.Equal(quantized.GetProperty("accuracy").GetDouble(), evaluated.GetProperty("accuracy").GetDouble());
        var counts = evaluated.GetProperty("confusion").EnumerateArray().SelectMany(row => row.EnumerateArray());
        Assert.Equal(60, counts.Sum(c => c.GetInt32()));
        CheckPredictions(File.ReadAllLines(folder["p.csv"]), evaluated.GetProperty("accuracy").GetDouble());

        var inspected = CliFolder.Run("inspect", "--model", folder["q.ernn"], "--json").Works().Json;
        Assert.Equal("passed", inspected.GetProperty("self_test").GetString());
    }

    private static void CheckPredictions(string[] lines, double accuracy)
    {
        Assert.Equal(
            "index,label,predicted," + string.Join(',', Enumerable.Range(0, 6).Select(i => $"score_{i}")) + ","
            + string.Join(',', Enumerable.Range(0, 6).Select(i => $"logit_{i}")),
            lines[0]);
        Assert.Equal(61, lines.Length);
        int correct = 0;
        for (int i = 0; i < 60; i++)
        {
            string[] cells = lines[i + 1].Split(',');
            Assert.Equal(i.ToString(CultureInfo.InvariantCulture), cells[0]);
            float[] scores = [.. cells[3..9].Select(c => float.Parse(c, CultureInfo.InvariantCulture))];
            int[] logits = [.. cells[9..].Select(c => int.Parse(c, CultureInfo.InvariantCulture))];
            Assert.Equal(cells[2], Array.IndexOf(scores, scores.Max()).ToString(CultureInfo.InvariantCulture));
            Assert.Equal(logits.Max(), logits[int.Parse(cells[2], CultureInfo.InvariantCulture)]);
            correct += cells[1] == cells[2] ? 1 : 0;
        }

        Assert.Equal(accuracy, correct / 60.0);
    }

    [Theory]
    [InlineData("window", new[] { 12, 6 })]
    [InlineData("continuous", new[] { 12, 64, 6 })]
    public void Run_gives_scores_of_the_last_or_of_every_step(string stream, int[] shape)
    {
        using var folder = new CliFolder();
        folder.Train("run", "--stream", stream).Works();
        var data = DataSpec.Load("synthetic:motion?count=12");
        using (var file = File.Create(folder["x.npy"]))
            NpyArray.Write(file, [12, 64, 6], [.. data.Sequences.SelectMany(s => s.Values.ToArray())]);
        CliFolder.Run(
            "run", "--model", folder["run/model.ernn"], "--input", folder["x.npy"], "--output", folder["y.npy"],
            "--json").Works();
        var output = NpyArray.Read(folder["y.npy"]);
        Assert.Equal(shape, output.Shape);

        CliFolder.Run(
            "evaluate", "--model", folder["run/model.ernn"], "--data", "synthetic:motion?count=12", "--predictions",
            folder["p.csv"]).Works();
        float[] scores = output.ToFloats(), last = scores[^6..];
        Assert.Equal(
            File.ReadAllLines(folder["p.csv"])[12].Split(',')[3..],
            last.Select(s => s.ToString("R", CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Run_refuses_other_channels_than_the_models()
    {
        using var folder = new CliFolder();
        folder.Train("run").Works();
        using (var file = File.Create(folder["x.npy"]))
            NpyArray.Write(file, [2, 10, 5], new float[100]);
        CliFolder.Run(
            "run", "--model", folder["run/model.ernn"], "--input", folder["x.npy"], "--output", folder["y.npy"])
            .Fails(1, "x.npy", "(2, 10, 5)", "(n, steps, 6)");
        Assert.False(File.Exists(folder["y.npy"]));
    }

    [Fact]
    public void Bench_says_that_a_step_allocates_nothing()
    {
        using var folder = new CliFolder();
        folder.Train("run").Works();
        var json = CliFolder.Run(
            "bench", "--model", folder["run/model.ernn"], "--steps", "1000", "--json").Works().Json;
        Assert.Equal(0, json.GetProperty("allocated_bytes").GetInt64());
        Assert.True(json.GetProperty("edgernn_us").GetProperty("median").GetDouble() > 0);
    }

    [Fact]
    public void The_table_of_training_fits_80_columns()
    {
        string table = TrainingBenchVerb.Table(
        [
            new("lstm:128", 1, 12345.6, 123.4, 1234.5, 0.1, 1234.4, 10),
                new("lstm:128", 2, 24691.2, 1, 2, 0.5, null, null),
        ], "1.13.0a0 with openblas-openmp");
        Assert.All(table.Split('\n'), line => Assert.True(line.Length <= 80, line));
        Assert.Contains(
            "  network    threads  samples/s   GFLOP/s      peak   share   PyTorch   ratio\n"
            + "  lstm:128         1     12,346     123.4    1234.5    10 %     1,234   10.00\n",
            table, StringComparison.Ordinal);
        Assert.Contains("two threads train 2.00 times as fast as one", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Folds_report_each_part_and_write_nothing()
    {
        using var folder = new CliFolder();
        var json = CliFolder.Run(
            "train", "--data", "synthetic:motion?count=120", "--net", "gru:8,dense:6", "--epochs", "1",
            "--folds", "3", "--json").Works().Json;
        Assert.Equal(3, json.GetProperty("folds").GetArrayLength());
        Assert.InRange(json.GetProperty("accuracy").GetDouble(), 0, 1);
        Assert.Empty(folder.Entries);
    }

    /// <summary>Ctrl-C in the middle of training: the model is there, the exit code says that it was stopped.</summary>
    [Fact]
    public void A_stopped_training_keeps_what_it_has()
    {
        using var folder = new CliFolder();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        var result = CliFolder.Run(
            stop.Token, "train", "--data", "synthetic:motion?count=240", "--net", "lstm:8,dense:6",
            "--epochs", "1000000", "--threads", "1", "--out", folder["run"], "--json");
        Assert.Equal(130, result.ExitCode);
        Assert.Equal("cancelled", result.Json.GetProperty("stopped").GetString());
        Assert.Contains("Stopped on request", result.Error, StringComparison.Ordinal);
        Assert.True(ModelReader.TryLoad(folder["run/model.ernn"], out _, out string? error), error);
        Assert.Equal(
            CliFolder.FilesOfARun.Concat(["run/arguments.json", "run/checkpoint.bin"]).Order(), folder.Entries);
    }

    [Fact]
    public void Figures_are_readable_without_json()
    {
        using var folder = new CliFolder();
        folder.Train("run").Works();
        string text = CliFolder.Run(
            "evaluate", "--model", folder["run/model.ernn"], "--data", "synthetic:motion?count=60").Works().Output;
        Assert.Contains("accuracy", text, StringComparison.Ordinal);
        Assert.Contains("circle-", text, StringComparison.Ordinal);
        Assert.All(text.Split('\n'), line => Assert.True(line.Length <= 80, line));
        Assert.DoesNotContain('\x1b', text);
    }
}

using System.Globalization;
using System.Text.Json;
using EdgeRnn.Cli;
using EdgeRnn.Tests.Host;
using EdgeRnn.Trainer.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>Values and outputs of each step through the commands, and values out of the host.</summary>
public sealed class OutputChainTests
{
    [Fact]
    public void Values_go_through_the_chain()
    {
        using var folder = new CliFolder();
        string data = WriteValues(folder, 60, 10);
        var trained = CliFolder.Run(
            "train", "--data", data, "--test", data, "--validation", "0.2", "--net", "gru:6,dense:2", "--epochs", "3",
            "--loss", "mae", "--threads", "1", "--out", folder["run"], "--json").Works().Json;
        Assert.False(trained.TryGetProperty("test_accuracy", out _));
        Assert.Equal(2, trained.GetProperty("values").GetArrayLength());
        // Both values have their row and their picture; nothing speaks of classes.
        string page = File.ReadAllText(trained.GetProperty("report").GetString()!);
        double r2 = trained.GetProperty("values")[0].GetProperty("r2").GetDouble();
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"R² {r2:0.000}"), page, StringComparison.Ordinal);
        Assert.Equal(3, page.Split("Predicted ").Length);
        Assert.DoesNotContain("ccuracy", page, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
        var again = CliFolder.Run("report", folder["run"], "--json").Works().Json;
        Assert.Equal(r2, again.GetProperty("values")[0].GetProperty("r2").GetDouble());
        var quantized = CliFolder.Run(
            "quantize", "--model", folder["run/model.ernn"], "--calibrate", data, "--evaluate", data, "--out",
            folder["q.ernn"], "--json").Works().Json;
        Assert.Equal(2, quantized.GetProperty("values_float").GetArrayLength());

        var evaluated = CliFolder.Run(
            "evaluate", "--model", folder["q.ernn"], "--data", data, "--predictions", folder["p.csv"],
                "--json").Works().Json;
        var first = evaluated.GetProperty("values")[0];
        Assert.Equal(
            quantized.GetProperty("values")[0].GetProperty("rmse").GetDouble(), first.GetProperty("rmse").GetDouble());
        Assert.False(evaluated.TryGetProperty("confusion", out _));
        string[] lines = File.ReadAllLines(folder["p.csv"]);
        Assert.StartsWith("index,target_0,target_1,value_0,value_1", lines[0], StringComparison.Ordinal);
        Assert.Equal(61, lines.Length);
        Assert.Contains("RMSE", CliFolder.Run("evaluate", "--model", folder["q.ernn"], "--data", data).Works().Output);
        Assert.Equal(
            "values", CliFolder.Run("inspect", "--model", folder["q.ernn"], "--json").Works().Json.GetProperty(
                "output").GetString());
    }

    [Fact]
    public void Labels_of_each_step_are_trained_continuously_and_evaluated_as_a_stream()
    {
        using var folder = new CliFolder();
        string data = WriteSteps(folder, 20, 30);
        CliFolder.Run(
            "train", "--data", data, "--stream", "continuous", "--truncate", "8", "--net", "rnn:5,dense:2", "--epochs",
                "2",
            "--threads", "1", "--out", folder["run"], "--json").Works();
        var json = CliFolder.Run(
            "evaluate", "--model", folder["run/model.ernn"], "--data", data, "--stream", "--json").Works().Json;
        Assert.Equal(20 * 30, json.GetProperty("outputs").GetInt32());
        // Every step that is wrong is a mistake of its own.
        Assert.Matches("step [0-9]+ of 30", File.ReadAllText(folder["run/report.html"]));
        CliFolder.Run("train", "--data", data, "--truncate", "8", "--out", folder["no"]).Fails(
            2, "--truncate", "--stream continuous");
    }

    [Fact]
    public void A_bidirectional_model_is_evaluated_but_not_streamed()
    {
        using var folder = new CliFolder();
        const string Data = "synthetic:motion?count=60";
        CliFolder.Run(
            "train", "--data", Data, "--net", "gru:4:bi,pool:mean,dense:6", "--epochs", "1", "--threads", "1", "--out",
            folder["run"], "--json").Works();
        string model = folder["run/model.ernn"];
        string page = File.ReadAllText(folder["run/report.html"]);
        Assert.Contains("There is no int8 model: layer 1 is bidirectional", page, StringComparison.Ordinal);
        CliFolder.Run("report", folder["run"]).Works();
        CliFolder.Run("evaluate", "--model", model, "--data", Data, "--json").Works();
        CliFolder.Run("inspect", "--model", model).Works();
        string[] words = ["layer 1 is bidirectional", "train a forward layer"];
        CliFolder.Run("quantize", "--model", model, "--calibrate", Data, "--out", folder["q.ernn"]).Fails(1, words);
        CliFolder.Run("evaluate", "--model", model, "--data", Data, "--stream").Fails(1, words);
        CliFolder.Run("bench", "--model", model).Fails(1, words);
        var host = HostRun.Of([], "--model", model, "--port", "-", "--input", "text");
        Assert.Equal(1, host.ExitCode);
        Assert.Contains(words[0], host.Errors[0]);
    }

    [Theory]
    [InlineData(Precision.Int8, 8, 4)]
    [InlineData(Precision.Float32, 0, 0)]
    public void The_host_writes_values_in_the_place_of_a_class(Precision precision, int window, int hop)
    {
        using var file = new ModelFile(RandomModels.Create(21, precision, 3, "gru:8,dense:2", window, hop) with
        {
            OutputKind = OutputKind.Values,
            OutputMean = Tensor.FromFloats(2, 1, [20, -1]),
            OutputDeviation = Tensor.FromFloats(2, 1, [3, 1e-3f]),
        });
        float[] readings = RandomModels.Readings(22, file.Model, 40);
        var sequences = new List<Sequence> { new(readings, 40, 0) { Targets = new float[2] } };
        var data = new SequenceDataset(
            "noise", ["0", "1", "2"], ["0", "1"], sequences)
        { OutputKind = OutputKind.Values };
        var result = StreamCheck.Run(file.Name, data, 1, HostRun.Command);
        Assert.Null(result.FirstDifference);
        Assert.Equal(result.Expected, result.Matches);
        Assert.True(result.Expected > 0);

        string text = string.Join('\n', readings.Chunk(3).Select(row => string.Join(',', row)));
        var run = HostRun.Of(
            System.Text.Encoding.UTF8.GetBytes(text + "\n"), "--model", file.Name, "--port", "-", "--input", "text");
        var line = JsonDocument.Parse(run.Output[0]).RootElement;
        Assert.Equal(2, line.GetProperty("values").GetArrayLength());
        Assert.False(line.TryGetProperty("class", out _));
        Assert.False(line.TryGetProperty("label", out _));
    }

    [Fact]
    public void Values_are_cross_validated_by_their_loss()
    {
        using var folder = new CliFolder();
        string data = WriteValues(folder, 30, 6);
        string[] train =
            ["train", "--data", data, "--net", "gru:4,dense:2", "--epochs", "2", "--threads", "1", "--folds", "3"];
        var json = CliFolder.Run([.. train, "--out", folder["run"], "--json"]).Works().Json;
        double[] losses = [.. json.GetProperty("folds").EnumerateArray().Select(f => f.GetDouble())];
        Assert.Equal(3, losses.Length);
        Assert.Equal(losses.Average(), json.GetProperty("mean").GetDouble(), 1e-9);
        // Folds are of equal size here.
        Assert.Equal(losses.Average(), json.GetProperty("loss").GetDouble(), 1e-9);
        Assert.Equal(30, json.GetProperty("samples").GetInt32());
        Assert.Equal(2, json.GetProperty("values").GetArrayLength());
        double int8 = json.GetProperty("int8_values")[0].GetProperty("rmse").GetDouble();
        Assert.InRange(int8 / json.GetProperty("values")[0].GetProperty("rmse").GetDouble(), 0.9, 1.1);
        string page = File.ReadAllText(json.GetProperty("report").GetString()!);
        Assert.Contains("The worst is fold", page, StringComparison.Ordinal);
        Assert.DoesNotContain("ccuracy", page, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);

        string text = CliFolder.Run(train).Works().Output;
        Assert.Contains("RMSE", text, StringComparison.Ordinal);
        Assert.DoesNotContain("ccuracy", text, StringComparison.Ordinal);
        CliFolder.Run([.. train, "--class-weights", "balanced"]).Fails(1, "leave class weights");
    }

    private static string WriteValues(CliFolder folder, int count, int steps)
    {
        var random = new SeededRandom(1);
        float[] x = random.Floats(count * steps * 2, -1, 1);
        float[] y = [.. x.Chunk(steps * 2).SelectMany(s => new[] { 10 + s.Sum(), 100 * s[^1] })];
        return Write(folder, [count, steps, 2], x, [count, 2], y);
    }

    private static string WriteSteps(CliFolder folder, int count, int steps)
    {
        float[] x = new SeededRandom(2).Floats(count * steps, -1, 1);
        string spec = Write(folder, [count, steps, 1], x, [count, steps], new float[x.Length]);
        // The same header with bytes for floats: a class for each step.
        byte[] file = File.ReadAllBytes(folder["y.npy"]);
        string header =
            System.Text.Encoding.Latin1.GetString(file, 0, 128).Replace("<f4", "|u1", StringComparison.Ordinal);
        File.WriteAllBytes(folder["y.npy"],
            [.. System.Text.Encoding.Latin1.GetBytes(header), .. x.Select(v => (byte)(v > 0 ? 1 : 0))]);
        return spec;
    }

    private static string Write(CliFolder folder, int[] shapeOfX, float[] x, int[] shapeOfY, float[] y)
    {
        using (var stream = File.Create(folder["x.npy"]))
            NpyArray.Write(stream, shapeOfX, x);
        using (var stream = File.Create(folder["y.npy"]))
            NpyArray.Write(stream, shapeOfY, y);
        return $"npy:{folder["x.npy"]},{folder["y.npy"]}";
    }
}

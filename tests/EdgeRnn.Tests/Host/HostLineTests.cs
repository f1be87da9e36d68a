using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using EdgeRnn.Cli;
using EdgeRnn.Host.Pipeline;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>The host as a process, on a virtual line and on standard input.</summary>
public partial class HostLineTests
{
    [Theory]
    [InlineData(Precision.Int8, 20, 20)]
    [InlineData(Precision.Float32, 20, 8)]
    [InlineData(Precision.Int8, 0, 0)]
    public void Every_decision_over_the_line_is_the_offline_one_to_the_bit(Precision precision, int window, int hop)
    {
        using var file = new ModelFile(RandomModels.Create(3, precision, 6, "lstm:16,gru:8,dense:5", window, hop));
        var result = StreamCheck.Run(file.Name, Data(file.Model, 50, 20), 40, HostRun.Command);
        Assert.Null(result.FirstDifference);
        Assert.Equal(result.Expected, result.Matches);
        Assert.True(result.Expected > 0);
        Assert.Equal((800, 800, 0), (result.Account.Expected, result.Account.Delivered, result.Account.Noise));
        if (HostRun.IsNative)
            Assert.Equal(0, result.Account.AllocatedBytes);
    }

    [Fact]
    public void Text_rows_give_the_labels_of_their_numbers()
    {
        using var file = new ModelFile(RandomModels.Create(3, Precision.Int8, 4, "gru:8,dense:3", 5));
        float[] readings = RandomModels.Readings(9, file.Model, 50);
        var text = new StringBuilder("hello\n");
        foreach (float[] row in readings.Chunk(4))
            text.AppendLine(string.Join(", ", row.Select(r => r.ToString("R", CultureInfo.InvariantCulture))));
        byte[] input = Encoding.UTF8.GetBytes(text.ToString());
        var run = HostRun.Of(input, "--model", file.Name, "--port", "-", "--input", "text");
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(10, run.Output.Length);

        var stream = new StreamClassifier(new RnnSession(file.Model));
        int index = 0;
        foreach (float[] row in readings.Chunk(4))
        {
            if (!stream.Step(row))
                continue;
            var decision = JsonDocument.Parse(run.Output[index]).RootElement;
            Assert.Equal(index, decision.GetProperty("index").GetInt32());
            Assert.Equal(index * 5 + 4, decision.GetProperty("sequence").GetInt32());
            Assert.Equal(file.Model.Labels[stream.Class], decision.GetProperty("label").GetString());
            Assert.Equal(stream.Class, decision.GetProperty("class").GetInt32());
            Assert.Equal(stream.Score, decision.GetProperty("score").GetSingle());
            Assert.Equal(JsonValueKind.Null, decision.GetProperty("device_us").ValueKind);
            index++;
        }
        Assert.Equal((50, 50, 1), Counted(run.Errors[^1], "expected", "delivered", "noise"));
    }

    [Fact]
    public void A_gap_resets_the_window_and_is_reported()
    {
        using var file = new ModelFile(RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 10));
        var encoder = new FrameEncoder(Descriptor.ForModel(file.Model));
        List<byte> bytes = [.. encoder.EncodeDescriptor(0)];
        for (uint i = 0; i < 30; i++)
        {
            byte[] frame = encoder.EncodeData([i, 1], i * 1000).ToArray();
            if (i != 4)
                bytes.AddRange(frame);
        }
        bytes.AddRange(encoder.EncodeEnd(0));
        var run = HostRun.Of([.. bytes], "--model", file.Name, "--port", "stdin", "--exit-at-end");
        Assert.Equal(0, run.ExitCode);
        var decisions = run.Output.Select(line => JsonDocument.Parse(line).RootElement);
        Assert.Equal([14, 24], decisions.Select(decision => decision.GetProperty("sequence").GetInt32()));
        Assert.Equal((30, 29, 1), Counted(run.Errors[^1], "expected", "delivered", "lost"));
    }

    [Fact]
    public void Asked_to_stop_the_host_still_gives_its_account()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "signals are Linux's");
        using var file = new ModelFile(RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 1));
        using var line = VirtualLine.Open();
        using var decided = new ManualResetEventSlim();
        using var process = HostRun.Start("--model", file.Name, "--port", line.PortName);
        var encoder = new FrameEncoder(Descriptor.ForModel(file.Model));
        line.Send(encoder.EncodeDescriptor(0), TestContext.Current.CancellationToken);
        line.Send(encoder.EncodeData([1, 2], 0), TestContext.Current.CancellationToken);
        Assert.NotNull(process.StandardOutput.ReadLine());
        Assert.Equal(0, Kill(process.Id, 15));
        string[] errors = process.StandardError.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        Assert.Equal((1, 1, 1), Counted(errors[^1], "expected", "steps", "decisions"));
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("quote \" backslash \\ tab \t bell \a")]
    [InlineData("größer 手 🙂")]
    public void Label_names_are_quoted_as_json(string name) =>
        Assert.Equal(name, JsonSerializer.Deserialize<string>(LineText.JsonQuote(name)));

    private static SequenceDataset Data(RnnModel model, int count, int steps) => new(
        "random",
        [.. Enumerable.Range(0, model.InputSize).Select(i => $"c{i}")],
        model.Labels,
        [
            .. Enumerable.Range(0, count)
                .Select(i => new Sequence(RandomModels.Readings((ulong)i, model, steps), steps, 0)),
        ]);

    private static (long, long, long) Counted(string account, string first, string second, string third)
    {
        var json = JsonDocument.Parse(account).RootElement;
        Assert.True(json.GetProperty("final").GetBoolean());
        return (Count(first), Count(second), Count(third));

        long Count(string name) => json.GetProperty(name).GetInt64();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}

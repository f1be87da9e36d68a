using System.Text;
using System.Text.Json;
using EdgeRnn.Host.Pipeline;
using EdgeRnn.Runtime;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>What a gap does to windows and state, and that decisions say it.</summary>
public class GapTests
{
    // Channel 0 counts, channel 1 falls: bridged values are exact, and say where they come from.
    private static readonly float[][] Sent = [.. Enumerable.Range(0, 40).Select(i => new float[] { i, 100 - 2 * i })];

    [Theory]
    [InlineData("reset", 0)]
    [InlineData("hold", 3)]
    [InlineData("hold:3", 3)]
    [InlineData("hold:2", 0)]
    [InlineData("interpolate:3", 3)]
    [InlineData("interpolate:2", 0)]
    public void A_gap_is_bridged_as_asked(string rule, int bridged)
    {
        var model = RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 10, 5);
        using var file = new ModelFile(model);
        var run = HostRun.Of(
            Frames(model, missing: [12, 13, 14]), "--model", file.Name, "--port", "-", "--on-gap", rule);
        Assert.Equal(0, run.ExitCode);

        // What the network would have been given by hand.
        var stream = new StreamClassifier(new RnnSession(model));
        List<(int Sequence, float Score, int Bridged)> expected = [];
        for (int i = 0; i < Sent.Length; i++)
        {
            bool isMissing = i is >= 12 and < 15;
            if (isMissing && bridged == 0)
            {
                stream.Reset();
                continue;
            }
            if (stream.Step(isMissing && rule.StartsWith("hold", StringComparison.Ordinal) ? Sent[11] : Sent[i]))
            {
                int first = (int)stream.WindowStart;
                int made = bridged == 0 ? 0 : Enumerable.Range(first, 10).Count(step => step is >= 12 and < 15);
                expected.Add((i, stream.Score, made));
            }
        }
        var decisions = run.Output.Select(line => JsonDocument.Parse(line).RootElement).Select(decision => (
            decision.GetProperty("sequence").GetInt32(), decision.GetProperty("score").GetSingle(),
            decision.GetProperty("bridged").GetInt32()));
        Assert.Equal(expected, decisions);
        var account = JsonDocument.Parse(run.Errors[^1]).RootElement;
        Assert.Equal(bridged, account.GetProperty("bridged").GetInt32());
        Assert.Equal(bridged == 0 ? 1 : 0, account.GetProperty("resets").GetInt32());
        Assert.Equal(3, account.GetProperty("lost").GetInt32());
        Assert.Equal(37 + bridged, account.GetProperty("steps").GetInt32());
    }

    [Fact]
    public void Bridged_readings_have_numbers_and_times_between_those_around_them()
    {
        var receiver = new FrameReceiver(2);
        var bridge = new GapBridge(GapRule.Interpolate, 3, 2);
        var model = RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 10, 5);
        ReadOnlySpan<byte> bytes = Frames(model, missing: [1, 2, 3]);
        Assert.Equal(LineAnswer.Reading, receiver.Next(bytes, out int consumed));
        Assert.Equal(GapBridge.NotBridged, bridge.Count(receiver));
        bridge.Keep(receiver);
        Assert.Equal(LineAnswer.Reading, receiver.Next(bytes[consumed..], out _));
        Assert.Equal(3, bridge.Count(receiver));
        Assert.Equal([2f, 96], bridge.Make(receiver, 2, 3, out long deviceUs).ToArray());
        Assert.Equal(2000, deviceUs);
    }

    [Fact]
    public void A_bad_row_costs_one_row()
    {
        var model = RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 5, 5);
        using var file = new ModelFile(model);
        string rows = string.Join('\n', Sent.Select((row, i) => i == 7 ? "7,x" : $"{row[0]},{row[1]}"));
        var run = HostRun.Of(
            Encoding.UTF8.GetBytes(rows), "--model", file.Name, "--port", "-", "--input", "text", "--on-gap", "hold");
        Assert.Equal(8, run.Output.Length);
        Assert.Contains("\"bridged\":1,", run.Output[1], StringComparison.Ordinal);
        Assert.Contains("\"bridged\":0,", run.Output[2], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("reset", 1)]
    [InlineData("keep", 0)]
    public void A_restart_of_the_sender_resets_or_keeps_the_state(string rule, int resets)
    {
        var model = RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 10, 5);
        using var file = new ModelFile(model);
        byte[] bytes = [.. Frames(model, [], stream: 1), .. Frames(model, [], stream: 2)];
        var run = HostRun.Of(bytes, "--model", file.Name, "--port", "-", "--on-restart", rule);
        var account = JsonDocument.Parse(run.Errors[^1]).RootElement;
        Assert.Equal(resets, account.GetProperty("resets").GetInt32());
        Assert.Equal(1, account.GetProperty("restarts").GetInt32());
        Assert.Equal(resets == 1 ? 14 : 15, run.Output.Length);
    }

    private static byte[] Frames(RnnModel model, int[] missing, ushort stream = 1)
    {
        var encoder = new FrameEncoder(Descriptor.ForModel(model), stream);
        List<byte> bytes = [.. encoder.EncodeDescriptor(0)];
        for (int i = 0; i < Sent.Length; i++)
        {
            byte[] frame = encoder.EncodeData(Sent[i], (uint)i * 1000).ToArray();
            if (!missing.Contains(i))
                bytes.AddRange(frame);
        }
        return [.. bytes, .. encoder.EncodeEnd(40_000)];
    }
}

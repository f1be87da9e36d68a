using Xunit;

namespace EdgeRnn.Tests.Datasets;

public sealed class TsTests : IDisposable
{
    private readonly DataFolder _folder = new();

    [Fact]
    public void Cases_of_several_channels_and_unequal_lengths_are_read()
    {
        var data = Load("# about", "@problemName Wave", "@dimensions 2", "@equalLength false",
            "@classLabel true up down", "@data", "1,2,3:10,20,30:up", "-4.5e-1,5 : 40,50 : down", "");

        Assert.Equal("x", data.Name);
        Assert.Equal(["up", "down"], data.Labels);
        Assert.Equal(2, data.Channels.Count);
        Assert.Equal([3, 2], data.Sequences.Select(s => s.Steps));
        Assert.Equal([1f, 10, 2, 20, 3, 30], data.Sequences[0].Values.ToArray());
        Assert.Equal([-0.45f, 40, 5, 50], data.Sequences[1].Values.ToArray());
        Assert.Equal([0, 1], data.Sequences.Select(s => s.Label));
        Assert.Equal(0, data.CommonSteps);
        Assert.Equal(3, data.MaxSteps);
    }

    [Fact]
    public void Windows_line_ends_and_a_byte_order_mark_are_read()
    {
        _folder.With("x.ts", "\uFEFF@univariate true\r\n@CLASSLABEL TRUE 1 2\r\n@DATA\r\n1,2:1\r\n3,4:2\r\n");
        Assert.Equal([3f, 4], _folder.Load("ts:@/x.ts").Sequences[1].Values.ToArray());
    }

    [Fact]
    public void The_sample_rate_can_be_told() =>
        Assert.Equal(12.5f, Load("ts:@/x.ts?rate=12.5", "@classLabel true a", "@data", "1:a").SampleRateHz);

    [Theory]
    [InlineData("1,?,3:4,5,6:a", "found '?' as value 2 of channel 1", "fill the missing value or remove the case")]
    [InlineData("1,2,3:4,NaN,6:a", "found 'NaN' as value 2 of channel 2", "expected a finite number")]
    [InlineData("1,2,3:4,1e39,6:a", "found '1e39' as value 2 of channel 2", "expected a finite number")]
    [InlineData("1,2,3:4,,6:a", "found nothing as value 2 of channel 2", "expected a finite number")]
    [InlineData("1,2,x:4,5,6:a", "found 'x' as value 3 of channel 1", "expected a finite number")]
    [InlineData("1,2,3:4,5:a", "found 2 values in channel 2 but 3 in channel 1", "expected as many")]
    [InlineData("1,2,3:a", "found 1 channels and a label, expected 2", "complete or remove the case")]
    [InlineData("1,2,3:4,5,6:c", "found class 'c'", "expected one of @classLabel: a, b")]
    [InlineData("1,2,3:4,5,6", "found 1 channels and a label, expected 2", "complete")]
    [InlineData("1,2:4,5:a", "found 2 steps, expected the 3 of @seriesLength", "@equalLength false")]
    public void A_bad_case_is_named_with_its_line(string line, string found, string more)
    {
        Write("@dimensions 2", "@equalLength true", "@seriesLength 3", "@classLabel true a b", "@data",
            "1,2,3:4,5,6:a", line);
        _folder.Refuses("ts:@/x.ts", _folder["x.ts"], "line 7", found, more);
    }

    [Theory]
    [InlineData("@data", "line 1: found no @classLabel")]
    [InlineData("@classLabel false", "line 1: found no class names")]
    [InlineData("@classLabel true a a", "line 1: found a class name twice")]
    [InlineData("@dimensions six", "line 1: found '@dimensions six', expected @dimensions and a number")]
    [InlineData("@timeStamps true", "line 1: found time stamps")]
    [InlineData("1,2,3:a", "line 1: found '1,2,3:a' before @data")]
    [InlineData("@classLabel true a", "has no line '@data'")]
    [InlineData("", "has no line '@data'")]
    public void A_bad_header_is_named_with_its_line(string line, string expected)
    {
        Write(line);
        _folder.Refuses("ts:@/x.ts", _folder["x.ts"], expected);
    }

    [Fact]
    public void Missing_and_empty_files_are_refused()
    {
        _folder.Refuses("ts:@/none.ts", _folder["none.ts"], "does not exist");
        _folder.Refuses("ts:@", "is a folder, expected a file");
        Write("@classLabel true a", "@data");
        _folder.Refuses("ts:@/x.ts", "hold no sequences");
        _folder.With("x.ts", [0xFF, 0xFE, 0x40, 0]);
        _folder.Refuses("ts:@/x.ts", "UTF-16", "save it as UTF-8");
    }

    public void Dispose() => _folder.Dispose();

    private void Write(params string[] lines) => _folder.With("x.ts", string.Join('\n', lines));

    private Trainer.Datasets.SequenceDataset Load(params string[] lines)
    {
        bool hasSpec = lines[0].StartsWith("ts:", StringComparison.Ordinal);
        Write(hasSpec ? lines[1..] : lines);
        return _folder.Load(hasSpec ? lines[0] : "ts:@/x.ts");
    }
}

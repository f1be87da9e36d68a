using System.Globalization;
using Xunit;

namespace EdgeRnn.Tests.Datasets;

public sealed class CsvTests : IDisposable
{
    private readonly DataFolder _folder = new();

    [Fact]
    public void A_sub_folder_names_the_label_and_a_file_the_group()
    {
        _folder.With("walk/1.csv", "x,y\n1,2\n3,4\n").With("walk/2.csv", "x,y\n5,6\n").With("run/a/1.CSV", "x,y\n7,8\n")
            .With("notes.md", "no data");
        var data = _folder.Load("csv:@");

        Assert.Equal(Path.GetFileName(_folder.Root), data.Name);
        Assert.Equal(["run", "walk"], data.Labels);
        Assert.Equal(["x", "y"], data.Channels);
        Assert.True(data.HasChannelNames);
        Assert.Equal(["run/a/1.CSV", "walk/1.csv", "walk/2.csv"], data.Sequences.Select(s => s.Group));
        Assert.Equal([0, 1, 1], data.Sequences.Select(s => s.Label));
        Assert.Equal([1f, 2, 3, 4], data.Sequences[1].Values.ToArray());
        Assert.Empty(data.Warnings);
    }

    [Fact]
    public void Files_in_the_folder_itself_name_the_label_and_windows_are_cut()
    {
        _folder.With("up.csv", Ramp(10)).With("down.csv", Ramp(7));
        var data = _folder.Load("csv:@?window=4&hop=2");

        Assert.Equal(["down", "up"], data.Labels);
        Assert.Equal([0, 0, 1, 1, 1, 1], data.Sequences.Select(s => s.Label));
        Assert.Equal([0f, 2, 0, 2, 4, 6], data.Sequences.Select(s => s.Values.Span[0]));
        Assert.Equal(4, data.CommonSteps);
        Assert.Contains("1 rows in 1 of 2 files", Assert.Single(data.Warnings));
    }

    [Fact]
    public void Hop_is_the_window_when_it_is_not_given()
    {
        _folder.With("up.csv", Ramp(10));
        var data = _folder.Load("csv:@?window=4");
        Assert.Equal([0f, 4], data.Sequences.Select(s => s.Values.Span[0]));
        Assert.Contains("2 rows in 1 of 1 files", Assert.Single(data.Warnings));
        _folder.Refuses("csv:@?window=11", "no recording has the 11 steps of a window, the longest has 10");
    }

    [Theory]
    [InlineData("x,y\n1,2\n")]
    [InlineData("x;y\r\n1;2\r\n")]
    [InlineData("x\ty\n1\t2")]
    [InlineData("\uFEFF\"x\" , \"y\"\n\"1\", 2 \n\n\n")]
    [InlineData("y;x\n2.0;+1e0\n")]
    public void Separators_quotes_blanks_and_line_ends_are_told(string text)
    {
        _folder.With("a.csv", "x,y\n1,2").With("b.csv", text);
        Assert.Equal([1f, 2], _folder.Load("csv:@").Sequences[1].Values.ToArray());
    }

    [Fact]
    public void Channels_are_chosen_by_name_and_others_may_hold_text()
    {
        _folder.With("a.csv", "date,x,y,note\nMonday,1,2,\"a,b\"\nTuesday,3,4,\n");
        var data = _folder.Load("csv:@?channels=y,x");
        Assert.Equal(["y", "x"], data.Channels);
        Assert.Equal([2f, 1, 4, 3], data.Sequences[0].Values.ToArray());
        _folder.Refuses("csv:@?channels=x,z", "a.csv, line 1: found columns date, x, y, note", "'z'");
        _folder.Refuses("csv:@?channels=x,x", "channels is 'x,x'");
    }

    [Fact]
    public void A_group_column_begins_a_recording_at_each_change()
    {
        _folder.With("a.csv", "x,who\n1,Ann\n2,Ann\n3,Bob\n4,Bob\n5,Bob\n");
        var data = _folder.Load("csv:@?group=who&window=2");
        Assert.Equal(["x"], data.Channels);
        Assert.Equal(["Ann", "Bob"], data.Sequences.Select(s => s.Group));
        Assert.Equal([3f, 4], data.Sequences[1].Values.ToArray());
        Assert.Equal(2, _folder.Load("csv:@?group=who").Count);
        _folder.Refuses("csv:@?group=team", "line 1: found columns x, who", "'team'");
    }

    [Fact]
    public void What_is_seldom_meant_is_warned_of()
    {
        _folder.With("train/a.csv", "timestamp,x\n0,1\n").With("test/a.csv", "timestamp,x\n0,1\n");
        var warnings = _folder.Load("csv:@").Warnings;
        Assert.Contains(warnings, w => w.Contains("channels=x"));
        Assert.Contains(warnings, w => w.Contains("parts of a data set"));
    }

    [Theory]
    [InlineData("1,,3", "column 2 (y): found nothing, expected a finite number; fill the cell")]
    [InlineData("1,2,", "column 3 (z): found nothing, expected a finite number; fill the cell")]
    [InlineData("1,two,3", "column 2 (y): found 'two', expected a finite number; correct the cell")]
    [InlineData("1,2,nan", "column 3 (z): found 'nan', expected a finite number")]
    [InlineData("-inf,2,3", "column 1 (x): found '-inf', expected a finite number")]
    [InlineData("1,1e99,3", "column 2 (y): found '1e99', expected a finite number")]
    [InlineData("1,0x10,3", "column 2 (y): found '0x10', expected a finite number")]
    [InlineData("1,\"2,5\",3", "column 2 (y): found '2,5', expected a finite number; write decimals with a point")]
    [InlineData("1,2", "found 2 cells, expected 3 (x, y, z); complete or remove the row")]
    [InlineData("1,2,3,4", "found 4 cells, expected 3 (x, y, z); complete or remove the row")]
    [InlineData("", "found an empty line, expected 3 cells; remove it")]
    public void A_bad_row_is_named_with_line_and_column(string row, string expected)
    {
        _folder.With("a.csv", $"x,y,z\n1,2,3\n{row}\n4,5,6\n");
        _folder.Refuses("csv:@", _folder["a.csv"] + ", line 3", expected);
    }

    [Fact]
    public void A_decimal_comma_is_recognised()
    {
        _folder.With("a.csv", "x;y\n1,5;2,5\n");
        _folder.Refuses("csv:@", "line 2, column 1 (x): found '1,5'", "write decimals with a point");
    }

    [Theory]
    [InlineData("", "line 1: found nothing")]
    [InlineData("x,y\n", "line 2: found no row of numbers")]
    [InlineData("1,2\n3,4\n", "line 1: found numbers, expected the names of the channels")]
    [InlineData("x,,z\n1,2,3\n", "line 1, column 2: found nothing, expected the name of a channel")]
    [InlineData("x,x\n1,2\n", "line 1, column 2: found 'x' a second time")]
    public void A_bad_header_is_named(string text, string expected)
    {
        _folder.With("a.csv", text);
        _folder.Refuses("csv:@", _folder["a.csv"], expected);
    }

    [Theory]
    [InlineData("x,y,z\n1,2,3\n", "found 3 channels (x, y, z), expected the 2 of")]
    [InlineData("x,z\n1,2\n", "found 2 channels (x, z), expected the 2 of")]
    public void Files_with_other_channels_are_refused(string text, string expected)
    {
        _folder.With("a.csv", "x,y\n1,2\n").With("b.csv", text);
        _folder.Refuses("csv:@", _folder["b.csv"] + ", line 1", expected, _folder["a.csv"] + " (x, y)");
    }

    [Fact]
    public void A_folder_that_cannot_be_read_as_labels_is_refused()
    {
        _folder.Refuses("csv:@/none", _folder["none"], "is not a folder");
        _folder.Refuses("csv:@", "holds no .csv file");
        _folder.With("a.csv", "x\n1\n").With("b/c.csv", "x\n1\n");
        _folder.Refuses("csv:@", "both directly", "in sub-folders");
    }

    [Fact]
    public void Printing_and_parsing_gives_the_same_bits()
    {
        for (int seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            int channels = random.Next(1, 6), rows = random.Next(1, 40);
            char separator = ",;\t"[random.Next(3)];
            // Any finite bits: denormals, extremes and both zeros are sensor values too.
            float[] values = [.. Enumerable.Range(0, rows * channels).Select(_ => AnyFinite(random))];
            var lines = values.Chunk(channels)
                .Select(row => string.Join(separator, row.Select(v => v.ToString("R", CultureInfo.InvariantCulture))));
            string header = string.Join(separator, Enumerable.Range(0, channels).Select(c => $"c{c}"));
            _folder.With("a.csv", string.Join(random.Next(2) == 0 ? "\n" : "\r\n", [header, .. lines]));

            var parsed = _folder.Load("csv:@").Sequences[0].Values.ToArray();
            // Bits, because Equal takes -0 for 0.
            var expected = values.Select(BitConverter.SingleToInt32Bits);
            bool same = expected.SequenceEqual(parsed.Select(BitConverter.SingleToInt32Bits));
            Assert.True(same, $"seed {seed}: {rows} × {channels}");
        }
    }

    public void Dispose() => _folder.Dispose();

    private static float AnyFinite(Random random)
    {
        float value;
        do
            value = BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue));
        while (!float.IsFinite(value));
        return value;
    }

    /// <summary>One channel that counts from 0.</summary>
    private static string Ramp(int rows) => "x\n" + string.Join('\n', Enumerable.Range(0, rows));
}

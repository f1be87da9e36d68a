using Xunit;

namespace EdgeRnn.Tests.Datasets;

/// <summary>Where recordings begin and end: label columns, gaps in time, and resampling.</summary>
public sealed class CsvRecordingTests : IDisposable
{
    // Irregular times, and what numpy.interp makes of x and y at 12.5 Hz.
    private static readonly string Irregular = "t,x,y\n0,1,10\n0.1,2,0\n0.25,-1,5\n0.3,4,5\n0.5,0,7\n";
    private static readonly float[] Interpolated =
    [
        1, 10, 1.8f, 2, 0.8f, 2, -0.8f, 14 / 3f, 3.6f, 5.2f, 2, 6, 0.4f, 6.8f,
    ];

    private readonly DataFolder _folder = new();

    [Fact]
    public void A_label_column_cuts_one_long_file_at_each_change()
    {
        _folder.With("all.csv", "x,what\n1,walk\n2,walk\n3,walk\n4,run\n5,run\n6,walk\n7,walk\n8,walk\n");
        var data = _folder.Load("csv:@/all.csv?label=what&window=2&hop=1");
        Assert.Equal("all", data.Name);
        Assert.Equal(["x"], data.Channels);
        Assert.Equal(["run", "walk"], data.Labels);
        // No window has readings of two activities.
        Assert.Equal(["1 2", "2 3", "4 5", "6 7", "7 8"], data.Sequences.Select(s => Text(s.Values)));
        Assert.Equal([1, 1, 0, 1, 1], data.Sequences.Select(s => s.Label));
        // Overlapping windows of one stretch stay together in a split.
        Assert.Equal(
            ["lines 2 to 4", "lines 2 to 4", "lines 5 to 6", "lines 7 to 9", "lines 7 to 9"],
            data.Sequences.Select(s => s.Group));
    }

    [Fact]
    public void A_label_column_names_classes_in_a_folder_as_well_and_a_group_column_people()
    {
        _folder.With("day1/a.csv", "x,what,who\n1,up,Ann\n2,up,Ann\n3,up,Bob\n4,down,Bob\n")
            .With("day2/b.csv", "what,who,x\ndown,Cy,5\n");
        var data = _folder.Load("csv:@?label=what&channels=x");
        Assert.Equal(["down", "up"], data.Labels);
        Assert.Equal(["day1/a.csv", "day1/a.csv", "day2/b.csv"], data.Sequences.Select(s => s.Group));
        data = _folder.Load("csv:@?label=what&group=who");
        Assert.Equal(["1 2", "3", "4", "5"], data.Sequences.Select(s => Text(s.Values)));
        Assert.Equal(["Ann", "Bob", "Bob", "Cy"], data.Sequences.Select(s => s.Group));
    }

    [Fact]
    public void Rows_without_a_label_are_left_out_and_counted()
    {
        _folder.With("all.csv", "x,what\n1,a\n2,\n3,\n4,a\n5,b\n");
        var data = _folder.Load("csv:@/all.csv?label=what");
        Assert.Equal(["a", "b"], data.Labels);
        Assert.Equal(["1", "4", "5"], data.Sequences.Select(s => Text(s.Values)));
        Assert.Contains("2 rows of", Assert.Single(data.Warnings));
        _folder.With("none.csv", "x,what\n1,\n2,\n");
        _folder.Refuses("csv:@/none.csv?label=what", "no label in column 'what' of any row");
    }

    [Fact]
    public void Target_columns_give_values_at_the_end_of_a_window_ahead_of_it_or_at_each_step()
    {
        _folder.With("log.csv", "a,load,b,price\n1,10,5,100\n2,20,6,200\n3,30,7,300\n4,40,8,400\n5,50,9,500\n");
        string spec = $"csv:@/log.csv?target=price,load&window=2";
        var data = _folder.Load(spec);
        Assert.Equal((OutputKind.Values, false), (data.OutputKind, data.EachStep));
        Assert.Equal(["a", "b"], data.Channels);
        Assert.Equal(["price", "load"], data.Labels);
        Assert.Equal(["1 5 2 6", "3 7 4 8"], data.Sequences.Select(s => Text(s.Values)));
        Assert.Equal(["200 20", "400 40"], data.Sequences.Select(s => Text(s.Targets)));

        // Windows of a single recording must be cut to be split, which is said.
        Assert.Equal(
            "log comes from a single recording or person, which is on both sides of the split: the accuracy there "
            + "flatters; record more", Assert.Single(data.Split(0.5, 1).Train.Warnings));

        // The value to forecast may be a reading as well; what comes too late for it is dropped.
        var ahead = _folder.Load(spec + "&ahead=2&hop=1&channels=b,price");
        Assert.Equal(["5 100 6 200", "6 200 7 300"], ahead.Sequences.Select(s => Text(s.Values)));
        Assert.Equal(["400 40", "500 50"], ahead.Sequences.Select(s => Text(s.Targets)));
        Assert.Empty(ahead.Warnings);
        var each = _folder.Load(spec + "&ahead=1&outputs=each");
        Assert.True(each.EachStep);
        Assert.Equal(["200 20 300 30", "400 40 500 50"], each.Sequences.Select(s => Text(s.Targets)));
        Assert.Equal(["1 5 2 6", "3 7 4 8"], each.Sequences.Select(s => Text(s.Values)));

        _folder.Refuses(
            spec + "&ahead=4", "no recording has the 6 steps of a window and the steps ahead of it", "has 5");
        _folder.Refuses("csv:@/log.csv?target=price&label=a", "either a column of classes or target=");
        _folder.Refuses("csv:@/log.csv?target=price,price", "target", "each once");
        _folder.Refuses("csv:@/log.csv?target=cost", "expected one named 'cost'");
        _folder.Refuses("csv:@/log.csv?label=a&ahead=1", "target=COLUMN&ahead=N");
        _folder.Refuses("csv:@/log.csv?outputs=each", "label=COLUMN or target=COLUMN");
        _folder.Refuses("csv:@/log.csv?target=price&outputs=some", "each (one a step) or last");
    }

    [Fact]
    public void Targets_of_a_folder_keep_their_files_apart_and_are_resampled_along()
    {
        _folder.With("one/a.csv", Irregular).With("two/b.csv", Irregular);
        var data = _folder.Load("csv:@?target=y&time=t&resample=12.5&outputs=each");
        Assert.Equal(2, data.Count);
        Assert.Equal(["one/a.csv", "two/b.csv"], data.Sequences.Select(s => s.Group));
        Assert.Equal(7, data.Sequences[1].Steps);
        for (int i = 0; i < 7; i++)
        {
            Assert.Equal(Interpolated[2 * i], data.Sequences[1].Values.Span[i], 1e-5f);
            Assert.Equal(Interpolated[2 * i + 1], data.Sequences[1].Targets.Span[i], 1e-5f);
        }
    }

    [Fact]
    public void A_label_for_each_row_goes_with_its_step_through_changes()
    {
        _folder.With("all.csv", "x,what,who\n1,walk,Ann\n2,run,Ann\n3,run,Ann\n4,walk,Bob\n5,stand,Bob\n");
        var data = _folder.Load("csv:@/all.csv?label=what&group=who&outputs=each");
        Assert.Equal((OutputKind.Classes, true), (data.OutputKind, data.EachStep));
        Assert.Equal(["run", "stand", "walk"], data.Labels);
        Assert.Equal(["1 2 3", "4 5"], data.Sequences.Select(s => Text(s.Values)));
        Assert.Equal([[2, 0, 0], [2, 1]], data.Sequences.Select(s => s.StepLabels.ToArray()));
        Assert.Equal([0, 1], data.Sequences.Select(s => s.Label));
        var windows = _folder.Load("csv:@/all.csv?label=what&channels=x&outputs=each&window=2&hop=2");
        Assert.Equal([[2, 0], [0, 2]], windows.Sequences.Select(s => s.StepLabels.ToArray()));

        _folder.With("gap.csv", "x,what\n1,walk\n2,\n");
        _folder.Refuses("csv:@/gap.csv?label=what&outputs=each", "line 3", "no label in column 'what'");
        _folder.Refuses("csv:@/all.csv?label=what&time=x&resample=9&outputs=each", "resample");
    }

    [Fact]
    public void A_class_whose_stretches_are_all_too_short_is_not_forgotten()
    {
        _folder.With("all.csv", "x,what\n1,a\n2,a\n3,b\n4,a\n5,a\n");
        var data = _folder.Load("csv:@/all.csv?label=what&window=2");
        Assert.Equal(["a", "b"], data.Labels);
        Assert.Contains(data.Warnings, warning => warning.Contains("no sequence of class b"));
    }

    [Theory]
    [InlineData("time=t")]
    [InlineData("time=t:s&gap=0.4")]
    public void No_window_goes_across_a_gap_or_a_clock_that_starts_anew(string time)
    {
        _folder.With("a.csv", "t,x\n0,1\n0.1,2\n0.2,3\n1.2,4\n1.3,5\n0.1,6\n0.2,7\n0.3,8\n");
        var data = _folder.Load($"csv:@?{time}&window=2&hop=1");
        Assert.Equal(["x"], data.Channels);
        Assert.Equal(["1 2", "2 3", "4 5", "6 7", "7 8"], data.Sequences.Select(s => Text(s.Values)));
        Assert.Contains("2 gaps", Assert.Single(data.Warnings));
        Assert.Equal(6, _folder.Load("csv:@?time=t&window=2&hop=1&gap=2").Count);
    }

    [Theory]
    [InlineData("t,x,y\n0,1,10\n0.1,2,0\n0.25,-1,5\n0.3,4,5\n0.5,0,7\n", "time=t")]
    [InlineData("t,x,y\n0,1,10\n100,2,0\n250,-1,5\n300,4,5\n500,0,7\n", "time=t:ms")]
    [InlineData("x,t,y\n1,1700000000000,10\n2,1700000000100,0\n-1,1700000000250,5\n4,1700000000300,5\n"
        + "0,1700000000500,7\n", "time=t:ms")]
    [InlineData("t,x,y\n7,1,10\n100007,2,0\n250007,-1,5\n300007,4,5\n500007,0,7\n", "time=t:us")]
    public void Resampling_is_linear_interpolation(string text, string time)
    {
        _folder.With("a.csv", text);
        var data = _folder.Load($"csv:@?{time}&resample=12.5");
        Assert.Equal(12.5f, data.SampleRateHz);
        Assert.Equal(Interpolated.Length, data.Sequences[0].Values.Length);
        for (int i = 0; i < Interpolated.Length; i++)
            Assert.Equal(Interpolated[i], data.Sequences[0].Values.Span[i], 1e-4f);
    }

    [Fact]
    public void Resampling_keeps_readings_that_lie_on_the_grid_and_both_ends()
    {
        _folder.With("a.csv", "t,x\n0,1\n0.1,2\n0.1,9\n0.2,3\n0.3,4\n");
        Assert.Equal("1 2 3 4", Text(_folder.Load("csv:@?time=t&resample=10").Sequences[0].Values));
        Assert.Equal("1 4", Text(_folder.Load("csv:@?time=t&resample=3.3333333").Sequences[0].Values));
    }

    [Fact]
    public void Resampling_to_much_less_is_warned_of()
    {
        _folder.With("a.csv", Irregular);
        Assert.Empty(_folder.Load("csv:@?time=t&resample=5").Warnings);
        Assert.Contains("without a filter", Assert.Single(_folder.Load("csv:@?time=t&resample=2").Warnings));
    }

    [Theory]
    [InlineData("csv:@/a.csv", "a.csv is a file; name the column of its classes with label=COLUMN")]
    [InlineData("csv:@/a.csv?label=z", "line 1: found columns t, x, y, expected one named 'z'")]
    [InlineData("csv:@?resample=10", "resample is '10', expected a column of times as well")]
    [InlineData("csv:@?gap=1", "gap is '1', expected a column of times as well")]
    [InlineData("csv:@?time=t&resample=10&rate=10", "rate is '10', expected either rate or resample")]
    [InlineData("csv:@?time=t&resample=-1", "resample is '-1'")]
    [InlineData("csv:@?time=t&label=t", "label is 't', expected a column that is none of the others")]
    [InlineData("csv:@?time=t&channels=t,x", "time is 't', expected a column that is none of the others")]
    [InlineData("csv:@?time=t&resample=100000", "rows are 0.15 s apart by column 't', too far for resample=100000")]
    [InlineData("csv:@?time=y", "never rise")]
    public void What_cannot_be_meant_is_refused(string spec, string sentence)
    {
        _folder.With("a.csv", spec.EndsWith("=y", StringComparison.Ordinal) ? "x,y\n1,5\n2,5\n3,4\n" : Irregular);
        _folder.Refuses(spec, sentence);
    }

    [Fact]
    public void A_time_that_is_no_number_is_named_with_line_and_column()
    {
        _folder.With("a.csv", "x,t\n1,0\n2,soon\n");
        _folder.Refuses("csv:@?time=t", "line 3, column 2 (t): found 'soon', expected a finite number");
    }

    public void Dispose() => _folder.Dispose();

    private static string Text(ReadOnlyMemory<float> values) =>
        string.Join(' ', values.ToArray().Select(v => v.ToString(System.Globalization.CultureInfo.InvariantCulture)));
}

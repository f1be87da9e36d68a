using EdgeRnn.Features;
using EdgeRnn.Tests.Training;
using EdgeRnn.Trainer.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Datasets;

/// <summary>Recordings that are made of clips, and recordings with a file of labels.</summary>
public sealed class LongAudioTests : IDisposable
{
    private const int Rate = 8000;

    private readonly DataFolder _folder = new ToneClips().Folder;

    private string Room(string options) => $"room:{_folder.Root}/clips?{options}";

    [Fact]
    public void A_seed_gives_the_same_bits_and_another_others()
    {
        var first = DataSpec.Load(Room("minutes=2&seed=5")).Long!.Recordings[0];
        var again = DataSpec.Load(Room("minutes=2&seed=5")).Long!.Recordings[0];
        var other = DataSpec.Load(Room("minutes=2&seed=6")).Long!.Recordings[0];
        Assert.Equal(Sound(first), Sound(again));
        Assert.Equal(Sound(first), Sound(first)); // pieces are made anew each time
        Assert.Equal(first.Spans, again.Spans);
        Assert.NotEqual(first.Spans, other.Spans);
        Assert.Equal(120, first.Seconds, 1e-9);
        Assert.Equal(120 * Rate, Sound(first).Length);
    }

    // The clips are tones with silence around them: what is left of a word outside its span is the fade of 60 ms.
    [Theory]
    [InlineData(10)]
    [InlineData(20)]
    public void Words_stand_above_the_noise_by_the_ratio_that_was_asked_where_the_labels_say(int snr)
    {
        var data = DataSpec.Load(Room($"minutes=6&snr={snr}&pause=1:3"));
        var recording = data.Long!.Recordings[0];
        float[] sound = Sound(recording);
        var ratios = new List<double>();
        foreach (var span in recording.Spans)
        {
            double word = Power(sound, span.Start, span.End);
            double before = Power(sound, span.Start - 0.3, span.Start - 0.1);
            if (recording.Spans.All(s => s == span || s.End < span.Start - 0.35 || s.Start > span.Start))
                ratios.Add((word - before) / before);
        }

        // Noise of 0.2 s varies about its mean; many words do not.
        Assert.True(ratios.Count > 30, $"{ratios.Count} words");
        double db = 10 * Math.Log10(ratios.Order().ElementAt(ratios.Count / 2));
        Assert.InRange(db, snr - 1.5, snr + 1.5);
        Assert.All(recording.Spans, s => Assert.InRange(s.End - s.Start, 0.28, 0.34)); // the tones have 0.3 s
        Assert.All(recording.Spans.Zip(recording.Spans.Skip(1)), p => Assert.True(p.First.End < p.Second.Start));
    }

    [Fact]
    public void Keywords_are_as_frequent_as_was_asked_and_each_as_the_others()
    {
        var data = DataSpec.Load(Room("minutes=30&keywords=1&pause=0.3:0.6"));
        int[] counts = [.. data.Labels.Select((_, k) => data.Long!.Recordings[0].Spans.Count(s => s.Label == k))];
        Assert.Equal(["_other_", "_silence_", "high", "low"], data.Labels);
        Assert.Equal((0, 0), (counts[0], counts[1]));
        Assert.InRange(counts[2] / (double)counts[3], 0.85, 1.18);
        data = DataSpec.Load(Room("minutes=2&background=_silence_,low,high"));
        Assert.DoesNotContain(data.Long!.Recordings[0].Spans, s => s.Label == 1);
        Assert.Contains(data.Long!.Recordings[0].Spans, s => s.Label == 0);
    }

    [Fact]
    public void Steps_to_learn_from_are_labelled_by_what_was_heard()
    {
        var spec = FeatureSpec.Parse("logmel:16", Rate, out _)!;
        var data = DataSpec.Load(Room("minutes=2&pause=1:2&hold=0.2"));
        var steps = data.WithFeatures(spec);
        Assert.True(steps.EachStep);
        var spans = data.Long!.Recordings[0].Spans;
        int[] labels = [.. steps.Sequences.SelectMany(s => s.StepLabels.ToArray())];
        // One stream: a frame of 25 ms, then one each 10 ms, whatever the pieces are.
        Assert.Equal((120 * Rate - 200) / 80 + 1, labels.Length);
        for (int t = 0; t < labels.Length; t++)
        {
            double end = 0.025 + 0.01 * t;
            var last = spans.LastOrDefault(s => s.Start < end, new(1, 0, 0));
            double heard = (end - last.Start) / (last.End - last.Start);
            if (end > last.End + 0.21)
                Assert.Equal("_silence_", data.Labels[labels[t]]);
            else if (heard > 0.8 && end < last.End + 0.19)
                Assert.Equal(last.Label, labels[t]);
            else if (heard < 0.7)
                Assert.Equal("_other_", data.Labels[labels[t]]);
        }

        var windows = DataSpec.Load(Room("minutes=2&pause=1:2&hold=0.2&window=50&hop=10")).WithFeatures(spec);
        Assert.False(windows.EachStep);
        Assert.Equal(50, windows.CommonSteps);
        var whole = steps.Sequences[0];
        Assert.Equal(whole.StepLabels.Span[69], windows.Sequences[2].Label);
        Assert.Equal(whole.Values.Slice(20 * 16, 50 * 16).ToArray(), windows.Sequences[2].Values.ToArray());
    }

    [Fact]
    public void Labels_are_read_from_a_table_and_from_a_track_of_Audacity()
    {
        byte[] wav = WavTests.Wav(new byte[2 * 2 * Rate], rate: Rate);
        _folder.With("a/1.wav", wav).With("a/1.csv", "start,end,label\n0.5,0.75,low\n1.0,1.5,_other_\n")
            .With("a/2.wav", wav).With("a/2.txt", "1.25\t1.5\thigh\n\\\t100\t200\n0.25\t0.5\tlow\n");
        var data = DataSpec.Load($"long:{_folder.Root}/a");
        Assert.Equal(["low", "_other_", "high"], data.Labels);
        Assert.Equal([new(0, 0.5, 0.75), new(1, 1, 1.5)], data.Long!.Recordings[0].Spans);
        Assert.Equal([new(0, 0.25, 0.5), new(2, 1.25, 1.5)], data.Long.Recordings[1].Spans);
        Assert.Equal(4 / 3600.0, data.Long.Hours, 1e-12);
        Assert.Equal(["low", "_other_"], DataSpec.Load($"long:{_folder.Root}/a/1.wav").Labels);
    }

    [Fact]
    public void A_made_recording_that_was_written_is_read_to_the_same_bits()
    {
        var data = DataSpec.Load(Room("minutes=1"));
        LongRecordingFile.Write(_folder["made.wav"], data.Long!.Recordings[0], data.Labels, overwrite: false,
            TestContext.Current.CancellationToken);
        var read = DataSpec.Load($"long:{_folder["made.wav"]}");
        Assert.Equal(Sound(data.Long.Recordings[0]), Sound(read.Long!.Recordings[0]));
        Assert.Equal(
            data.Long.Recordings[0].Spans.Select(s => (data.Labels[s.Label], s.Start, s.End)),
            read.Long.Recordings[0].Spans.Select(s => (read.Labels[s.Label], s.Start, s.End)));
    }

    [Theory]
    [InlineData("0.5,0.75", "line 1 is '0.5,0.75', expected start,end,label, in seconds")]
    [InlineData("start,end,label\nx,1,low", "line 2 is 'x,1,low', expected start,end,label")]
    [InlineData("0.5,2.5,low", "line 1: the word is from 0.5 to 2.5 s, expected a begin before its end and both within the 2 s")]
    [InlineData("0.75,0.5,low", "line 1: the word is from 0.75 to 0.5 s")]
    [InlineData("-1,0.5,low", "line 1: the word is from -1 to 0.5 s")]
    [InlineData("0.5,NaN,low", "expected start,end,label")]
    [InlineData("0,0.5,low\n0.4,0.8,high", "'high' begins at 0.4 s, before 'low' ends at 0.5 s")]
    [InlineData("0,0.5,_other_", "have no keyword: all of _other_ count as background")]
    public void A_file_of_labels_that_is_wrong_is_refused(string labels, string sentence)
    {
        _folder.With("b/1.wav", WavTests.Wav(new byte[2 * 2 * Rate], rate: Rate)).With("b/1.csv", labels);
        _folder.Refuses("long:@/b", sentence);
    }

    [Fact]
    public void Recordings_that_are_wrong_are_refused()
    {
        byte[] wav = WavTests.Wav(new byte[8 * Rate], rate: Rate, channels: 2);
        _folder.With("c/1.wav", wav);
        _folder.Refuses("long:@/c", "1.wav has no labels; write 1.csv beside it");
        _folder.With("c/1.csv", "0.5,0.75,low\n");
        Assert.Contains(DataSpec.Load($"long:{_folder.Root}/c").Warnings, w => w.Contains("mixed down"));
        _folder.With("c/1.wav", WavTests.Wav(new byte[8 * Rate], rate: 11025));
        _folder.Refuses("long:@/c", "sample rate is 11025 Hz, expected 8000");
        _folder.With("c/1.wav", wav[..^7]);
        _folder.Refuses("long:@/c", "the header promises");
        _folder.With("d/a.txt", "");
        _folder.Refuses("long:@/d", "holds no .wav file");
        _folder.Refuses("long:@/nothing.wav", "has no labels");
    }

    [Theory]
    [InlineData("snr=x", "snr is 'x', expected a number from -20 to 100, or a range")]
    [InlineData("snr=10:5", "snr is '10:5'")]
    [InlineData("pause=0:1", "pause is '0:1'")]
    [InlineData("minutes=0", "minutes is '0'")]
    [InlineData("count=3", "count is '3', expected minutes in its place")]
    [InlineData("background=nobody", "background names 'nobody', expected some of _other_, _silence_, high, low")]
    [InlineData("background=_other_,_silence_,high,low", "have no keyword")]
    [InlineData("hop=10", "hop is '10', expected a window=N as well")]
    [InlineData("loud=3", "room knows no option 'loud'")]
    public void A_room_that_cannot_be_made_is_refused(string options, string sentence) =>
        _folder.Refuses($"room:@/clips?{options}", sentence);

    public void Dispose() => _folder.Dispose();

    internal static float[] Sound(LongRecording recording) => [.. recording.Pieces().SelectMany(p => p)];

    private static double Power(float[] sound, double from, double to)
    {
        int first = (int)(from * Rate), end = (int)(to * Rate);
        return sound[first..end].Sum(x => (double)x * x) / (end - first);
    }
}

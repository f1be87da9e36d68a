using System.Globalization;
using EdgeRnn.Decisions;
using EdgeRnn.Features;
using EdgeRnn.Tests.Datasets;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Spotting;
using Xunit;

namespace EdgeRnn.Tests.Training;

/// <summary>Reports of words held against what was said, and rules that keep a rate.</summary>
public sealed class SpottingTests : IDisposable
{
    private const double Tolerance = 0.5;

    private readonly DataFolder _folder = new ToneClips().Folder;

    // Words as label, begin and end; reports as label and time; then the delay of each report, or - for a false accept,
    // and for each word whether it was hit.
    [Theory]
    [InlineData("while it is spoken", "b 2 2.5", "b 2.375", "-0.125", "hit")]
    [InlineData("after its end", "b 2 2.5", "b 2.75", "0.25", "hit")]
    [InlineData("at the last moment", "b 2 2.5", "b 3", "0.5", "hit")]
    [InlineData("too late", "b 2 2.5", "b 3.01", "-", "missed")]
    [InlineData("too early", "b 2 2.5", "b 1.99", "-", "missed")]
    [InlineData("another word", "b 2 2.5", "a 2.375", "-", "missed")]
    [InlineData("twice", "b 2 2.5", "b 2.25, b 2.75", "-0.25 -", "hit")]
    [InlineData("missed", "b 2 2.5", "", "", "missed")]
    [InlineData("nothing said", "", "b 2", "-", "")]
    [InlineData("two near each other", "b 2 2.5, b 2.75 3.25", "b 2.5, b 3.25", "0 0", "hit hit")]
    [InlineData("both late", "b 2 2.5, b 2.75 3.25", "b 3, b 3.5", "0.5 0.25", "hit hit")]
    [InlineData("the second of two", "b 2 2.5, b 2.75 3.25", "b 3.5", "0.25", "missed hit")]
    [InlineData("in another's time", "a 2 2.5, b 2.75 3.25", "b 2.875, a 3", "-0.375 0.5", "hit hit")]
    public void Reports_hit_words_once_from_their_begin_to_shortly_after_their_end(
        string name, string words, string reports, string delays, string hit)
    {
        var (matched, found) = SpottingResult.Match(
            [.. Parts(reports).Select(r => new SpottedWord(0, Number(r[1]), 0, r[0][0], 1))],
            [.. Parts(words).Select(w => new LabelledSpan(w[0][0], Number(w[1]), Number(w[2])))], Tolerance);
        Assert.Equal(delays, string.Join(' ', matched.Select(
            m => m.Delay is { } d ? d.ToString(CultureInfo.InvariantCulture) : "-")));
        Assert.True(hit == string.Join(' ', found.Select(f => f ? "hit" : "missed")), name);

        static IEnumerable<string[]> Parts(string text) =>
            text.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(part => part.Split(' '));

        static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
    }

    [Fact]
    public void Rates_and_delays_follow_from_the_counts()
    {
        SpottedWord[] reports =
        [
            .. Enumerable.Range(1, 20).Select(i => new SpottedWord(0, i, i, 0, 1) { Delay = 0.01 * i }),
            new(0, 30, 30, 0, 1),
        ];
        var result = new SpottingResult([new("a", 30, 12, 1), new("b", 10, 8, 0)], reports, 0.25);
        Assert.Equal((40, 20, 0.5, 4), (result.Words, result.Missed, result.MissRate, result.FalseAcceptsPerHour));
        Assert.Equal(100, result.DelayMs(0.5)!.Value, 1e-9);
        Assert.Equal(190, result.DelayMs(0.95)!.Value, 1e-9);
        Assert.Null(new SpottingResult([new("a", 1, 1, 0)], [], 1).DelayMs(0.5));
    }

    // Networks that learnt nothing report anything anywhere: the hardest case for a rate.
    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 80)]
    [InlineData(2, 200)]
    [InlineData(3, 1000)]
    public void Tuned_rules_keep_the_rate_and_no_common_threshold_misses_fewer(int seed, double falseAccepts)
    {
        var spec = FeatureSpec.Parse("logmel:16", 8000, out _)!;
        var model = RandomModels.Create((ulong)seed, Precision.Float32, 16, "gru:6,dense:4") with
        {
            Features = spec,
            SampleRateHz = spec.FramesPerSecond,
            Labels = ["_other_", "_silence_", "high", "low"],
        };
        var cancellation = TestContext.Current.CancellationToken;
        var room = DataSpec.Load($"room:{_folder.Root}/clips?minutes=1.5&pause=0.3:0.6&seed={seed}");
        var scores = StreamScores.Of(model, room, cancellation);
        var tuned = new RuleTuner(scores, falseAccepts, Tolerance).Run(null, cancellation);

        Assert.Null(tuned.Rules.Check(4));
        var measured = scores.Decide(tuned.Rules, Tolerance);
        Assert.Equal((tuned.Result.Missed, tuned.Result.FalseAccepts), (measured.Missed, measured.FalseAccepts));
        Assert.True(measured.FalseAcceptsPerHour <= falseAccepts, $"{measured.FalseAcceptsPerHour}");
        Assert.DoesNotContain(measured.Reports, r => r.Label < 2);
        foreach (int average in (int[])[1, 20])
        {
            for (float threshold = 0.05f; threshold < 1; threshold += 0.05f)
            {
                var simple = scores.Decide(
                    new() { ClassThresholds = [1, 1, threshold, threshold], Average = average, RefractorySteps = 75 },
                    Tolerance);
                // Its own thresholds lie between these: a word or two may fall between.
                if (simple.FalseAcceptsPerHour <= falseAccepts)
                    Assert.True(measured.Missed <= simple.Missed + 2, $"{measured.Missed} > {simple.Missed} at {threshold}");
            }
        }
    }

    [Fact]
    public void What_cannot_be_spotted_is_refused()
    {
        var spec = FeatureSpec.Parse("logmel:16", 8000, out _)!;
        var model = RandomModels.Create(1, Precision.Float32, 16, "gru:6,dense:4") with { Features = spec };
        var room = DataSpec.Load($"room:{_folder.Root}/clips?minutes=1");
        Fails(model with { Labels = ["_other_", "_silence_", "high", "lower"] }, room, "the word 'low' at ");
        Fails(model with { Labels = ["_a", "_b", "_c", "_d"] }, room, "The model has no keyword");
        Fails(model with { Features = null }, room, "hears no sound");
        Fails(model, DataSpec.Load($"wav:{_folder.Root}/clips"), "holds no long recordings");

        static void Fails(RnnModel model, SequenceDataset data, string sentence) =>
            Assert.Contains(sentence, Assert.Throws<UserException>(() => StreamScores.Of(model, data)).Message);
    }

    [Fact]
    public void A_threshold_of_1_silences_a_label_however_sure_the_network_is()
    {
        var decider = new Decider(new() { ClassThresholds = [1, 0.5f] }, 2);
        decider.Decide([1, 0], 0);
        Assert.False(decider.IsKnown);
        decider.Decide([0.4f, 0.6f], 1);
        Assert.True(decider.IsKnown && decider.IsEvent);
    }

    public void Dispose() => _folder.Dispose();
}

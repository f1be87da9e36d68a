using EdgeRnn.Decisions;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>Rules from scores to labels, each on scores whose outcome is plain to see.</summary>
public class DeciderTests
{
    private static readonly string[] Labels = ["rest", "walk", "fall"];

    [Fact]
    public void Without_rules_scores_and_class_are_what_came_in_to_the_bit()
    {
        var decider = new Decider(DecisionRules.None, 3);
        var random = new Random(1);
        for (int step = 0; step < 1000; step++)
        {
            float[] scores =
                [random.NextSingle(), random.NextSingle(), random.Next(4) == 0 ? 0.5f : random.NextSingle()];
            if (random.Next(5) == 0)
                scores[1] = scores[2]; // the lowest one of equals
            decider.Decide(scores, step);
            Assert.Equal(scores, decider.Scores.ToArray());
            Assert.Equal(Array.IndexOf(scores, scores.Max()), decider.Class);
            Assert.True(decider.IsKnown);
        }
    }

    [Fact]
    public void A_score_below_the_threshold_is_unknown()
    {
        // The second: each class has its own; "fall" is taken early though "walk" has more.
        Assert.Equal("? w ? f", Run("threshold=0.6", [0.4f, 0.5f, 0.1f], [0, 0.6f, 0.4f], [0.5f, 0.5f, 0], [0, 0, 1]));
        Assert.Equal("? f w", Run(
            "threshold=0.6,threshold:fall=0.3", [0.4f, 0.5f, 0.1f], [0.1f, 0.59f, 0.31f], [0, 0.61f, 0.39f]));
    }

    [Fact]
    public void The_average_is_that_of_the_last_decisions()
    {
        var decider = Decider("average=3");
        float[][] expected =
            [[1, 0, 0], [0.5f, 0.5f, 0], [1 / 3f, 2 / 3f, 0], [0, 2 / 3f, 1 / 3f], [0, 1 / 3f, 2 / 3f]];
        int step = 0;
        foreach (int label in new[] { 0, 1, 1, 2, 2 })
        {
            decider.Decide([label == 0 ? 1 : 0, label == 1 ? 1 : 0, label == 2 ? 1 : 0], step);
            Assert.Equal(expected[step++], decider.Scores.ToArray());
        }
        decider.Reset();
        decider.Decide([1, 0, 0], step);
        Assert.Equal([1f, 0, 0], decider.Scores.ToArray());
    }

    [Fact]
    public void After_a_reset_nothing_is_in_force()
    {
        var decider = Decider("minimum=2");
        for (int step = 0; step < 4; step++)
            decider.Decide([1, 0, 0], step);
        Assert.True(decider.IsKnown);
        decider.Reset();
        decider.Decide([1, 0, 0], 4);
        Assert.False(decider.IsKnown);
    }

    [Fact]
    public void Exponential_smoothing_takes_a_share_of_the_newest()
    {
        var decider = Decider("newest=0.25");
        decider.Decide([1, 0, 0], 0);
        decider.Decide([0, 1, 0], 1);
        Assert.Equal([0.75f, 0.25f, 0], decider.Scores.ToArray());
        decider.Decide([0, 1, 0], 2);
        Assert.Equal([0.5625f, 0.4375f, 0], decider.Scores.ToArray());
        decider.Reset();
        decider.Decide([0, 0, 1], 3);
        Assert.Equal([0f, 0, 1], decider.Scores.ToArray());
    }

    [Fact]
    public void Hysteresis_keeps_the_class_in_force()
    {
        float[][] scores =
            [[0.2f, 0.7f, 0.1f], [0.3f, 0.55f, 0.15f], [0.51f, 0.49f, 0], [0.625f, 0.375f, 0], [0.6f, 0.4f, 0]];
        Assert.Equal("w ? ? r r", Run("threshold=0.6", scores));
        Assert.Equal("w w ? r r", Run("threshold=0.6,hysteresis=0.1", scores));
        Assert.Equal("w w w w r", Run("hysteresis=0.25,threshold=0.375",
            [0.2f, 0.7f, 0.1f], [0.3f, 0.55f, 0.15f], [0.51f, 0.49f, 0], [0.6f, 0.4f, 0], [0.625f, 0.375f, 0]));
    }

    [Fact]
    public void A_change_must_last()
    {
        // One decision a step: what has been chosen for 2 steps comes into force.
        Assert.Equal("? ? w w w w w w w r", Letters("minimum=2", "w w w r w r w r r r"));
        Assert.Equal("w w w r w r w r r r", Letters("minimum=0", "w w w r w r w r r r"));
    }

    [Fact]
    public void After_an_event_no_other_class_begins()
    {
        Assert.Equal("w w ? ? ? r ?", Letters("refractory=5", "w w r f f r w"));
        Assert.Equal("w w ? ? ? f ? ? ?", Letters("refractory=5", "w w r r f f r r f"));
    }

    [Fact]
    public void Events_are_changes_of_what_is_in_force()
    {
        var decider = Decider("threshold=0.6");
        string events = "";
        float[][] scores = [[1, 0, 0], [1, 0, 0], [0.5f, 0.5f, 0], [0.5f, 0.5f, 0], [0, 0, 1], [1, 0, 0]];
        for (int i = 0; i < scores.Length; i++)
        {
            decider.Decide(scores[i], i);
            events += decider.IsEvent ? "!" : ".";
        }
        Assert.Equal("!.!.!!", events);
    }

    [Theory]
    [InlineData("average=4,threshold=0.5", "threshold=0.5,average=4")]
    [InlineData("threshold=0.5,threshold:fall=0.25", "threshold:rest=0.5,threshold:walk=0.5,threshold:fall=0.25")]
    [InlineData("minimum=200ms,refractory=1.5s", "minimum=20,refractory=150")]
    [InlineData("newest=0.5,average=3", "average=3")]
    [InlineData("threshold=0.5,none", "none")]
    public void Rules_are_read_in_their_order(string text, string rules)
    {
        Assert.Equal(rules, DecisionRules.None.With(text, Labels, 100, out string? error)?.ToText(Labels));
        Assert.Null(error);
    }

    [Theory]
    [InlineData("threshold=2", "'threshold=2' is no rule; give threshold a number from 0 to 1")]
    [InlineData("treshold=0.5", "'treshold=0.5' is no rule; there are threshold,")]
    [InlineData("threshold:run=0.5", "'threshold:run=0.5' names no label of the model")]
    [InlineData("average=2000", "average is 2000, expected at most 1024")]
    [InlineData("minimum=x", "'minimum=x' is no rule; give minimum a number of steps, or a time such as 200ms")]
    [InlineData("minimum=1.5", "'minimum=1.5' is no rule; give minimum a number of steps, or a time such as 200ms")]
    [InlineData("minimum=20ms", "'minimum=20ms' is a time, and the model's rate is unknown; give a number of steps", 0)]
    public void Rules_that_are_none_are_named(string text, string sentence, float rateHz = 100)
    {
        Assert.Null(DecisionRules.None.With(text, Labels, rateHz, out string? error));
        Assert.StartsWith(sentence, error);
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        var decider = Decider("average=5,hysteresis=0.1,minimum=2,refractory=5,threshold=0.4");
        float[] scores = [0.2f, 0.5f, 0.3f];
        decider.Decide(scores, 0);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 1; step < 1000; step++)
            decider.Decide(scores, step);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static Decider Decider(string rules) =>
        new(DecisionRules.None.With(rules, Labels, 0, out _)!, Labels.Length);

    private static string Letters(string rules, string classes) => Run(rules,
        [.. classes.Split(' ').Select(
            c => Labels.Select(label => label.StartsWith(c, StringComparison.Ordinal) ? 1f : 0).ToArray())]);

    /// <summary>First letters of what is in force after each decision.</summary>
    private static string Run(string rules, params float[][] scores)
    {
        var decider = Decider(rules);
        List<string> labels = [];
        for (int step = 0; step < scores.Length; step++)
        {
            decider.Decide(scores[step], step);
            labels.Add(decider.IsKnown ? Labels[decider.Class][..1] : "?");
        }
        return string.Join(' ', labels);
    }
}

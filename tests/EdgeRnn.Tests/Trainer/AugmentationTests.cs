using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;
using Xunit;
using TrainerRandom = EdgeRnn.Trainer.Numerics.SeededRandom;

namespace EdgeRnn.Tests.Training;

public class AugmentationTests
{
    private const int Steps = 101;
    private const int Sequences = 2000;
    private static readonly string[] SixAxes = ["ax", "ay", "az", "gx", "gy", "gz"];

    [Fact]
    public void Text_is_read_and_written()
    {
        var kinds = Augmentation.Parse("warp:0.2,noise:0.05,rotate:15,pixels:2");
        Assert.Equal(new Augmentation { Noise = 0.05f, Warp = 0.2f, Rotate = 15, Pixels = 2 }, kinds);
        Assert.Equal("noise:0.05,warp:0.2,rotate:15,pixels:2", kinds.ToString());
        Assert.Equal(kinds, Augmentation.Parse(kinds.ToString()));
        Assert.Equal("", new Augmentation().ToString());
    }

    [Theory]
    [InlineData("", "'' is no augmentation; use noise, scale")]
    [InlineData("blur:1", "'blur' is no augmentation")]
    [InlineData("noise", "expected noise:N with N a deviation")]
    [InlineData("noise:nan", "'noise:nan'")]
    [InlineData("noise:0", "'noise:0'")]
    [InlineData("shift:1.5", "a part of the sequence's length, up to 1")]
    [InlineData("rotate:200", "degrees, up to 180")]
    [InlineData("pixels:1.5", "a whole number of pixels")]
    [InlineData("warp:0.1,warp:0.2", "there twice")]
    public void Bad_text_is_refused(string text, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<UserException>(() => Augmentation.Parse(text)).Message);

    [Fact]
    public void What_data_cannot_be_varied_by_is_refused()
    {
        string Refusal(string kinds, params string[] channels)
        {
            var data = Waves(10, channels);
            var network = Network.Parse("rnn:2,dense:2", channels.Length);
            var options = new TrainingOptions { Augment = Augmentation.Parse(kinds), Threads = 1 };
            return Assert.Throws<UserException>(
                () => network.Fit(data, options, null, TestContext.Current.CancellationToken)).Message;
        }

        Assert.Contains("x, y and z; leave 'rotate' out", Refusal("rotate:10", "ax", "bx", "cx"));
        Assert.Contains("x, y and z", Refusal("rotate:10", "0", "1"));
        Assert.Contains("one channel", Refusal("drop:0.1", "ax"));
    }

    [Theory]
    [InlineData("ax,ay,az,gX,gY,gZ", new[] { 0, 3 })]
    [InlineData("t,x_acc,y_acc,z_acc", new[] { 1 })]
    [InlineData("ax,ay,gz", new int[0])]
    [InlineData("0,1,2,3,4,5", new[] { 0, 3 })]
    [InlineData("0,1,2,3", new int[0])]
    public void Axis_triples_are_told_by_their_names(string channels, int[] expected) =>
        Assert.Equal(expected, Augmentation.AxisTriples(Waves(1, channels.Split(','))));

    /// <summary>So that a run that is resumed, or has other threads, sees equal data.</summary>
    [Fact]
    public void A_sequence_follows_from_seed_epoch_and_index_alone()
    {
        var data = Waves(20, SixAxes);
        var kinds = Augmentation.Parse("noise:0.1,scale:0.1,shift:0.1,warp:0.2,rotate:20,drop:0.2");
        var inOrder = Make(kinds, data, seed: 7);
        var one = Make(kinds, data, seed: 7);
        float[][] expected = [.. Enumerable.Range(0, 20).Select(i => inOrder.Apply(i, 3).ToArray())];
        for (int i = 19; i >= 0; i--)
        {
            one.Apply(i, 2);
            Assert.Equal(expected[i], one.Apply(i, 3));
        }

        Assert.NotEqual(expected[0], one.Apply(0, 4).ToArray());
        Assert.NotEqual(expected[0], Make(kinds, data, seed: 8).Apply(0, 3).ToArray());
        Assert.Equal(20, expected.Select(values => values[0]).Distinct().Count());
    }

    [Fact]
    public void Noise_has_the_deviation_of_its_channel_times_the_amount()
    {
        var data = Waves(200, ["a", "b"]);
        var differences = new[] { new List<double>(), new List<double>() };
        var normalisation = Normalisation.Measure(data, NormalisationMode.Channel);
        var augmenter = Make(new() { Noise = 0.1f }, data);
        ForEach(augmenter, data, (before, after) =>
        {
            for (int i = 0; i < before.Length; i++)
                differences[i % 2].Add(after[i] - before[i]);
        });
        for (int c = 0; c < 2; c++)
        {
            // 20,200 draws: the mean is within 4 deviations / √20,200, the deviation within 4 / √40,400 of itself.
            double unit = 0.1 * normalisation.Deviation[c];
            Assert.Equal(0, differences[c].Average() / unit, 0.03);
            Assert.Equal(1, Math.Sqrt(differences[c].Average(d => d * d)) / unit, 0.02);
        }
    }

    [Fact]
    public void Scale_multiplies_the_distance_from_the_mean_by_one_factor_a_channel()
    {
        var data = Waves(Sequences, ["a", "b"]);
        var mean = Normalisation.Measure(data, NormalisationMode.Channel).Mean;
        var factors = new List<double>();
        ForEach(Make(new() { Scale = 0.1f }, data), data, (before, after) =>
        {
            for (int c = 0; c < 2; c++)
            {
                int largest = Enumerable.Range(0, Steps).MaxBy(t => Math.Abs(before[2 * t + c] - mean[c])) * 2 + c;
                double factor = (after[largest] - mean[c]) / (before[largest] - mean[c]);
                factors.Add(factor);
                for (int i = c; i < before.Length; i += 2)
                    Assert.Equal(mean[c] + factor * (before[i] - mean[c]), after[i], 1e-3);
            }
        });
        Assert.Equal(1, factors.Average(), 0.01);
        Assert.Equal(0.1, Math.Sqrt(factors.Average(f => (f - 1) * (f - 1))), 0.005);
        // Drawn anew for each channel and sequence; a few round to the same.
        Assert.InRange(factors.Distinct().Count(), 3900, 4000);
    }

    [Fact]
    public void Shift_moves_by_whole_steps_and_repeats_the_edge()
    {
        var data = Ramps(Sequences);
        var shifts = new HashSet<int>();
        ForEach(Make(new() { Shift = 0.05f }, data), data, (_, after) =>
        {
            int shift = 50 - (int)after[50];
            shifts.Add(shift);
            for (int t = 0; t < Steps; t++)
                Assert.Equal(Math.Clamp(t - shift, 0, Steps - 1), after[t]);
        });
        Assert.Equal(Enumerable.Range(-5, 11), shifts.Order());
    }

    /// <summary>
    /// On a ramp the result is the time itself. The published formula (SciPy's cubic spline, 4,000 draws, 101 steps,
    /// deviation 0.2) moves steps 10, 25, 50, 75 and 90 by 2.04, 3.98, 4.17, 3.94 and 1.70 steps, root mean square;
    /// lines in place of the spline never overshoot their knots, and so move them a little less.
    /// </summary>
    [Fact]
    public void Warp_moves_steps_about_as_far_as_the_published_code()
    {
        var data = Ramps(Sequences);
        var squares = new double[Steps];
        ForEach(Make(new() { Warp = 0.2f }, data), data, (_, after) =>
        {
            Assert.Equal(0f, after[0]);
            Assert.Equal(Steps - 1f, after[^1], 1e-4f);
            for (int t = 0; t < Steps; t++)
            {
                squares[t] += (after[t] - t) * (after[t] - t);
                Assert.True(t == 0 || after[t] > after[t - 1]);
            }
        });
        foreach (var (t, published) in new[] { (10, 2.04), (25, 3.98), (50, 4.17), (75, 3.94), (90, 1.7) })
            Assert.InRange(Math.Sqrt(squares[t] / Sequences) / published, 0.7, 1);
    }

    [Fact]
    public void Rotation_turns_all_triples_alike_and_keeps_lengths_and_angles()
    {
        var data = Waves(Sequences, ["t", .. SixAxes]);
        double largest = 0, negative = 0;
        ForEach(Make(new() { Rotate = 20 }, data), data, (before, after) =>
        {
            for (int i = 0; i < before.Length; i += 7)
            {
                Assert.Equal(before[i], after[i]);
                var a = before[(i + 1)..(i + 4)];
                var turned = after[(i + 1)..(i + 4)];
                Assert.Equal(Dot(a, a), Dot(turned, turned), 1e-3);
                // Were the triples turned by rotations of their own, the angle between them would change.
                Assert.Equal(Dot(a, before[(i + 4)..(i + 7)]), Dot(turned, after[(i + 4)..(i + 7)]), 1e-3);
                double cosine = Dot(a, turned) / Dot(a, a);
                largest = Math.Max(largest, Math.Acos(Math.Min(1, cosine)) * 180 / Math.PI);
                negative += a[0] * turned[1] - a[1] * turned[0] < 0 ? 1 : 0;
            }
        });
        Assert.InRange(largest, 19, 20.01);
        Assert.InRange(negative / (Sequences * Steps), 0.4, 0.6);
    }

    [Fact]
    public void Dropped_channels_read_their_mean_and_one_is_always_kept()
    {
        var data = Waves(Sequences, ["a", "b", "c"]);
        var mean = Normalisation.Measure(data, NormalisationMode.Channel).Mean;
        var dropped = new int[4];
        ForEach(Make(new() { Drop = 0.5f }, data), data, (before, after) =>
        {
            int count = 0;
            for (int c = 0; c < 3; c++)
            {
                var steps = Enumerable.Range(0, Steps).Select(t => 3 * t + c);
                bool isDropped = steps.All(i => after[i] == mean[c]);
                Assert.True(isDropped || steps.All(i => after[i] == before[i]));
                count += isDropped ? 1 : 0;
            }

            dropped[count]++;
        });
        // Binomial of 3 at 0.5: 1/8, 3/8, 3/8 and 1/8, of which the last becomes two dropped.
        Assert.Equal(0, dropped[3]);
        Assert.Equal(0.125, (double)dropped[0] / Sequences, 0.03);
        Assert.Equal(0.5, (double)dropped[2] / Sequences, 0.045);
    }

    [Fact]
    public void Pixels_move_both_ways_and_zeros_follow()
    {
        const int height = 6, width = 5;
        float[] image = [.. Enumerable.Range(1, height * width).Select(i => (float)i)];
        Sequence[] images = [.. Enumerable.Repeat(new Sequence(image, height, 0), 1000)];
        var data = new SequenceDataset("images", SequenceDataset.Numbered(width), ["a"], images);
        var augmenter = Make(new() { Pixels = 2 }, data);
        var seen = new HashSet<(int, int)>();
        for (int i = 0; i < images.Length; i++)
        {
            float[] moved = augmenter.Apply(i, 1).ToArray();
            var fits = from down in Enumerable.Range(-2, 5)
                       from right in Enumerable.Range(-2, 5)
                       where moved.SequenceEqual(Moved(down, right))
                       select (down, right);
            seen.Add(Assert.Single(fits));
        }

        Assert.Equal(25, seen.Count);

        float[] Moved(int down, int right) =>
        [
            .. from row in Enumerable.Range(0, height)
               from column in Enumerable.Range(0, width)
               let y = row - down
               let x = column - right
               select y is >= 0 and < height && x is >= 0 and < width ? image[y * width + x] : 0f,
        ];
    }

    /// <summary>A huge noise would show in the loss on validation data, and in the data themselves.</summary>
    [Fact]
    public void Only_what_is_trained_on_is_varied()
    {
        var data = Waves(60, ["a", "b"]);
        var copy = data.Sequences.Select(s => s.Values.ToArray()).ToArray();
        var (train, held) = data.Split(0.25, 1);
        var options = new TrainingOptions { Epochs = 2, BatchSize = 8, Threads = 2, Validation = held };
        float[] Fit(TrainingOptions how)
        {
            var network = Network.Parse("gru:4,dense:2", 2);
            var history = network.Fit(train, how, null, TestContext.Current.CancellationToken);
            var evaluation = Evaluator.Evaluate(network.ToModel(train), held);
            Assert.Equal(history.Best!.ValidationLoss, evaluation.Loss);
            return network.Parameters.Span.ToArray();
        }

        var noisy = options with { Augment = new() { Noise = 10 } };
        Assert.NotEqual(Fit(options), Fit(noisy));
        Assert.Equal(Fit(noisy), Fit(noisy));
        Assert.Equal(copy, data.Sequences.Select(s => s.Values.ToArray()));
    }

    private static Augmenter Make(Augmentation kinds, SequenceDataset data, ulong seed = 1) =>
        new(kinds, data, Normalisation.Measure(data, NormalisationMode.Channel), seed);

    private static void ForEach(Augmenter augmenter, SequenceDataset data, Action<float[], float[]> look)
    {
        for (int i = 0; i < data.Count; i++)
            look(data.Sequences[i].Values.ToArray(), augmenter.Apply(i, epoch: 1).ToArray());
    }

    private static double Dot(float[] a, float[] b) =>
        (double)a[0] * b[0] + (double)a[1] * b[1] + (double)a[2] * b[2];

    private static SequenceDataset Ramps(int count)
    {
        float[] ramp = [.. Enumerable.Range(0, Steps).Select(t => (float)t)];
        return new("ramps", ["t"], ["a"], [.. Enumerable.Repeat(new Sequence(ramp, Steps, 0), count)]);
    }

    /// <summary>Normal numbers; each channel has an offset and a deviation of its own.</summary>
    private static SequenceDataset Waves(int count, string[] channels)
    {
        var random = new TrainerRandom(5);
        var sequences = new Sequence[count];
        for (int i = 0; i < count; i++)
        {
            var values = new float[Steps * channels.Length];
            for (int j = 0; j < values.Length; j++)
            {
                int c = j % channels.Length;
                values[j] = (float)(c + (0.5 + 0.1 * c) * random.NextNormal());
            }

            sequences[i] = new(values, Steps, i % 2);
        }

        return new("waves", channels, ["a", "b"], sequences);
    }
}

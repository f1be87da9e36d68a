using EdgeRnn.Runtime;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;
using Xunit;
using TrainerRandom = EdgeRnn.Trainer.Numerics.SeededRandom;

namespace EdgeRnn.Tests.Training;

public class TrainingTests
{
    private static readonly TrainingOptions Quick =
        new() { Epochs = 3, BatchSize = 16, Threads = 2, ValidationFraction = 0.2 };

    [Theory]
    [InlineData("rnn:16,dense:2")]
    [InlineData("lstm:16,dense:2")]
    [InlineData("gru:16,dense:2")]
    [InlineData("gru:16:reset-before,dropout:0.1,dense:2")]
    public void Learns_which_of_two_pulses_came_first(string specification)
    {
        var network = Network.Parse(specification, 2);
        var history = Fit(network, Pulses(600, 1), Quick with { Epochs = 15, LearningRate = 5e-3f });
        var test = Evaluator.Evaluate(network.ToModel(Pulses(10, 1)), Pulses(300, 2));
        Assert.True(test.Accuracy > 0.95, $"{specification}: {test.Accuracy}");
        Assert.Equal(StopReason.Finished, history.StopReason);
        Assert.Equal(480, history.TrainingSamples);
        Assert.Equal(120, history.ValidationSamples);
        Assert.True(history.Epochs[^1].Loss < 0.5 * history.Epochs[0].Loss);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Same_seed_and_threads_give_the_same_bits(int threads)
    {
        var data = Pulses(100, 1);
        float[] Train(ulong seed)
        {
            var network = Network.Parse("lstm:12,dropout:0.2,gru:9,dense:2", 2);
            Fit(network, data, Quick with { Threads = threads, Seed = seed });
            return network.Parameters.Span.ToArray();
        }

        float[] first = Train(1);
        Assert.Equal(first, Train(1));
        Assert.NotEqual(first, Train(2));
    }

    [Fact]
    public void Threads_share_a_batch_without_changing_what_is_learnt()
    {
        var data = Pulses(64, 1);
        float[] Train(int threads)
        {
            var network = Network.Parse("lstm:12,gru:9,dense:2", 2);
            Fit(network, data, Quick with { Threads = threads, Optimizer = new Sgd(), ValidationFraction = 0 });
            return network.Parameters.Span.ToArray();
        }

        float[] one = Train(1);
        float[] three = Train(3);
        // Twelve steps of 0.01: only the order of sums differs, by some 1e-7 a step.
        for (int i = 0; i < one.Length; i++)
            Assert.Equal(one[i], three[i], 1e-5f);
    }

    [Fact]
    public void Keeps_the_best_epoch_of_the_validation_data()
    {
        var network = Network.Parse("gru:16,dense:2", 2);
        var data = Pulses(400, 1);
        // With its labels swapped: the more is learnt, the worse it gets, so that the last epoch is the worst.
        var validation = Pulses(100, 3);
        Sequence[] swapped = [.. validation.Sequences.Select(s => s with { Label = 1 - s.Label })];
        validation = validation with { Sequences = swapped };
        var options = Quick with { Epochs = 6, Validation = validation, LearningRate = 5e-4f };
        var history = Fit(network, data, options);
        var best = history.Epochs
            .OrderByDescending(e => e.ValidationAccuracy).ThenBy(e => e.ValidationLoss).ThenBy(e => e.Epoch).First();
        Assert.Equal(best.Epoch, history.BestEpoch);
        // Keeping the last epoch instead would be seen.
        Assert.True(best.ValidationLoss < history.Epochs[^1].ValidationLoss - 0.1);
        var evaluation = Evaluator.Evaluate(network.ToModel(data), validation);
        Assert.Equal(best.ValidationAccuracy, evaluation.Accuracy);
        Assert.Equal(best.ValidationLoss, evaluation.Loss);
    }

    [Fact]
    public void Patience_ends_a_run_that_does_not_improve()
    {
        var network = Network.Parse("rnn:4,dense:2", 2);
        var history = Fit(network, Pulses(60, 1), Quick with { Epochs = 200, Patience = 3, LearningRate = 0.5f });
        Assert.Equal(StopReason.NoImprovement, history.StopReason);
        Assert.Equal(history.BestEpoch + 3, history.Epochs.Count);
    }

    [Fact]
    public void A_loss_that_becomes_NaN_stops_the_run_and_the_last_good_epoch_stays()
    {
        var network = Network.Parse("rnn:8:relu,dense:2", 2);
        float[] best = [];
        // Steps of 1e30 overflow the weights; a warm-up of two epochs comes before them.
        var options = Quick with
        {
            Epochs = 6,
            Optimizer = new Sgd(0f),
            LearningRate = 1e-3f,
            ClipNorm = 0,
            Schedule = new Explosion(2),
            ValidationFraction = 0,
        };
        var history = Fit(network, Pulses(64, 1), options, new Recorder(p =>
        {
            if (p.Completed is not null)
                best = network.Parameters.Span.ToArray();
        }));
        Assert.Equal(StopReason.NotFinite, history.StopReason);
        Assert.Equal(history.Epochs.Count, history.BestEpoch);
        Assert.Equal(2, history.BestEpoch);
        Assert.Equal(best, network.Parameters.Span.ToArray());
        Assert.All(best, w => Assert.True(float.IsFinite(w)));
        Assert.Contains("NaN", history.Summary, StringComparison.Ordinal);

        var hopeless = options with { Schedule = new Explosion(0) };
        Assert.Throws<UserException>(() => Fit(network, Pulses(64, 1), hopeless));
    }

    [Fact]
    public void Cancelling_finishes_the_batch_and_keeps_the_best_epoch()
    {
        var network = Network.Parse("rnn:8,dense:2", 2);
        using var source = new CancellationTokenSource();
        var history = network.Fit(
            Pulses(64, 1),
            Quick with { Epochs = 50 },
            new Recorder(p =>
            {
                if (p is { Epoch: 3, Batch: 2 })
                    source.Cancel();
            }),
            source.Token);
        Assert.Equal(StopReason.Cancelled, history.StopReason);
        Assert.Equal(2, history.Epochs.Count);
        Assert.InRange(history.BestEpoch, 1, 2);
    }

    [Fact]
    public void Progress_counts_batches_and_ends_at_the_end()
    {
        var seen = new List<TrainingProgress>();
        var network = Network.Parse("rnn:8,dense:2", 2);
        Fit(network, Pulses(50, 1), Quick with { ValidationFraction = 0 }, new Recorder(seen.Add));
        // 50 sequences are four batches of 16, the last one smaller; one report a batch and one an epoch.
        Assert.Equal(3 * 5, seen.Count);
        Assert.All(seen, p => Assert.Equal(4, p.Batches));
        Assert.Equal(3, seen.Count(p => p.Completed is not null));
        Assert.Equal(TimeSpan.Zero, seen[^1].Remaining);
    }

    [Theory]
    [InlineData("rnn:8,dense:3", "pulses has 2 classes, but the network ends in dense:3; use dense:2.")]
    [InlineData("rnn:8,dense:2", "pulses has 2 channels, but the network reads 3.", 3)]
    public void Data_that_does_not_fit_is_refused(string specification, string sentence, int inputs = 2)
    {
        var network = Network.Parse(specification, inputs);
        Assert.Equal(sentence, Assert.Throws<UserException>(() => Fit(network, Pulses(20, 1), Quick)).Message);
    }

    [Fact]
    public void Bad_options_are_refused()
    {
        var network = Network.Parse("rnn:8,dense:2", 2);
        TrainingOptions[] bad =
        [
            Quick with { Epochs = 0 }, Quick with { BatchSize = 0 }, Quick with { Threads = 0 },
            Quick with { LearningRate = 0 }, Quick with { LearningRate = float.NaN },
            Quick with { ClipNorm = float.NaN }, Quick with { Patience = -1 },
            Quick with { ValidationFraction = double.NaN },
        ];
        Assert.All(bad, options => Assert.Throws<UserException>(() => Fit(network, Pulses(20, 1), options)));
        Assert.Throws<UserException>(() => Optimizer.Parse("adagrad"));
        Assert.Throws<UserException>(() => LearningRateSchedule.Parse("cosine:-1"));
    }

    [Fact]
    public void Cosine_schedule_rises_then_falls_to_its_floor()
    {
        var schedule = LearningRateSchedule.Parse("cosine:2");
        Assert.Equal(0.5f, schedule.Factor(1, 10, []), 1e-6f);
        Assert.Equal(1f, schedule.Factor(2, 10, []), 1e-6f);
        Assert.Equal(0.505f, schedule.Factor(6, 10, []), 1e-6f);
        Assert.Equal(0.01f, schedule.Factor(10, 10, []), 1e-6f);
    }

    [Fact]
    public void Model_carries_what_the_board_needs()
    {
        var network = Network.Parse("lstm:8,dense:2", 2);
        var data = Pulses(40, 1);
        Fit(network, data, Quick);
        var model = SelfTests.Attach(network.ToModel(data, hop: 5));
        Assert.Equal(data.MaxSteps, model.Window);
        Assert.Equal(5, model.Hop);
        Assert.Equal(data.Labels, model.Labels);
        Assert.Equal(network.Normalisation!.Mean, model.Mean.Floats);
        Assert.Equal(256, model.SelfTest!.Input.Length);

        // The recorded scores are those of a session that starts from zeros.
        var session = new RnnSession(model);
        var readings = new float[2];
        var scores = new float[2];
        for (int t = 0; t < model.SelfTest.Steps; t++)
        {
            model.SelfTest.Readings(model, t, readings);
            session.Step(readings, scores);
        }

        Assert.Equal(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(scores), model.SelfTest.Scores.Span);
        Assert.Throws<UserException>(() => network.ToModel(data, window: 100, hop: 1));
        Assert.Equal(0, network.ToModel(data, StreamMode.Continuous).Window);
    }

    private static History Fit(
        Network network, SequenceDataset data, TrainingOptions options, IProgress<TrainingProgress>? progress = null) =>
        network.Fit(data, options, progress, TestContext.Current.CancellationToken);

    /// <summary>
    /// A pulse in each of two channels, in noise; the class is the channel of the first. Lengths 8 to 20.
    /// </summary>
    internal static SequenceDataset Pulses(int count, ulong seed)
    {
        var random = new TrainerRandom(seed);
        var sequences = new Sequence[count];
        for (int i = 0; i < count; i++)
        {
            int steps = 8 + (int)(random.NextBits() % 13);
            var values = new float[2 * steps];
            foreach (ref float x in values.AsSpan())
                x = (float)(0.1 * random.NextNormal());
            int first = (int)(random.NextBits() % (ulong)(steps - 3));
            int second = first + 2 + (int)(random.NextBits() % (ulong)(steps - first - 2));
            values[2 * first + i % 2] += 2;
            values[2 * second + 1 - i % 2] += 2;
            sequences[i] = new(values, steps, i % 2);
        }

        return new("pulses", ["0", "1"], ["left", "right"], sequences);
    }

    private sealed class Recorder(Action<TrainingProgress> action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action(value);
    }

    private sealed record Explosion(int CalmEpochs) : LearningRateSchedule
    {
        public override string Name => "explosion";

        public override float Factor(double epoch, int epochs, IReadOnlyList<double> losses) =>
            epoch < CalmEpochs ? 1f : 1e33f;
    }
}

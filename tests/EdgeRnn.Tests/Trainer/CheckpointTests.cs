using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;
using Xunit;

namespace EdgeRnn.Tests.Training;

/// <summary>A run that is cut anywhere and goes on ends with the bits of one that was not.</summary>
public sealed class CheckpointTests : IDisposable
{
    private const string Specification = "lstm:9:recurrent-dropout=0.2,norm,dropout:0.2,gru:7,dense:2";
    private static readonly SequenceDataset Data = TrainingTests.Pulses(90, 1);

    // Whatever a later step depends on: masks, augmentation, order, moments, the losses of a plateau, patience.
    private static readonly TrainingOptions Options = new()
    {
        Epochs = 5,
        BatchSize = 16,
        Threads = 2,
        Validation = TrainingTests.Pulses(30, 2),
        Augment = Augmentation.Parse("noise:0.1,shift:0.1"),
        Schedule = new PlateauSchedule(0, 0.5f),
        LearningRate = 0.02f,
        Patience = 4,
    };

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("edgernn-checkpoint-");

    private string CheckpointPath => Path.Combine(_folder.FullName, "checkpoint.bin");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("adam", 1)]
    [InlineData("adamw", 2)]
    [InlineData("sgd", 3)]
    public void A_run_cut_after_every_step_ends_with_the_same_bits(string optimizer, int accumulate)
    {
        var options = Options with { Optimizer = Optimizer.Parse(optimizer), Accumulate = accumulate };
        var whole = Fit(options, null, out float[] expected);
        var kept = options with { Checkpoint = CheckpointPath, Resume = true };
        int cuts = 0;
        while (true)
        {
            // One step, or, where the steps of an epoch are done, its validation.
            using var source = new CancellationTokenSource();
            var history = Fit(kept, new Listener(_ => source.Cancel()), out float[] weights, source.Token);
            if (history.StopReason != StopReason.Cancelled)
            {
                Assert.Equal(expected, weights);
                Assert.Equal(whole.BestEpoch, history.BestEpoch);
                Assert.Equal(whole.StopReason, history.StopReason);
                Assert.Equal(whole.Epochs.Select(e => e.Loss), history.Epochs.Select(e => e.Loss));
                Assert.Equal(whole.Epochs.Select(e => e.ValidationLoss), history.Epochs.Select(e => e.ValidationLoss));
                Assert.Equal(whole.Epochs.Select(e => e.LearningRate), history.Epochs.Select(e => e.LearningRate));
                break;
            }

            Assert.InRange(++cuts, 1, 100);
        }

        // Six batches an epoch; what ends an epoch, its validation, is a cut of its own, but for the last.
        int steps = (6 + accumulate - 1) / accumulate;
        Assert.Equal(whole.Epochs.Count * (steps + 1) - 1, cuts);
    }

    // Parts of recordings whose state goes on, random parts, and states of neighbours: all are drawn anew by epoch and
    // place.
    [Theory]
    [InlineData(7, 0, false)]
    [InlineData(0, 6, false)]
    [InlineData(9, 0, true)]
    public void A_run_over_parts_of_sequences_goes_on_with_the_same_bits(int truncate, int crop, bool randomStart)
    {
        var data = Data.LabelledEachStep();
        var options = Options with
        {
            Epochs = 3,
            Augment = null,
            Truncate = truncate,
            Crop = crop,
            RandomStart = randomStart,
            Validation = Options.Validation!.LabelledEachStep(),
        };
        Fit(options, null, out float[] expected, data: data);
        var kept = options with { Checkpoint = CheckpointPath, Resume = true };
        for (int cuts = 0; ; cuts++)
        {
            using var source = new CancellationTokenSource();
            var history = Fit(kept, new Listener(_ => source.Cancel()), out float[] weights, source.Token, data);
            if (history.StopReason != StopReason.Cancelled)
            {
                Assert.Equal(expected, weights);
                Assert.Equal(3 * 7 - 1, cuts);
                break;
            }

            Assert.InRange(cuts, 0, 100);
        }
    }

    [Fact]
    public void What_a_killed_run_left_after_any_epoch_leads_to_the_same_bits()
    {
        Fit(Options, null, out float[] expected);
        var kept = Options with { Checkpoint = CheckpointPath };
        var left = new List<string>();
        Fit(kept, new Listener(p =>
        {
            if (p.Completed is null)
                return;
            left.Add(Path.Combine(_folder.FullName, $"{p.Epoch}.bin"));
            File.Copy(CheckpointPath, left[^1]);
        }), out _);
        left.Add(CheckpointPath);
        Assert.True(left.Count > 3);
        foreach (string file in left)
        {
            Fit(Options with { Checkpoint = file, Resume = true }, null, out float[] weights);
            Assert.Equal(expected, weights);
        }
    }

    [Fact]
    public void A_checkpoint_of_something_else_is_refused()
    {
        var kept = Options with { Checkpoint = CheckpointPath, Resume = true, Epochs = 1 };
        Fit(kept, null, out _);
        void Refused(string part, TrainingOptions options, SequenceDataset? data = null, string? net = null)
        {
            var network = Network.Parse(net ?? Specification, 2);
            var e = Assert.Throws<UserException>(() => network.Fit(
                data ?? Data, options, cancellation: TestContext.Current.CancellationToken));
            Assert.Contains(part, e.Message, StringComparison.Ordinal);
            Assert.Contains(CheckpointPath, e.Message, StringComparison.Ordinal);
        }

        Refused("the network lstm:9", kept, net: "lstm:9,dense:2");
        Refused("a run with Epochs = 1, not Epochs = 2", kept with { Epochs = 2 });
        Refused("a run with Seed = 1, not Seed = 2", kept with { Seed = 2 });
        Refused("PlateauSchedule", kept with { Schedule = new PlateauSchedule(1, 0.5f) });
        Refused("Augmentation", kept with { Augment = Augmentation.Parse("noise:0.2,shift:0.1") });
        Refused("ClassWeights", kept with { ClassWeights = ClassWeights.Parse("left=2") });
        Refused("other training data", kept, TrainingTests.Pulses(90, 3));
        Refused("other validation data", kept with { Validation = TrainingTests.Pulses(30, 4) });

        byte[] file = File.ReadAllBytes(CheckpointPath);
        file[file.Length / 2] ^= 1;
        File.WriteAllBytes(CheckpointPath, file);
        Refused("is damaged", kept);
        File.WriteAllBytes(CheckpointPath, []);
        Refused("is damaged", kept);
    }

    [Fact]
    public void A_run_that_is_not_to_be_resumed_begins_anew()
    {
        var kept = Options with { Checkpoint = CheckpointPath, Epochs = 2 };
        Fit(kept, null, out float[] expected);
        var history = Fit(kept, null, out float[] weights);
        Assert.Equal(expected, weights);
        Assert.Equal(2, history.Epochs.Count);
    }

    private static History Fit(
        TrainingOptions options, IProgress<TrainingProgress>? progress, out float[] weights,
        CancellationToken? cancellation = null, SequenceDataset? data = null)
    {
        data ??= Data;
        var network = Network.Parse(Specification, 2, data.EachStep ? Pooling.EachStep : Pooling.Last);
        var history = network.Fit(
            data, options, progress, cancellation ?? TestContext.Current.CancellationToken);
        weights = network.Parameters.Span.ToArray();
        return history;
    }

    private sealed class Listener(Action<TrainingProgress> listen) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => listen(value);
    }
}

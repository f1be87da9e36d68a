using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;
using Xunit;

namespace EdgeRnn.Tests.Training;

/// <summary>Options of a run, each by another run that must come to the same.</summary>
public class TrainingOptionsTests
{
    private static readonly TrainingOptions Plain = new()
    {
        Epochs = 3,
        BatchSize = 64,
        Threads = 1,
        Optimizer = new Sgd(),
        Schedule = new ConstantSchedule(),
        LearningRate = 0.1f,
    };

    [Fact]
    public void Accumulated_batches_are_one_large_batch()
    {
        // One epoch of two steps: what later epochs do to the order depends on how the first was cut into batches.
        var data = TrainingTests.Pulses(100, 1);
        var once = Plain with { Epochs = 1 };
        float[] large = Train(data, once);
        AssertClose(large, Train(data, once with { BatchSize = 16, Accumulate = 4 }));
        float[] other = Train(data, once with { BatchSize = 16 });
        Assert.True(large.Zip(other, (a, b) => MathF.Abs(a - b)).Max() > 1e-3f);
    }

    [Fact]
    public void A_weight_of_a_class_is_that_many_sequences_of_it()
    {
        var data = TrainingTests.Pulses(40, 1);
        var left = data.Sequences.Where(s => s.Label == 0).ToList();
        var tripled = data with { Sequences = [.. data.Sequences, .. left, .. left] };
        var all = Plain with { BatchSize = 200, Normalisation = NormalisationMode.None };
        float[] counted = Train(tripled, all);
        AssertClose(counted, Train(data, all with { ClassWeights = ClassWeights.Parse("left=3") }));
        // Balanced, the three-fold class counts as it did at first.
        AssertClose(Train(data, all), Train(tripled, all with { ClassWeights = ClassWeights.Balanced }));
        Assert.NotEqual(counted, Train(data, all));
    }

    [Fact]
    public void Balanced_classes_count_every_step_that_has_one()
    {
        var sequence = new Sequence(new float[5], 5, 1) { StepLabels = new[] { 0, 0, 0, 0, 1 } };
        var data = new SequenceDataset(
            "steps", ["x"], ["rest", "move", "none"], [sequence, sequence])
        { EachStep = true };
        // 10 steps: 8 of one class, 2 of the other.
        Assert.Equal([10 / 16f, 10 / 4f, 1f], ClassWeights.Balanced.For(data));
    }

    [Theory]
    [InlineData("left")]
    [InlineData("left=0")]
    [InlineData("left=nan")]
    [InlineData("left=1,left=2")]
    [InlineData("=1")]
    public void Weights_that_are_none_are_refused(string text) =>
        Assert.Contains("balanced", Assert.Throws<UserException>(() => ClassWeights.Parse(text)).Message,
            StringComparison.Ordinal);

    [Fact]
    public void A_weight_of_an_unknown_class_is_refused()
    {
        var options = Plain with { ClassWeights = ClassWeights.Parse("up=2") };
        var e = Assert.Throws<UserException>(() => Train(TrainingTests.Pulses(20, 1), options));
        Assert.Equal(
            "There is a weight for the class 'up', which pulses has not; its classes are left, right.", e.Message);
    }

    [Theory]
    [InlineData("sgd")]
    [InlineData("adamw")]
    public void Weights_decay_and_biases_do_not(string optimizer)
    {
        var data = TrainingTests.Pulses(40, 1);
        // One step: later gradients follow from decayed weights.
        var once = Plain with { Epochs = 1, BatchSize = 64, Optimizer = Optimizer.Parse(optimizer), WeightDecay = 0 };
        float[] free = Train(data, once);
        float[] decayed = Train(data, once with { WeightDecay = 0.1f });
        foreach (var block in NewNetwork().Layers.SelectMany(layer => layer.Parameters))
        {
            float[] a = block.Of(free).ToArray(), b = block.Of(decayed).ToArray();
            if (block.Name.StartsWith("bias", StringComparison.Ordinal))
                Assert.Equal(a, b);
            else
                Assert.All(Enumerable.Range(0, a.Length), i => Assert.True(a[i] == 0 || a[i] != b[i]));
        }
    }

    [Fact]
    public void Smoothing_keeps_the_network_from_certainty()
    {
        var data = TrainingTests.Pulses(100, 1);
        var longer = Plain with { Epochs = 30, Optimizer = new Adam(), LearningRate = 1e-2f, BatchSize = 16 };
        float Certainty(TrainingOptions options)
        {
            var network = NewNetwork();
            network.Fit(data, options, cancellation: TestContext.Current.CancellationToken);
            return Evaluator.Evaluate(network.ToModel(data), data, keepPredictions: true)
                .Predictions.Average(p => p.Scores.Max());
        }

        // At 0.2 the best answer gives the right class 0.9.
        Assert.InRange(Certainty(longer with { LabelSmoothing = 0.2f }), 0.85f, 0.93f);
        Assert.True(Certainty(longer) > 0.98f);
    }

    [Theory]
    [InlineData("step")]
    [InlineData("step:0")]
    [InlineData("step:2.5")]
    [InlineData("step:2:1")]
    [InlineData("plateau:1:2:3")]
    [InlineData("constant:1")]
    [InlineData("cosine:nan")]
    public void A_schedule_that_is_none_is_refused(string name) => Assert.StartsWith(
        $"'{name}' is not a learning-rate schedule;",
        Assert.Throws<UserException>(() => LearningRateSchedule.Parse(name)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("lstm:40,dropout:0.2,gru:24,dense:2", 1)]
    [InlineData("gru:24,norm,gru:16,norm,dense:2", 2)]
    [InlineData("gru:32:reset-before:recurrent-dropout=0.2,rnn:16,dense:8:relu,dense:2", 3)]
    public void Memory_for_activations_is_known_before(string specification, int threads)
    {
        var data = TrainingTests.Pulses(300, 1);
        int[] lengths = [.. data.Sequences.Select(s => s.Steps).OrderDescending()];
        var network = Network.Parse(specification, 2);
        long expected = network.ActivationBytes(data, Plain with { BatchSize = 120, Threads = threads });
        int share = 120 / threads;
        double allocated = 0;
        int collections;
        // A collection, which other tests may cause at any moment, ends the thread's block of memory, and the meter
        // then counts what was left of it.
        int tries = 100;
        do
        {
            collections = GC.CollectionCount(0);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < threads; i++)
            {
                _ = new NetworkPass(
                    network, new EdgeRnn.Trainer.Layers.PackedBatch(share, lengths[0], lengths.Take(share).Sum(), 2));
            }
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }
        while (GC.CollectionCount(0) != collections && --tries > 0);
        Assert.InRange(expected / allocated, 0.99, 1.01);
    }

    [Fact]
    public void A_batch_beyond_memory_is_refused()
    {
        // One long recording under many names: the data are small, their activations are not.
        var values = new float[2 * 1000];
        for (int i = 0; i < values.Length; i++)
            values[i] = i % 7;
        var data = TrainingTests.Pulses(2, 1) with
        {
            Sequences = [.. Enumerable.Range(0, 20_000).Select(i => new Sequence(values, 1000, i % 2))],
        };
        var network = Network.Parse("lstm:256,dense:2", 2);
        var e = Assert.Throws<UserException>(() => network.Fit(
            data, Plain with { BatchSize = 20_000 }, cancellation: TestContext.Current.CancellationToken));
        Assert.Contains("A batch of 20000 × 1000 steps needs", e.Message, StringComparison.Ordinal);
    }

    private static Network NewNetwork() => Network.Parse("lstm:8,gru:6,dense:2", 2);

    private static float[] Train(SequenceDataset data, TrainingOptions options)
    {
        var network = NewNetwork();
        network.Fit(data, options, cancellation: TestContext.Current.CancellationToken);
        return network.Parameters.Span.ToArray();
    }

    // A few steps of 0.1: only the order of sums differs, by some 1e-7 a step.
    private static void AssertClose(float[] expected, float[] actual)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-5f);
    }
}

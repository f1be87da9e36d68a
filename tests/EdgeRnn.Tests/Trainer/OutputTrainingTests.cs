using EdgeRnn.Format;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Layers;
using EdgeRnn.Trainer.Training;
using Xunit;
using TrainerRandom = EdgeRnn.Trainer.Numerics.SeededRandom;

namespace EdgeRnn.Tests.Training;

/// <summary>Values, outputs of each step and states that go on: from training through integers to the stream.</summary>
public sealed class OutputTrainingTests
{
    private const int Steps = 12;

    [Theory]
    [InlineData(LossKind.Mse)]
    [InlineData(LossKind.Mae)]
    public void Values_are_learnt_quantized_and_streamed_in_the_users_units(LossKind loss)
    {
        var train = Values(1, 400);
        var test = Values(2, 200);
        var network = Network.Parse("gru:12,dense:2", 2);
        network.Fit(train, new()
        {
            Epochs = 40,
            BatchSize = 32,
            LearningRate = 0.01f,
            Threads = 2,
            Loss = loss,
        }, cancellation: TestContext.Current.CancellationToken);
        var model = network.ToModel(train, hop: 4);
        var evaluation = Evaluator.Evaluate(model, test);
        AssertExplains(0.97, evaluation);
        foreach (var precision in (Precision[])[Precision.Int8, Precision.Int8x16])
        {
            byte[] file = ModelWriter.Write(Calibration.Quantize(model, train, precision));
            Assert.True(ModelReader.TryRead(file, out var quantized, out string? error), error);
            AssertExplains(precision == Precision.Int8 ? 0.95 : 0.965, Evaluator.Evaluate(quantized, test));
            AssertStreamsAsEvaluated(quantized, test);
        }
    }

    [Fact]
    public void An_evaluation_of_values_is_that_of_their_errors()
    {
        var data = Values(3, 5);
        var model = Network.Parse("gru:4,dense:2", 2).ToModel(data);
        var evaluation = Evaluator.Evaluate(model, data, keepPredictions: true);
        for (int k = 0; k < 2; k++)
        {
            double[] errors = [.. evaluation.Predictions.Select(p => (double)p.Scores[k] - p.Targets[k])];
            double[] targets = [.. evaluation.Predictions.Select(p => (double)p.Targets[k])];
            double variance = targets.Average(t => (t - targets.Average()) * (t - targets.Average()));
            Assert.Equal(Math.Sqrt(errors.Average(e => e * e)), evaluation.Errors[k].Rmse, 1e-9);
            Assert.Equal(errors.Average(Math.Abs), evaluation.Errors[k].Mae, 1e-9);
            Assert.Equal(1 - errors.Average(e => e * e) / variance, evaluation.Errors[k].R2,
                1e-9 * Math.Abs(evaluation.Errors[k].R2) + 1e-9);
        }
    }

    [Theory]
    [InlineData(Precision.Int8)]
    [InlineData(Precision.Int8x16)]
    public void Values_of_any_size_keep_their_precision(Precision precision)
    {
        var data = Values(4, 60);
        var model = Network.Parse("gru:12,dense:2", 2).ToModel(data);
        var head = model.Layers[^1];
        float[] weights = head.WeightIh.Floats.ToArray();
        for (int i = 0; i < weights.Length; i++)
            weights[i] *= i < 12 ? 30_000f : 0.0001f;
        var scaled = model with
        {
            Layers = [model.Layers[0], head with { WeightIh = Tensor.FromFloats(2, 12, weights) }],
        };
        var outputs = Evaluator.Evaluate(scaled, data, keepPredictions: true).Predictions;
        var quantized =
            Evaluator.Evaluate(Calibration.Quantize(scaled, data, precision), data, keepPredictions: true).Predictions;
        for (int k = 0; k < 2; k++)
        {
            float spread = outputs.Max(p => p.Scores[k]) - outputs.Min(p => p.Scores[k]);
            Assert.All(outputs.Zip(quantized), pair =>
                Assert.Equal(pair.First.Scores[k], pair.Second.Scores[k], 0.06f * spread));
        }
    }

    // The class is what the last pulse said, however long ago: learnt from parts far shorter than the pauses.
    [Fact]
    public void A_carried_state_remembers_longer_than_gradients_reach()
    {
        var train = FlipFlop(1, 32, 150);
        var network = Network.Parse("gru:8,dense:2", 1, Pooling.EachStep);
        network.Fit(train, new() { Epochs = 25, BatchSize = 8, LearningRate = 0.02f, Threads = 2, Truncate = 10 },
            cancellation: TestContext.Current.CancellationToken);
        var model = network.ToModel(train, StreamMode.Continuous);
        var test = FlipFlop(2, 4, 1000);
        var evaluation = Evaluator.Evaluate(model, test);
        Assert.Equal(4000, evaluation.Outputs);
        Assert.True(evaluation.Accuracy > 0.97, $"accuracy {evaluation.Accuracy}");
        var int8 = Calibration.Quantize(model, train, Precision.Int8);
        Assert.True(Evaluator.EvaluateStream(int8, test).Accuracy > 0.95);
        // Alone from zeros, as an evaluation runs them, equals a stream of one recording.
        var one = test.Subset([2]);
        Assert.Equal(Evaluator.Evaluate(model, one).Confusion, Evaluator.EvaluateStream(model, one).Confusion);
    }

    [Fact]
    public void A_stream_of_windows_decides_as_each_window_alone()
    {
        var data = FlipFlop(3, 6, 40);
        var windows = Network.Parse("gru:5,dense:2", 1).ToModel(data, window: 10, hop: 5);
        var evaluation = Evaluator.EvaluateStream(windows, data, keepPredictions: true);
        // From step 9 on, every fifth of 40.
        Assert.Equal(6 * 7, evaluation.Outputs);
        var session = new RnnSession(windows);
        float[] scores = new float[2];
        foreach (var prediction in evaluation.Predictions)
        {
            session.Reset();
            for (int t = prediction.Step!.Value - 9; t <= prediction.Step; t++)
                session.Step(data.Sequences[prediction.Index].Values.Span.Slice(t, 1), scores);
            Assert.Equal(scores, prediction.Scores);
            Assert.Equal(data.Sequences[prediction.Index].StepLabels.Span[prediction.Step.Value], prediction.Label);
        }
    }

    [Fact]
    public void A_crop_is_another_part_each_epoch_and_takes_its_labels_along()
    {
        var data = FlipFlop(4, 5, 50);
        var batch = new PackedBatch(5, 50, 250, 1, new(EachStep: true, 0));
        var places = new HashSet<int>();
        for (ulong epoch = 0; epoch < 20; epoch++)
        {
            batch.Load(data, [0, 1, 2, 3, 4], Normalisation.None(1), excerpt: new(0, 8, epoch));
            Assert.Equal((8, 40), (batch.Steps, batch.Rows));
            for (int m = 0; m < 5; m++)
            {
                var sequence = data.Sequences[batch.Order[m]];
                float[] shown = [.. Enumerable.Range(0, 8).Select(t => batch.Inputs.Span[batch.Offset[t] + m])];
                int place = sequence.Values.Span.IndexOf(shown);
                Assert.True(place >= 0);
                places.Add(place);
                for (int t = 0; t < 8; t++)
                    Assert.Equal(sequence.StepLabels.Span[place + t], batch.Labels[batch.Offset[t] + m]);
            }
        }

        Assert.True(places.Count > 20);
    }

    [Fact]
    public void Crops_and_random_starts_train_the_same_each_time()
    {
        var data = FlipFlop(5, 20, 60);
        float[] Train(TrainingOptions options)
        {
            var network = Network.Parse("lstm:4,gru:3,dense:2", 1, Pooling.EachStep);
            network.Fit(
                data, options with { Epochs = 3, BatchSize = 8, Threads = 2 },
                cancellation: TestContext.Current.CancellationToken);
            return network.Parameters.Span.ToArray();
        }

        var plain = Train(new());
        var cropped = Train(new() { Crop = 20 });
        var started = Train(new() { RandomStart = true });
        Assert.Equal(cropped, Train(new() { Crop = 20 }));
        Assert.Equal(started, Train(new() { RandomStart = true }));
        Assert.NotEqual(plain, cropped);
        Assert.NotEqual(plain, started);
    }

    [Theory]
    [InlineData("gru:3,dense:2", "has an output for each step, but the network pools them; use pool:none.")]
    [InlineData("gru:3:bi,pool:none,dense:2", "no state can be carried on; use forward layers.")]
    public void What_does_not_fit_is_refused(string net, string sentence)
    {
        var network = Network.Parse(net, 1);
        var thrown = Assert.Throws<UserException>(() => network.Fit(
            FlipFlop(1, 4, 9), new() { Epochs = 1, Truncate = 3 },
                cancellation: TestContext.Current.CancellationToken));
        Assert.Contains(sentence, thrown.Message);
    }

    [Fact]
    public void A_loss_must_suit_what_is_learnt()
    {
        string Refusal(SequenceDataset data, LossKind loss, int inputs) => Assert.Throws<UserException>(
            () => Network.Parse("gru:3,dense:2", inputs).Fit(
                data, new() { Epochs = 1, Loss = loss }, cancellation: TestContext.Current.CancellationToken)).Message;
        Assert.Equal("values has values, whose loss is mse or mae.", Refusal(Values(1, 9), LossKind.CrossEntropy, 2));
        Assert.Equal(
            "test has classes, whose loss is cross-entropy.", Refusal(TrainingFixture.Data(2, 5, 5), LossKind.Mse, 3));
    }

    [Fact]
    public void What_only_floats_compute_is_not_quantized()
    {
        var data = TrainingFixture.Data(2, 5, 5);
        var model = Network.Parse("gru:4:bi,dense:2", 3).ToModel(data);
        Assert.Equal(StreamMode.Offline, model.StreamMode);
        string sentence = Assert.Throws<UserException>(() => Calibration.Quantize(model, data, Precision.Int8)).Message;
        Assert.Contains("layer 1 is bidirectional: it needs the whole sequence", sentence);
        var plain = Network.Parse("gru:4,dense:2", 3).ToModel(data);
        var clipped = plain with { Layers = [plain.Layers[0] with { Variant = new() { Clip = 1 } }, plain.Layers[1]] };
        Assert.Contains(
            "layer 1 is a form of its cell",
            Assert.Throws<UserException>(() => Calibration.Quantize(clipped, data, Precision.Int8)).Message);
    }

    /// <summary>Of noise in two channels: 30 + 5·(mean of the first), and -1000·(last of the second).</summary>
    private static SequenceDataset Values(ulong seed, int count)
    {
        var random = new TrainerRandom(seed);
        var sequences = new Sequence[count];
        for (int i = 0; i < count; i++)
        {
            float[] x = [.. Enumerable.Range(0, 2 * Steps).Select(_ => (float)random.NextNormal())];
            float mean = x.Where((_, j) => j % 2 == 0).Average();
            sequences[i] = new(x, Steps, 0) { Targets = new[] { 30 + 5 * mean, -1000 * x[^1] } };
        }

        return new("values", ["0", "1"], ["mean", "last"], sequences) { OutputKind = OutputKind.Values };
    }

    /// <summary>Rare pulses up and down in noise; the class of a step is the last pulse's.</summary>
    private static SequenceDataset FlipFlop(ulong seed, int count, int steps)
    {
        var random = new TrainerRandom(seed);
        var sequences = new Sequence[count];
        for (int i = 0; i < count; i++)
        {
            float[] x = new float[steps];
            int[] labels = new int[steps];
            int state = 0;
            for (int t = 0; t < steps; t++)
            {
                x[t] = 0.1f * (float)random.NextNormal();
                if (random.NextInt(20) == 0)
                {
                    state = random.NextInt(2);
                    x[t] += state == 1 ? 1 : -1;
                }

                labels[t] = state;
            }

            sequences[i] = new(x, steps, labels[^1]) { StepLabels = labels };
        }

        return new("flip-flop", ["0"], ["down", "up"], sequences) { EachStep = true };
    }

    private static void AssertExplains(double part, Evaluation evaluation) =>
        Assert.All(evaluation.Errors, error => Assert.True(error.R2 > part, $"{error.Name}: R² is {error.R2}"));

    private static void AssertStreamsAsEvaluated(RnnModel model, SequenceDataset data)
    {
        var predictions = Evaluator.Evaluate(model, data, keepPredictions: true).Predictions;
        var stream = new StreamClassifier(new RnnSession(model));
        for (int i = 0; i < 20; i++)
        {
            stream.Reset();
            int decisions = 0;
            for (int t = 0; t < Steps; t++)
                decisions += stream.Step(data.Sequences[i].Values.Span.Slice(2 * t, 2)) ? 1 : 0;
            Assert.Equal(1, decisions);
            Assert.Equal(predictions[i].Scores, stream.Scores);
        }
    }
}

using EdgeRnn.Quantization;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Runtime;

/// <summary>
/// The quantizer's promises: bounded rounding error, sensible ranges, and a GRU whose memory holds small updates.
/// </summary>
public sealed class QuantizerTests
{
    [Theory]
    [InlineData("rnn:24,dense:5")]
    [InlineData("rnn:24:relu,dense:5")]
    [InlineData("lstm:24,dense:5")]
    [InlineData("gru:24,dense:5")]
    [InlineData("gru:24:reset-before,dense:5")]
    [InlineData("lstm:16,gru:16,dense:9:relu,dense:5")]
    [InlineData("gru:24,norm,dense:5")]
    [InlineData("lstm:16,norm,gru:16,norm,dense:9:relu,norm,dense:5")]
    public void Scores_of_the_int8_model_stay_near_the_float_models(string net)
    {
        var model = RandomModels.Create(21, Precision.Float32, 6, net);
        var data = Data(model, 40, 30);
        var quantized = Calibration.Quantize(model, data, Precision.Int8);
        var expected = Evaluator.Evaluate(model, data, 1, keepPredictions: true);
        var found = Evaluator.Evaluate(quantized, data, 1, keepPredictions: true);
        double total = 0;
        for (int i = 0; i < data.Count; i++)
            total += expected.Predictions[i].Scores.Zip(found.Predictions[i].Scores, (a, b) => Math.Abs(a - b)).Max();
        // Eight bits leave an error of about 1/256 of the range in each activation; thirty steps feed it back.
        Assert.InRange(total / data.Count, 1e-6, 0.03);
    }

    [Fact]
    public void Weights_are_within_half_a_step_or_saturate_by_at_most_a_fifth()
    {
        var layer = RandomModels.Create(22, Precision.Float32, 6, "lstm:24,dense:5").Layers[0];
        var model = RandomModels.Create(22, Precision.Float32, 6, "lstm:24,dense:5");
        var quantized = Quantizer.Quantize(model, [new(4, 2, 0), default], Precision.Int8).Layers[0];
        for (int r = 0; r < layer.WeightHh!.Rows; r++)
        {
            float scale = quantized.WeightHh!.Scales[r];
            for (int c = 0; c < layer.WeightHh.Columns; c++)
            {
                float real = layer.WeightHh.Floats[r * layer.WeightHh.Columns + c];
                int integer = quantized.WeightHh.Int8s[r * layer.WeightHh.Columns + c];
                Assert.InRange(integer, -127, 127);
                float error = Math.Abs(real - scale * integer);
                Assert.True(error <= 0.5001f * scale || Math.Abs(integer) == 127 && error <= 0.26f * Math.Abs(real));
            }
        }
        Assert.Null(quantized.BiasHh);
        Assert.Equal(layer.BiasIh.Floats[0] + layer.BiasHh!.Floats[0], quantized.BiasIh.Floats[0]);
    }

    [Fact]
    public void The_range_of_a_sample_with_one_outlier_saturates_it()
    {
        var values = new float[100000];
        for (int i = 0; i < values.Length; i++)
            values[i] = MathF.Sin(i);
        Assert.InRange(Quantizer.BestRange(values, 127), 0.97f, 1f);
        values[77] = 1.5f;
        Assert.InRange(Quantizer.BestRange(values, 127), 0.97f, 1.3f);
    }

    // z = 0.97 and n = 0.95: with a state of eight bits the last updates round away at 0.82.
    [Fact]
    public void A_gru_settles_where_its_equation_says()
    {
        float bias = MathF.Log(0.97f / 0.03f);
        var zeros = Tensor.FromFloats(3, 1, [0f, 0f, 0f]);
        var model = new RnnModel
        {
            Precision = Precision.Float32,
            Labels = ["a", "b"],
            Mean = Tensor.FromFloats(1, 1, [0f]),
            Deviation = Tensor.FromFloats(1, 1, [1f]),
            Layers =
            [
                new()
                {
                    Kind = LayerKind.Gru, InputSize = 1, Units = 1, WeightIh = Tensor.FromFloats(3, 1, [0f, 0f, 0f]),
                    WeightHh = zeros, BiasIh = Tensor.FromFloats(3, 1, [0f, bias, MathF.Atanh(0.95f)]), BiasHh = zeros,
                },
                new()
                {
                    Kind = LayerKind.Dense, InputSize = 1, Units = 2, WeightIh = Tensor.FromFloats(2, 1, [1f, 0f]),
                    BiasIh = Tensor.FromFloats(2, 1, [0f, 0f]),
                },
            ],
        };
        var session = new RnnSession(Quantizer.Quantize(model, [new(1, 0, 0), default], Precision.Int8));
        var scores = new float[2];
        for (int t = 0; t < 1000; t++)
            session.Step([0f], scores);
        Assert.Equal(0.95, session.Logits[0], 0.01);
    }

    private static SequenceDataset Data(RnnModel model, int count, int steps)
    {
        var channels = Enumerable.Range(0, model.InputSize).Select(c => $"c{c}").ToArray();
        var sequences = Enumerable.Range(0, count)
            .Select(i =>
                new Sequence(RandomModels.Readings((ulong)i, model, steps), steps, i % model.Labels.Count)).ToArray();
        return new("random", channels, model.Labels, sequences);
    }
}

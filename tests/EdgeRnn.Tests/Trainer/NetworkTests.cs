using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Layers;
using Xunit;

namespace EdgeRnn.Tests.Training;

public class NetworkTests
{
    [Theory]
    [InlineData("rnn:128,dense:10", 28, 128 * (28 + 128 + 1) + 1290)]
    [InlineData("lstm:128,dropout:0.2,dense:10", 28, 512 * (28 + 128 + 1) + 1290)]
    [InlineData("lstm:8:recurrent-dropout=0.2,dropout:0.2:sequence,dense:2", 3, 32 * (3 + 8 + 1) + 18)]
    [InlineData("gru:16,dense:2", 3, 48 * (3 + 16 + 1) + 16 + 34)]
    [InlineData("gru:16:reset-before,lstm:8,dense:4:relu,dense:2", 3, 48 * 20 + 32 * (16 + 8 + 1) + 36 + 10)]
    [InlineData("lstm:8:bi,rnn:4:bi,pool:mean,dense:2", 3, 2 * 32 * (3 + 8 + 1) + 2 * 4 * (16 + 4 + 1) + 18)]
    [InlineData("gru:4,pool:none,dense:2", 3, 12 * 8 + 4 + 10)]
    [InlineData("gru:4,norm,rnn:3:bi,norm:eps=0.001,dense:5:relu,norm,dense:2", 3, 100 + 8 + 48 + 12 + 35 + 10 + 12)]
    [InlineData("gru:4,norm,pool:mean,dense:2", 3, 12 * 8 + 4 + 8 + 10)]
    public void Parse_makes_the_network_that_is_written(string specification, int inputs, int parameters)
    {
        var network = Network.Parse(specification, inputs);
        Assert.Equal(specification, network.Specification);
        Assert.Equal(parameters, network.ParameterCount);
        Assert.Equal(inputs, network.InputSize);
    }

    [Fact]
    public void Constructor_and_text_make_the_same_network()
    {
        var network = new Network(inputSize: 28, new Lstm(128), new Dropout(0.2f), new Dense(10));
        var parsed = Network.Parse("lstm:128, dropout:0.2, pool:last, dense:10", 28);
        Assert.Equal(parsed.Specification, network.Specification);
        Assert.Equal(parsed.Parameters.Span, network.Parameters.Span);
    }

    [Theory]
    [InlineData(
        "",
        "'' in the network '' is not a layer; use rnn, lstm, gru, norm, dropout, pool or dense, " +
        "as in 'lstm:64,dropout:0.2,dense:10'.")]
    [InlineData("lstm,dense:2", "'lstm' needs a number of units from 1 to 4096, as in 'lstm:64'.")]
    [InlineData("lstm:0,dense:2", "'lstm:0' needs a number of units from 1 to 4096, as in 'lstm:64'.")]
    [InlineData("lstm:-3,dense:2", "'lstm:-3' needs a number of units from 1 to 4096, as in 'lstm:64'.")]
    [InlineData(
        "lstm:9999999999,dense:2",
        "'lstm:9999999999' needs a number of units from 1 to 4096, as in 'lstm:64'.")]
    [InlineData("lstm:8:relu,dense:2", "'relu' in 'lstm:8:relu' is not known; it takes 'recurrent-dropout=0.2' or 'bi'.")]
    [InlineData(
        "gru:8:reset-after,dense:2",
        "'reset-after' in 'gru:8:reset-after' is not known; it takes 'reset-before' or 'recurrent-dropout=0.2' " +
        "or 'bi'.")]
    [InlineData(
        "lstm:8:recurrent-dropout=1,dense:2",
        "'recurrent-dropout=1' in 'lstm:8:recurrent-dropout=1' needs a rate from 0 to 0.95, as in " +
        "'recurrent-dropout=0.2'.")]
    [InlineData("lstm:8,dropout:1,dense:2", "'dropout:1' needs a rate from 0 to 0.95, as in 'dropout:0.2'.")]
    [InlineData("lstm:8,dropout:nan,dense:2", "'dropout:nan' needs a rate from 0 to 0.95, as in 'dropout:0.2'.")]
    [InlineData(
        "lstm:8,pool:median,dense:2",
        "'pool:median' is not a pooling; use pool:last, pool:mean, pool:max, or pool:none for an output at each step.")]
    [InlineData(
        "pool:max,lstm:8,dense:2",
        "'pool:max' stands between the recurrent layers and the dense ones, as in 'lstm:64,pool:mean,dense:10'.")]
    [InlineData("lstm:8,pool:max,pool:mean,dense:2", "A network has one pooling, not both 'pool:max' and 'pool:mean'.")]
    [InlineData(
        "lstm:2049:bi,dense:2", "'lstm:2049:bi' has 4098 units in both directions; use at most 2048 in each.")]
    [InlineData("dense:2", "A network needs a recurrent layer: rnn, lstm or gru, as in 'lstm:64,dense:10'.")]
    [InlineData(
        "lstm:8",
        "A network ends in a dense layer with one unit a class and no relu, as in 'lstm:64,dense:10'.")]
    [InlineData(
        "lstm:8,dense:2:relu",
        "A network ends in a dense layer with one unit a class and no relu, as in 'lstm:64,dense:10'.")]
    [InlineData(
        "norm,lstm:8,dense:2",
        "'norm' stands first; it comes right after the recurrent or dense layer whose outputs it normalises, as in " +
        "'gru:64,norm,dense:10'.")]
    [InlineData(
        "lstm:8,pool:mean,norm,dense:2",
        "'norm' stands after 'pool:mean'; it comes right after the recurrent or dense layer whose outputs it " +
        "normalises, as in 'gru:64,norm,dense:10'.")]
    [InlineData(
        "lstm:8,norm:64,dense:2",
        "'norm:64' is no layer normalisation; write 'norm', or 'norm:eps=1e-3' with a number from 1e-12 to 1 that is " +
        "added to the variance.")]
    [InlineData(
        "lstm:8,norm:eps=0,dense:2",
        "'norm:eps=0' is no layer normalisation; write 'norm', or 'norm:eps=1e-3' with a number from 1e-12 to 1 that " +
        "is added to the variance.")]
    [InlineData("lstm:8,norm:eps=0.1:bi,dense:2", "'bi' in 'norm:eps=0.1:bi' is not known; it takes no options.")]
    [InlineData(
        "lstm:8,dense:2,norm",
        "A network ends in a dense layer with one unit a class and no relu, as in 'lstm:64,dense:10'.")]
    [InlineData("dense:4,lstm:8,dense:2", "'dense:4' stands before a recurrent layer; dense layers come after them.")]
    public void A_bad_network_gets_one_sentence(string specification, string sentence) =>
        Assert.Equal(sentence, Assert.Throws<UserException>(() => Network.Parse(specification, 3)).Message);

    [Fact]
    public void A_layer_belongs_to_one_network()
    {
        var lstm = new Lstm(4);
        _ = new Network(3, lstm, new Dense(2));
        Assert.Throws<InvalidOperationException>(() => new Network(3, lstm, new Dense(2)));
    }

    [Fact]
    public void First_weights_are_orthogonal_by_gate_uniform_and_open()
    {
        const int Units = 24;
        var network = new Network(6, new Lstm(Units), new Dense(2));
        var blocks = network.Layers[0].Parameters;
        var recurrent = blocks[1].Of(network.Parameters.Span);
        for (int gate = 0; gate < 4; gate++)
        {
            var w = recurrent.Slice(gate * Units * Units, Units * Units);
            for (int i = 0; i < Units; i++)
            {
                for (int j = 0; j < Units; j++)
                {
                    double dot = 0;
                    for (int k = 0; k < Units; k++)
                        dot += (double)w[i * Units + k] * w[j * Units + k];
                    Assert.Equal(i == j ? 1 : 0, dot, 1e-6);
                }
            }
        }

        float limit = MathF.Sqrt(6f / (6 + Units));
        var input = blocks[0].Of(network.Parameters.Span).ToArray();
        Assert.All(input, w => Assert.InRange(w, -limit, limit));
        // Of 576 uniform numbers, the largest is within 5 % of the limit, and the mean within 4 of its deviations of 0.
        Assert.True(input.Max() > 0.95f * limit && input.Min() < -0.95f * limit);
        Assert.InRange(input.Average(), -0.1f * limit, 0.1f * limit);
        var bias = blocks[2].Of(network.Parameters.Span).ToArray();
        Assert.Equal(Enumerable.Range(0, 4 * Units).Select(i => i / Units == 1 ? 1f : 0f), bias);
    }

    [Theory]
    [InlineData("rnn:20,dense:3")]
    [InlineData("rnn:20:relu,dense:3")]
    [InlineData("lstm:20,gru:9,dense:5:relu,dense:3")]
    [InlineData("gru:20:reset-before,dense:3")]
    [InlineData("lstm:9:bi,gru:5:bi,dense:3")]
    [InlineData("lstm:9:bi,pool:mean,dense:3")]
    [InlineData("gru:9,pool:max,dense:3")]
    [InlineData("gru:9,norm,lstm:5,norm,dense:4,norm,dense:3")]
    public void A_sequences_result_does_not_depend_on_its_batch(string specification)
    {
        var data = TrainingFixture.Data(3, 5, 9, 1, 5, 12, 3, 3, 9, 9, 2, 7, 4, 4, 11, 6, 8, 1);
        var together = new TrainingFixture(specification, data);
        together.Loss();
        for (int i = 0; i < data.Count; i++)
        {
            var alone = new TrainingFixture(specification, data.Subset([i]));
            alone.Loss();
            Assert.Equal(alone.LogitsOf(0), together.LogitsOf(i));
        }
    }

    [Theory]
    [InlineData("rnn:20,dense:3")]
    [InlineData("rnn:20:relu,rnn:7,dense:3")]
    [InlineData("lstm:20,gru:9,dense:5:relu,dense:3")]
    [InlineData("gru:20:reset-before,dropout:0.5,dense:3")]
    [InlineData("rnn:7:bi,dense:3")]
    [InlineData("lstm:9:bi,gru:5:bi,pool:mean,dense:4:relu,dense:3")]
    [InlineData("gru:20,pool:max,dense:3")]
    [InlineData("lstm:20,pool:mean,dense:3")]
    public void The_devices_step_agrees_with_training(string specification)
    {
        var data = TrainingFixture.Data(3, 5, 9, 1, 5, 12, 3);
        var fixture = new TrainingFixture(specification, data);
        double loss = fixture.Loss();
        var evaluation = Evaluator.Evaluate(fixture.Network.ToModel(data), data, threads: 2, keepPredictions: true);
        // Both are single precision; sums differ in their order.
        Assert.Equal(loss, evaluation.Loss, 1e-6);
        Assert.Equal(data.Count, evaluation.Predictions.Count);
        Assert.Equal(data.Count, evaluation.Confusion.Cast<int>().Sum());
        for (int i = 0; i < data.Count; i++)
        {
            float[] logits = fixture.LogitsOf(i);
            Assert.Equal(Array.IndexOf(logits, logits.Max()), evaluation.Predictions[i].Predicted);
            Assert.Equal(i, evaluation.Predictions[i].Index);
            Assert.Equal(1f, evaluation.Predictions[i].Scores.Sum(), 1e-6f);
        }
    }

    // A mask that is the same at all steps does to one sequence what it would do to the columns of W_hh.
    [Theory]
    [InlineData("rnn:12")]
    [InlineData("lstm:12")]
    [InlineData("gru:12")]
    [InlineData("gru:12:reset-before")]
    public unsafe void Recurrent_dropout_is_that_of_recurrent_weights(string cell)
    {
        var data = TrainingFixture.Data(3, 20);
        var dropped = new TrainingFixture($"{cell}:recurrent-dropout=0.5,dense:3", data) { DropoutSeed = 11 };
        var plain = new TrainingFixture($"{cell},dense:3", data);
        var ones = new float[12];
        Array.Fill(ones, 1f);
        var mask = new DropoutMask(0.5f, 12);
        mask.Draw(12, new EdgeRnn.Trainer.Numerics.SeededRandom(11));
        fixed (float* factors = ones)
            mask.Multiply(factors, factors, 12);
        Assert.InRange(ones.Count(x => x == 0f), 2, 10);
        var weights = plain.Network.Layers[0].Parameters[1].Of(plain.Parameters);
        for (int i = 0; i < weights.Length; i++)
            weights[i] *= ones[i % 12];
        dropped.Loss();
        plain.Loss();
        for (int k = 0; k < 3; k++)
            Assert.Equal(plain.LogitsOf(0)[k], dropped.LogitsOf(0)[k], 1e-6f);
    }

    [Fact]
    public unsafe void Dropout_by_sequence_has_one_mask_for_all_steps()
    {
        int[] lengths = [50, 40, 40, 3];
        var batch = new TrainingFixture("lstm:4,dense:2", TrainingFixture.Data(2, lengths)).Pass.Batch;
        var layer = new Dropout(0.5f, perSequence: true);
        layer.Join(3, 0);
        var pass = layer.CreatePass(batch, new(0));
        batch.Inputs.Span.Fill(1f);
        pass.Random = new(6);
        pass.Forward(batch.Inputs.Pointer);
        var values = new ReadOnlySpan<float>(pass.Output, batch.Rows * 3);
        for (int t = 0; t < batch.Steps; t++)
            Assert.Equal(values[..(batch.Active[t] * 3)], values.Slice(batch.Offset[t] * 3, batch.Active[t] * 3));
        Assert.Contains(0f, values[..12].ToArray());
        Assert.Contains(2f, values[..12].ToArray());
    }

    [Fact]
    public unsafe void Dropout_drops_at_its_rate_and_keeps_the_mean()
    {
        var batch = new TrainingFixture("lstm:4,dense:2", TrainingFixture.Data(2, 4000, 3000, 3000)).Pass.Batch;
        var layer = new Dropout(0.3f);
        layer.Join(3, 0);
        var pass = layer.CreatePass(batch, new(0));
        batch.Inputs.Span.Fill(1f);
        pass.Random = new EdgeRnn.Trainer.Numerics.SeededRandom(5);
        pass.Forward(batch.Inputs.Pointer);

        // 30,000 values: dropped within 4 standard deviations of the rate, and the kept ones raised by 1 / 0.7.
        float[] values = new ReadOnlySpan<float>(pass.Output, 30_000).ToArray();
        Assert.InRange(values.Count(x => x == 0f) / 30_000.0, 0.289, 0.311);
        Assert.All(values, x => Assert.True(x == 0f || MathF.Abs(x - 1f / 0.7f) < 1e-6f));

        pass.Random = null;
        pass.Forward(batch.Inputs.Pointer);
        Assert.Equal(1f, new ReadOnlySpan<float>(pass.Output, 30_000).ToArray().Min());
    }
}

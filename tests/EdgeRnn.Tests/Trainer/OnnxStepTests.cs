using EdgeRnn.Cli.Bench;
using EdgeRnn.Onnx;
using Xunit;

namespace EdgeRnn.Tests.Training;

/// <summary>
/// The ONNX graph of a step, run by ONNX Runtime, gives the scores of our session, with the state carried on.
/// </summary>
public class OnnxStepTests
{
    // Sums in another order and other activation functions, over 64 steps of feedback.
    private const float FloatTolerance = 1e-5f;

    // Both round weights alike; ONNX Runtime rounds activations to 8 bits anew at each step, with other scales.
    private const float Int8Tolerance = 0.05f;

    [Theory]
    [InlineData("lstm:33,dense:5")]
    [InlineData("lstm:8,lstm:12,dense:7:relu,dense:3")]
    [InlineData("gru:17,dense:4")]
    [InlineData("gru:16:reset-before,dense:4")]
    [InlineData("rnn:9,dense:2")]
    [InlineData("rnn:9:relu,dense:2")]
    public void Float_graphs_give_our_scores(string net) => Compare(Precision.Float32, net, FloatTolerance);

    [Fact]
    public void Int8_lstm_graphs_give_our_scores() => Compare(Precision.Int8, "lstm:32,lstm:16,dense:5", Int8Tolerance);

    [Theory]
    [InlineData("gru:8,dense:2")]
    [InlineData("rnn:8,dense:2")]
    public void Int8_of_other_cells_is_refused(string net) =>
        Assert.Throws<NotSupportedException>(() => OnnxStep.Write(RandomModels.Create(1, Precision.Int8, 4, net)));

    private static void Compare(Precision precision, string net, float tolerance)
    {
        const int steps = 64;
        var model = RandomModels.Create(3, precision, 6, net);
        float[] readings = RandomModels.Readings(4, model, steps);
        var ours = new SessionContestant(model, readings);
        using var peer = new OnnxPeer(OnnxStep.Write(model), readings);
        for (int step = 0; step < steps; step++)
        {
            ours.Step();
            peer.Step();
            for (int k = 0; k < ours.Scores.Length; k++)
                Assert.Equal(ours.Scores[k], peer.Scores[k], tolerance);
        }
    }
}

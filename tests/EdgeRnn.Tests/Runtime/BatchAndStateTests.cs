using EdgeRnn.Runtime;
using EdgeRnn.Runtime.Kernels;
using Xunit;

namespace EdgeRnn.Tests.Runtime;

/// <summary>Many streams at once give the bits of single ones, and a saved state goes on where it was.</summary>
public sealed class BatchAndStateTests
{
    private const int Inputs = 5;
    private const int Steps = 40;

    private static readonly string[] Nets =
        ["lstm:33,dense:4", "gru:70,dense:4", "gru:9:reset-before,rnn:150,dense:7:relu,dense:4",
            "rnn:20:relu,lstm:40,dense:4", "gru:33,norm,lstm:20,norm,dense:4"];

    [Fact]
    public void A_batch_gives_each_stream_the_bits_of_a_session_of_its_own()
    {
        foreach (var kernel in Kernel.Available)
        {
            foreach (var precision in Enum.GetValues<Precision>())
            {
                foreach (string net in Nets)
                    AssertBatchEqualsSessions(new(RandomModels.Create(31, precision, Inputs, net), kernel), streams: 5);
            }
        }
    }

    // Matrices of several pieces that stay in the nearest cache, where the order of rows and streams matters.
    [Fact]
    public void A_batch_of_wide_layers_gives_the_same_bits()
    {
        foreach (var precision in Enum.GetValues<Precision>())
            AssertBatchEqualsSessions(new(RandomModels.Create(32, precision, Inputs, "gru:200,dense:4")), streams: 6);
    }

    [Fact]
    public void A_batch_allocates_nothing_per_step()
    {
        var session = new RnnSession(RandomModels.Create(33, Precision.Int8, Inputs, Nets[2]));
        var batch = new RnnBatch(session, 3);
        var readings = new float[3 * Inputs];
        var scores = new float[3 * 4];
        batch.Step(readings, scores);
        Assert.NotEqual(0, AllocatedBy(() => GC.KeepAlive(new byte[64])));
        Assert.Equal(0, AllocatedBy(() => batch.Step(readings, scores)));
    }

    [Fact]
    public void A_restored_state_goes_on_to_the_bit_on_any_kernel()
    {
        foreach (var precision in Enum.GetValues<Precision>())
        {
            foreach (string net in Nets)
            {
                var model = RandomModels.Create(34, precision, Inputs, net);
                var session = new RnnSession(model);
                float[] readings = RandomModels.Readings(35, model, Steps);
                Run(session, readings);
                var state = new byte[session.StateBytes + 3];
                session.SaveState(state);
                float[] now = Score(session), expected = Run(session, readings);
                foreach (var kernel in Kernel.Available)
                {
                    var other = new RnnSession(model, kernel);
                    Assert.True(other.TryRestoreState(state));
                    Assert.Equal(now, Score(other));
                    Assert.Equal(expected, Run(other, readings));
                }
            }
        }
    }

    [Fact]
    public void A_damaged_or_foreign_state_is_refused_and_changes_nothing()
    {
        var model = RandomModels.Create(36, Precision.Int8, Inputs, "gru:9,dense:4") with { Checksum = 77 };
        var session = new RnnSession(model);
        float[] readings = RandomModels.Readings(37, model, Steps);
        Run(session, readings);
        var state = new byte[session.StateBytes];
        session.SaveState(state);

        var fresh = new RnnSession(model);
        float[] expected = Run(new(model), readings);
        Assert.False(fresh.TryRestoreState(state.AsSpan(1)));
        for (int bit = 0; bit < state.Length * 8; bit++)
        {
            state[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.False(fresh.TryRestoreState(state), $"bit {bit}");
            state[bit / 8] ^= (byte)(1 << bit % 8);
        }
        Assert.False(new RnnSession(model with { Checksum = 78 }).TryRestoreState(state));
        Assert.Equal(expected, Run(fresh, readings));
        Assert.Throws<ArgumentException>(() => session.SaveState(new byte[session.StateBytes - 1]));
    }

    private static void AssertBatchEqualsSessions(RnnSession session, int streams)
    {
        var batch = new RnnBatch(session, streams);
        var singles = Enumerable.Range(0, streams).Select(_ => session.Clone()).ToArray();
        var readings =
            Enumerable.Range(0, streams).Select(s => RandomModels.Readings((ulong)s, session.Model, Steps)).ToArray();
        var together = new float[streams * 4];
        var alone = new float[4];
        for (int t = 0; t < Steps; t++)
        {
            batch.Step(readings.SelectMany(r => r.Skip(t * Inputs).Take(Inputs)).ToArray(), together);
            for (int s = 0; s < streams; s++)
            {
                singles[s].Step(readings[s].AsSpan(t * Inputs, Inputs), alone);
                Assert.Equal(alone, together[(4 * s)..(4 * s + 4)]);
            }
            if (t == Steps / 2)
            {
                batch.Reset(1);
                singles[1].Reset();
            }
        }
    }

    private static float[] Score(RnnSession session)
    {
        var scores = new float[session.Model.Labels.Count];
        session.Score(scores);
        return scores;
    }

    private static float[] Run(RnnSession session, float[] readings)
    {
        var scores = new float[session.Model.Labels.Count];
        for (int t = 0; t < readings.Length; t += Inputs)
            session.Step(readings.AsSpan(t, Inputs), scores);
        return scores;
    }

    private static long AllocatedBy(Action action)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}

using System.Runtime.InteropServices;

namespace EdgeRnn.Runtime;

/// <summary>Runs the self-test that a model carries.</summary>
public static class SelfTestRun
{
    /// <summary>
    /// Whether this machine computes, to the bit, what the program did that wrote the model. Null where the model has
    /// no self-test.
    /// </summary>
    /// <param name="session">A session of the model, left at a zero state.</param>
    public static bool? Passes(RnnSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        var model = session.Model;
        if (model.SelfTest is not { } test)
            return null;
        var readings = new float[model.InputSize];
        var scores = new float[model.Labels.Count];
        session.Reset();
        for (int step = 0; step < test.Steps; step++)
        {
            test.Readings(model, step, readings);
            session.Step(readings, scores);
        }
        session.Reset();
        return MemoryMarshal.AsBytes<float>(scores).SequenceEqual(test.Scores.Span);
    }
}

namespace EdgeRnn.Runtime;

/// <summary>One stream through one model: <see cref="Step"/> allocates nothing. Not thread-safe; one session a thread.</summary>
public sealed class RnnSession
{
    /// <summary>Prepares a session; all memory is reserved here.</summary>
    /// <param name="model">A model as the reader, trainer or quantizer made it.</param>
    public RnnSession(RnnModel model) => Model = model;

    /// <summary>The model.</summary>
    public RnnModel Model { get; }

    /// <summary>Readings (NaN or infinite) that were replaced by their channel's mean so far.</summary>
    public long ReplacedReadings { get; private set; }

    /// <summary>The head's logits of the last <see cref="Score"/>, in real units, <c>[labels]</c>.</summary>
    public ReadOnlySpan<float> Logits => throw new NotImplementedException();

    /// <summary>The same as integers of 2^-12, for quantized models; empty for float ones.</summary>
    public ReadOnlySpan<int> IntegerLogits => throw new NotImplementedException();

    /// <summary>Loads a model file and prepares a session.</summary>
    /// <exception cref="InvalidDataException">The file is not a model this program reads; the message says why.</exception>
    public static RnnSession Load(string path) => throw new NotImplementedException();

    /// <summary>Advances by one step and gives the scores after it.</summary>
    /// <param name="readings"><c>[InputSize]</c> raw readings in the sensor's units.</param>
    /// <param name="scores"><c>[labels]</c>, softmax: 0 to 1.</param>
    public void Step(ReadOnlySpan<float> readings, Span<float> scores)
    {
        Advance(readings);
        Score(scores);
    }

    /// <summary>Advances the recurrent layers by one step, without the head.</summary>
    public void Advance(ReadOnlySpan<float> readings) => throw new NotImplementedException();

    /// <summary>The scores of the present state.</summary>
    public void Score(Span<float> scores) => throw new NotImplementedException();

    /// <summary>Sets the state to zero.</summary>
    public void Reset() => throw new NotImplementedException();

    /// <summary>Another stream, at a zero state, on the same packed weights.</summary>
    public RnnSession Clone() => throw new NotImplementedException();
}

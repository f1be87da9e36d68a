namespace EdgeRnn.Runtime;

/// <summary>
/// An endless stream through a model, in the model's own stream mode. A decision about a window is, to the bit, what a
/// session gives for the steps of that window alone. <see cref="Step"/> allocates nothing.
/// </summary>
public sealed class StreamClassifier
{
    // Windows that overlap run as staggered states: window k begins at step k·hop, in stream k mod _states.Streams.
    // There are ceil(window / hop) of them, so a state's window has ended when its next one begins. All advance
    // together; one whose window has not begun yet is set to zero when it does.
    private readonly RnnBatch _states;
    private readonly float[] _scores;
    private readonly bool _continuous;
    private readonly int _window;
    private readonly int _hop;
    private long _step;
    private long _oldest;
    private long _begun;
    private long _replacedBefore;
    private readonly long[] _bridgedBefore;
    private long _bridged;

    /// <summary>Prepares a stream; all memory is reserved here.</summary>
    /// <param name="session">A session of the model, whose packed weights the stream shares, but not its state.</param>
    /// <exception cref="ArgumentException">The model's window and hop are no stream; the reader gives no such model.
    /// </exception>
    public StreamClassifier(RnnSession session)
    {
        Model = session.Model;
        _continuous = Model.StreamMode == StreamMode.Continuous;
        _window = _continuous ? 1 : Model.Window;
        _hop = _continuous ? 1 : Model.Hop;
        if (_hop < 1 || _window < _hop)
            throw new ArgumentException($"window {_window} and hop {_hop} are no stream.", nameof(session));
        _states = new(session, (_window + _hop - 1) / _hop, sharesInput: true);
        _scores = new float[Model.Labels.Count];
        _bridgedBefore = new long[_states.Streams];
        Reset();
    }

    /// <summary>The model.</summary>
    public RnnModel Model { get; }

    /// <summary>Steps taken since construction.</summary>
    public long Steps { get; private set; }

    /// <summary>Times <see cref="Reset"/> broke off a stream that had begun.</summary>
    public long Resets { get; private set; }

    /// <summary>The last decision's scores, <c>[labels]</c>, softmax; zeros before the first decision.</summary>
    public ReadOnlySpan<float> Scores => _scores;

    /// <summary>Index of the largest score; the lowest one of equals.</summary>
    public int Class { get; private set; }

    /// <summary>The largest score.</summary>
    public float Score => _scores[Class];

    /// <summary>The step, counted as <see cref="Steps"/> is from 0, at which the decision's window began.</summary>
    public long WindowStart { get; private set; }

    /// <summary>
    /// Steps among those that the decision looked at - its window, or in continuous mode all since the last reset -
    /// whose readings were made up to bridge a gap.
    /// </summary>
    public long Bridged { get; private set; }

    /// <summary>
    /// Readings (NaN or infinite) that were replaced by their channel's mean; one in several windows counts once.
    /// </summary>
    public long ReplacedReadings => _replacedBefore + _states.ReplacedReadings;

    /// <summary>Takes one step of the stream.</summary>
    /// <param name="readings"><c>[InputSize]</c> raw readings in the sensor's units.</param>
    /// <param name="bridged">Whether the readings are made up to bridge a gap.</param>
    /// <returns>Whether a decision is due: then the other members tell it, until the next one.</returns>
    /// <exception cref="ArgumentException">The length is not the model's.</exception>
    public bool Step(ReadOnlySpan<float> readings, bool bridged = false)
    {
        long bridgedBefore = _bridged;
        if (bridged)
            _bridged++;
        bool isDue = _continuous ? StepOn(readings) : StepWindows(readings, bridgedBefore);
        _step++;
        Steps++;
        return isDue;
    }

    /// <summary>Begins the stream anew at the next step, as after a gap in it.</summary>
    public void Reset()
    {
        if (_step > 0)
            Resets++;
        _states.Reset(0);
        _step = _oldest = _begun = 0;
        _bridgedBefore.AsSpan().Fill(_bridged);
    }

    private bool StepOn(ReadOnlySpan<float> readings)
    {
        _states.Advance(readings);
        Decide(0, Steps - _step);
        return true;
    }

    private bool StepWindows(ReadOnlySpan<float> readings, long bridgedBefore)
    {
        if (_step == _begun * _hop)
        {
            _bridgedBefore[StateOf(_begun)] = bridgedBefore;
            _states.Reset(StateOf(_begun++));
        }
        _states.Advance(readings);
        if (_step + 1 < _oldest * _hop + _window)
            return false;
        Decide(StateOf(_oldest++), Steps + 1 - _window);
        return true;
    }

    /// <summary>Takes the place of another model's stream: steps and counts go on, the state begins anew.</summary>
    /// <param name="before">The stream whose next readings this one takes.</param>
    public void ContinueAfter(StreamClassifier before)
    {
        ArgumentNullException.ThrowIfNull(before);
        Reset();
        Steps = before.Steps;
        Resets = before.Resets + 1;
        _replacedBefore = before.ReplacedReadings - _states.ReplacedReadings;
    }

    private int StateOf(long window) => (int)(window % _states.Streams);

    private void Decide(int state, long windowStart)
    {
        _states.Score(state, _scores);
        WindowStart = windowStart;
        Bridged = _bridged - _bridgedBefore[state];
        Class = 0;
        for (int i = 1; i < _scores.Length; i++)
        {
            if (_scores[i] > _scores[Class])
                Class = i;
        }
    }
}

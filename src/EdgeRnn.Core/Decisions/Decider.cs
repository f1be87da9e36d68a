namespace EdgeRnn.Decisions;

/// <summary>
/// Scores to labels by <see cref="DecisionRules"/>: smooth, choose, hold. With rules that change nothing, scores and
/// class are what came in, to the bit. <see cref="Decide"/> allocates nothing.
/// </summary>
public sealed class Decider
{
    private const int Nothing = -1;

    private readonly DecisionRules _rules;
    private readonly float[] _thresholds;
    private readonly float[] _scores;
    private readonly float[] _past; // [Average, labels], a ring
    private int _pastCount;
    private int _pastNext;
    private int _inForce = Nothing;
    private int _candidate = Nothing;
    private long _candidateSince;
    private long _quietUntil;

    /// <summary>Prepares; all memory is reserved here.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="labels">Labels of the model.</param>
    /// <exception cref="ArgumentException">The rules break their limits.</exception>
    public Decider(DecisionRules rules, int labels)
    {
        if (rules.Check(labels) is { } error)
            throw new ArgumentException(error, nameof(rules));
        _rules = rules;
        // Softmax rounds to 1 where a network is sure, so that 1 itself would not silence a label.
        _thresholds = [.. Enumerable.Range(0, labels).Select(
            k => rules.ThresholdOf(k) < 1 ? rules.ThresholdOf(k) : float.PositiveInfinity)];
        _scores = new float[labels];
        _past = new float[Math.Max(1, rules.Average) * labels];
    }

    /// <summary>The smoothed scores, <c>[labels]</c>.</summary>
    public ReadOnlySpan<float> Scores => _scores;

    /// <summary>The class in force, or where none is, the one with the largest score.</summary>
    public int Class { get; private set; }

    /// <summary>The smoothed score of <see cref="Class"/>.</summary>
    public float Score => _scores[Class];

    /// <summary>Whether a class is in force; otherwise the decision is "unknown".</summary>
    public bool IsKnown => _inForce != Nothing;

    /// <summary>Whether the last decision changed what is in force: an event.</summary>
    public bool IsEvent { get; private set; }

    /// <summary>Takes the scores of a decision.</summary>
    /// <param name="scores"><c>[labels]</c></param>
    /// <param name="step">The step of the stream at which they were due; rising.</param>
    public void Decide(ReadOnlySpan<float> scores, long step)
    {
        Smooth(scores);
        int before = _inForce;
        Hold(Choose(), step);
        IsEvent = _inForce != before;
        Class = IsKnown ? _inForce : Largest(0);
    }

    /// <summary>The stream was broken off: what follows has nothing to do with what was.</summary>
    public void Reset()
    {
        _pastCount = _pastNext = 0;
        _inForce = _candidate = Nothing;
    }

    private void Smooth(ReadOnlySpan<float> scores)
    {
        bool isFirst = _pastCount == 0;
        if (_rules.Average > 1)
            MovingAverage(scores);
        else if (_rules.NewestShare > 0 && !isFirst)
            for (int i = 0; i < _scores.Length; i++)
                _scores[i] += _rules.NewestShare * (scores[i] - _scores[i]);
        else
            scores.CopyTo(_scores);
        _pastCount = Math.Min(_pastCount + 1, Math.Max(1, _rules.Average));
    }

    // Summed anew each time: a running sum would drift over years.
    private void MovingAverage(ReadOnlySpan<float> scores)
    {
        int labels = _scores.Length;
        scores.CopyTo(_past.AsSpan(_pastNext * labels));
        _pastNext = (_pastNext + 1) % _rules.Average;
        int count = Math.Min(_pastCount + 1, _rules.Average);
        Array.Clear(_scores);
        for (int p = 0; p < count; p++)
        {
            for (int i = 0; i < labels; i++)
                _scores[i] += _past[p * labels + i];
        }
        for (int i = 0; i < labels; i++)
            _scores[i] /= count;
    }

    /// <summary>The class the scores speak for, or <see cref="Nothing"/>.</summary>
    private int Choose()
    {
        int best = Nothing;
        for (int i = 0; i < _scores.Length; i++)
        {
            if (_scores[i] >= _thresholds[i] && (best == Nothing || _scores[i] > _scores[best]))
                best = i;
        }
        bool stays = _inForce != Nothing && _scores[_inForce] >= _thresholds[_inForce] - _rules.Hysteresis
            && (best == Nothing || _scores[best] < _scores[_inForce] + _rules.Hysteresis);
        return stays ? _inForce : best;
    }

    /// <summary>Lets a choice come into force when it has lasted, and no other class came just before.</summary>
    private void Hold(int choice, long step)
    {
        if (choice != _candidate)
        {
            _candidate = choice;
            _candidateSince = step;
        }
        if (choice == _inForce || step - _candidateSince < _rules.MinimumSteps)
            return;
        bool isQuiet = step < _quietUntil;
        _inForce = isQuiet ? Nothing : choice;
        if (_inForce != Nothing)
            _quietUntil = step + _rules.RefractorySteps;
    }

    private int Largest(int best)
    {
        for (int i = 1; i < _scores.Length; i++)
        {
            if (_scores[i] > _scores[best])
                best = i;
        }
        return best;
    }
}

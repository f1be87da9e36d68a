using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Training;

/// <summary>
/// Varies training sequences. What becomes of one follows from the seed, the epoch and its index alone, so that neither
/// threads nor a resumed run change it. One for each thread, as it owns the memory of its result.
/// </summary>
internal sealed class Augmenter
{
    // Beside those of TrainingLoop.
    private const ulong AugmentStream = 3UL << 32;

    // As many as Um et al. use; the ends are two more.
    private const int InnerKnots = 4;

    // A speed is no less, so that time never runs backwards.
    private const double LeastSpeed = 0.1;

    // As in SpecAugment's stronger policies.
    private const int MasksOfAKind = 2;

    private readonly Augmentation _options;
    private readonly SequenceDataset _data;
    private readonly Normalisation _normalisation;
    private readonly ulong _seed;
    private readonly int _channels;
    private readonly int[] _triples;
    private readonly float[] _varied;
    private readonly float[] _before;
    private readonly double[] _time;
    private readonly double[] _speeds = new double[InnerKnots + 2];
    private readonly double[] _rotation = new double[9];
    private readonly bool[] _dropped;
    private readonly SoundAugmenter? _sound;

    /// <exception cref="UserException">The data cannot be varied so.</exception>
    public Augmenter(Augmentation options, SequenceDataset data, Normalisation normalisation, ulong seed)
    {
        options.Check(data);
        (_options, _data, _normalisation, _seed) = (options, data, normalisation, seed);
        _channels = data.Channels.Count;
        _triples = options.Rotate > 0 ? Augmentation.AxisTriples(data) : [];
        _varied = new float[data.MaxSteps * _channels];
        _before = new float[_varied.Length];
        _time = new double[data.MaxSteps];
        _dropped = new bool[_channels];
        _sound = options.ChangesSound ? new(options, data) : null;
    }

    /// <summary>The sequence at <paramref name="index"/> as it is shown in <paramref name="epoch"/>.</summary>
    /// <returns><c>[steps, channels]</c>, in the sensor's units; valid until the next call.</returns>
    public ReadOnlySpan<float> Apply(int index, int epoch)
    {
        var sequence = _data.Sequences[index];
        var values = _varied.AsSpan(0, sequence.Values.Length);
        sequence.Values.Span.CopyTo(values);
        ulong ofEpoch = SeededRandom.Stream(_seed, AugmentStream + (ulong)epoch).NextBits();
        var random = SeededRandom.Stream(ofEpoch, (ulong)index);
        _sound?.Apply(index, random, values);
        if (_options.Pixels > 0)
            MovePixels(values, random);
        if (_options.Warp > 0 || _options.Shift > 0)
            MoveInTime(values, random);
        if (_options.Rotate > 0)
            Rotate(values, random);
        if (_options.Scale > 0)
            Scale(values, random);
        if (_options.Drop > 0)
            Drop(values, random);
        if (_options.Noise > 0)
            AddNoise(values, random);
        for (int i = 0; i < MasksOfAKind && _options.Bands > 0; i++)
            Mask(values, 0, values.Length / _channels, Part(_options.Bands, _channels, random));
        for (int i = 0; i < MasksOfAKind && _options.Mask > 0; i++)
        {
            int steps = values.Length / _channels;
            var (first, count) = Part((int)(_options.Mask * steps), steps, random);
            Mask(values, first, count, (0, _channels));
        }

        return values;
    }

    private void MovePixels(Span<float> moved, SeededRandom random)
    {
        var image = Before(moved);
        int rows = image.Length / _channels, most = _options.Pixels;
        int down = random.NextInt(2 * most + 1) - most;
        int right = random.NextInt(2 * most + 1) - most;
        moved.Clear();
        int kept = _channels - Math.Abs(right);
        for (int row = Math.Max(0, down); row < Math.Min(rows, rows + down) && kept > 0; row++)
        {
            image.Slice((row - down) * _channels + Math.Max(0, -right), kept)
                .CopyTo(moved[(row * _channels + Math.Max(0, right))..]);
        }
    }

    private ReadOnlySpan<float> Before(ReadOnlySpan<float> values)
    {
        values.CopyTo(_before);
        return _before.AsSpan(0, values.Length);
    }

    // varied[t] = sequence[time[t]], linear between steps; time stays within the sequence.
    private void MoveInTime(Span<float> varied, SeededRandom random)
    {
        var source = Before(varied);
        int steps = varied.Length / _channels, last = steps - 1;
        var time = _time.AsSpan(0, steps);
        FillTime(time, random);
        int most = (int)(_options.Shift * steps);
        int shift = random.NextInt(2 * most + 1) - most;
        for (int t = 0; t <= last; t++)
        {
            double at = Math.Clamp(time[t] - shift, 0, last);
            int before = (int)at, after = Math.Min(before + 1, last);
            float part = (float)(at - before);
            for (int c = 0; c < _channels; c++)
            {
                float x = source[before * _channels + c];
                varied[t * _channels + c] = x + part * (source[after * _channels + c] - x);
            }
        }
    }

    // time[t] = sum of speeds up to t, scaled to end at the last step. Speeds are drawn at knots and linear between
    // them, where Um et al. lay a cubic spline: the sum is smooth either way.
    private void FillTime(Span<double> time, SeededRandom random)
    {
        int last = time.Length - 1;
        for (int t = 0; t <= last; t++)
            time[t] = t;
        if (_options.Warp == 0 || last == 0)
            return;
        foreach (ref double speed in _speeds.AsSpan())
            speed = Math.Max(LeastSpeed, 1 + _options.Warp * random.NextNormal());
        for (int t = 1; t <= last; t++)
        {
            double place = (t - 0.5) / last * (_speeds.Length - 1);
            int knot = (int)place;
            double speed = _speeds[knot] + (place - knot) * (_speeds[knot + 1] - _speeds[knot]);
            time[t] = time[t - 1] + speed;
        }

        double scale = last / time[last];
        foreach (ref double at in time)
            at *= scale;
    }

    private void Rotate(Span<float> values, SeededRandom random)
    {
        const double radiansPerDegree = Math.PI / 180;
        double angle = (2 * random.NextDouble() - 1) * _options.Rotate * radiansPerDegree;
        FillRotation(random.NextNormal(), random.NextNormal(), random.NextNormal(), angle);
        var m = _rotation;
        for (int step = 0; step < values.Length; step += _channels)
        {
            foreach (int triple in _triples)
            {
                var v = values.Slice(step + triple, 3);
                double x = v[0], y = v[1], z = v[2];
                v[0] = (float)(m[0] * x + m[1] * y + m[2] * z);
                v[1] = (float)(m[3] * x + m[4] * y + m[5] * z);
                v[2] = (float)(m[6] * x + m[7] * y + m[8] * z);
            }
        }
    }

    // Rodrigues: R = cos a · I + sin a · [u]× + (1 - cos a) · u·uᵀ, for the unit vector u along (x, y, z).
    private void FillRotation(double x, double y, double z, double angle)
    {
        double length = Math.Max(1e-9, Math.Sqrt(x * x + y * y + z * z));
        (x, y, z) = (x / length, y / length, z / length);
        var (sin, cos) = SinCos(angle);
        double rest = 1 - cos;
        ReadOnlySpan<double> rotation =
        [
            cos + rest * x * x, rest * x * y - sin * z, rest * x * z + sin * y,
            rest * y * x + sin * z, cos + rest * y * y, rest * y * z - sin * x,
            rest * z * x - sin * y, rest * z * y + sin * x, cos + rest * z * z,
        ];
        rotation.CopyTo(_rotation);
    }

    /// <summary>By their series, for up to ±π: the libraries of two machines differ in last bits.</summary>
    private static (double Sin, double Cos) SinCos(double x)
    {
        double sin = 0, cos = 0, term = 1;
        for (int n = 0; n < 30; n += 2)
        {
            cos += term;
            term *= x / (n + 1);
            sin += term;
            term *= -x / (n + 2);
        }

        return (sin, cos);
    }

    private void Scale(Span<float> values, SeededRandom random)
    {
        for (int c = 0; c < _channels; c++)
        {
            float factor = (float)(1 + _options.Scale * random.NextNormal());
            float mean = _normalisation.Mean[c];
            for (int i = c; i < values.Length; i += _channels)
                values[i] = mean + factor * (values[i] - mean);
        }
    }

    private void Drop(Span<float> values, SeededRandom random)
    {
        for (int c = 0; c < _channels; c++)
            _dropped[c] = random.NextDouble() < _options.Drop;
        int kept = random.NextInt(_channels);
        if (!_dropped.AsSpan().Contains(false))
            _dropped[kept] = false;
        for (int c = 0; c < _channels; c++)
        {
            for (int i = c; i < values.Length && _dropped[c]; i += _channels)
                values[i] = _normalisation.Mean[c];
        }
    }

    private void AddNoise(Span<float> values, SeededRandom random)
    {
        for (int i = 0, c = 0; i < values.Length; i++, c = c + 1 == _channels ? 0 : c + 1)
            values[i] += (float)(_options.Noise * random.NextNormal()) * _normalisation.Deviation[c];
    }

    /// <summary>Up to <paramref name="most"/> neighbours of <paramref name="all"/>.</summary>
    private static (int First, int Count) Part(int most, int all, SeededRandom random)
    {
        int count = Math.Min(random.NextInt(most + 1), all);
        return (random.NextInt(all - count + 1), count);
    }

    private void Mask(Span<float> values, int firstStep, int steps, (int First, int Count) channels)
    {
        var mean = _normalisation.Mean.AsSpan(channels.First, channels.Count);
        for (int t = firstStep; t < firstStep + steps; t++)
            mean.CopyTo(values[(t * _channels + channels.First)..]);
    }
}

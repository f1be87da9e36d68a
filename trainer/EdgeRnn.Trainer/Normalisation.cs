using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Trainer;

/// <summary>How the mean and deviation of inputs are found.</summary>
public enum NormalisationMode
{
    /// <summary>For each channel on its own: for sensors of different units.</summary>
    Channel,

    /// <summary>One of each for all channels: for images, whose border columns hardly vary.</summary>
    Global,

    /// <summary>Mean 0 and deviation 1: inputs are taken as they come.</summary>
    None,
}

/// <summary>
/// normalised = (reading - mean) · (1 / deviation) for each channel, limited to ±10^6; a reading that is no finite
/// number becomes 0. The runtime's input stage computes the same.
/// </summary>
/// <param name="Mean"><c>[channels]</c></param>
/// <param name="Deviation"><c>[channels]</c>, positive.</param>
public sealed record Normalisation(float[] Mean, float[] Deviation)
{
    private const float Limit = 1e6f;
    private readonly float[] _inverseDeviation = [.. Deviation.Select(d => 1f / d)];

    /// <summary>
    /// Measures training data, leaving out what is no finite number. A constant channel gets deviation 1.
    /// </summary>
    public static Normalisation Measure(SequenceDataset data, NormalisationMode mode)
    {
        int channels = data.Channels.Count;
        var mean = new float[channels];
        var deviation = new float[channels];
        Array.Fill(deviation, 1f);
        if (mode == NormalisationMode.None)
            return new(mean, deviation);

        // In double precision about the first reading of each channel, so that a large offset does not swallow the
        // spread.
        int groups = mode == NormalisationMode.Global ? 1 : channels;
        var origin = new double[groups];
        var count = new long[groups];
        var sum = new double[groups];
        var squares = new double[groups];
        foreach (var sequence in data.Sequences)
        {
            var values = sequence.Values.Span;
            for (int i = 0, g = 0; i < values.Length; i++, g = g + 1 == groups ? 0 : g + 1)
            {
                if (!float.IsFinite(values[i]))
                    continue;
                if (count[g]++ == 0)
                    origin[g] = values[i];
                double x = values[i] - origin[g];
                sum[g] += x;
                squares[g] += x * x;
            }
        }

        for (int c = 0; c < channels; c++)
        {
            int g = groups == 1 ? 0 : c;
            if (count[g] == 0)
                continue;
            double offset = sum[g] / count[g];
            mean[c] = (float)(origin[g] + offset);
            double spread = Math.Sqrt(Math.Max(0, squares[g] / count[g] - offset * offset));
            // Less than the rounding of the readings themselves is no spread.
            if (spread > Math.Abs(mean[c]) * 1e-6 && (float)spread > 0)
                deviation[c] = (float)spread;
        }

        return new(mean, deviation);
    }

    /// <summary>Mean 0 and deviation 1.</summary>
    public static Normalisation None(int count) => new(new float[count], [.. Enumerable.Repeat(1f, count)]);

    /// <summary>Measures the values that training data are to give; null where these are classes.</summary>
    public static Normalisation? MeasureTargets(SequenceDataset data)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.OutputKind != OutputKind.Values)
            return null;
        var targets = data.Sequences.Select(s => new Sequence(s.Targets, s.Targets.Length / data.Labels.Count, 0));
        return Measure(new(data.Name, data.Labels, [], [.. targets]), NormalisationMode.Channel);
    }

    /// <summary>Normalises one step.</summary>
    public void Apply(ReadOnlySpan<float> readings, Span<float> normalised)
    {
        var mean = Mean.AsSpan(0, readings.Length);
        var inverse = _inverseDeviation.AsSpan(0, readings.Length);
        normalised = normalised[..readings.Length];
        for (int c = 0; c < readings.Length; c++)
        {
            float x = Math.Clamp((readings[c] - mean[c]) * inverse[c], -Limit, Limit);
            normalised[c] = float.IsFinite(readings[c]) ? x : 0f;
        }
    }
}

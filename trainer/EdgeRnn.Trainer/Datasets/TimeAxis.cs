namespace EdgeRnn.Trainer.Datasets;

/// <summary>Readings taken at times of their own, and the same readings at a fixed rate.</summary>
internal static class TimeAxis
{
    /// <summary>Without <c>gap=</c>, a gap is longer than so many usual intervals.</summary>
    public const double GapIntervals = 5;

    /// <summary>The median of the intervals by which time goes on, in seconds; 0 when it never does.</summary>
    public static double UsualInterval(ReadOnlySpan<double> times)
    {
        var intervals = new List<double>(times.Length);
        for (int i = 1; i < times.Length; i++)
        {
            if (times[i] > times[i - 1])
                intervals.Add(times[i] - times[i - 1]);
        }
        intervals.Sort();
        return intervals.Count == 0 ? 0 : intervals[intervals.Count / 2];
    }

    /// <summary>
    /// The stretches of times without a gap: it is longer than <paramref name="gap"/> seconds, or time goes back, as
    /// when the sensor's clock starts anew.
    /// </summary>
    public static List<Range> Stretches(ReadOnlySpan<double> times, double gap)
    {
        var stretches = new List<Range>();
        int first = 0;
        for (int i = 1; i <= times.Length; i++)
        {
            if (i < times.Length && times[i] >= times[i - 1] && times[i] - times[i - 1] <= gap)
                continue;
            stretches.Add(first..i);
            first = i;
        }
        return stretches;
    }

    /// <summary>
    /// The readings at times[0], times[0] + 1/<paramref name="rateHz"/>, … up to the last, each on the line between its
    /// neighbours; there is no filter.
    /// </summary>
    /// <param name="values"><c>[times, channels]</c></param>
    /// <param name="times">Seconds, never falling.</param>
    /// <param name="rateHz">Steps a second of the result.</param>
    public static float[] Resample(ReadOnlySpan<float> values, ReadOnlySpan<double> times, double rateHz)
    {
        int channels = values.Length / times.Length;
        // A millionth of a step: what rounding takes from the last step must not lose it.
        int steps = (int)((times[^1] - times[0]) * rateHz + 1e-6) + 1;
        var result = new float[steps * channels];
        int after = 0;
        for (int step = 0; step < steps; step++)
        {
            double time = Math.Min(times[0] + step / rateHz, times[^1]);
            while (times[after] < time)
                after++;
            int before = Math.Max(0, after - 1);
            double between = times[after] - times[before];
            double part = between > 0 ? (time - times[before]) / between : 1;
            for (int c = 0; c < channels; c++)
            {
                double x = values[before * channels + c], y = values[after * channels + c];
                result[step * channels + c] = (float)(x + part * (y - x));
            }
        }
        return result;
    }
}

namespace EdgeRnn.Features;

/// <summary>
/// Triangles over a power spectrum, equally wide in mel, as librosa's <c>filters.mel</c> has them: linear in Hz between
/// the frequencies of three neighbouring points. On the HTK scale mel = 2595·log10(1 + f/700), with peaks of 1; on
/// Slaney's mel is linear below 1 kHz and logarithmic above, with triangles of equal area, 2 / (width in Hz).
/// </summary>
internal sealed class MelFilterbank
{
    private const double SlaneyHzPerMel = 200.0 / 3;
    private const double SlaneyBreakHz = 1000;
    private const double SlaneyBreakMel = SlaneyBreakHz / SlaneyHzPerMel;

    private readonly int[] _first;     // of each filter: its first bin,
    private readonly int[] _begin;     // and where its weights begin; one more for the end
    private readonly float[] _weights;

    public MelFilterbank(FeatureSpec spec)
    {
        double[] hz = Edges(spec);
        var weights = new List<float>();
        (_first, _begin) = (new int[spec.Mels], new int[spec.Mels + 1]);
        for (int mel = 0; mel < spec.Mels; mel++)
        {
            double low = hz[mel], middle = hz[mel + 1], high = hz[mel + 2];
            double peak = spec.Scale == MelScale.Slaney ? 2 / (high - low) : 1;
            _first[mel] = -1;
            for (int bin = 0; bin <= spec.FftSize / 2; bin++)
            {
                double f = (double)bin * spec.SampleRateHz / spec.FftSize;
                double weight = Math.Min((f - low) / (middle - low), (high - f) / (high - middle));
                if (weight <= 0)
                    continue;
                if (_first[mel] < 0)
                    _first[mel] = bin;
                weights.Add((float)(weight * peak));
            }
            _begin[mel + 1] = weights.Count;
        }
        _weights = [.. weights];
    }

    /// <summary>The first filter that no bin of the spectrum falls into; -1 where all have one.</summary>
    public int FirstEmpty => Array.IndexOf(_first, -1);

    /// <summary>energies[m] = Σ weight[m, bin] · power[bin], bins in ascending order.</summary>
    public void Apply(ReadOnlySpan<float> power, Span<float> energies)
    {
        for (int mel = 0; mel < _first.Length; mel++)
        {
            var weights = _weights.AsSpan(_begin[mel], _begin[mel + 1] - _begin[mel]);
            var bins = power.Slice(_first[mel], weights.Length);
            float sum = 0;
            for (int i = 0; i < weights.Length; i++)
                sum = MathF.FusedMultiplyAdd(weights[i], bins[i], sum);
            energies[mel] = sum;
        }
    }

    /// <summary>The frequencies at which triangles begin, peak and end: equally spaced in mel.</summary>
    private static double[] Edges(FeatureSpec spec)
    {
        double low = MelOf(spec.LowHz, spec.Scale), high = MelOf(spec.HighHz, spec.Scale);
        return [.. Enumerable.Range(0, spec.Mels + 2)
            .Select(i => HzOf(low + (high - low) * i / (spec.Mels + 1), spec.Scale))];
    }

    private static double MelOf(double hz, MelScale scale) =>
        scale == MelScale.Htk ? 2595 / Elementary.Log(10) * Elementary.Log(1 + hz / 700)
        : hz < SlaneyBreakHz ? hz / SlaneyHzPerMel
        : SlaneyBreakMel + 27 * Elementary.Log(hz / SlaneyBreakHz) / Elementary.Log(6.4);

    private static double HzOf(double mel, MelScale scale) =>
        scale == MelScale.Htk ? 700 * (Elementary.Exp(mel * Elementary.Log(10) / 2595) - 1)
        : mel < SlaneyBreakMel ? mel * SlaneyHzPerMel
        : SlaneyBreakHz * Elementary.Exp((mel - SlaneyBreakMel) * Elementary.Log(6.4) / 27);
}

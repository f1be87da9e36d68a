using System.Globalization;

namespace EdgeRnn.Features;

/// <summary>What <see cref="FeatureSpec.Parse"/> reads: <c>KIND[:N][,key=value…]</c>. The first error stays.</summary>
internal sealed class FeatureText
{
    private const string Keys = "rate, frame, hop, mels (of mfcc), low, high, scale, deltas, running or floor";

    private readonly Dictionary<string, string> _options = [];
    private readonly FeatureKind _kind;
    private readonly int? _count;
    private string? _error;

    public FeatureText(string text)
    {
        string[] words = text.Split(',');
        string[] kind = words[0].Split(':', 2);
        _kind = kind[0] switch
        {
            "logmel" => FeatureKind.LogMel,
            "mfcc" => FeatureKind.Mfcc,
            "pcen" => FeatureKind.Pcen,
            _ => default,
        };
        if (_kind == default)
            _error = $"'{words[0]}' is no kind of features, expected logmel:40, mfcc:13 or pcen:40";
        else if (kind.Length == 2)
            _count = int.TryParse(kind[1], NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count
                : Fail($"'{words[0]}' has no number of features, expected for example {kind[0]}:40");
        foreach (string word in words.AsSpan(1))
        {
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1 || !_options.TryAdd(word[..equals], word[(equals + 1)..]))
                _error ??= $"'{word}' is no option, expected KEY=VALUE with each key once";
        }
    }

    /// <summary>The features, or null and what is wrong.</summary>
    public FeatureSpec? ToSpec(int rateHz, out string? error)
    {
        bool isMfcc = _kind == FeatureKind.Mfcc;
        int rate = Whole("rate", rateHz);
        int mels = isMfcc ? Whole("mels", 40) : _count ?? 40;
        var spec = new FeatureSpec
        {
            Kind = _kind,
            SampleRateHz = rate,
            FrameLength = (int)Math.Round(Number("frame", 25) * rate / 1000),
            FrameStep = (int)Math.Round(Number("hop", 10) * rate / 1000),
            Mels = mels,
            Coefficients = isMfcc ? _count ?? 13 : 0,
            LowHz = (float)Number("low", 20),
            HighHz = (float)Number("high", rate / 2.0),
            Scale = Scale(),
            Deltas = Whole("deltas", 0),
            Floor = (float)Number("floor", 1e-6),
        };
        double running = Number("running", 0);
        if (_options.Count > 0)
            _error ??= $"'{_options.Keys.First()}' is no option, expected {Keys}";
        error = _error ??= spec.Check();
        if (error is not null)
            return null;
        spec = spec with { RunningSteps = (int)Math.Round(running * spec.FramesPerSecond) };
        error = spec.Check();
        return error is null ? spec : null;
    }

    private MelScale Scale()
    {
        if (!_options.Remove("scale", out string? scale) || scale == "htk")
            return MelScale.Htk;
        if (scale != "slaney")
            _error ??= $"scale is '{scale}', expected htk or slaney";
        return MelScale.Slaney;
    }

    private int Whole(string key, int missing)
    {
        double number = Number(key, missing);
        return number == Math.Round(number) ? (int)number : Fail($"{key} is {number}, expected a whole number");
    }

    /// <summary>A number that fits every use of it.</summary>
    private double Number(string key, double missing)
    {
        const double Most = 1e6;
        if (!_options.Remove(key, out string? text))
            return missing;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
            && number is >= -Most and <= Most
            ? number
            : Fail($"{key} is '{text}', expected a number up to 1000000");
    }

    private int Fail(string error)
    {
        _error ??= error;
        return 0;
    }
}

using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using EdgeRnn.Decisions;
using EdgeRnn.Features;

namespace EdgeRnn.Format;

/// <summary>
/// The outermost message, without its checksum. Its methods give null or what is wrong: field, found, expected. Each
/// part is located first and read when everything it depends on is known, so the order of the fields does not matter.
/// </summary>
internal sealed class ModelMessage(ReadOnlyMemory<byte> message)
{
    // Two days at 100 steps a second.
    private const int MaxWindow = 1 << 24;
    private const int MaxProvenanceBytes = 256;
    private const int MaxSelfTestBytes = 256;
    private const int MaxSelfTestSteps = 64;

    private readonly ReadOnlyMemory<byte>[] _layerMessages = new ReadOnlyMemory<byte>[RnnModel.MaxLayers];
    private ReadOnlyMemory<byte> _input;
    private ReadOnlyMemory<byte> _stream;
    private ReadOnlyMemory<byte> _decision;
    private ReadOnlyMemory<byte>? _training;
    private ReadOnlyMemory<byte>? _selfTest;
    private ReadOnlyMemory<byte> _output;
    private ReadOnlyMemory<byte>? _features;
    private uint _formatVersion;
    private int _layerCount;
    private int _labelCount;
    private int _channelCount;

    private Precision _precision;
    private RnnLayer[] _layers = [];
    private Tensor? _mean;
    private Tensor? _deviation;
    private OutputKind _outputKind;
    private Pooling _pooling;
    private Tensor? _outputMean;
    private Tensor? _outputDeviation;
    private float _sampleRateHz;
    private StreamMode _streamMode;
    private int _window;
    private int _hop;
    private DecisionRules _rules = DecisionRules.None;
    private TrainingProvenance? _provenance;
    private SelfTest? _knownRun;
    private FeatureSpec? _featureSpec;

    /// <summary>Checks the whole message.</summary>
    public string? Check() =>
        Locate() ?? Layers() ?? Output() ?? Features() ?? Input() ?? Stream() ?? Decision() ?? Training()
            ?? SelfTest() ??
        Version();

    /// <summary>The model, after <see cref="Check"/> found nothing wrong; names are made last.</summary>
    public RnnModel ToModel(uint checksum) => new()
    {
        Precision = _precision,
        Layers = _layers,
        OutputKind = _outputKind,
        Pooling = _pooling,
        OutputMean = _outputMean,
        OutputDeviation = _outputDeviation,
        Features = _featureSpec,
        Labels = Names(message, 7, _labelCount),
        Channels = Names(_input, 1, _channelCount),
        Mean = _mean!,
        Deviation = _deviation!,
        SampleRateHz = _sampleRateHz,
        StreamMode = _streamMode,
        Window = _window,
        Hop = _hop,
        Decision = _rules,
        Training = _provenance,
        SelfTest = _knownRun,
        Checksum = checksum,
    };

    private string? Locate()
    {
        var wire = new WireReader(message);
        uint precision = 0;
        while (wire.Next())
        {
            // The version decides what all other fields mean, so it comes first in every version of the format.
            if (wire.Field != 1 && !wire.Has(1))
                return $"the file begins with field {wire.Field}, expected 1 (format_version): it is no .ernn model";
            switch (wire.Field)
            {
                case 1: FormatVersion(ref wire); break;
                case 2: NumericVersion(ref wire); break;
                case 3: precision = wire.UInt32("precision"); break;
                case 4: LocateLayer(ref wire); break;
                case 5: _input = wire.Bytes("input"); break;
                case 6: _stream = wire.Bytes("stream"); break;
                case 7: Name(ref wire, "label", ++_labelCount, RnnModel.MaxLabels); break;
                case 8: _decision = wire.Bytes("decision"); break;
                case 9: _training = wire.Bytes("training"); break;
                case 10: _selfTest = wire.Bytes("self_test"); break;
                case 11: _output = wire.Bytes("output"); break;
                case 12: _features = wire.Bytes("features"); break;
                case 15: wire.Fail("crc32c is followed by other fields, expected it to be the last"); break;
                default: wire.Skip(); break;
            }
        }
        if (wire.Error is null && !wire.Has(2))
            wire.Fail("numeric_version is missing");
        if (precision is < (uint)Precision.Float32 or > (uint)Precision.Int8x16)
            wire.Fail($"precision is {precision}, expected 1 (float32), 2 (int8) or 3 (int8x16)");
        if (_layerCount == 0)
            wire.Fail("layers are missing, expected a recurrent layer and a dense head");
        _precision = (Precision)precision;
        return wire.Error;
    }

    private void FormatVersion(ref WireReader wire)
    {
        uint version = wire.UInt32("format_version");
        if (version > RnnModel.CurrentFormatVersion)
            wire.Fail($"format_version is {version}, expected at most {RnnModel.CurrentFormatVersion}: " +
                $"this file needs an EdgeRnn that reads format version {version}");
        else if (version < 1)
            wire.Fail($"format_version is {version}, expected 1 to {RnnModel.CurrentFormatVersion}");
        _formatVersion = version;
    }

    private static void NumericVersion(ref WireReader wire)
    {
        uint version = wire.UInt32("numeric_version");
        if (version != RnnModel.CurrentNumericVersion)
            wire.Fail($"numeric_version is {version}, expected {RnnModel.CurrentNumericVersion}: " +
                $"this file needs an EdgeRnn that computes with numeric version {version}");
    }

    private void LocateLayer(ref WireReader wire)
    {
        var layer = wire.Repeated("layers");
        if (_layerCount == RnnModel.MaxLayers)
            wire.Fail($"layers has more than {RnnModel.MaxLayers} entries, expected at most {RnnModel.MaxLayers}");
        else
            _layerMessages[_layerCount++] = layer;
    }

    private string? Layers()
    {
        _layers = new RnnLayer[_layerCount];
        for (int i = 0; i < _layerCount; i++)
        {
            var layer = new LayerMessage(_layerMessages[i], _precision, isHead: i == _layerCount - 1);
            if (layer.Check(_layers.AsSpan(0, i)) is { } error)
                return $"layer {i + 1}{layer.KindInBrackets}: {error}";
            _layers[i] = layer.ToLayer();
        }
        int units = _layers[^1].Units;
        return units == _labelCount
            ? null
            : $"labels has {_labelCount} entries, expected {units}, the units of the head";
    }

    private string? Output()
    {
        var wire = new WireReader(_output);
        uint kind = 0, pooling = 0;
        ReadOnlyMemory<byte> mean = default, deviation = default;
        while (wire.Next())
        {
            switch (wire.Field)
            {
                case 1: kind = wire.UInt32("kind"); break;
                case 2: pooling = wire.UInt32("pooling"); break;
                case 3: mean = wire.Bytes("mean"); break;
                case 4: deviation = wire.Bytes("deviation"); break;
                default: wire.Skip(); break;
            }
        }
        if (kind > (uint)OutputKind.Values)
            wire.Fail($"kind is {kind}, expected 0 (classes) or 1 (values)");
        if (pooling > (uint)Pooling.LastStep)
            wire.Fail($"pooling is {pooling}, expected 0 (last), 1 (mean), 2 (max), 3 (each step) or 4 (last step)");
        (_outputKind, _pooling) = ((OutputKind)kind, (Pooling)pooling);
        return Under("output", wire.Error ?? OutputScale(mean, deviation));
    }

    private string? OutputScale(ReadOnlyMemory<byte> mean, ReadOnlyMemory<byte> deviation)
    {
        if (_outputKind == OutputKind.Classes)
        {
            if (_layers[^1].Variant is not null)
                return $"kind is 0 (classes), expected 1 (values) where the head, layer {_layers.Length}, has a " +
                    "variant";
            return mean.IsEmpty && deviation.IsEmpty
                ? null
                : "mean or deviation is present, expected them for values only";
        }
        _outputMean = new(TensorType.Float32, _labelCount, 1, mean, default);
        _outputDeviation = new(TensorType.Float32, _labelCount, 1, deviation, default);
        return Floats("mean", mean, _labelCount, positive: false)
            ?? Floats("deviation", deviation, _labelCount, positive: true);
    }

    private string? Features()
    {
        if (_features is not { } features)
            return null;
        var message = new FeatureMessage(features);
        if (message.Check(_layers[0].InputSize) is { } error)
            return Under("features", error);
        _featureSpec = message.ToSpec();
        return null;
    }

    // A file of version 1 must be what programs of that version read.
    private string? Version()
    {
        uint needed = (uint)RnnModel.FormatVersionOf(_layers, _outputKind, _pooling, _rules, _featureSpec);
        return _formatVersion >= needed
            ? null
            : $"format_version is {_formatVersion}, expected {needed} for what the file holds";
    }

    private string? Input()
    {
        var wire = new WireReader(_input);
        int inputSize = _layers[0].InputSize;
        ReadOnlyMemory<byte> mean = default, deviation = default;
        while (wire.Next())
        {
            switch (wire.Field)
            {
                case 1: Name(ref wire, "channel", ++_channelCount, inputSize); break;
                case 2: mean = wire.Bytes("mean"); break;
                case 3: deviation = wire.Bytes("deviation"); break;
                case 4: _sampleRateHz = wire.Float("sample_rate_hz"); break;
                default: wire.Skip(); break;
            }
        }
        if (_channelCount != 0 && _channelCount != inputSize)
            wire.Fail($"channels has {_channelCount} entries, expected none or {inputSize}, the inputs of layer 1");
        if (_sampleRateHz < 0)
            wire.Fail($"sample_rate_hz is {_sampleRateHz}, expected 0 or more");
        if (_featureSpec is not null && _sampleRateHz != _featureSpec.FramesPerSecond)
            wire.Fail($"sample_rate_hz is {_sampleRateHz}, expected {_featureSpec.FramesPerSecond}, the frames a " +
                "second of features");
        _mean = new(TensorType.Float32, inputSize, 1, mean, default);
        _deviation = new(TensorType.Float32, inputSize, 1, deviation, default);
        return Under("input", wire.Error ?? Floats("mean", mean, inputSize, positive: false) ??
            Floats("deviation", deviation, inputSize, positive: true));
    }

    private string? Stream()
    {
        var wire = new WireReader(_stream);
        uint mode = 0, window = 0, hop = 0;
        while (wire.Next())
        {
            switch (wire.Field)
            {
                case 1: mode = wire.UInt32("mode"); break;
                case 2: window = wire.UInt32("window"); break;
                case 3: hop = wire.UInt32("hop"); break;
                default: wire.Skip(); break;
            }
        }
        bool isOffline = Array.Exists(_layers, layer => layer.Direction != Direction.Forward);
        if (mode > (uint)StreamMode.Offline)
            wire.Fail($"mode is {mode}, expected 0 (window), 1 (continuous) or 2 (offline)");
        else if (isOffline != (mode == (uint)StreamMode.Offline))
            wire.Fail($"mode is {mode}, expected " +
                (isOffline
                    ? "2 (offline), as a layer is not forward"
                    : "0 (window) or 1 (continuous), as all layers are forward"));
        else if (mode != (uint)StreamMode.Window && (window | hop) != 0)
            wire.Fail($"window is {window} and hop {hop}, expected 0 in {(isOffline ? "offline" : "continuous")} mode");
        else if (mode == (uint)StreamMode.Continuous && _pooling is Pooling.Mean or Pooling.Max)
            wire.Fail("mode is 1 (continuous), expected 0 (window) where steps are pooled to their " +
                (_pooling == Pooling.Mean ? "mean" : "maximum"));
        else if (mode == (uint)StreamMode.Window)
            WindowAndHop(ref wire, window, hop);
        (_streamMode, _window, _hop) = ((StreamMode)mode, (int)window, (int)hop);
        return Under("stream", wire.Error);
    }

    private static void WindowAndHop(ref WireReader wire, uint window, uint hop)
    {
        if (window is < 1 or > MaxWindow)
            wire.Fail($"window is {window}, expected 1 to {MaxWindow} steps in window mode");
        else if (hop < 1 || hop > window)
            wire.Fail($"hop is {hop}, expected 1 to {window}, the window");
        else if ((window + hop - 1) / hop is > RnnModel.MaxOverlap and var overlap)
            wire.Fail($"window {window} by hop {hop} makes {overlap} overlap, expected at most {RnnModel.MaxOverlap}");
    }

    private string? Decision()
    {
        var wire = new WireReader(_decision);
        ReadOnlyMemory<byte> thresholds = default;
        var rules = DecisionRules.None;
        while (wire.Next())
        {
            switch (wire.Field)
            {
                case 1: rules = rules with { Threshold = wire.Float("threshold") }; break;
                case 2: rules = rules with { Average = (int)wire.UInt32("average") }; break;
                case 3: rules = rules with { NewestShare = wire.Float("newest_share") }; break;
                case 4: rules = rules with { Hysteresis = wire.Float("hysteresis") }; break;
                case 5: rules = rules with { MinimumSteps = (int)wire.UInt32("minimum_steps") }; break;
                case 6: rules = rules with { RefractorySteps = (int)wire.UInt32("refractory_steps") }; break;
                case 7: thresholds = wire.Bytes("class_thresholds"); break;
                default: wire.Skip(); break;
            }
        }
        if (wire.Error is null && !thresholds.IsEmpty)
        {
            if (thresholds.Length != _labelCount * sizeof(float))
                wire.Fail($"class_thresholds has {thresholds.Length} bytes, expected {_labelCount * sizeof(float)}");
            else
                rules = rules with { ClassThresholds = MemoryMarshal.Cast<byte, float>(thresholds.Span).ToArray() };
        }
        _rules = rules;
        if (wire.Error is null && rules.Check(_labelCount) is { } error)
            wire.Fail(error);
        if (_outputKind == OutputKind.Values && _rules != DecisionRules.None)
            wire.Fail("it holds rules, expected none for values");
        return Under("decision", wire.Error);
    }

    private string? Training()
    {
        if (_training is not { } training)
            return null;
        var wire = new WireReader(training);
        ReadOnlyMemory<byte> dataSet = default, toolVersion = default;
        ulong seed = 0;
        float validationAccuracy = 0, testAccuracy = 0;
        while (wire.Next())
        {
            switch (wire.Field)
            {
                case 1: dataSet = Text(ref wire, "data_set"); break;
                case 2: seed = wire.UInt64("seed"); break;
                case 3: validationAccuracy = Fraction(ref wire, "validation_accuracy"); break;
                case 4: testAccuracy = Fraction(ref wire, "test_accuracy"); break;
                case 5: toolVersion = Text(ref wire, "tool_version"); break;
                default: wire.Skip(); break;
            }
        }
        if (wire.Error is null)
            _provenance = new(Encoding.UTF8.GetString(dataSet.Span), seed, validationAccuracy, testAccuracy,
                Encoding.UTF8.GetString(toolVersion.Span));
        return Under("training", wire.Error);
    }

    private string? SelfTest()
    {
        if (_selfTest is not { } selfTest)
            return null;
        var wire = new WireReader(selfTest);
        ReadOnlyMemory<byte> input = default, scores = default;
        uint steps = 0;
        while (wire.Next())
        {
            switch (wire.Field)
            {
                case 1: input = wire.Bytes("input"); break;
                case 2: steps = wire.UInt32("steps"); break;
                case 3: scores = wire.Bytes("scores"); break;
                default: wire.Skip(); break;
            }
        }
        if (input.Length is < 1 or > MaxSelfTestBytes)
            wire.Fail($"input has {input.Length} bytes, expected 1 to {MaxSelfTestBytes}");
        if (steps is < 1 or > MaxSelfTestSteps)
            wire.Fail($"steps is {steps}, expected 1 to {MaxSelfTestSteps}");
        _knownRun = new(input, (int)steps, scores);
        return Under("self_test", wire.Error ?? Floats("scores", scores, _labelCount, positive: false));
    }

    // With these, no product or sum of a step can overflow, and none can be NaN: scales multiply in pairs, a sum has at
    // most 4,096 products of a weight and a signal up to 10^6, or 2^31 units of a scale.
    internal const float SmallestScale = 1e-12f;
    internal const float LargestScale = 1e12f;
    private const float LargestNumber = 1e18f;

    /// <summary>Null when <paramref name="data"/> is so many finite floats, positive ones if asked.</summary>
    internal static string? Floats(string name, ReadOnlyMemory<byte> data, int count, bool positive)
    {
        if (data.Length != sizeof(float) * (long)count)
            return $"{name} has {data.Length} bytes, expected {sizeof(float) * (long)count} ({count} × 4)";
        foreach (float value in MemoryMarshal.Cast<byte, float>(data.Span))
        {
            if (!float.IsFinite(value))
                return $"{name} contains {value}, expected finite numbers";
            if (positive && value <= 0)
                return $"{name} contains {value}, expected numbers above 0";
            if (positive && value is < SmallestScale or > LargestScale)
                return $"{name} contains {value}, expected {SmallestScale} to {LargestScale}";
            if (MathF.Abs(value) > LargestNumber)
                return $"{name} contains {value}, expected {-LargestNumber} to {LargestNumber}";
        }
        return null;
    }

    internal static string? Under(string message, string? error) => error is null ? null : $"{message}: {error}";

    private static float Fraction(ref WireReader wire, string name)
    {
        float value = wire.Float(name);
        if (value is < 0 or > 1)
            wire.Fail($"{name} is {value}, expected 0 to 1");
        return value;
    }

    private static ReadOnlyMemory<byte> Text(ref WireReader wire, string name)
    {
        var text = wire.Bytes(name);
        if (text.Length > MaxProvenanceBytes)
            wire.Fail($"{name} has {text.Length} bytes, expected at most {MaxProvenanceBytes}");
        if (!Utf8.IsValid(text.Span))
            wire.Fail($"{name} is not UTF-8");
        return text;
    }

    private static void Name(ref WireReader wire, string name, int number, int most)
    {
        var text = wire.Repeated(name);
        if (number > most)
            wire.Fail($"{name}s has more than {most} entries, expected at most {most}");
        else if (text.Length is < 1 or > RnnModel.MaxNameBytes)
            wire.Fail($"{name} {number} has {text.Length} bytes, expected 1 to {RnnModel.MaxNameBytes}");
        else if (!Utf8.IsValid(text.Span))
            wire.Fail($"{name} {number} is not UTF-8");
    }

    // A second walk over a checked message: reserving before the check would let a small file ask for much.
    private static string[] Names(ReadOnlyMemory<byte> checkedMessage, int field, int count)
    {
        var names = new string[count];
        var wire = new WireReader(checkedMessage);
        for (int i = 0; i < count && wire.Next();)
        {
            if (wire.Field == field)
                names[i++] = Encoding.UTF8.GetString(wire.Repeated("name").Span);
            else
                wire.PassOver();
        }
        return names;
    }
}

using System.Runtime.InteropServices;
using EdgeRnn.Format;
using EdgeRnn.Trainer;
using Google.Protobuf;
using Xunit;
using Proto = EdgeRnn.Format.Proto;

namespace EdgeRnn.Tests.Format;

/// <summary>Each sentence of the reader, with the smallest change to a good file that brings it about.</summary>
public class ModelRefusalTests
{
    private static readonly Dictionary<string, Action<Proto.Model>> QuantizedChanges = new()
    {
        ["format_version is 5, expected at most 4: this file needs an EdgeRnn that reads format version 5"] =
            m => m.FormatVersion = 5,
        ["numeric_version is 9, expected 2: this file needs an EdgeRnn that computes with numeric version 9"] =
            m => m.NumericVersion = 9,
        ["the file begins with field 2, expected 1 (format_version): it is no .ernn model"] = m => m.FormatVersion = 0,
        ["numeric_version is missing"] = m => m.NumericVersion = 0,
        ["precision is 0, expected 1 (float32), 2 (int8) or 3 (int8x16)"] = m => m.Precision = 0,
        ["precision is 4, expected 1 (float32), 2 (int8) or 3 (int8x16)"] = m => m.Precision = (Proto.Precision)4,
        ["layers are missing, expected a recurrent layer and a dense head"] = m => m.Layers.Clear(),
        ["layers has more than 16 entries, expected at most 16"] =
            m => m.Layers.AddRange(Enumerable.Repeat(m.Layers[1], 15)),
        ["labels has 2 entries, expected 3, the units of the head"] = m => m.Labels.RemoveAt(0),
        ["labels has 0 entries, expected 3, the units of the head"] = m => m.Labels.Clear(),
        ["labels has more than 1024 entries, expected at most 1024"] =
            m => m.Labels.AddRange(Enumerable.Repeat("a", 1024)),
        ["label 2 has 65 bytes, expected 1 to 64"] = m => m.Labels[1] = new('x', 65),
        ["label 2 has 0 bytes, expected 1 to 64"] = m => m.Labels[1] = "",

        ["layer 1: kind is 0, expected 1 (rnn), 2 (lstm), 3 (gru), 4 (dense) or 5 (norm)"] = m => m.Layers[0].Kind = 0,
        ["layer 2: kind is 6, expected 1 (rnn), 2 (lstm), 3 (gru), 4 (dense) or 5 (norm)"] =
            m => m.Layers[1].Kind = (Proto.LayerKind)6,
        ["layer 1 (dense): kind is 4 (dense), expected the first layer to be recurrent"] = m => m.Layers.RemoveAt(0),
        ["layer 3 (lstm): kind is 2, expected 4 (dense): the last layer is the head"] =
            m => m.Layers.Add(m.Layers[0].Clone()),
        ["layer 1 (lstm): kind is 2, expected 4 (dense): the last layer is the head"] = m => m.Layers.RemoveAt(1),
        ["layer 1 (lstm): epsilon is 1, expected it in norm layers only"] = m => m.Layers[0].Epsilon = 1,
        ["layer 1 (lstm): input_size is 0, expected 1 to 4096"] = m => m.Layers[0].InputSize = 0,
        ["layer 1 (lstm): input_size is 4097, expected 1 to 4096"] = m => m.Layers[0].InputSize = 4097,
        ["layer 2 (dense): input_size is 6, expected 5, the units of the layer before"] =
            m => m.Layers[1].InputSize = 6,
        ["layer 2 (dense): units is 0, expected 1 to 4096"] = m => m.Layers[1].Units = 0,
        ["layer 1 (lstm): units is 4294967295, expected 1 to 4096"] = m => m.Layers[0].Units = uint.MaxValue,
        ["layer 1 (lstm): activation is 2, expected 0 (default) or 1 (relu)"] =
            m => m.Layers[0].Activation = (Proto.Activation)2,
        ["layer 1 (lstm): activation is 1 (relu), expected 0: relu is for rnn layers and dense ones before the head"] =
            m => m.Layers[0].Activation = Proto.Activation.Relu,
        ["layer 2 (dense): activation is 1 (relu), expected 0: relu is for rnn layers and dense ones before the head"] =
            m => m.Layers[1].Activation = Proto.Activation.Relu,
        ["layer 1 (lstm): reset_before is true, expected it for gru layers only"] = m => m.Layers[0].ResetBefore = true,

        ["layer 1 (lstm): weight_ih is missing, expected 20 × 2"] = m => m.Layers[0].WeightIh = null,
        ["layer 1 (lstm): weight_hh is missing, expected 20 × 5"] = m => m.Layers[0].WeightHh = null,
        ["layer 2 (dense): bias_ih is missing, expected 3 × 1"] = m => m.Layers[1].BiasIh = null,
        ["layer 2 (dense): weight_hh is present, expected it in recurrent layers only"] =
            m => m.Layers[1].WeightHh = m.Layers[0].WeightHh,
        ["layer 2 (dense): bias_hh is present, expected it in recurrent layers only"] =
            m => m.Layers[1].BiasHh = m.Layers[1].BiasIh,
        ["layer 1 (lstm): weight_ih has type 1, expected 2 (int8)"] =
            m => m.Layers[0].WeightIh.Type = Proto.Tensor.Types.Type.Float32,
        ["layer 1 (lstm): bias_ih has type 2, expected 1 (float32)"] =
            m => m.Layers[0].BiasIh.Type = Proto.Tensor.Types.Type.Int8,
        ["layer 1 (lstm): weight_hh is 19 × 5, expected 20 × 5"] = m => m.Layers[0].WeightHh.Rows = 19,
        ["layer 1 (lstm): weight_hh is 20 × 2147483647, expected 20 × 5"] =
            m => m.Layers[0].WeightHh.Columns = uint.MaxValue,
        ["layer 1 (lstm): weight_hh has 99 bytes, expected 100 (20 × 5)"] =
            m => m.Layers[0].WeightHh.Data = Zeros(99),
        ["layer 1 (lstm): bias_ih has 76 bytes, expected 80 (20 × 1 × 4)"] = m => m.Layers[0].BiasIh.Data = Zeros(76),
        ["layer 1 (lstm): bias_ih contains NaN, expected finite numbers"] =
            m => m.Layers[0].BiasIh.Data = Floats(20, float.NaN),
        ["layer 1 (lstm): bias_ih has 4 bytes of scales, expected none for floats"] =
            m => m.Layers[0].BiasIh.Scales = Zeros(4),
        ["layer 1 (lstm): weight_hh contains -128, expected -127 to 127"] =
            m => m.Layers[0].WeightHh.Data = ByteString.CopyFrom([.. Enumerable.Repeat((byte)0x80, 100)]),
        ["layer 1 (lstm): weight_ih.scales has 0 bytes, expected 80 (20 × 4)"] =
            m => m.Layers[0].WeightIh.Scales = ByteString.Empty,
        ["layer 1 (lstm): weight_ih.scales contains 0, expected numbers above 0"] =
            m => m.Layers[0].WeightIh.Scales = Floats(20, 0),
        ["layer 1 (lstm): weight_ih.scales contains 1E-45, expected 1E-12 to 1E+12"] =
            m => m.Layers[0].WeightIh.Scales = Floats(20, 1e-45f),
        ["layer 1 (lstm): bias_ih contains 1E+30, expected -1E+18 to 1E+18"] =
            m => m.Layers[0].BiasIh.Data = Floats(20, 1e30f),
        ["layer 1 (lstm): weight_ih.scales contains -1, expected numbers above 0"] =
            m => m.Layers[0].WeightIh.Scales = Floats(20, -1),
        ["layer 1 (lstm): weight_ih.scales contains Infinity, expected finite numbers"] =
            m => m.Layers[0].WeightIh.Scales = Floats(20, float.PositiveInfinity),
        ["layer 1 (lstm): input_scale is 0, expected a number above 0"] = m => m.Layers[0].InputScale = 0,
        ["layer 1 (lstm): input_scale is NaN, expected a finite number"] = m => m.Layers[0].InputScale = float.NaN,
        ["layer 1 (lstm): output_scale is -1, expected a number above 0"] = m => m.Layers[0].OutputScale = -1,
        ["layer 1 (lstm): output_scale is 0.5, expected 0.007874016, which tanh bounds"] =
            m => m.Layers[0].OutputScale = 0.5f,
        ["layer 2 (dense): output_scale is 0.5, expected 0.00024414062, that of logits"] =
            m => m.Layers[1].OutputScale = 0.5f,
        ["layer 2 (dense): input_scale is 0.5, expected 0.007874016, the output_scale of the layer before"] =
            m => m.Layers[1].InputScale = 0.5f,
        ["layer 1 (lstm): cell_fraction_bits is 0, expected 1 to 12"] = m => m.Layers[0].CellFractionBits = 0,
        ["layer 1 (lstm): cell_fraction_bits is 13, expected 1 to 12"] = m => m.Layers[0].CellFractionBits = 13,
        ["layer 2 (dense): cell_fraction_bits is 4, expected none in a dense layer"] =
            m => m.Layers[1].CellFractionBits = 4,

        ["input: mean has 0 bytes, expected 8 (2 × 4)"] = m => m.Input = null,
        ["input: mean contains -Infinity, expected finite numbers"] =
            m => m.Input.Mean = Floats(2, float.NegativeInfinity),
        ["input: deviation has 12 bytes, expected 8 (2 × 4)"] = m => m.Input.Deviation = Zeros(12),
        ["input: deviation contains 0, expected numbers above 0"] = m => m.Input.Deviation = Zeros(8),
        ["input: sample_rate_hz is -1, expected 0 or more"] = m => m.Input.SampleRateHz = -1,
        ["input: channels has 1 entries, expected none or 2, the inputs of layer 1"] = m => m.Input.Channels.Add("x"),
        ["input: channels has more than 2 entries, expected at most 2"] =
            m => m.Input.Channels.AddRange(["x", "y", "z"]),
        ["input: channel 1 has 66 bytes, expected 1 to 64"] = m => m.Input.Channels.Add(new string('é', 33)),

        ["stream: mode is 3, expected 0 (window), 1 (continuous) or 2 (offline)"] =
            m => m.Stream.Mode = (Proto.Stream.Types.Mode)3,
        ["stream: mode is 2, expected 0 (window) or 1 (continuous), as all layers are forward"] =
            m => m.Stream.Mode = Proto.Stream.Types.Mode.Offline,
        ["layer 1 (lstm): direction is 2, expected 0 (forward): other directions are for float32 models"] =
            m => m.Layers[0].Direction = Proto.Direction.Bidirectional,
        ["layer 1 (lstm): variant is present, expected it in float32 models only"] =
            m => m.Layers[0].Variant = new(),
        ["output: mean or deviation is present, expected them for values only"] =
            m => m.Output = new() { Mean = Zeros(12) },
        ["output: mean has 0 bytes, expected 12 (3 × 4)"] =
            m => m.Output = new() { Kind = Proto.Output.Types.Kind.Values },
        ["output: deviation contains 0, expected numbers above 0"] =
            m => m.Output = new() { Kind = Proto.Output.Types.Kind.Values, Mean = Zeros(12), Deviation = Zeros(12) },
        ["output: kind is 2, expected 0 (classes) or 1 (values)"] =
            m => m.Output = new() { Kind = (Proto.Output.Types.Kind)2 },
        ["output: pooling is 5, expected 0 (last), 1 (mean), 2 (max), 3 (each step) or 4 (last step)"] =
            m => m.Output = new() { Pooling = (Proto.Output.Types.Pooling)5 },
        ["format_version is 1, expected 2 for what the file holds"] =
            m => m.Output = new() { Pooling = Proto.Output.Types.Pooling.Mean },
        ["stream: window is 0, expected 1 to 16777216 steps in window mode"] = m => m.Stream = null,
        ["stream: window is 16777217, expected 1 to 16777216 steps in window mode"] = m => m.Stream.Window = 16777217,
        ["stream: hop is 0, expected 1 to 12, the window"] = m => m.Stream.Hop = 0,
        ["stream: hop is 13, expected 1 to 12, the window"] = m => m.Stream.Hop = 13,
        ["stream: window 129 by hop 2 makes 65 overlap, expected at most 64"] =
            m => (m.Stream.Window, m.Stream.Hop) = (129, 2),
        ["stream: window is 12 and hop 5, expected 0 in continuous mode"] =
            m => m.Stream.Mode = Proto.Stream.Types.Mode.Continuous,
        ["decision: threshold is 1.5, expected 0 to 1"] = m => m.Decision = new() { Threshold = 1.5f },
        ["decision: newest_share is -1, expected 0 to 1"] = m => m.Decision = new() { NewestShare = -1 },
        ["decision: hysteresis is 2, expected 0 to 1"] = m => m.Decision = new() { Hysteresis = 2 },
        ["decision: average is 1025, expected at most 1024"] = m => m.Decision = new() { Average = 1025 },
        ["decision: minimum_steps is 4294967295, expected at most 16777216"] =
            m => m.Decision = new() { MinimumSteps = uint.MaxValue },
        ["decision: refractory_steps is 16777217, expected at most 16777216"] =
            m => m.Decision = new() { RefractorySteps = 16777217 },
        ["decision: average and newest_share are both present, expected one of them"] =
            m => m.Decision = new() { Average = 3, NewestShare = 0.5f },
        ["decision: class_thresholds has 4 bytes, expected 12"] = m =>
            m.Decision = new() { ClassThresholds = Zeros(4) },
        ["training: test_accuracy is -1, expected 0 to 1"] = m => m.Training = new() { TestAccuracy = -1 },
        ["training: data_set has 257 bytes, expected at most 256"] =
            m => m.Training = new() { DataSet = new('x', 257) },
        ["self_test: input has 0 bytes, expected 1 to 256"] = m => m.SelfTest.Input = ByteString.Empty,
        ["self_test: input has 257 bytes, expected 1 to 256"] = m => m.SelfTest.Input = Zeros(257),
        ["self_test: steps is 0, expected 1 to 64"] = m => m.SelfTest.Steps = 0,
        ["self_test: steps is 65, expected 1 to 64"] = m => m.SelfTest.Steps = 65,
        ["self_test: scores has 8 bytes, expected 12 (3 × 4)"] = m => m.SelfTest.Scores = Zeros(8),
        ["self_test: scores contains NaN, expected finite numbers"] = m => m.SelfTest.Scores = Floats(3, float.NaN),
    };

    private static readonly Dictionary<string, Action<Proto.Model>> FloatChanges = new()
    {
        ["layer 1 (rnn): input_scale is 1, expected none in a float32 layer"] = m => m.Layers[0].InputScale = 1,
        ["layer 2 (gru): output_scale is 1, expected none in a float32 layer"] = m => m.Layers[1].OutputScale = 1,
        ["layer 1 (rnn): cell_fraction_bits is 3, expected none in a float32 layer"] =
            m => m.Layers[0].CellFractionBits = 3,
        ["layer 1 (rnn): weight_ih has 47 bytes, expected 48 (4 × 3 × 4)"] = m => m.Layers[0].WeightIh.Data = Zeros(47),
        ["layer 2 (gru): weight_hh contains NaN, expected finite numbers"] =
            m => m.Layers[1].WeightHh.Data = Floats(27, float.NaN),
    };

    private static readonly Dictionary<string, Action<Proto.Model>> ForeignChanges = new()
    {
        ["format_version is 1, expected 2 for what the file holds"] = m => m.FormatVersion = 1,
        ["layer 1 (lstm): direction is 3, expected 0 (forward), 1 (reverse) or 2 (bidirectional)"] =
            m => m.Layers[0].Direction = (Proto.Direction)3,
        ["layer 3 (dense): direction is 1, expected it in recurrent layers only"] =
            m => m.Layers[2].Direction = Proto.Direction.Reverse,
        ["layer 1 (lstm): units is 2049, expected 1 to 2048"] = m => m.Layers[0].Units = 2049,
        ["layer 1 (lstm): weight_ih is 24 × 2, expected 12 × 2"] = m => m.Layers[0].Direction = Proto.Direction.Reverse,
        ["layer 2 (gru): input_size is 3, expected 6, the outputs of the layer before"] =
            m => m.Layers[1].InputSize = 3,
        ["layer 1 (lstm): variant: functions has 5 entries, expected none or 6"] =
            m => m.Layers[0].Variant.Functions.RemoveAt(0),
        ["layer 1 (lstm): variant: functions: there are more than 6, expected at most 6"] =
            m => m.Layers[0].Variant.Functions.Add(m.Layers[0].Variant.Functions[0]),
        ["layer 1 (lstm): variant: functions: kind is 12, expected 1 (tanh) to 11 (softplus)"] =
            m => m.Layers[0].Variant.Functions[0].Kind = (Proto.Function.Types.Kind)12,
        ["layer 1 (lstm): variant: functions: alpha is -2000000, expected -1000000 to 1000000"] =
            m => m.Layers[0].Variant.Functions[0].Alpha = -2e6f,
        ["layer 1 (lstm): variant: clip is -1, expected 0 to 1000000"] = m => m.Layers[0].Variant.Clip = -1,
        ["layer 3 (dense): variant: clip is 1, expected none in a dense layer"] = m => m.Layers[2].Variant.Clip = 1,
        ["layer 2 (gru): variant: input_forget is true, expected it for lstm layers only"] =
            m => m.Layers[1].Variant.InputForget = true,
        ["layer 1 (lstm): variant: peephole is 9 × 1, expected 18 × 1"] = m => m.Layers[0].Variant.Peephole.Rows = 9,
        ["layer 2 (gru): variant: initial_cell is present, expected it in lstm layers only"] =
            m => m.Layers[1].Variant.InitialCell = m.Layers[0].Variant.InitialCell,
        ["layer 3 (dense): variant: initial_hidden is present, expected it in recurrent layers only"] =
            m => m.Layers[2].Variant.InitialHidden = m.Layers[0].Variant.InitialHidden,
        ["layer 1 (lstm): variant: initial_hidden contains 10000000, expected -1000000 to 1000000"] =
            m => m.Layers[0].Variant.InitialHidden.Data = Floats(6, 1e7f),
        ["layer 3 (dense): variant: functions has entries and activation is 1 (relu), expected one of them"] =
            m => m.Layers[2].Activation = Proto.Activation.Relu,
        ["stream: mode is 1, expected 2 (offline), as a layer is not forward"] =
            m => m.Stream.Mode = Proto.Stream.Types.Mode.Continuous,
        ["stream: window is 9 and hop 0, expected 0 in offline mode"] = m => m.Stream.Window = 9,
        ["output: kind is 0 (classes), expected 1 (values) where the head, layer 4, has a variant"] =
            m => m.Output = null,
        ["decision: it holds rules, expected none for values"] = m => m.Decision = new() { Threshold = 0.5f },
    };

    private static readonly Dictionary<string, Action<Proto.Model>> PooledChanges = new()
    {
        ["stream: mode is 1 (continuous), expected 0 (window) where steps are pooled to their mean"] =
            m => m.Stream = new() { Mode = Proto.Stream.Types.Mode.Continuous },
    };

    private static readonly Dictionary<string, Action<Proto.Model>> SpeechChanges = new()
    {
        ["format_version is 2, expected 3 for what the file holds"] = m => m.FormatVersion = 2,
        ["features: kind is 0, expected 1 (logmel), 2 (mfcc) or 3 (pcen)"] = m => m.Features = new(),
        ["features: kind is 4, expected 1 (logmel), 2 (mfcc) or 3 (pcen)"] = m =>
            m.Features.Kind = (Proto.Features.Types.Kind)4,
        ["features: sample_rate_hz is 11025, expected 8000, 16000, 22050, 44100 or 48000"] = m =>
            m.Features.SampleRateHz = 11025,
        ["features: frame_length is 7, expected 8 to 4096 samples"] = m => m.Features.FrameLength = 7,
        ["features: frame_length is 4294967295, expected at most 2147483647"] = m =>
            m.Features.FrameLength = uint.MaxValue,
        ["features: frame_step is 201, expected 1 to 200, the frame's length"] = m => m.Features.FrameStep = 201,
        ["features: frame_step is 0, expected 1 to 200, the frame's length"] = m => m.Features.FrameStep = 0,
        ["features: mels is 129, expected 1 to 128"] = m => m.Features.Mels = 129,
        ["features: mels is 128, expected fewer: band 1 is narrower than the 129 bins of a frame's spectrum"] =
            m => (m.Features.Mels, m.Features.HighHz) = (128, 1000),
        ["features: coefficients is 21, expected 1 to 20, the bands"] = m => m.Features.Coefficients = 21,
        ["features: coefficients is 4, expected 0 without mfcc"] = m =>
            m.Features.Kind = Proto.Features.Types.Kind.Pcen,
        ["features: low_hz is -1, expected 0 to below 4000"] = m => m.Features.LowHz = -1,
        ["features: high_hz is 100, expected above 100 to 4000, half the sample rate"] = m => m.Features.HighHz = 100,
        ["features: high_hz is NaN, expected a finite number"] = m => m.Features.HighHz = float.NaN,
        ["features: scale is 2, expected 0 (htk) or 1 (slaney)"] = m =>
            m.Features.Scale = (Proto.Features.Types.Scale)2,
        ["features: deltas is 3, expected 0 to 2"] = m => m.Features.Deltas = 3,
        ["features: running_steps is 1, expected 0, or 2 to 1000000"] = m => m.Features.RunningSteps = 1,
        ["features: floor is 0, expected 1E-12 to 1"] = m => m.Features.Floor = 0,
        ["features: a frame has 12 of them, expected 8, the inputs of layer 1"] = m => m.Features.Deltas = 2,
        ["input: sample_rate_hz is 50, expected 100, the frames a second of features"] = m => m.Input.SampleRateHz = 50,
    };

    private static readonly Dictionary<string, Action<Proto.Model>> NormChanges = new()
    {
        ["format_version is 3, expected 4 for what the file holds"] = m => m.FormatVersion = 3,
        ["layer 1 (norm): kind is 5 (norm), expected the first layer to be recurrent"] = m => m.Layers.RemoveAt(0),
        ["layer 6 (lstm): kind is 2, expected 4 (dense) or 5 (norm) after a dense layer"] =
            m => m.Layers.Insert(5, m.Layers[2]),
        ["layer 6 (norm): kind is 5, expected 4 (dense): the last layer is the head"] = m => m.Layers.RemoveAt(6),
        ["layer 2 (norm): units is 3, expected 4, the input_size: a norm layer gives as many as it reads"] =
            m => m.Layers[1].Units = 3,
        ["layer 2 (norm): epsilon is 0, expected 1E-12 to 1"] = m => m.Layers[1].Epsilon = 0,
        ["layer 2 (norm): epsilon is -1, expected 1E-12 to 1"] = m => m.Layers[1].Epsilon = -1,
        ["layer 2 (norm): epsilon is 2, expected 1E-12 to 1"] = m => m.Layers[1].Epsilon = 2,
        ["layer 2 (norm): weight_ih has type 2, expected 1 (float32)"] =
            m => m.Layers[1].WeightIh.Type = Proto.Tensor.Types.Type.Int8,
        ["layer 2 (norm): weight_ih is 4 × 4, expected 4 × 1"] = m => m.Layers[1].WeightIh.Columns = 4,
        ["layer 2 (norm): weight_hh is present, expected it in recurrent layers only"] =
            m => m.Layers[1].WeightHh = m.Layers[1].WeightIh,
        ["layer 2 (norm): bias_ih is missing, expected 4 × 1"] = m => m.Layers[1].BiasIh = null,
        ["layer 2 (norm): reset_before is true, expected it for gru layers only"] = m => m.Layers[1].ResetBefore = true,
        ["layer 2 (norm): input_scale is 0.5, expected 0.007874016, the output_scale of the layer before"] =
            m => m.Layers[1].InputScale = 0.5f,
        ["layer 2 (norm): output_scale is 0, expected a number above 0"] = m => m.Layers[1].OutputScale = 0,
        ["layer 2 (norm): output_scale is 1E+20, expected 1E-12 to 1E+12"] = m => m.Layers[1].OutputScale = 1e20f,
        ["layer 2 (norm): cell_fraction_bits is 4, expected none in a norm layer"] =
            m => m.Layers[1].CellFractionBits = 4,
    };

    // Bytes that Google's classes would not write: 0x08 is the tag of format_version, 0x10 of numeric_version, 0x18 of
    // precision, 0x22 of a layer, 0x3A of a label. The first error is the one that is told.
    private static readonly Dictionary<string, byte[]> Wire = new()
    {
        ["format_version is a varint with superfluous bytes, expected the shortest form"] = [0x08, 0x81, 0x00, 0x10],
        ["format_version occurs twice, expected once"] = [0x08, 1, 0x08, 1],
        ["format_version has wire type 2, expected 0"] = [0x0A, 1, 1, 0x10],
        ["format_version is 4294967297, expected at most 4294967295"] = [0x08, 0x81, 0x80, 0x80, 0x80, 0x10],
        ["format_version is 0, expected 1 to 4"] = [0x08, 0, 0x10, 1],
        ["a field's tag is a varint with superfluous bytes, expected the shortest form"] = [0x08, 1, 0x90, 0x00, 1],
        ["the tag at byte 2 of its message is 2, expected a field number from 1 to 536870911"] = [0x08, 1, 0x02, 0],
        ["field 13 is unknown, expected those of this format, or from 64 on"] = [0x08, 1, 0x68, 1],
        ["field 63 is unknown, expected those of this format, or from 64 on"] = [0x08, 1, 0xF8, 0x03, 1],
        ["field 64 has wire type 3, expected 0, 1, 2 or 5"] = [0x08, 1, 0x83, 0x04],
        ["an unknown field is a varint of more than 64 bits"] =
            [0x08, 1, 0x80, 0x04, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02],
        ["crc32c is followed by other fields, expected it to be the last"] = [0x08, 1, 0x7D, 1, 2, 3, 4],
        ["label 1 is not UTF-8"] = [0x08, 1, 0x10, 2, 0x3A, 2, 0xC3, 0x28],
        ["layer 1: reset_before is 2, expected 0 or 1"] = [0x08, 1, 0x10, 2, 0x18, 1, 0x22, 2, 0x28, 2],
        ["layer 1: weight_ih: rows occurs twice, expected once"] =
            [0x08, 1, 0x10, 2, 0x18, 1, 0x22, 6, 0x32, 4, 0x10, 1, 0x10, 1],
    };

    public static TheoryData<string> QuantizedSentences => [.. QuantizedChanges.Keys];

    public static TheoryData<string> FloatSentences => [.. FloatChanges.Keys];

    public static TheoryData<string> ForeignSentences => [.. ForeignChanges.Keys];

    public static TheoryData<string> PooledSentences => [.. PooledChanges.Keys];

    public static TheoryData<string> SpeechSentences => [.. SpeechChanges.Keys];

    public static TheoryData<string> NormSentences => [.. NormChanges.Keys];

    public static TheoryData<string> WireSentences => [.. Wire.Keys];

    [Theory, MemberData(nameof(QuantizedSentences))]
    public void A_changed_int8_model_is_refused(string sentence) =>
        Assert.Equal(sentence, RefusalAfter(QuantizedChanges[sentence], ModelFiles.Small[1]));

    [Theory, MemberData(nameof(FloatSentences))]
    public void A_changed_float_model_is_refused(string sentence) =>
        Assert.Equal(sentence, RefusalAfter(FloatChanges[sentence], ModelFiles.Small[0]));

    [Theory, MemberData(nameof(ForeignSentences))]
    public void A_changed_foreign_model_is_refused(string sentence) =>
        Assert.Equal(sentence, RefusalAfter(ForeignChanges[sentence], ModelFiles.Small[3]));

    [Theory, MemberData(nameof(PooledSentences))]
    public void A_changed_pooled_model_is_refused(string sentence) =>
        Assert.Equal(sentence, RefusalAfter(PooledChanges[sentence], ModelFiles.Small[4]));

    [Theory, MemberData(nameof(SpeechSentences))]
    public void A_changed_speech_model_is_refused(string sentence) =>
        Assert.Equal(sentence, RefusalAfter(SpeechChanges[sentence], ModelFiles.Small[5]));

    [Theory, MemberData(nameof(NormSentences))]
    public void A_changed_normalised_model_is_refused(string sentence) =>
        Assert.Equal(sentence, RefusalAfter(NormChanges[sentence], ModelFiles.Small[6]));

    [Fact]
    public void A_norm_layer_has_no_variant()
    {
        var model = RandomModels.Create(8, Precision.Float32, 2, "gru:3,norm,dense:2");
        Assert.Equal(
            "layer 2 (norm): variant is present, expected none in a norm layer",
            RefusalAfter(m => m.Layers[1].Variant = new(), model));
    }

    [Theory, MemberData(nameof(WireSentences))]
    public void Bytes_that_are_not_in_the_strict_form_are_refused(string sentence) =>
        Assert.Equal(sentence, ModelFiles.RefusalOf(Wire[sentence]));

    [Fact]
    public void The_good_models_are_good()
    {
        foreach (var model in ModelFiles.Small)
            Assert.Null(RefusalAfter(_ => { }, model));
    }

    [Fact]
    public void Fields_from_64_on_are_ignored()
    {
        byte[] message = ModelFiles.MessageOf(ModelFiles.Small[1]);
        byte[] additions =
            [0x80, 0x04, 0x05, 0x81, 0x04, 1, 2, 3, 4, 5, 6, 7, 8, 0x82, 0x04, 1, 9, 0x85, 0x04, 1, 2, 3, 4];
        Assert.Null(ModelFiles.RefusalOf([.. message, .. additions]));
        string? refusal = ModelFiles.RefusalOf([.. message, .. additions.AsSpan(..^1)]);
        Assert.Equal("an unknown field has 4 bytes, expected at most the 3 that are left of its message", refusal);
    }

    [Fact]
    public void A_length_beyond_the_file_is_refused_before_memory_is_reserved() =>
        Assert.Equal("layers has 4294967295 bytes, expected at most the 1 that are left of its message",
            ModelFiles.RefusalOf([0x08, 1, 0x10, 2, 0x22, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0]));

    [Fact]
    public void A_file_cut_short_or_damaged_is_told_by_its_end()
    {
        byte[] file = ModelWriter.Write(ModelFiles.Small[0]);
        Assert.Equal("the file has 0 bytes, expected a model of 9 to 1073741824 bytes", Refusal([]));
        Assert.Equal(
            "the file does not end with its checksum: it is cut short, or not an .ernn model", Refusal(file[..^2]));
        uint crc = Crc32C.Compute(file.AsSpan(..^5));
        file[^1] ^= 0x40;
        Assert.Equal($"crc32c is {crc ^ 0x40000000:x8}, expected {crc:x8}: the file is damaged", Refusal(file));
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_told_with_its_name()
    {
        string folder = Directory.CreateTempSubdirectory("edgernn").FullName;
        try
        {
            string path = Path.Combine(folder, "model.ernn");
            Assert.Equal($"{path}: there is no such file", LoadRefusal(path));
            Assert.Equal($"{folder}: this is a folder, expected a model file", LoadRefusal(folder));
            Assert.Equal(": the file cannot be read", LoadRefusal(""));
            File.WriteAllText(path, "label,x\nidle,1\n");
            Assert.Equal($"{path}: the file does not end with its checksum: it is cut short, or not an .ernn model",
                LoadRefusal(path));
            using (var large = File.OpenWrite(path))
                large.SetLength(ModelReader.MaxFileBytes + 1L);
            Assert.Equal($"{path}: the file has 1073741825 bytes, expected at most 1073741824", LoadRefusal(path));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string? RefusalAfter(Action<Proto.Model> change, RnnModel model)
    {
        var message = Proto.Model.Parser.ParseFrom(ModelFiles.MessageOf(model));
        change(message);
        return ModelFiles.RefusalOf(message.ToByteArray());
    }

    private static string? Refusal(byte[] file) => ModelReader.TryRead(file, out _, out string? error) ? null : error;

    private static string? LoadRefusal(string path) =>
        ModelReader.TryLoad(path, out _, out string? error) ? null : error;

    private static ByteString Zeros(int count) => ByteString.CopyFrom(new byte[count]);

    private static ByteString Floats(int count, float value) =>
        ByteString.CopyFrom(MemoryMarshal.AsBytes([.. Enumerable.Repeat(value, count)]));
}

using System.Text.Json.Serialization;

namespace EdgeRnn.Cli.Bench;

/// <summary>A run of the suite.</summary>
/// <param name="Processor">The processor's name.</param>
/// <param name="Kernel">The kernel of EdgeRnn's sessions.</param>
/// <param name="Versions">EdgeRnn, .NET and ONNX Runtime.</param>
/// <param name="Steps">Steps timed of each session, in blocks and again one by one.</param>
/// <param name="ClockNs">What reading the clock costs; taken off single steps.</param>
/// <param name="Method">How the times were taken.</param>
/// <param name="Models">One a model.</param>
public sealed record SuiteResult(
    string Processor, string Kernel, SuiteVersions Versions, int Steps, double ClockNs, string Method,
    IReadOnlyList<SuiteModelResult> Models)
{
    /// <summary>Whether every model gives the peer's scores.</summary>
    [JsonIgnore]
    public bool Agrees => Models.All(model => model.Scores.Agree);
}

/// <summary>What was measured.</summary>
public sealed record SuiteVersions(string Edgernn, string Dotnet, string Onnxruntime);

/// <summary>How far the largest score of 1,000 steps is from that of EdgeRnn's float session.</summary>
/// <param name="OnnxruntimeFloat32">ONNX Runtime's float session.</param>
/// <param name="OnnxruntimeInt8">Its int8 session, if there is one.</param>
/// <param name="Int8">EdgeRnn's int8 session.</param>
/// <param name="Int8x16">EdgeRnn's int8x16 session.</param>
public sealed record ScoreDifferences(
    [property: JsonPropertyName("onnxruntime_float32")] double OnnxruntimeFloat32,
    [property: JsonPropertyName("onnxruntime_int8")] double? OnnxruntimeInt8,
    [property: JsonPropertyName("edgernn_int8")] double Int8,
    [property: JsonPropertyName("edgernn_int8x16")] double Int8x16)
{
    /// <summary>Both libraries sum in float32, in different orders, and use different activation functions.</summary>
    public const double FloatTolerance = 1e-5;

    /// <summary>Weights and inputs are rounded to 1/127 of their range at every step and fed back.</summary>
    public const double IntegerTolerance = 0.05;

    /// <summary>
    /// Whether the float sessions and EdgeRnn's integers are within tolerance. ONNX Runtime's integers are reported but
    /// cannot fail a run: without VNNI its int8 product saturates.
    /// </summary>
    public bool Agree =>
        OnnxruntimeFloat32 <= FloatTolerance && Int8 <= IntegerTolerance && Int8x16 <= IntegerTolerance;
}

/// <summary>One model of the suite.</summary>
/// <param name="Name">A to F.</param>
/// <param name="Net">Inputs and layers.</param>
/// <param name="MultiplyAdds">Of a step's matrix products.</param>
/// <param name="EdgernnUs">EdgeRnn's int8 session.</param>
/// <param name="OnnxruntimeUs">The better of ONNX Runtime's sessions by median.</param>
/// <param name="OnnxruntimeBest">Which that is: float32 or int8.</param>
/// <param name="Ratio">The medians' ratio.</param>
/// <param name="Target">The ratio to reach.</param>
/// <param name="AllocatedBytes">By EdgeRnn's int8 steps, all of them together.</param>
/// <param name="OnnxruntimeAllocatedBytes">By the better peer's steps, on the managed heap only.</param>
/// <param name="MacPerNs">Multiply-adds per nanosecond of an int8 step.</param>
/// <param name="BareMacPerNs">The same of the bare matrix-vector products of the same shapes and kernel.</param>
/// <param name="BareShare">Their quotient.</param>
/// <param name="EdgernnFloat32Us">EdgeRnn's float session.</param>
/// <param name="OnnxruntimeFloat32Us">ONNX Runtime's float session.</param>
/// <param name="RatioFloat32">Float against float.</param>
/// <param name="TargetFloat32">The ratio to reach, or 0.</param>
/// <param name="EdgernnInt8x16Us">EdgeRnn's int8x16 session.</param>
/// <param name="RatioInt8x16">The better peer against int8x16.</param>
/// <param name="TargetInt8x16">The ratio to reach, or 0.</param>
/// <param name="OnnxruntimeInt8Us">ONNX Runtime's DynamicQuantizeLSTM; null for cells it cannot quantize.</param>
/// <param name="Scores">How far the sessions' scores are apart.</param>
public sealed record SuiteModelResult(
    string Name, string Net, long MultiplyAdds,
    StepTimes EdgernnUs, StepTimes OnnxruntimeUs, string OnnxruntimeBest, double Ratio, double Target,
    long AllocatedBytes, long OnnxruntimeAllocatedBytes, double MacPerNs, double BareMacPerNs, double BareShare,
    [property: JsonPropertyName("edgernn_float32_us")] StepTimes EdgernnFloat32Us,
    [property: JsonPropertyName("onnxruntime_float32_us")] StepTimes OnnxruntimeFloat32Us,
    [property: JsonPropertyName("ratio_float32")] double RatioFloat32,
    [property: JsonPropertyName("target_float32")] double TargetFloat32,
    [property: JsonPropertyName("edgernn_int8x16_us")] StepTimes EdgernnInt8x16Us,
    [property: JsonPropertyName("ratio_int8x16")] double RatioInt8x16,
    [property: JsonPropertyName("target_int8x16")] double TargetInt8x16,
    [property: JsonPropertyName("onnxruntime_int8_us")] StepTimes? OnnxruntimeInt8Us,
    ScoreDifferences Scores);

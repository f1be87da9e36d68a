using System.Globalization;
using System.Text;

namespace EdgeRnn.Cli.Bench;

/// <summary>A suite's result as text of at most 80 columns.</summary>
public static class SuiteTable
{
    /// <summary>The text.</summary>
    public static string Format(SuiteResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var text = new StringBuilder();
        Line($"{result.Processor}; kernel {result.Kernel}");
        Line($"EdgeRnn {result.Versions.Edgernn}, .NET {result.Versions.Dotnet}, ONNX Runtime {result.Versions.Onnxruntime}");
        Line($"{result.Steps:N0} steps each, one thread, batch 1, state kept, softmax included.");
        Line($"Microseconds a step. Median: of blocks of 100 steps. p99, p99.9, max: of");
        Line($"single steps, less {result.ClockNs:0} ns for the clock. Sessions take turns of 1,000 steps.");
        Line($"");
        Line($"  {"",-21} {"median",9} {"p99",9} {"p99.9",9} {"max",10}");
        foreach (var model in result.Models)
        {
            string allocated = model.AllocatedBytes == 0 ? "0" : model.AllocatedBytes.ToString("N0", CultureInfo.InvariantCulture);
            Line($"  {model.Name}  {model.Net}: {model.MultiplyAdds:N0} multiply-adds, {allocated} bytes allocated");
            Row("EdgeRnn int8", model.EdgernnUs);
            Row("EdgeRnn int8x16", model.EdgernnInt8x16Us);
            Row("EdgeRnn float32", model.EdgernnFloat32Us);
            Row("ONNX Runtime float32", model.OnnxruntimeFloat32Us);
            if (model.OnnxruntimeInt8Us is { } int8)
                Row("ONNX Runtime int8", int8);
            else
                Line($"     ONNX Runtime int8     none: it quantizes the LSTM only");
        }
        Line($"");
        Line($"Times faster than ONNX Runtime: int8 and int8x16 than its better session,");
        Line($"float32 than float32; [to reach]. Then multiply-adds a nanosecond of the int8");
        Line($"step, of its bare matrix products, and the share of their rate that it keeps.");
        Line($"");
        Line($"     {"int8",-15}{"int8x16",-15}{"float32",-15} {"MAC/ns",8} {"bare MAC/ns",12} {"share",6}");
        foreach (var model in result.Models)
        {
            string ratios = Ratio(model.Ratio, model.Target) + Ratio(model.RatioInt8x16, model.TargetInt8x16)
                + Ratio(model.RatioFloat32, model.TargetFloat32);
            Line($"  {model.Name}  {ratios} {model.MacPerNs,8:0.0} {model.BareMacPerNs,12:0.0} {model.BareShare,6:0 %}");
        }
        Line($"");
        Line($"Largest difference of a score from EdgeRnn float32 in 1,000 steps; tolerance");
        Line($"{ScoreDifferences.FloatTolerance:0.00000} for float32, {ScoreDifferences.IntegerTolerance:0.00} for integers (ONNX Runtime int8: reported only).");
        Line($"");
        Line($"  model   ONNX RT float32   ONNX RT int8   EdgeRnn int8   EdgeRnn int8x16");
        foreach (var model in result.Models)
        {
            var scores = model.Scores;
            string peer = scores.OnnxruntimeInt8 is { } value ? value.ToString("0.00000", CultureInfo.InvariantCulture) : "-";
            Line($"  {model.Name}       {scores.OnnxruntimeFloat32,15:0.0e+00}   {peer,12}   {scores.Int8,12:0.00000}   {scores.Int8x16,15:0.00000}");
        }
        return text.ToString().TrimEnd();

        void Line(FormattableString line) => text.AppendLine(line.ToString(CultureInfo.InvariantCulture));

        void Row(string session, StepTimes us) =>
            Line($"     {session,-20} {us.Median,7:0.000} {us.P99,9:0.000} {us.P999,9:0.000} {us.Max,10:0.0}");
    }

    private static string Ratio(double reached, double target)
    {
        string bracket = target == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"[{target:0.0}]");
        return string.Create(CultureInfo.InvariantCulture, $"{reached,5:0.0} {bracket,-9}");
    }
}

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
        Line($"{result.Processor}; kernel {result.Kernel}; EdgeRnn {result.Versions.Edgernn}, .NET {result.Versions.Dotnet},");
        Line($"ONNX Runtime {result.Versions.Onnxruntime}; {result.Steps:N0} steps each, one thread, batch 1, softmax included.");
        Line($"Microseconds a step. Median: blocks of 100 steps. p99, p99.9, max: single steps,");
        Line($"less {result.ClockNs:0} ns for the clock. Sessions take turns of 1,000 steps.");
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
        Line($"Times faster than ONNX Runtime (int8, int8x16: than its better session; float32:");
        Line($"than float32), target in brackets; multiply-adds a nanosecond of the int8 step and");
        Line($"of its bare matrix products, and the share that the step keeps.");
        Line($"");
        Line($"     {"int8",-15}{"int8x16",-15}{"float32",-15} {"MAC/ns",9} {"bare MAC/ns",12} {"share",7}");
        foreach (var model in result.Models)
        {
            string ratios = Ratio(model.Ratio, model.Target) + Ratio(model.RatioInt8x16, model.TargetInt8x16)
                + Ratio(model.RatioFloat32, model.TargetFloat32);
            Line($"  {model.Name}  {ratios} {model.MacPerNs,9:0.0} {model.BareMacPerNs,12:0.0} {model.BareShare,7:0 %}");
        }
        Line($"");
        Line($"Largest difference of a score from EdgeRnn float32 in 1,000 steps (tolerance:");
        Line($"float32 {ScoreDifferences.FloatTolerance:0.00000}, integers {ScoreDifferences.IntegerTolerance:0.00}; ONNX Runtime's int8 is only reported):");
        Line($"");
        Line($"  model   ONNX RT float32   ONNX RT int8   EdgeRnn int8   EdgeRnn int8x16");
        foreach (var model in result.Models)
        {
            var scores = model.Scores;
            string peer = scores.OnnxruntimeInt8 is { } value ? value.ToString("0.00000", CultureInfo.InvariantCulture) : "-";
            Line($"  {model.Name}       {scores.OnnxruntimeFloat32,15:0.0e+00}   {peer,12}   {scores.Int8,12:0.00000}   {scores.Int8x16,15:0.00000}");
        }
        return text.ToString();

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

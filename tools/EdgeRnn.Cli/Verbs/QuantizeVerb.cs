using System.CommandLine;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn quantize</c>: a float model as the integers that a board runs.</summary>
internal static class QuantizeVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var model = SharedOptions.Model();
        var calibrate = SharedOptions.Data(
            "--calibrate", "Data that shows the ranges of the signals; training data serve well.", required: true);
        var evaluate = SharedOptions.Data("--evaluate", "Data on which both models are compared.");
        var precision = SharedOptions.Named(
            "--precision", "NAME", "int8, or int8x16 for int16 activations.", "int8", SharedOptions.ParsePrecision);
        var decide = SharedOptions.Decide();
        var output = SharedOptions.Out("FILE", "The quantized model.");
        var threads = SharedOptions.Threads();
        var force = SharedOptions.Force();
        var json = SharedOptions.Json();
        var command = new Command("quantize", "Quantize a float model.")
        {
            model, calibrate, evaluate, precision, decide, output, threads, force, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var terminal = new Terminal(parsed, parsed.GetValue(json));
            string path = parsed.GetRequiredValue(output);
            SharedOptions.RefuseOutput(path, parsed.GetValue(force), parsed.GetRequiredValue(model));
            var floating = SharedOptions.LoadModel(parsed.GetRequiredValue(model));
            if (floating.Precision != Precision.Float32)
            {
                throw new UserException(
                    $"'{parsed.GetRequiredValue(model)}' is quantized already " +
                        $"({SharedOptions.NameOf(floating.Precision)}); "
                    + "give the float32 model it was made from.");
            }

            var calibration = terminal.Load(parsed.GetRequiredValue(calibrate)!).AlignedTo(floating);
            var data = parsed.GetValue(evaluate) is { } spec ? terminal.Load(spec).AlignedTo(floating) : null;

            var quantized = Calibration.Quantize(
                floating, calibration, SharedOptions.ParsePrecision(parsed.GetRequiredValue(precision)));
            cancellation.ThrowIfCancellationRequested();
            var (before, after) = data is null
                ? (null, null)
                : Compare(floating, quantized, data, parsed.GetValue(threads));
            cancellation.ThrowIfCancellationRequested();
            // An accuracy in a model is that of its own precision, so the float model's is not handed on.
            quantized = quantized with
            {
                Decision = parsed.GetValue(decide) is { } rules
                    ? SharedOptions.Decision(rules, floating.Labels, floating.SampleRateHz)
                    : floating.Decision,
                Training = floating.Training is { } t ? t with { TestAccuracy = (float)(after?.Accuracy ?? 0) } : null,
            };
            ModelWriter.Save(path, quantized, parsed.GetValue(force));
            long floatBytes = new FileInfo(parsed.GetRequiredValue(model)).Length;
            Report(terminal, path, floatBytes, quantized.Precision, before, after);
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }

    private static (Evaluation Before, Evaluation After) Compare(
        RnnModel floating, RnnModel quantized, SequenceDataset data, int threads) =>
        (Evaluator.Evaluate(floating, data, threads), Evaluator.Evaluate(quantized, data, threads));

    private static void Report(
        Terminal terminal, string path, long floatBytes, Precision precision, Evaluation? before, Evaluation? after)
    {
        long bytes = new FileInfo(path).Length;
        var json = new JsonObject
        {
            ["model"] = path,
            ["precision"] = SharedOptions.NameOf(precision),
            ["bytes"] = bytes,
            ["float_bytes"] = floatBytes,
        };
        List<(string, string)> facts =
        [
            ("model", path),
            ("precision", SharedOptions.NameOf(precision)),
            ("size", $"{Figures.Bytes(bytes)}, {(double)bytes / floatBytes:0.000} of {Figures.Count(floatBytes)}"),
        ];
        if (before is not null && after is not null)
        {
            if (after.Errors.Count > 0)
            {
                json["values_float"] = EvaluationText.Errors(before);
                json["values"] = EvaluationText.Errors(after);
                facts.AddRange(EvaluationText.Facts(after));
                facts.AddRange(EvaluationText.Facts(before, "float32 "));
            }
            else
            {
                json["accuracy_float"] = before.Accuracy;
                json["accuracy"] = after.Accuracy;
                facts.Add(("accuracy", EvaluationText.Accuracy(after)));
                facts.Add(("float32", Figures.Percent(before.Accuracy)));
            }
        }

        terminal.Result(json, Terminal.Facts(facts));
    }
}

using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using EdgeRnn.Features;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn run</c>: raw outputs for an array of sequences, for comparison with other programs.</summary>
internal static class RunVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var model = SharedOptions.Model();
        var input = SharedOptions.Required(
            "--input", "FILE",
                "X.npy with readings, [n, steps, channels] of float32, in the sensor's units; or a .wav file.");
        var output = SharedOptions.Required(
            "--output", "Y.npy", "Scores or values: [n, labels]; [n, steps, labels] of a continuous model, or one " +
                "with an output at each step.");
        var force = SharedOptions.Force();
        var json = SharedOptions.Json();
        var command = new Command("run", "Compute the scores of sequences in a NumPy file.")
        {
            model, input, output, force, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            string path = parsed.GetRequiredValue(output);
            SharedOptions.RefuseOutput(
                path, parsed.GetValue(force), parsed.GetRequiredValue(model), parsed.GetRequiredValue(input));
            var loaded = SharedOptions.LoadModel(parsed.GetRequiredValue(model));
            var (readings, count, steps) = loaded.Features is null
                ? Readings(loaded, parsed.GetRequiredValue(input))
                : FeaturesOf(loaded, parsed.GetRequiredValue(input));

            var clock = Stopwatch.StartNew();
            float[] scores = Scores(loaded, readings, count, steps, cancellation);
            double seconds = clock.Elapsed.TotalSeconds;
            int labels = loaded.Labels.Count;
            int[] shape = loaded.StreamMode == StreamMode.Continuous || loaded.Pooling == Pooling.EachStep
                ? [count, steps, labels]
                : [count, labels];
            AtomicFile.Write(path, stream => NpyArray.Write(stream, shape, scores), parsed.GetValue(force));
            var facts = new JsonObject
            {
                ["samples"] = count,
                ["steps"] = (long)count * steps,
                ["shape"] = new JsonArray([.. shape.Select(size => JsonValue.Create(size))]),
                ["output"] = path,
                ["precision"] = SharedOptions.NameOf(loaded.Precision),
                ["seconds"] = Math.Round(seconds, 3),
            };
            new Terminal(parsed, parsed.GetValue(json)).Result(facts, Terminal.Facts(
                ("output", path),
                ("shape", $"({string.Join(", ", shape)})"),
                ("time", $"{seconds:0.00} s")));
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }

    private static (float[] Readings, int Count, int Steps) Readings(RnnModel model, string path)
    {
        var array = NpyArray.Read(path);
        return array.Shape is [_, > 0, var channels] && channels == model.InputSize
            ? (array.ToFloats(), array.Shape[0], array.Shape[1])
            : throw new UserException(
                $"{array.Path} has shape ({string.Join(", ", array.Shape)}), "
                + $"expected (n, steps, {model.InputSize}) for this model; reshape it.");
    }

    private static (float[] Readings, int Count, int Steps) FeaturesOf(RnnModel model, string path)
    {
        if (!path.EndsWith(".wav", StringComparison.OrdinalIgnoreCase))
            throw new UserException(
                $"'{path}' is no .wav file, and the model hears sound ({model.Features}); give a recording.");
        var (format, samples) = WavFile.Read(path);
        float[] features = new FrontEnd(model.Features!, format.RateHz).Run(samples);
        return features.Length > 0
            ? (features, 1, features.Length / model.InputSize)
            : throw new UserException(
                $"{path} has {samples.Length} samples, too few for a step of {model.Features}; record more.");
    }

    private static float[] Scores(
        RnnModel model, float[] readings, int count, int steps, CancellationToken cancellation)
    {
        if (model.StreamMode == StreamMode.Continuous)
            model = model with { Pooling = Pooling.EachStep };
        var runner = new SequenceRunner(model);
        int size = steps * model.InputSize, outputs = runner.OutputsOf(steps) * model.Labels.Count;
        var scores = new float[checked((long)count * outputs)];
        for (int i = 0; i < count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            runner.Run(readings.AsSpan(i * size, size), scores.AsSpan(i * outputs, outputs));
        }

        return scores;
    }
}

using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
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
            "--input", "X.npy", "Readings, [n, steps, channels] of float32, in the sensor's units.");
        var output = SharedOptions.Required(
            "--output", "Y.npy", "Scores or values: [n, labels]; [n, steps, labels] of a continuous model, or one with an output at each step.");
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
            var array = NpyArray.Read(parsed.GetRequiredValue(input));
            if (array.Shape is not [_, > 0, var channels] || channels != loaded.InputSize)
            {
                throw new UserException(
                    $"{array.Path} has shape ({string.Join(", ", array.Shape)}), "
                    + $"expected (n, steps, {loaded.InputSize}) for this model; reshape it.");
            }

            var clock = Stopwatch.StartNew();
            float[] scores = Scores(loaded, array.ToFloats(), array.Shape[0], array.Shape[1], cancellation);
            double seconds = clock.Elapsed.TotalSeconds;
            int labels = loaded.Labels.Count;
            int[] shape = loaded.StreamMode == StreamMode.Continuous || loaded.Pooling == Pooling.EachStep
                ? [array.Shape[0], array.Shape[1], labels]
                : [array.Shape[0], labels];
            AtomicFile.Write(path, stream => NpyArray.Write(stream, shape, scores), parsed.GetValue(force));
            var facts = new JsonObject
            {
                ["samples"] = array.Shape[0],
                ["steps"] = (long)array.Shape[0] * array.Shape[1],
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

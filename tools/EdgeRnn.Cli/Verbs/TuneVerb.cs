using System.CommandLine;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Spotting;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn tune</c>: decision rules that keep a rate of false accepts, written into the model.</summary>
internal static class TuneVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var model = SharedOptions.Model();
        var data = SharedOptions.Data(
            "--data", "Long recordings with labels (room: or long:), of speakers that training has not heard.",
            required: true);
        var falseAccepts = SharedOptions.Number(
            "--false-accepts", "Most false accepts an hour [default: 1]", 0, 1e6f);
        var tolerance = SpottingOutput.Tolerance();
        var output = SharedOptions.Out("FILE", "The model with its rules.");
        var force = SharedOptions.Force();
        var json = SharedOptions.Json();
        var command = new Command("tune", "Choose how scores become labels: smoothing, thresholds, times.")
        {
            model, data, falseAccepts, tolerance, output, force, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var terminal = new Terminal(parsed, parsed.GetValue(json));
            string path = parsed.GetRequiredValue(output);
            SharedOptions.RefuseOutput(path, parsed.GetValue(force), parsed.GetRequiredValue(model));
            var loaded = SharedOptions.LoadModel(parsed.GetRequiredValue(model));
            float allowed = parsed.GetValue(falseAccepts) ?? 1;
            float seconds = parsed.GetValue(tolerance) ?? SpottingOutput.UsualTolerance;
            var recordings = terminal.Load(parsed.GetRequiredValue(data)!);
            var scores = StreamScores.Of(loaded, recordings, cancellation);
            if (allowed * scores.Hours < 1)
                terminal.Say(FormattableString.Invariant(
                    $"note: {60 * scores.Hours:0.#} minutes are too few to allow a single false accept at {allowed} an hour; longer recordings tell more"));
            var before = scores.Decide(loaded.Decision, seconds);
            var tuned = new RuleTuner(scores, allowed, seconds).Run(null, cancellation);
            ModelWriter.Save(path, loaded with { Decision = tuned.Rules }, parsed.GetValue(force));
            string rules = tuned.Rules.ToText(loaded.Labels);
            var result = SpottingOutput.Json(tuned.Result);
            result.Insert(0, "model", path);
            result.Insert(1, "decide", rules);
            result["before"] = SpottingOutput.Json(before);
            terminal.Result(result, Terminal.Facts(
            [
                ("model", path), ("rules", rules), .. SpottingOutput.Facts(tuned.Result),
                ("before", $"{Figures.Percent(before.MissRate)} missed, {Figures.Short(before.FalseAcceptsPerHour)} false accepts/h"),
            ]));
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }
}

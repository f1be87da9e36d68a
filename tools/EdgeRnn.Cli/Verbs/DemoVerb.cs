using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn demo</c>: the whole chain in one command.</summary>
internal static class DemoVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var isShort = new Option<bool>("--short")
        {
            Description = "Fewer gestures, fewer epochs, no waiting: some seconds instead of a minute.",
        };
        var speech = new Option<bool>("--speech")
        {
            Description = "Digits that espeak-ng speaks, in place of gestures: trained on, and spotted in a stream.",
        };
        var seed = SharedOptions.Seed();
        var host = new Option<string?>("--host")
        {
            HelpName = "COMMAND",
            Description = "The host with what goes before it [default: the one built in this repository]",
        };
        var output = new Option<string?>("--out")
        {
            HelpName = "DIR",
            Description = "Keep the models and a report in this folder.",
        };
        var force = SharedOptions.Force();
        var json = SharedOptions.Json();
        var command = new Command("demo", "Train, quantize and stream to the board's program, on made-up gestures or speech.")
        {
            isShort, speech, seed, host, output, force, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var clock = Stopwatch.StartNew();
            var terminal = new Terminal(parsed, parsed.GetValue(json));
            string? kept = parsed.GetValue(output);
            string folder = kept ?? Directory.CreateTempSubdirectory("edgernn-demo-").FullName;
            try
            {
                if (parsed.GetValue(speech))
                {
                    var heard = new SpeechDemo(
                        terminal, parsed.GetValue(isShort), parsed.GetValue(seed), folder, parsed.GetValue(force),
                        cancellation).Run(parsed.GetValue(host));
                    Report(terminal, heard, kept, clock.Elapsed);
                    return Task.FromResult(heard.Passed ? CommandLine.Done : CommandLine.Failed);
                }
                var run = new DemoRun(
                    terminal, parsed.GetValue(isShort), parsed.GetValue(seed), folder, kept is not null,
                    parsed.GetValue(force), cancellation);
                var figures = run.Run(parsed.GetValue(host));
                Report(terminal, figures, kept, clock.Elapsed);
                return Task.FromResult(figures.Passed ? CommandLine.Done : CommandLine.Failed);
            }
            finally
            {
                if (kept is null)
                    Directory.Delete(folder, recursive: true);
            }
        });
        return command;
    }

    private static void Report(Terminal terminal, DemoFigures f, string? folder, TimeSpan time)
    {
        var json = new JsonObject
        {
            ["passed"] = f.Passed,
            ["report"] = f.Page,
            ["gestures"] = f.Gestures,
            ["accuracy_linear"] = f.LinearAccuracy,
            ["accuracy_float"] = f.Float.Accuracy,
            ["accuracy"] = f.Int8.Accuracy,
            ["accuracy_wire"] = f.WireAccuracy,
            ["wire_matches"] = f.WireMatches,
            ["lost"] = f.Account.Expected - f.Account.Delivered,
            ["float_bytes"] = f.FloatBytes,
            ["bytes"] = f.ModelBytes,
            ["host"] = f.Host.IsNative ? "native" : "jit",
            ["host_bytes"] = f.Host.Bytes,
            ["step_us"] = Math.Round(f.StepMicroseconds, 3),
            ["wire_us"] = Math.Round(f.MicrosecondsPerStep, 3),
            ["allocated_bytes"] = f.Account.AllocatedBytes,
            ["train_seconds"] = Math.Round(f.Training.Seconds, 3),
            ["seconds"] = Math.Round(time.TotalSeconds, 3),
        };
        var table = new Table().SimpleBorder().HideHeaders();
        table.AddColumn("").AddColumn("", column => column.RightAligned()).AddColumn("");
        void Row(string name, string value, string note = "") =>
            table.AddRow(new Text(name), new Text(value), new Text(note));
        Row("accuracy, linear on means", Figures.Percent(f.LinearAccuracy));
        Row("accuracy, LSTM float32", Figures.Percent(f.Float.Accuracy), $"{f.FloatBytes:N0} bytes");
        Row("accuracy, LSTM int8", Figures.Percent(f.Int8.Accuracy), $"{f.ModelBytes:N0} bytes");
        Row(
            "accuracy over the wire", Figures.Percent(f.WireAccuracy),
            $"{f.WireMatches} of {f.Gestures} labels as offline");
        Row("readings lost", Figures.Count(f.Account.Expected - f.Account.Delivered), $"of {f.Account.Expected:N0}");
        Row("a step of the network", Figures.Microseconds(f.StepMicroseconds));
        Row(
            "a step from wire to label", Figures.Microseconds(f.MicrosecondsPerStep),
            "line, decoding, output");
        Row("allocated while streaming", Figures.Bytes(f.Account.AllocatedBytes));
        Row(
            "the host's binary", f.Host.Bytes is { } bytes ? Figures.Bytes(bytes) : "left out",
            f.Host.IsNative ? "native" : "no native build here");
        terminal.Result(json, table, new Text(Closing(f, folder, time)));
    }

    private static void Report(Terminal terminal, SpeechFigures f, string? folder, TimeSpan time)
    {
        var json = new JsonObject
        {
            ["passed"] = f.Passed,
            ["spoken"] = f.Digits.Count,
            ["spotted"] = f.Spotted,
            ["missed"] = new JsonArray([.. f.Digits.Where(d => d.HeardAt is null).Select(d => JsonValue.Create(d.Word))]),
            ["wrong"] = f.Wrong,
            ["other_words"] = f.OtherWords,
            ["delay_ms"] = Math.Round(1000 * f.DelaySeconds),
            ["stream_seconds"] = Math.Round(f.StreamSeconds, 3),
            ["float_bytes"] = f.FloatBytes,
            ["bytes"] = f.Bytes,
            ["host"] = f.Host.IsNative ? "native" : "jit",
            ["allocated_bytes"] = f.Account.AllocatedBytes,
            ["train_seconds"] = Math.Round(f.Training.Seconds, 3),
            ["seconds"] = Math.Round(time.TotalSeconds, 3),
        };
        string models = folder is null ? "" : $" Models, words and stream are in {folder}.";
        terminal.Result(json, Terminal.Facts(
            ("digits spotted", $"{f.Spotted} of {f.Digits.Count}, by voices that training never heard"),
            ("heard wrongly", $"{f.Wrong}, with {f.OtherWords} other words said, in noise at 20 dB"),
            ("label after word", $"{1000 * f.DelaySeconds:0} ms, the median"),
            ("the model", $"{f.Bytes:N0} bytes in int8, {f.FloatBytes:N0} in float32"),
            ("allocated while streaming", Figures.Bytes(f.Account.AllocatedBytes))),
            new Text((f.Passed ? "The board's program spots digits." : "FAILED: too few were spotted, or too many made up.")
                + $"{models} {time.TotalSeconds:0} seconds."));
    }

    private static string Closing(DemoFigures f, string? folder, TimeSpan time)
    {
        string verdict = f.Passed
            ? "The board's program said exactly what the trainer said it would."
            : "FAILED: the board's program did not keep to what the trainer said.";
        string models = folder is null ? "" : $" The models are in {folder}.";
        models += f.Page is null ? "" : $" The report is {f.Page}.";
        return $"{verdict}{models} {time.TotalSeconds:0} seconds.";
    }
}

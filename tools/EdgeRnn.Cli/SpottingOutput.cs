using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Report;
using EdgeRnn.Trainer.Spotting;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace EdgeRnn.Cli;

/// <summary>Words spotted in long recordings, for people and for programs.</summary>
internal static class SpottingOutput
{
    /// <summary>Seconds after its end in which a word may still be hit, unless the user says otherwise.</summary>
    public const float UsualTolerance = 0.75f;

    /// <summary><c>--tolerance</c></summary>
    public static Option<float?> Tolerance() => SharedOptions.Number(
        "--tolerance",
        FormattableString.Invariant(
            $"In long recordings: seconds after its end in which a word may still be hit [default: {UsualTolerance}]"),
        0, 60);

    /// <summary>Counts and delays, as facts.</summary>
    public static IEnumerable<(string, string)> Facts(SpottingResult result) =>
    [
        ("missed", $"{Figures.Percent(result.MissRate)} of {Figures.Count(result.Words)} keywords"),
        ("false accepts",
            $"{Figures.Short(result.FalseAcceptsPerHour)} an hour, {Figures.Count(result.FalseAccepts)} in "
            + $"{Figures.Time(TimeSpan.FromHours(result.Hours))}"),
        ("delay", result.DelayMs(0.5) is { } median
            ? FormattableString.Invariant(
                $"{median:0} ms after the end of the word (median), {result.DelayMs(0.95):0} ms (95 % of hits)")
            : "no word was hit"),
    ];

    /// <summary>The same as JSON.</summary>
    public static JsonObject Json(SpottingResult result) => new()
    {
        ["hours"] = Math.Round(result.Hours, 6),
        ["keywords"] = result.Words,
        ["missed"] = result.Missed,
        ["miss_rate"] = result.MissRate,
        ["false_accepts"] = result.FalseAccepts,
        ["false_accepts_per_hour"] = result.FalseAcceptsPerHour,
        ["delay_ms_median"] = Rounded(result.DelayMs(0.5)),
        ["delay_ms_95"] = Rounded(result.DelayMs(0.95)),
        ["per_keyword"] = new JsonArray([.. result.Keywords.Select(k => new JsonObject
        {
            ["label"] = k.Label,
            ["said"] = k.Words,
            ["missed"] = k.Missed,
            ["miss_rate"] = k.MissRate,
            ["false_accepts"] = k.FalseAccepts,
        })]),
    };

    /// <summary>Says all of it on the terminal.</summary>
    public static void Report(
        Terminal terminal, SpottingReport report, RnnModel model, LongAudio audio, double seconds, JsonObject files)
    {
        var result = report.Result;
        var json = Json(result);
        json["precision"] = SharedOptions.NameOf(model.Precision);
        json["decide"] = report.Rules.ToText(model.Labels);
        json["tolerance_s"] = report.Tolerance;
        json["trade_off"] = new JsonArray([.. report.TradeOff.Select(p => new JsonObject
        {
            ["threshold"] = p.Threshold,
            ["miss_rate"] = p.Result.MissRate,
            ["false_accepts_per_hour"] = p.Result.FalseAcceptsPerHour,
        })]);
        json["seconds"] = Math.Round(seconds, 3);
        List<(string, string)> facts =
        [
            ("recordings", FormattableString.Invariant(
                $"{60 * audio.Hours:0.#} minutes with {Figures.Count(audio.Recordings.Sum(r => r.Spans.Count))} words")),
            .. Facts(result), ("rules", report.Rules.ToText(model.Labels)),
            ("precision", SharedOptions.NameOf(model.Precision)), ("time", $"{Figures.Short(seconds)} s"),
        ];
        foreach (var (name, file) in files.ToList())
        {
            facts.Add((name, (string)file!));
            json[name] = (string)file!;
        }

        var table = new Table().Border(TableBorder.Simple).AddColumn("keyword");
        foreach (string column in (string[])["said", "missed", "miss rate", "false accepts"])
            table.AddColumn(new TableColumn(column).RightAligned());
        foreach (var k in result.Keywords)
            table.AddRow(Markup.Escape(k.Label), Figures.Count(k.Words), Figures.Count(k.Missed),
                Figures.Percent(k.MissRate), Figures.Count(k.FalseAccepts));
        terminal.Result(json, (IRenderable[])[Terminal.Facts(facts), table]);
    }

    /// <summary>
    /// Writes a row for each report, <c>recording,step,seconds,label,score,delay_ms</c>; a false accept has no delay.
    /// </summary>
    public static void WriteReports(
        string path, SpottingResult result, IReadOnlyList<string> labels, LongAudio audio, bool overwrite)
    {
        var text = new StringBuilder("recording,step,seconds,label,score,delay_ms\n");
        foreach (var r in result.Reports)
            text.Append(CultureInfo.InvariantCulture,
                $"\"{audio.Recordings[r.Recording].Name}\",{r.Step},{r.Seconds:0.######},{labels[r.Label]},{r.Score:R},{Rounded(1000 * r.Delay)}\n");
        AtomicFile.Write(path, Encoding.UTF8.GetBytes(text.ToString()), overwrite);
    }

    /// <summary>Writes the page, or says why it cannot be drawn.</summary>
    public static bool WritePage(string path, Terminal terminal, SpottingReport report) =>
        RunPage.WriteDrawn(path, terminal, () => SpottingPage.Write(report));

    private static double? Rounded(double? ms) => ms is { } value ? Math.Round(value, 3) : null;
}

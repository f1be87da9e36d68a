using System.Text;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Report;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace EdgeRnn.Cli.Sweep;

/// <summary>A sweep: its runs, so many at a time, and what follows from them.</summary>
internal sealed class SweepJob
{
    private SweepScore? _measure;

    /// <summary>The choices.</summary>
    public required SweepGrid Grid { get; init; }

    /// <summary>Options of all runs, with their values.</summary>
    public required IReadOnlyList<(string Name, string[] Values)> Fixed { get; init; }

    /// <summary>The training data.</summary>
    public required SequenceDataset Data { get; init; }

    /// <summary>Seed of the first run of each choice.</summary>
    public required int FirstSeed { get; init; }

    /// <summary>Runs of each choice.</summary>
    public required int Seeds { get; init; }

    /// <summary>Runs at a time.</summary>
    public required int Jobs { get; init; }

    private SweepScore Measure => _measure ??= new(
        Data, Fixed.Where(f => f.Name == "--loss").Select(f => f.Values.FirstOrDefault()).FirstOrDefault());

    private string ChosenBy
    {
        get
        {
            string? Value(string name) =>
                Fixed.Where(f => f.Name == name).Select(f => f.Values.FirstOrDefault() ?? "").FirstOrDefault();
            if (Value("--folds") is { } folds)
                return $"{folds} folds";
            return Value("--leave-one-group-out") is not null
                ? "leaving one group out"
                : $"validation ({Value("--validation")})";
        }
    }

    /// <summary>Runs what is not done yet, and reports.</summary>
    public async Task<int> RunAsync(string folder, Terminal terminal, CancellationToken cancellation)
    {
        var runs = Runs(folder);
        using var folderLock = Lock(folder);
        var open = runs.Where(run => !run.IsDone()).ToList();
        string done = open.Count < runs.Count ? $", {runs.Count - open.Count} of them done" : "";
        terminal.Say($"{runs.Count / Seeds} choices × {Seeds} seeds: {runs.Count} runs{done}; " +
            $"{Math.Min(Jobs, runs.Count)} at a time");
        var models = Untrained(runs);
        using (StepTimer.WarmUp(models))
            await RunAll(open, runs.Count, terminal, cancellation);
        if (cancellation.IsCancellationRequested)
        {
            int left = runs.Count(run => run.Result is null);
            terminal.Say($"Stopped on request with {left} of {runs.Count} runs to do; the same command goes on.");
            return CommandLine.Stopped;
        }

        // Side by side, once all is quiet.
        var report = Report(runs, StepTimer.Microseconds(models));
        var json = Write(folder, report);
        terminal.Result(json, Views(report, folder));
        return runs.All(run => run.Result is not null) ? CommandLine.Done : CommandLine.Failed;
    }

    /// <summary>All runs; every command line is read before the first of them begins.</summary>
    private List<SweepRun> Runs(string folder)
    {
        string digest = Data.Digest();
        string[] common = [.. Fixed.SelectMany(f => f.Values.Prepend(f.Name))];
        var runs = new List<SweepRun>();
        foreach (var point in Grid.Points())
        {
            string[] arguments = [.. common, .. Grid.Arguments(point, Data.Labels.Count)];
            string net = Check(point, arguments);
            for (int seed = FirstSeed; seed < FirstSeed + Seeds; seed++)
                runs.Add(new(Path.Combine(folder, "runs"), point, seed, arguments, digest) { Net = net });
        }

        return runs;
    }

    /// <summary>Refuses what <c>train</c> would refuse; gives the network.</summary>
    private string Check(IReadOnlyList<(string Name, string Value)> point, string[] arguments)
    {
        string choice = string.Join(' ', point.Select(p => $"{p.Name}={p.Value}"));
        var parsed = TrainVerb.Create().Parse([.. arguments, "--out", "x"]);
        if (parsed.Errors.Count > 0)
            throw new UsageException($"--grid {choice}: {parsed.Errors[0].Message.TrimEnd('.')}.");
        string net = parsed.GetValue<string>("--net") ?? $"lstm:64,dense:{Data.Labels.Count}";
        try
        {
            Network.Parse(net, Data.Channels.Count);
            return net;
        }
        catch (UserException e)
        {
            throw new UsageException($"--grid {choice}: {e.Message}", e);
        }
    }

    private static FileStream Lock(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            // Held until the process ends, in whichever way.
            return new(Path.Combine(folder, "sweep.lock"), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException(
                $"'{folder}' cannot be used: {e.Message.TrimEnd('.')}; wait for the sweep that works there, or name " +
                    "another folder.", e);
        }
    }

    private async Task RunAll(List<SweepRun> open, int all, Terminal terminal, CancellationToken cancellation)
    {
        int done = all - open.Count;
        var options = new ParallelOptions { MaxDegreeOfParallelism = Jobs };
        await Parallel.ForEachAsync(open, options, async (run, _) =>
        {
            if (cancellation.IsCancellationRequested)
                return;
            await run.RunAsync(cancellation);
            if (cancellation.IsCancellationRequested)
                return;
            string choice = string.Join(' ', run.Point.Select(p => $"{p.Name}={p.Value}"));
            string outcome = run.Failure
                ?? $"{Measure.Shown.Name} {Measure.Text(run.Result!)}";
            lock (open)
                terminal.Say($"{++done}/{all}  {choice}  seed {run.Seed}  {outcome}");
        });
    }

    /// <summary>
    /// A model of each choice to be timed: time does not depend on weights, so that networks as they are before
    /// training will do.
    /// </summary>
    private List<RnnModel> Untrained(List<SweepRun> runs) => [.. runs.Chunk(Seeds).Select(r =>
    {
        var model = Network.Parse(r[0].Net, Data.Channels.Count).ToModel(Data);
        return ModelSummary.InAllPrecisions(model, Data.Subset([0]))[^1];
    })];

    private SweepReport Report(List<SweepRun> runs, IReadOnlyList<double> times) => new()
    {
        Data = Data.Name,
        ChosenBy = ChosenBy,
        Seeds = Seeds,
        Fixed = [.. Fixed.Select(
            f => (f.Name.TrimStart('-'), f.Values.Length == 0 ? "yes" : string.Join(' ', f.Values)))],
        Measure = Measure.Shown,
        Rows = SweepReport.Ranked(runs.Chunk(Seeds).Zip(times, Row), Measure.Shown),
        ToolVersion = CommandLine.Version,
    };

    private SweepRow Row(SweepRun[] runs, double microseconds)
    {
        var results = runs.Select(run => run.Result).OfType<JsonObject>().ToList();
        return new()
        {
            Options = runs[0].Point,
            FloatScores = [.. results.Select(r => Measure.Of(r, "")).OfType<double>()],
            Int8Scores = [.. results.Select(r => Measure.Of(r, "int8_")).OfType<double>()],
            Int8Bytes = results.Select(r => (long?)r["int8_bytes"]).FirstOrDefault(),
            Microseconds = Math.Round(microseconds, 3),
            Failures = [.. runs.Where(run => run.Failure is not null).Select(run => $"seed {run.Seed}: {run.Failure}")],
        };
    }

    private static JsonObject Write(string folder, SweepReport report)
    {
        string page = Path.Combine(folder, "sweep.html"), picture = Path.Combine(folder, "sweep.svg");
        AtomicFile.Write(page, Encoding.UTF8.GetBytes(SweepPage.Write(report)), overwrite: true);
        AtomicFile.Write(picture, Encoding.UTF8.GetBytes(SweepPage.Picture(report)), overwrite: true);
        var json = new JsonObject
        {
            ["data"] = report.Data,
            ["chosen_by"] = report.ChosenBy,
            ["measure"] = report.Measure.Name,
            ["seeds"] = report.Seeds,
            ["choices"] = new JsonArray([.. report.Rows.Select(row => Describe(row, report.Measure))]),
            ["report"] = page,
            ["picture"] = picture,
        };
        AtomicFile.Write(
            Path.Combine(folder, "sweep.json"), Encoding.UTF8.GetBytes(json.ToJsonString() + "\n"), overwrite: true);
        return json;
    }

    private static JsonNode Describe(SweepRow row, SweepMeasure measure)
    {
        var (one, many) = measure.IsError ? ("error", "errors") : ("accuracy", "accuracies");
        bool isDone = row.Scores.Count > 0;
        return new JsonObject
        {
            ["options"] = new JsonObject(row.Options.Select(o => KeyValuePair.Create(o.Name, (JsonNode?)o.Value))),
            [one] = isDone ? row.Score.Mean : null,
            ["deviation"] = isDone ? row.Score.Deviation : null,
            [$"float_{many}"] = new JsonArray([.. row.FloatScores.Select(a => (JsonNode)a)]),
            [$"int8_{many}"] = new JsonArray([.. row.Int8Scores.Select(a => (JsonNode)a)]),
            ["int8_bytes"] = row.Int8Bytes,
            ["step_us"] = row.Microseconds,
            ["pareto"] = isDone && row.IsOptimal,
            ["failures"] = new JsonArray([.. row.Failures.Select(f => (JsonNode)f)]),
        };
    }

    private static IEnumerable<IRenderable> Views(SweepReport report, string folder)
    {
        var table = new Table().SimpleBorder();
        table.AddColumn(new TableColumn("#").RightAligned().NoWrap());
        table.AddColumn(new TableColumn("choice"));
        foreach (string name in new[] { report.Measure.Title, "int8 bytes", "µs/step" })
            table.AddColumn(new TableColumn(name).RightAligned().NoWrap());
        table.AddColumn(new TableColumn("").NoWrap());
        foreach (var (i, row) in report.Rows.Index())
        {
            table.AddRow(
                new Text($"{i + 1}"), new Text(row.Name),
                new Text(row.Scores.Count == 0 ? "failed" : report.Measure.Spread(row.Scores)),
                new Text(row.Int8Bytes is { } bytes ? Figures.Count(bytes) : "–"),
                new Text(row.Microseconds is { } us ? FormattableString.Invariant($"{us:0.00}") : "–"),
                new Text(row.IsOptimal ? "*" : ""));
        }

        yield return table;
        string note = report.Measure.Note;
        yield return new Text($"* Pareto-optimal: none is as good, as small and as fast, and better in one.\n"
            + (note.Length > 0 ? $"{note}\n" : "")
            + $"Mean and deviation over seeds, by {report.ChosenBy}. {Path.Combine(folder, "sweep.html")} shows more.");
        foreach (string failure in report.Rows.SelectMany(r => r.Failures.Select(f => $"failed: {r.Name}  {f}")))
            yield return new Text(failure);
    }
}

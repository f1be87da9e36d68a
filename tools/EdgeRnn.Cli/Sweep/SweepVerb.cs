using System.CommandLine;
using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Cli.Sweep;

/// <summary>
/// <c>edgernn sweep</c>: trains every choice of a grid with several seeds, and says which are worth having.
/// </summary>
internal static class SweepVerb
{
    // A sweep sets these itself; the test set has no say in a choice.
    private static readonly string[] NotShared =
        ["--out", "--resume", "--force", "--json", "--test", "--help", "--version"];

    // These make runs that cannot be compared.
    private static readonly string[] NotVaried =
        ["--data", "--validation", "--folds", "--leave-one-group-out", "--allow-shared-groups", "--seed"];

    private const string DefaultPart = "0.2";

    /// <summary>Makes the verb: every option of <c>train</c> that makes sense here is one of it as well.</summary>
    public static Command Create()
    {
        var grid = new Option<GridKey[]>("--grid")
        {
            HelpName = "KEY=V,V…",
            Description = "Values to try of cell, hidden, layers or any option below, as in hidden=16,32; may be given "
                + "several times. Values with commas are divided by semicolons.",
            Required = true,
            AllowMultipleArgumentsPerToken = false,
            CustomParser = result =>
                [.. result.Tokens.Select(t => SharedOptions.Parsed(result, _ => GridKey.Parse(t.Value))!)],
        };
        var seeds = SharedOptions.Whole("--seeds", "Runs of each choice, with seeds that follow --seed.", 1, 1000, 3);
        var jobs = SharedOptions.Whole(
            "--jobs", "Runs at a time; each has --threads threads, here 1 unless given.", 1, 256,
            Math.Clamp(Environment.ProcessorCount, 1, 256));
        var output = SharedOptions.Out(
            "DIR", "Folder for sweep.html, sweep.json, sweep.svg and the runs; one that has runs is gone on with.");
        var json = SharedOptions.Json();
        var command = new Command(
            "sweep",
            "Train every choice of a grid in processes of their own; compare accuracy or error, size and time.")
        {
            grid, seeds, jobs, output, json,
        };
        var shared = TrainVerb.Create().Options.Where(o => !NotShared.Contains(o.Name)).ToList();
        foreach (var option in shared)
            command.Add(option);
        command.SetAction((parsed, cancellation) =>
        {
            var terminal = new Terminal(parsed, parsed.GetValue(json));
            string folder = parsed.GetRequiredValue(output);
            var varied = shared.Where(o => !NotVaried.Contains(o.Name));
            var choices = new SweepGrid(parsed.GetRequiredValue(grid), varied);
            if (choices.HasNetworkKeys && IsGiven(parsed, "--net"))
                throw new UsageException(
                    "--net says all of the network; leave it out, or cell, hidden and layers in --grid.");
            var given = shared.Where(o => o.Name != "--seed" && IsGiven(parsed, o.Name))
                .Select(o => (o.Name, Values: parsed.GetResult(o)!.Tokens.Select(t => t.Value).ToArray())).ToList();
            if (!IsGiven(parsed, "--data"))
                throw new UsageException(
                    "--data is missing; name the recordings, e.g. --data csv:recordings?window=100.");
            bool isFolded = IsGiven(parsed, "--folds") || IsGiven(parsed, "--leave-one-group-out");
            if (!isFolded && !IsGiven(parsed, "--validation"))
                given.Add(("--validation", [DefaultPart]));
            if (!IsGiven(parsed, "--threads"))
                given.Add(("--threads", ["1"]));
            var job = new SweepJob
            {
                Grid = choices,
                Fixed = given,
                Data = terminal.Load(DataSpec.Parse(given.Single(g => g.Name == "--data").Values[0])),
                FirstSeed = parsed.GetValue<int>("--seed"),
                Seeds = parsed.GetValue(seeds),
                Jobs = parsed.GetValue(jobs),
            };
            return job.RunAsync(folder, terminal, cancellation);
        });
        return command;
    }

    private static bool IsGiven(ParseResult parsed, string name) => parsed.GetResult(name) is
        System.CommandLine.Parsing.OptionResult { Implicit: false };
}

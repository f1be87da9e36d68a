using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Layers;
using EdgeRnn.Trainer.Training;
using Xunit;

namespace EdgeRnn.Tests;

/// <summary>What the README says is so: its commands run, its C# compiles and its links lead somewhere.</summary>
public sealed partial class ReadmeTests
{
    private const int Rate = 50;

    private static readonly string Text = Read("README.md");

    [Fact]
    public void It_stays_short() => Assert.InRange(Text.Split('\n').Length, 1, 249);

    [Fact]
    public void Its_links_lead_somewhere() => Assert.All(
        Link().Matches(Text), link =>
            Assert.True(File.Exists(Path.Combine(Repository.Root, link.Groups[1].Value)), link.Value));

    [Fact]
    public void Its_commands_run_one_after_another()
    {
        var folder = Directory.CreateTempSubdirectory("edgernn-readme-");
        try
        {
            MakeRecordings(Path.Combine(folder.FullName, "recordings"), files: 6, seed: 1);
            MakeRecordings(Path.Combine(folder.FullName, "later"), files: 2, seed: 2);
            var blocks = Tested().Matches(Text).Select(block => block.Groups[1].Value);
            string[] commands = string.Concat(blocks).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(9, commands.Length);
            var outputs = commands.Select(command => Run(folder.FullName, command)).ToArray();
            int host = Array.FindIndex(
                commands, command => command.StartsWith("edgernn-host ", StringComparison.Ordinal));
            // It reads a swipe.
            Assert.Contains("\"label\":\"swipe\"", outputs[host], StringComparison.Ordinal);
            string runs = Path.Combine(folder.FullName, "runs", "motions");
            Assert.Equal(
                File.ReadAllBytes(Path.Combine(runs, "int8.ernn")),
                    File.ReadAllBytes(Path.Combine(runs, "again.ernn")));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void Its_csharp_is_the_body_of_this_test()
    {
        var data = DataSpec.Load("synthetic:motion?count=6");
        var model = Network.Parse("gru:4,dense:6", 6).ToModel(data);
        string path = Path.GetTempFileName();
        ModelWriter.Save(path, model, overwrite: true);
        var sequence = data.Sequences[0];
        var readings = Enumerable.Range(0, sequence.Steps).Select(t => sequence.Values.Slice(6 * t, 6).ToArray());

        // README begins
        var session = RnnSession.Load(path);
        var scores = new float[session.Model.Labels.Count];
        foreach (float[] reading in readings)
            session.Step(reading, scores);
        string label = session.Model.Labels[Array.IndexOf(scores, scores.Max())];
        // README ends

        File.Delete(path);
        Assert.Equal(Evaluator.Evaluate(model, data, keepPredictions: true).Predictions[0].Scores, scores);
        Assert.Contains(label, data.Labels);
        string source = Read("tests/EdgeRnn.Tests/ReadmeTests.cs");
        Assert.Equal(
            Body().Matches(source).Select(body => Lines(body.Groups[1].Value)),
            CSharp().Matches(Text).Select(code => Lines(code.Groups[1].Value)));
    }

    [Fact]
    public void Its_training_in_csharp_is_the_body_of_this_test()
    {
        var train = DataSpec.Load("synthetic:motion?count=60");
        var test = DataSpec.Load("synthetic:motion?part=test&count=12");
        string path = Path.Combine(Path.GetTempPath(), $"edgernn-readme-{Guid.NewGuid():N}.ernn");

#pragma warning disable xUnit1051 // As a user would write it.
        // README begins
        var network = new Network(train.Channels.Count, new Lstm(32), new Dropout(0.2f), new Dense(train.Labels.Count));
        var history = network.Fit(train, new() { Epochs = 5, ValidationFraction = 0.2, Optimizer = new AdamW() });
        Console.WriteLine($"{history.Summary} {Evaluator.Evaluate(network.ToModel(train), test).Accuracy:P1}");
        ModelWriter.Save(path, SelfTests.Attach(network.ToModel(train)));
        // README ends
#pragma warning restore xUnit1051

        var session = RnnSession.Load(path);
        File.Delete(path);
        Assert.Equal(5, history.Epochs.Count);
        Assert.Equal(4 * 32 * (6 + 32 + 1) + 6 * 33, network.ParameterCount);
        Assert.Equal(train.Labels, session.Model.Labels);
    }

    private static string Read(string file) =>
        File.ReadAllText(Path.Combine(Repository.Root, file)).ReplaceLineEndings("\n");

    private static string[] Lines(string code) =>
        [.. code.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];

    /// <summary>Runs a command as a shell in <paramref name="folder"/> would; programs lie beside the tests.</summary>
    private static string Run(string folder, string command)
    {
        string[] words = [.. Word().Matches(command).Select(word => word.Value.Trim('"'))];
        Assert.Contains(words[0], new[] { "edgernn", "edgernn-host" });
        var start = new ProcessStartInfo(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, words[0] + ".dll"), .. words[1..]])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{command}\n{output}\n{error.Result}");
        return output;
    }

    /// <summary>Two seconds a file of what the README's sensor may have read.</summary>
    private static void MakeRecordings(string folder, int files, int seed)
    {
        var random = new Random(seed);
        foreach (string label in new[] { "circle", "rest", "swipe" })
        {
            Directory.CreateDirectory(Path.Combine(folder, label));
            for (int file = 1; file <= files; file++)
            {
                double phase = random.NextDouble(), size = 0.8 + 0.4 * random.NextDouble();
                var text = new StringBuilder("ax,ay,az\n");
                for (int t = 0; t < 2 * Rate; t++)
                {
                    double turn = 2 * Math.PI * (phase + (double)t / Rate);
                    double x = label == "rest" ? 0 : size * Math.Sin(turn);
                    double z = label == "circle" ? size * Math.Cos(turn) : 0;
                    double Noise() => 0.05 * (random.NextDouble() - 0.5);
                    text.Append(CultureInfo.InvariantCulture, $"{x + Noise():0.000},{Noise():0.000},");
                    text.Append(CultureInfo.InvariantCulture, $"{z - 1 + Noise():0.000}\n");
                }

                File.WriteAllText(Path.Combine(folder, label, $"{file:00}.csv"), text.ToString());
            }
        }
    }

    [GeneratedRegex(@"<!-- tested -->\n```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Tested();

    [GeneratedRegex(@"```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharp();

    [GeneratedRegex(@"// README begins\n(.*?)// README ends", RegexOptions.Singleline)]
    private static partial Regex Body();

    [GeneratedRegex(@"""[^""]*""|\S+")]
    private static partial Regex Word();

    [GeneratedRegex(@"\]\(([^)#:]+)\)")]
    private static partial Regex Link();
}

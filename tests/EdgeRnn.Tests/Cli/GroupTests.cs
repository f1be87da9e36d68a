using System.Globalization;
using EdgeRnn.Tests.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>People and recordings that must not judge what was learnt from them.</summary>
public sealed class GroupTests : IDisposable
{
    private readonly DataFolder _data = new();
    private readonly CliFolder _runs = new();

    [Fact]
    public void Leaving_one_group_out_names_the_worst()
    {
        // Of Cy, up is called down and down up: whoever learns from the others is wrong about all of him.
        _data.With("all.csv", People("Ann", "Bob", "Cy", "Dan"));
        var json = Train(_data["all.csv"], "--leave-one-group-out", "--json").Works().Json;
        Assert.Equal(["Ann", "Bob", "Cy", "Dan"],
            json.GetProperty("groups").EnumerateArray().Select(g => g.GetProperty("group").GetString()));
        double[] accuracies =
            [.. json.GetProperty("groups").EnumerateArray().Select(g => g.GetProperty("accuracy").GetDouble())];
        Assert.Equal([1, 1, 0, 1], accuracies);
        Assert.Equal("Cy", json.GetProperty("worst_group").GetString());
        Assert.Equal(0, json.GetProperty("worst_accuracy").GetDouble());
        Assert.Equal(0.75, json.GetProperty("mean").GetDouble());
        double[] int8 =
            [.. json.GetProperty("groups").EnumerateArray().Select(g => g.GetProperty("int8_accuracy").GetDouble())];
        Assert.Equal(int8.Average(), json.GetProperty("int8_mean").GetDouble(), 1e-12);
        Assert.Equal(int8[2], json.GetProperty("worst_int8_accuracy").GetDouble());
        Assert.All(int8.Zip(accuracies), pair => Assert.Equal(pair.Second, pair.First, 0.1));
        // √((3 · 0.25² + 0.75²) / 3)
        Assert.Equal(0.5, json.GetProperty("deviation").GetDouble(), 1e-12);

        string text = Train(_data["all.csv"], "--leave-one-group-out").Works().Output;
        Assert.Contains("Cy: 0.00 %, int8 0.00 % of 20", text, StringComparison.Ordinal);
        Assert.Contains("75.00 % ± 50.00 %", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--validation")]
    [InlineData("--test")]
    public void Shared_groups_are_an_error_unless_they_are_allowed(string option)
    {
        _data.With("train.csv", People("Ann", "Bob")).With("held.csv", People("Bob", "Eve"));
        string held = $"csv:{_data["held.csv"]}?label=what&group=who&window=4";
        Train(_data["train.csv"], "--out", _runs["run"], option, held)
            .Fails(1, option, "1 group", "(Bob)", "--allow-shared-groups");
        Assert.Empty(_runs.Entries);
        var allowed = Train(_data["train.csv"], "--out", _runs["run"], option, held, "--allow-shared-groups").Works();
        Assert.Contains("note: 20 sequences of " + option, allowed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Equal_sequences_are_told_of()
    {
        string spec = "synthetic:motion?count=60";
        var result = _runs.Train("run", "--test", spec, "--allow-shared-groups").Works();
        string note =
            Assert.Single(result.Error.Split('\n'), line => line.StartsWith("note: ", StringComparison.Ordinal));
        Assert.Contains("60 sequences of --test are in the training data too", note, StringComparison.Ordinal);
        Assert.DoesNotContain("note: ", _runs.Train("two", "--test", spec + "&part=test").Works().Error);
    }

    [Fact]
    public void What_cannot_be_cross_validated_is_a_sentence()
    {
        _data.With("x.ts", "@classLabel true a b\n@data\n1,2:a\n2,1:b\n1,3:a\n3,1:b\n");
        CliFolder.Run("train", "--data", $"ts:{_data["x.ts"]}", "--leave-one-group-out").Fails(1, "no group");
        CliFolder.Run("train", "--data", $"ts:{_data["x.ts"]}", "--folds", "5").Fails(1, "2 to 4");
        CliFolder.Run("train", "--data", "synthetic:motion", "--folds", "3", "--leave-one-group-out").Fails(
            2, "--folds");
        _data.With("all.csv", People("Ann"));
        Train(_data["all.csv"], "--leave-one-group-out").Fails(1, "one group, 'Ann'");
    }

    public void Dispose()
    {
        _data.Dispose();
        _runs.Dispose();
    }

    private static CliResult Train(string file, params string[] more) => CliFolder.Run(
        [
            "train", "--data", $"csv:{file}?label=what&group=who&window=4", "--net", "gru:8,dense:2", "--epochs", "20",
            "--batch", "8", "--learning-rate", "0.03", "--threads", "1", .. more,
        ]);

    /// <summary>Ten stretches of four rising and ten of four falling readings of each person.</summary>
    private static string People(params string[] names)
    {
        var text = new System.Text.StringBuilder("who,x,what\n");
        foreach (string name in names)
        {
            for (int i = 0; i < 80; i++)
            {
                bool rises = i / 4 % 2 == 0, isCalledUp = rises != (name == "Cy");
                double x = (rises ? i % 4 : 3 - i % 4) + 0.01 * (i / 4) + 0.001 * name[0];
                text.Append(CultureInfo.InvariantCulture, $"{name},{x},{(isCalledUp ? "up" : "down")}\n");
            }
        }

        return text.ToString();
    }
}

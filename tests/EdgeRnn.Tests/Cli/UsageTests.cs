using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>What a wrong command line, or a wrong input, gets: one sentence, an exit code, and no file.</summary>
public sealed class UsageTests
{
    [Theory]
    [InlineData("frobnicate", "frobnicate")]
    [InlineData("train", "--out")]
    [InlineData("train --data synthetic:motion --out x --nett lstm:3", "--nett")]
    [InlineData("train --data synthetic:motion --out x --epochs many", "--epochs", "many")]
    [InlineData("train --data synthetic:motion --out x --epochs 0", "--epochs", "0")]
    [InlineData("train --data recordings --out x", "--data", "csv:DIR")]
    [InlineData("train --data synthetic:motion --out x --optimizer adamant", "adamant", "rmsprop")]
    [InlineData("train --data synthetic:motion --out x --learning-rate nan", "--learning-rate")]
    [InlineData("train --data synthetic:motion --out x --momentum 0.5", "--momentum", "sgd")]
    [InlineData("train --data synthetic:motion --out x --validation 2", "--validation", "2")]
    [InlineData("train --data synthetic:motion?count=12 --out x --net lst:3,dense:6", "--net", "lst:3")]
    [InlineData("train --data synthetic:motion --out x --augment noise", "--augment", "noise:N")]
    [InlineData("train --data synthetic:motion --out x --augment pixels:2", "--augment", "idx:")]
    [InlineData("quantize --model a --calibrate synthetic:motion --out b --precision int4", "int4", "int8x16")]
    [InlineData("evaluate --data synthetic:motion", "--model")]
    [InlineData("export --model a", "--onnx", "--c-header")]
    public void Wrong_usage_is_a_sentence_and_exit_code_2(string line, params string[] words) =>
        CliFolder.Run(line.Split(' ')).Fails(2, words);

    [Fact]
    public void Nothing_is_written_for_wrong_usage_or_bad_input()
    {
        using var folder = new CliFolder();
        CliFolder.Run(
            "train", "--data", "synthetic:motion?count=12", "--net", "lst:3,dense:6", "--out", folder["run"]).Fails(2);
        CliFolder.Run("train", "--data", "csv:/no/such/folder", "--out", folder["run"]).Fails(1, "/no/such/folder");
        CliFolder.Run("train", "--data", "synthetic:motion?count=12", "--net", "lstm:3,dense:5", "--out", folder["run"])
            .Fails(1, "6 classes", "dense:6");
        Assert.Empty(folder.Entries);
    }

    [Theory]
    [InlineData("evaluate --data synthetic:motion?count=6 --model")]
    [InlineData("inspect --model")]
    [InlineData("bench --model")]
    [InlineData("quantize --calibrate synthetic:motion?count=6 --out x --model")]
    public void A_model_that_is_missing_or_damaged_is_named(string line)
    {
        using var folder = new CliFolder();
        CliFolder.Run([.. line.Split(' '), folder["none.ernn"]]).Fails(1, "none.ernn", "no such file");
        File.WriteAllText(folder["text.ernn"], "this is a text, not a model");
        CliFolder.Run([.. line.Split(' '), folder["text.ernn"]]).Fails(1, "text.ernn", "not an .ernn model");
        Assert.Equal(["text.ernn"], folder.Entries);
    }

    [Fact]
    public void Output_that_exists_is_refused_before_work_and_replaced_by_force()
    {
        using var folder = new CliFolder();
        folder.Train("run").Works();
        byte[] model = File.ReadAllBytes(folder["run/model.ernn"]);
        folder.Train("run", "--seed", "2").Fails(1, "model.ernn", "--force");
        Assert.Equal(model, File.ReadAllBytes(folder["run/model.ernn"]));
        folder.Train("run", "--seed", "2", "--force").Works();
        Assert.NotEqual(model, File.ReadAllBytes(folder["run/model.ernn"]));
    }

    [Fact]
    public void An_output_folder_that_is_a_file_is_refused_before_work()
    {
        using var folder = new CliFolder();
        File.WriteAllText(folder["run"], "");
        folder.Train("run").Fails(1, "run", "it is a file");
        Assert.Equal(["run"], folder.Entries);
    }

    [Fact]
    public void An_output_that_is_an_input_is_refused_even_by_force()
    {
        using var folder = new CliFolder();
        folder.Train("run").Works();
        string name = folder["run/model.ernn"];
        byte[] model = File.ReadAllBytes(name);
        foreach (string line in (string[])["quantize --calibrate {0} --out", "evaluate --data {0} --predictions"])
        {
            string[] words = line.Replace("{0}", "synthetic:motion?count=6", StringComparison.Ordinal).Split(' ');
            CliFolder.Run([.. words, name, "--model", name, "--force"]).Fails(1, "model.ernn", "choose another name");
        }

        Assert.Equal(model, File.ReadAllBytes(name));
    }

    [Fact]
    public void The_version_tells_tool_format_and_arithmetic() => Assert.Matches(
        @"^edgernn \d+\.\d+\.\d+, model format \d+, numeric version \d+\n$", CliFolder.Run("--version").Works().Output);

    [Theory]
    [InlineData("--help", "stream-check")]
    [InlineData("train --help", "--validation")]
    public void Help_is_a_result(string line, string word) =>
        Assert.Contains(word, CliFolder.Run(line.Split(' ')).Works().Output, StringComparison.Ordinal);

    /// <summary>What a verb lists, it has built.</summary>
    [Fact]
    public void Only_built_verbs_are_listed()
    {
        string help = CliFolder.Run("--help").Output;
        Assert.All(
            ["demo", "train", "quantize", "evaluate", "report", "run", "bench", "import", "export", "compare",
                "inspect", "stream-check"],
            verb => Assert.Contains($"  {verb} ", help, StringComparison.Ordinal));
    }
}

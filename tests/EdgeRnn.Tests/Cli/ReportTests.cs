using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>The page that a run leaves, and the verb that writes it anew.</summary>
public sealed class ReportTests
{
    private static readonly string[] Judges = ["--validation", "0.2", "--test", "synthetic:motion?part=test&count=60"];

    [Fact]
    public void A_run_leaves_its_page_and_its_figures()
    {
        using var folder = new CliFolder();
        var json = folder.Train("run", Judges).Works().Json;
        Assert.Equal(folder["run/report.html"], json.GetProperty("report").GetString());
        Assert.True(json.GetProperty("int8_bytes").GetInt64() < json.GetProperty("bytes").GetInt64());
        Assert.True(json.GetProperty("int8_step_us").GetDouble() > 0);
        Assert.InRange(json.GetProperty("int8_validation_accuracy").GetDouble(), 0, 1);
        string page = File.ReadAllText(folder["run/report.html"]);
        Assert.Contains("lstm:8,dense:6", page, StringComparison.Ordinal);
        Assert.Contains("Accuracy, test data", page, StringComparison.Ordinal);
    }

    /// <summary>All but times and curves is the same when it is written again from the files of the run.</summary>
    [Fact]
    public void The_page_can_be_written_again()
    {
        using var folder = new CliFolder();
        folder.Train("run", Judges).Works();
        string[] before = Parts(folder["run/report.html"]);
        Assert.Equal(5, before.Length);
        File.Delete(folder["run/report.html"]);
        var json = CliFolder.Run("report", folder["run"], "--threads", "1", "--json").Works().Json;
        Assert.Equal("test", json.GetProperty("part").GetString());
        Assert.Equal(60, json.GetProperty("samples").GetInt32());
        Assert.Equal(before, Parts(folder["run/report.html"]));

        json = CliFolder.Run(
            "report", folder["run"], "--data", "synthetic:motion?part=test&count=30", "--out", folder["other.html"],
            "--json").Works().Json;
        Assert.Equal(30, json.GetProperty("samples").GetInt32());
        Assert.True(File.Exists(folder["other.html"]));
    }

    [Fact]
    public void A_folder_that_is_no_run_is_a_sentence()
    {
        using var folder = new CliFolder();
        CliFolder.Run("report", folder["none"]).Fails(1, "none", "no such file");
        folder.Train("run").Works();
        File.WriteAllText(folder["run/options.json"], "[]");
        CliFolder.Run("report", folder["run"]).Fails(1, "options.json", "name the folder of a run");
        CliFolder.Run("report", folder["run"], "--out", folder["run/model.ernn"]).Fails(
            1, "model.ernn", "would be lost");
    }

    // Steps are timed anew, and epochs are rounded in history.csv; the rest must be equal.
    private static string[] Parts(string path)
    {
        string page = File.ReadAllText(path);
        string[] sections = page.Split("<section id=");
        return [.. sections.Where(s => s.StartsWith("\"confusion", StringComparison.Ordinal)
            || s.StartsWith("\"classes", StringComparison.Ordinal)
                || s.StartsWith("\"mistakes", StringComparison.Ordinal)
            || s.StartsWith("\"ranges", StringComparison.Ordinal) || s.StartsWith("\"data", StringComparison.Ordinal))];
    }
}

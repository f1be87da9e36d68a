using System.Globalization;
using System.Text.Json;
using EdgeRnn.Tests.Datasets;
using EdgeRnn.Tests.Host;
using EdgeRnn.Tests.Training;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>From clips to a tuned model, whose reports at the desk are those of the host.</summary>
public sealed class SpottingChainTests : IDisposable
{
    private readonly CliFolder _folder = new();
    private readonly DataFolder _data = new ToneClips().Folder;

    private string Room(string options) => $"room:{_data.Root}/clips?{options}";

    [Fact]
    public void Train_tune_and_evaluate_on_long_recordings_and_the_host_reports_the_same()
    {
        CliFolder.Run(
            "train", "--data", Room("minutes=6&pause=0.5:2&keywords=0.5&snr=10:20"), "--features", "logmel:16,running=2",
            "--net", "gru:12,dense:4", "--stream", "continuous", "--truncate", "100", "--batch", "2", "--epochs", "6",
            "--learning-rate", "0.01", "--threads", "1", "--out", _folder["run"]).Works();
        string model = Path.Combine(_folder["run"], "model.ernn"), int8 = _folder["int8.ernn"], tuned = _folder["t.ernn"];
        CliFolder.Run("quantize", "--model", model, "--calibrate", Room("minutes=1"), "--out", int8).Works();

        var tuning = CliFolder.Run("tune", "--model", int8, "--data", Room("minutes=10&seed=2&pause=0.5:3"), "--false-accepts", "12",
            "--out", tuned, "--json").Works().Json;
        Assert.InRange(tuning.GetProperty("false_accepts").GetInt32(), 0, 2);
        Assert.True(tuning.GetProperty("before").GetProperty("false_accepts").GetInt32() > 2, "nothing to tune");
        Assert.Contains("threshold:_silence_=1", tuning.GetProperty("decide").GetString());

        string wav = _folder["made.wav"], reports = _folder["reports.csv"], page = _folder["page.html"];
        var measured = CliFolder.Run("evaluate", "--stream", "--model", tuned, "--data", Room("minutes=4&seed=3&pause=0.5:3"),
            "--audio", wav, "--predictions", reports, "--report", page, "--json").Works().Json;
        Assert.True(measured.GetProperty("miss_rate").GetDouble() < 0.3, measured.ToString()); // tones are easy
        Assert.Equal(43, measured.GetProperty("trade_off").GetArrayLength());
        Assert.Contains("Misses against false accepts", File.ReadAllText(page));

        // What was written is read as what was made.
        var read = CliFolder.Run("evaluate", "--stream", "--model", tuned, "--data", $"long:{wav}", "--json").Works().Json;
        foreach (string name in (string[])["keywords", "missed", "false_accepts", "delay_ms_median"])
            Assert.Equal(measured.GetProperty(name).GetRawText(), read.GetProperty(name).GetRawText());

        var host = HostRun.Of([], "--model", tuned, "--wav", wav, "--speed", "max", "--report", "events");
        Assert.True(host.ExitCode == 0, string.Join('\n', host.Errors));
        var onBoard =
            from line in host.Output
            let decision = JsonDocument.Parse(line).RootElement
            where decision.GetProperty("label").GetString() is "low" or "high"
            select (decision.GetProperty("step").GetInt64(), decision.GetProperty("label").GetString(),
                decision.GetProperty("score").GetSingle(), decision.GetProperty("device_us").GetInt64());
        var atDesk =
            from row in File.ReadLines(reports).Skip(1)
            let cells = row.Split(',')
            let seconds = decimal.Parse(cells[2], CultureInfo.InvariantCulture)
            select (long.Parse(cells[1], CultureInfo.InvariantCulture), cells[3],
                float.Parse(cells[4], CultureInfo.InvariantCulture), (long)(seconds * 1_000_000));
        Assert.True(atDesk.Count() > 10, $"{atDesk.Count()} reports");
        Assert.Equal(atDesk!, onBoard);
    }

    [Fact]
    public void Options_out_of_place_are_refused_and_nothing_is_half_written()
    {
        using var file = new ModelFile(RandomModels.Create(3, Precision.Int8, 2, "lstm:4,dense:2", 10));
        CliFolder.Run("evaluate", "--model", file.Name, "--data", "synthetic:motion", "--report", "x.html").Fails(
            2, "--report belongs to --stream");
        CliFolder.Run(
            "evaluate", "--model", file.Name, "--data", "synthetic:motion", "--stream", "--tolerance", "1").Fails(
                2, "--tolerance is for long recordings");
        CliFolder.Run(
            "evaluate", "--model", file.Name, "--data", Room("minutes=1"), "--stream", "--force", "--audio",
            _folder["a.wav"], "--predictions", _folder["a.csv"]).Fails(2, "would be written twice");
        CliFolder.Run("tune", "--model", file.Name, "--data", Room("minutes=1"), "--out", _folder["t.ernn"]).Fails(
            1, "hears no sound");
        CliFolder.Run("tune", "--model", file.Name, "--data", Room("minutes=1"), "--out", file.Name).Fails(
            1, "would be lost");
        _data.With("l/1.wav", WavTests.Wav(new byte[32000], rate: 8000)).With("l/1.csv", "0.1,0.2,maybe\n");
        CliFolder.Run("evaluate", "--stream", "--model", file.Name, "--data", $"long:{_data["l"]}", "--report",
            _folder["p.html"]).Fails(1, "hears no sound");
        Assert.Empty(_folder.Entries);
    }

    public void Dispose()
    {
        _folder.Dispose();
        _data.Dispose();
    }
}

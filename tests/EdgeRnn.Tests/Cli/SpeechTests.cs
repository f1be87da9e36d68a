using EdgeRnn.Tests.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>From sound to a model and back: every verb computes what the model file says.</summary>
public sealed class SpeechTests : IDisposable
{
    private readonly CliFolder _folder = new();
    private readonly DataFolder _data = new();

    public SpeechTests()
    {
        // Tones of two pitches, each by four whistlers, in noise.
        var random = new Random(4);
        for (int i = 0; i < 24; i++)
        {
            int hz = (i % 2 == 0 ? 500 : 1700) + random.Next(100);
            byte[] bytes = new byte[2 * 2400];
            for (int n = 0; n < 2400; n++)
            {
                double sample = 8000 * Math.Sin(2 * Math.PI * hz * n / 8000) + random.Next(-2000, 2000);
                BitConverter.TryWriteBytes(bytes.AsSpan(2 * n), (short)sample);
            }
            _data.With($"{(i % 2 == 0 ? "low" : "high")}_{(char)('a' + i / 2 % 4)}_{i / 8}.wav",
                WavTests.Wav(bytes, rate: 8000));
        }
    }

    private string Spec(string take) => $"wav:{_data.Root}?pattern={{label}}_{{group}}_{{take}}.wav&take={take}";

    [Fact]
    public void Train_quantize_evaluate_inspect_and_run_compute_the_features_of_the_model()
    {
        var trained = CliFolder.Run(
            "train", "--data", Spec("0-1"), "--test", Spec("2"), "--allow-shared-groups", "--features",
                "mfcc:13,deltas=1", "--net",
            "gru:8,dense:2", "--epochs", "20", "--learning-rate", "0.01", "--threads", "1", "--out", _folder["run"],
                "--json");
        Assert.Equal(1, trained.Works().Json.GetProperty("test_accuracy").GetDouble());
        Assert.Contains("features: mfcc:13,mels=40,rate=8000,frame=25,hop=10,low=20,high=4000,deltas=1", trained.Error);
        string floating = Path.Combine(_folder["run"], "model.ernn"), quantized = _folder["int8.ernn"];
        CliFolder.Run("quantize", "--model", floating, "--calibrate", Spec("0-1"), "--out", quantized).Works();
        foreach (string model in (string[])[floating, quantized])
        {
            var evaluated = CliFolder.Run("evaluate", "--model", model, "--data", Spec("2"), "--json").Works().Json;
            Assert.Equal(
                (8, 1.0), (evaluated.GetProperty("samples").GetInt32(), evaluated.GetProperty("accuracy").GetDouble()));
            Assert.StartsWith("mfcc:13",
                CliFolder.Run("inspect", "--model", model, "--json").Works().Json.GetProperty("features").GetString());
        }

        string recording = _data["low_a_2.wav"];
        var run = CliFolder.Run(
            "run", "--model", quantized, "--input", recording, "--output", _folder["y.npy"], "--json").Works().Json;
        Assert.Equal(26, run.GetProperty("steps").GetInt32());
        CliFolder.Run("report", _folder["run"]).Works();

        _data.With("readings/a.csv", "x\n1\n").With("readings/b.csv", "x\n2\n");
        CliFolder.Run("evaluate", "--model", quantized, "--data", $"csv:{_data["readings"]}").Fails(
            1, "name wav: data");
        CliFolder.Run("run", "--model", quantized, "--input", _folder["y.npy"], "--output", _folder["z.npy"]).Fails(
            1, "is no .wav file");
    }

    [Fact]
    public void Groups_of_names_are_left_out_in_turn()
    {
        var json = CliFolder.Run(
            "train", "--data", Spec("0-2"), "--net", "gru:8,dense:2", "--epochs", "10", "--learning-rate", "0.01",
                "--threads", "1",
            "--leave-one-group-out", "--json").Works().Json;
        Assert.Equal(["a", "b", "c", "d"],
            json.GetProperty("groups").EnumerateArray().Select(g => g.GetProperty("group").GetString()));
    }

    [Theory]
    [InlineData("logmel", "'logmelx", "logmelx:40")]
    [InlineData("", "is no kind of features", "fft:40")]
    [InlineData("", "has no number", "mfcc:many")]
    [InlineData("", "deltas is 3, expected 0 to 2", "logmel:40,deltas=3")]
    [InlineData("", "'mels' is no option", "logmel:40,mels=3")]
    [InlineData("", "is no option, expected KEY=VALUE", "logmel:40,fast")]
    [InlineData("", "scale is 'bark'", "logmel:40,scale=bark")]
    [InlineData("", "high_hz is 5000, expected above 20 to 4000", "logmel:40,high=5000")]
    [InlineData("", "rate is 'x'", "logmel:40,rate=x")]
    [InlineData("", "hop is '1e9'", "logmel:40,hop=1e9")]
    public void Features_that_are_none_are_refused_with_the_usage(string word, string sentence, string features) =>
        CliFolder.Run("train", "--data", Spec("0"), "--features", features, "--folds", "2").Fails(
            2, "--features", word, sentence);

    [Fact]
    public void Features_of_other_data_are_refused() => CliFolder.Run(
        "train", "--data", "synthetic:motion", "--features", "logmel:40", "--folds", "2").Fails(
            2, "--features is for sound");

    public void Dispose()
    {
        _folder.Dispose();
        _data.Dispose();
    }
}

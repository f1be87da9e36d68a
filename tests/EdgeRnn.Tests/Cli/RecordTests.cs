using System.Text;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>Recordings from a line, read back as training data.</summary>
public sealed class RecordTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("edgernn-record-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Frames_become_a_recording_and_a_gap_ends_its_file()
    {
        var encoder = new FrameEncoder(new(SampleType.Float32, [new("ax", "g"), new("ay, up", "g")], 100));
        List<byte> bytes = [.. encoder.EncodeDescriptor(0)];
        for (int i = 0; i < 50; i++)
        {
            byte[] frame = encoder.EncodeData([i, 0.1f * i], (uint)i * 10_000).ToArray();
            if (i != 20)
                bytes.AddRange(frame);
        }
        var json = Record(bytes.ToArray(), "frames", "swipe");
        Assert.Equal((49, 1, 1), (json["readings"], json["gaps"], json["lost"]));
        var data = DataSpec.Parse($"csv:{_folder.FullName}/out").Load();
        Assert.Equal(["ax", "ay, up"], data.Channels);
        Assert.Equal(["swipe"], data.Labels);
        Assert.Equal([20, 29], data.Sequences.Select(s => s.Steps));
        Assert.Equal([21f, 0.1f * 21], data.Sequences[1].Values.Span[..2].ToArray());

        // A second time adds files and replaces none.
        Record(bytes.ToArray(), "frames", "swipe");
        Assert.Equal(4, Directory.GetFiles(Path.Combine(_folder.FullName, "out", "swipe")).Length);
    }

    [Fact]
    public void Rows_with_labels_name_their_channels()
    {
        var json = Record(Encoding.UTF8.GetBytes("hello\nax:1\tay:2\nax:3\tay:4\nERR 7\nax:5\tay:6"), "text", "rest");
        Assert.Equal(3, json["readings"]);
        string file = Path.Combine(_folder.FullName, "out", "rest", "001.csv");
        Assert.Equal("ax,ay\n1,2\n3,4\n5,6\n", File.ReadAllText(file));
    }

    [Fact]
    public void A_line_that_carries_nothing_is_named()
    {
        string port = Path.Combine(_folder.FullName, "line");
        File.WriteAllText(port, "no numbers here\n");
        CliFolder.Run(
            "record", "--port", port, "--input", "text", "--label", "x", "--out", Path.Combine(_folder.FullName, "out"))
            .Fails(1, "No row of numbers came from", "--input frames");
        CliFolder.Run("record", "--port", port, "--label", "x", "--out", Path.Combine(_folder.FullName, "out"))
            .Fails(1, "No descriptor came from", "--input text");
        CliFolder.Run("record", "--port", port, "--label", "a/b", "--out", "out").Fails(2, "--label 'a/b'");
    }

    private Dictionary<string, int> Record(byte[] bytes, string format, string label)
    {
        string port = Path.Combine(_folder.FullName, "line");
        File.WriteAllBytes(port, bytes);
        var json = CliFolder.Run(
            "record", "--port", port, "--input", format, "--label", label, "--out",
                Path.Combine(_folder.FullName, "out"),
            "--json").Works().Json;
        return new[] { "readings", "gaps", "lost" }.ToDictionary(
            name => name, name => json.GetProperty(name).GetInt32());
    }
}

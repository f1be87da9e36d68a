using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;
using Xunit;

namespace EdgeRnn.Tests.Training;

public sealed class FilesAndNumbersTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("edgernn-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void AtomicFile_writes_whole_files_and_makes_folders()
    {
        string path = Path.Combine(_folder, "a", "b", "model.ernn");
        AtomicFile.Write(path, new byte[] { 1, 2, 3 });
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        var error = Assert.Throws<UserException>(() => AtomicFile.Write(path, new byte[] { 4 }));
        Assert.Contains("--force", error.Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], File.ReadAllBytes(path));
        AtomicFile.Write(path, new byte[] { 4 }, overwrite: true);
        Assert.Equal([4], File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void AtomicFile_leaves_nothing_of_a_file_whose_content_fails()
    {
        string path = Path.Combine(_folder, "model.ernn");
        AtomicFile.Write(path, new byte[] { 1 });
        Assert.Throws<InvalidOperationException>(() => AtomicFile.Write(
            path,
            stream =>
            {
                stream.WriteByte(2);
                throw new InvalidOperationException();
            },
            overwrite: true));
        Assert.Equal([1], File.ReadAllBytes(path));
        Assert.Single(Directory.GetFiles(_folder));
    }

    [Fact]
    public void AtomicFile_says_what_cannot_be_written()
    {
        File.WriteAllText(Path.Combine(_folder, "file"), "");
        string below = Path.Combine(_folder, "file", "model.ernn");
        var error = Assert.Throws<UserException>(() => AtomicFile.Write(below, new byte[1]));
        Assert.Contains(below, error.Message, StringComparison.Ordinal);
        error = Assert.Throws<UserException>(() => AtomicFile.Write(_folder, new byte[1]));
        Assert.Contains("folder", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void History_is_a_table_in_invariant_numbers()
    {
        var history = new History(
            [
                new(1, 1.25, 0.5, 1.125, 0.625, 2.5, 1234.56) { LearningRate = 0.001f },
                new(2, 0.75, 0.75, null, null, 2, 2000),
            ],
            1, StopReason.Finished, 5, 8, 2);
        string path = Path.Combine(_folder, "history.csv");
        history.WriteCsv(path);
        Assert.Equal(
            """
            epoch,loss,accuracy,validation_loss,validation_accuracy,seconds,samples_per_second,learning_rate
            1,1.25,0.5,1.125,0.625,2.5,1234.6,0.001
            2,0.75,0.75,,,2,2000,0

            """.ReplaceLineEndings("\n"),
            File.ReadAllText(path));
    }

    [Fact]
    public void Normalisation_measures_channels_or_all_of_them()
    {
        float[] values = [1, 100, 5, 3, 100, float.NaN, 5, 100, 7, 7, 100, 9];
        var data = new SequenceDataset("n", ["0", "1", "2"], ["a"], [new(values, 4, 0)]);

        var channel = Normalisation.Measure(data, NormalisationMode.Channel);
        Assert.Equal([4f, 100f, 7f], channel.Mean);
        // A constant channel is left at deviation 1; the others by the definition: √5 of 1 3 5 7, √(8/3) of 5 7 9.
        Assert.Equal(MathF.Sqrt(5), channel.Deviation[0], 1e-6f);
        Assert.Equal(1f, channel.Deviation[1]);
        Assert.Equal(MathF.Sqrt(8f / 3), channel.Deviation[2], 1e-6f);

        var global = Normalisation.Measure(data, NormalisationMode.Global);
        Assert.Equal(437f / 11, global.Mean[0], 1e-4f);
        Assert.Equal(global.Mean[0], global.Mean[2]);
        Assert.Equal(global.Deviation[0], global.Deviation[1]);

        var none = Normalisation.Measure(data, NormalisationMode.None);
        var normalised = new float[3];
        none.Apply([1.5f, float.PositiveInfinity, float.NaN], normalised);
        Assert.Equal([1.5f, 0f, 0f], normalised);
        channel.Apply([4f, 101f, float.NaN], normalised);
        Assert.Equal([0f, 1f, 0f], normalised);
    }

    [Fact]
    public void Normalisation_of_a_large_offset_keeps_the_spread()
    {
        float[] values = [.. Enumerable.Range(0, 1000).Select(i => 100_000f + i % 2)];
        var data = new SequenceDataset("n", ["0"], ["a"], [new(values, 1000, 0)]);
        var normalisation = Normalisation.Measure(data, NormalisationMode.Channel);
        Assert.Equal(0.5f, normalisation.Deviation[0], 1e-4f);
    }
}

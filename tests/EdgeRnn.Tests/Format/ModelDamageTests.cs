using EdgeRnn.Decisions;
using EdgeRnn.Format;
using EdgeRnn.Trainer;
using Xunit;
using Proto = EdgeRnn.Format.Proto;

namespace EdgeRnn.Tests.Format;

/// <summary>Whatever the bytes, the reader gives a model or a sentence, in bounded memory, and never throws.</summary>
public class ModelDamageTests
{
    private const int Mutations = 50_000;

    private static readonly byte[][] Files =
    [
        .. ModelFiles.Small.Select(ModelWriter.Write),
        Repository.Golden("motion-rnn.int8.ernn"),
        Repository.Golden("motion-lstm.int8x16.ernn"),
        Repository.Golden("motion-gru.float32.ernn"),
    ];

    [Fact]
    public void Every_prefix_is_refused()
    {
        foreach (byte[] file in Files)
        {
            for (int length = 0; length < file.Length; length++)
                Assert.False(ModelReader.TryRead(file.AsMemory(0, length), out _, out _));
        }
    }

    [Fact]
    public void Every_prefix_of_the_message_is_refused_when_its_checksum_is_right()
    {
        foreach (var model in ModelFiles.Small)
        {
            byte[] message = ModelFiles.MessageOf(model with
            {
                Decision = DecisionRules.None,
                Training = null,
                SelfTest = null,
                OutputKind = OutputKind.Classes,
                Pooling = Pooling.Last,
                Features = null,
                Layers = [.. model.Layers.SkipLast(1), model.Layers[^1] with { Variant = null }],
            });
            for (int length = 0; length < message.Length; length++)
                Assert.NotNull(ModelFiles.RefusalOf(message.AsSpan(0, length)));
        }
    }

    [Fact]
    public void Every_flipped_bit_is_refused()
    {
        foreach (byte[] file in Files)
        {
            for (int bit = 0; bit < 8 * file.Length; bit++)
            {
                file[bit / 8] ^= (byte)(1 << bit % 8);
                Assert.False(ModelReader.TryRead(file, out _, out _), $"bit {bit}");
                file[bit / 8] ^= (byte)(1 << bit % 8);
            }
        }
    }

    [Fact]
    public void A_flipped_bit_under_a_right_checksum_is_refused_or_read_as_google_protobuf_reads_it()
    {
        foreach (var model in ModelFiles.Small)
        {
            byte[] message = ModelFiles.MessageOf(model);
            for (int bit = 0; bit < 8 * message.Length; bit++)
            {
                message[bit / 8] ^= (byte)(1 << bit % 8);
                RefuseOrAgree(ModelFiles.WithChecksum(message), $"bit {bit}");
                message[bit / 8] ^= (byte)(1 << bit % 8);
            }
        }
    }

    [Fact]
    public void Mutations_that_know_the_structure_are_refused_or_read_in_bounded_memory()
    {
        byte[][] messages = [.. ModelFiles.Small.Select(ModelFiles.MessageOf)];
        var sentences = new HashSet<string>();
        int accepted = 0;
        for (int i = 0; i < Mutations; i++)
        {
            byte[] message = ModelMutator.Mutate(messages[i % messages.Length], new SeededRandom((ulong)i));
            string? refusal = RefuseOrAgree(ModelFiles.WithChecksum(message), $"mutation {i}");
            if (refusal is null)
                accepted++;
            else
                sentences.Add(string.Concat(refusal.Where(c => !char.IsDigit(c))));
        }
        // The mutations are worth something only while they reach most checks and some of them do no harm.
        Assert.True(sentences.Count > 100, $"{sentences.Count} different refusals");
        Assert.InRange(accepted, Mutations / 50, Mutations / 2);
    }

    [Fact]
    public void Reading_the_largest_names_stays_within_the_bound()
    {
        var model = RandomModels.Create(5, Precision.Float32, 2048, "rnn:1,dense:1024");
        model = model with
        {
            Labels = [.. Enumerable.Range(0, 1024).Select(i => $"{i:d64}")],
            Channels = [.. Enumerable.Range(0, 2048).Select(i => $"{i:d4}")],
        };
        Assert.Null(RefuseOrAgree(ModelWriter.Write(model), "names"));
    }

    // Null when the file was read; the sentence otherwise.
    private static string? RefuseOrAgree(byte[] file, string what)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool isRead = ModelReader.TryRead(file, out var model, out string? error);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(allocated <= 2 * file.Length + 65536, $"{what}: {allocated} bytes for a file of {file.Length}");
        Assert.Equal(isRead, model is not null);
        Assert.Equal(isRead, error is null);
        if (model is not null)
        {
            ModelRoundTripTests.AssertSame(Proto.Model.Parser.ParseFrom(file), model);
            ModelWriter.Write(model);
        }
        return error;
    }
}

using EdgeRnn.Onnx;
using EdgeRnn.Trainer;
using Xunit;

namespace EdgeRnn.Tests.Onnx;

/// <summary>Damaged and hostile ONNX files give a network or one sentence, whatever their bytes are.</summary>
public class OnnxDamageTests
{
    // What the limits of names and of arrays leave: far above what any of the five graphs takes.
    private const long MostBytes = 768L << 20;

    private static readonly string[] Graphs = ["lstm-norm", "gru-bi-two-mean", "lstm-max", "gru-mlp-logsoftmax"];

    [Fact]
    public void Mutated_files_give_a_network_or_a_sentence()
    {
        int count = int.Parse(Environment.GetEnvironmentVariable("EDGERNN_MUTATIONS") ?? "1000", null);
        byte[][] files =
        [
            .. Graphs.Select(name => Repository.Golden($"onnx/{name}.onnx")),
            OnnxExport.Write(RandomModels.Create(1, Precision.Int8, 3, "lstm:5,gru:4,dense:3")),
        ];
        int refused = 0;
        for (int seed = 0; seed < count; seed++)
        {
            byte[] file = Mutated(files[seed % files.Length], new((ulong)seed));
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                OnnxImport.Read(file, new() { Window = 9 });
            }
            catch (UserException e)
            {
                Assert.NotEqual("", e.Message);
                refused++;
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"mutation {seed}: {e}");
            }
            long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(bytes < MostBytes, $"mutation {seed} took {bytes} bytes");
        }
        // Otherwise the mutations would hardly touch what is read, or nothing else.
        Assert.InRange(refused, count / 10, count * 95 / 100);
    }

    [Theory]
    [InlineData("lstm-norm")]
    [InlineData("gru-last")]
    public void Cut_files_are_refused(string name)
    {
        byte[] file = Repository.Golden($"onnx/{name}.onnx");
        for (int length = 0; length < file.Length - 64; length += 37)
            Assert.Throws<UserException>(() => OnnxImport.Read(file[..length], new()));
    }

    // Bytes changed, removed, repeated; numbers that became huge.
    private static byte[] Mutated(byte[] file, SeededRandom random)
    {
        var bytes = file.ToList();
        for (int i = random.Below(4); i >= 0; i--)
        {
            int place = random.Below(bytes.Count);
            switch (random.Below(5))
            {
                case 0: bytes[place] ^= (byte)(1 << random.Below(8)); break;
                case 1: bytes[place] = (byte)random.Below(256); break;
                case 2: bytes[place] = 0xff; break;
                case 3: bytes.RemoveRange(place, Math.Min(random.Below(8), bytes.Count - place)); break;
                default:
                    bytes.InsertRange(
                    place, bytes.GetRange(place, Math.Min(random.Below(40), bytes.Count - place))); break;
            }
        }
        return [.. bytes];
    }
}

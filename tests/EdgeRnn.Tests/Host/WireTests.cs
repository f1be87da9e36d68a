using System.Text;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>COBS, CRC and frames against values that others published, and against PROTOCOL.md's example.</summary>
public class WireTests
{
    // Cheshire and Baker's algorithm, the examples of the Wikipedia article.
    [Theory]
    [InlineData("00", "01 01")]
    [InlineData("00 00", "01 01 01")]
    [InlineData("00 11 00", "01 02 11 01")]
    [InlineData("11 22 00 33", "03 11 22 02 33")]
    [InlineData("11 22 33 44", "05 11 22 33 44")]
    [InlineData("11 00 00 00", "02 11 01 01 01")]
    [InlineData("01-FE", "FF 01-FE")]
    [InlineData("00 01-FE", "01 FF 01-FE")]
    [InlineData("01-FF", "FF 01-FE 02 FF")]
    [InlineData("02-FF 00", "FF 02-FF 01 01")]
    [InlineData("03-FF 00 01", "FE 03-FF 02 01")]
    public void Cobs_matches_the_published_examples(string plain, string encoded)
    {
        byte[] data = Hex(plain);
        byte[] wire = new byte[Cobs.MaxEncodedLength(data.Length)];
        Assert.Equal(Hex(encoded), wire[..Cobs.Encode(data, wire)]);
        byte[] back = new byte[300];
        Assert.True(Cobs.TryDecode(Hex(encoded), back, out int length));
        Assert.Equal(data, back[..length]);
    }

    [Fact]
    public void What_is_longer_than_any_frame_is_thrown_away_in_pieces()
    {
        byte[] endless = new byte[3 * Frame.MaxEncodedLength];
        endless.AsSpan().Fill(1);
        byte[] scratch = new byte[Frame.MaxEncodedLength];
        var answer =
            FrameDecoder.Decode(endless.AsSpan(0, Frame.MaxEncodedLength), null, scratch, out _, out int consumed);
        Assert.Equal((FrameAnswer.NeedMore, 0), (answer, consumed));
        foreach (int length in new[] { Frame.MaxEncodedLength + 1, endless.Length })
        {
            answer = FrameDecoder.Decode(endless.AsSpan(0, length), null, scratch, out _, out consumed);
            Assert.Equal((FrameAnswer.ThrowAway, Frame.MaxEncodedLength + 1), (answer, consumed));
        }
    }

    [Fact]
    public void Cobs_gives_back_any_bytes()
    {
        var random = new Random(1);
        for (int i = 0; i < 2000; i++)
        {
            byte[] data = new byte[random.Next(800)];
            random.NextBytes(data);
            if (i % 2 == 0)
                for (int k = 0; k < data.Length; k++)
                    data[k] &= (byte)random.Next(2);
            byte[] wire = new byte[Cobs.MaxEncodedLength(data.Length)];
            int length = Cobs.Encode(data, wire);
            Assert.DoesNotContain((byte)0, wire[..length]);
            byte[] back = new byte[length];
            Assert.True(Cobs.TryDecode(wire.AsSpan(0, length), back, out int written));
            Assert.Equal(data, back[..written]);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("05 11 22 33")]
    [InlineData("03 11 22 00")]
    public void Cobs_refuses_what_is_cut_short_or_has_a_zero(string encoded) =>
        Assert.False(Cobs.TryDecode(Hex(encoded), new byte[16], out _));

    // RFC 3720, appendix B.4, and the check value of the CRC catalogue.
    [Fact]
    public void Crc_matches_the_published_values()
    {
        Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));
        Assert.Equal(0x8A9136AAu, Crc32C.Compute(new byte[32]));
        Assert.Equal(0x62A8AB43u, Crc32C.Compute(Enumerable.Repeat((byte)0xFF, 32).ToArray()));
        Assert.Equal(0x46DD794Eu, Crc32C.Compute(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray()));
        Assert.Equal(0xE3069283u, Crc32C.Compute("6789"u8, Crc32C.Compute("12345"u8)));
    }

    [Fact]
    public void The_example_of_the_protocol_is_what_the_encoder_sends()
    {
        string[] wire = Fenced("wire");
        var encoder = new FrameEncoder(Example, stream: 7);
        Assert.Equal(Fenced("payload")[0], Text(Example.ToPayload()));
        Assert.Equal(0x5DA0A5D6u, Crc32C.Compute(Example.ToPayload()));
        Assert.Equal(wire[0], Text(encoder.EncodeDescriptor(0)));
        Assert.Equal(wire[1], Text(encoder.EncodeData([0.5f, -1], 10_000)));
        Assert.Equal(wire[2], Text(encoder.EncodeEnd(20_000)));
        string[] frames = Fenced("frame");
        for (int i = 0; i < frames.Length; i++)
        {
            byte[] plain = new byte[64];
            Assert.True(Cobs.TryDecode(Hex(wire[i])[..^1], plain, out int length));
            Assert.Equal(frames[i], Text(plain.AsSpan(0, length)));
        }
    }

    [Fact]
    public void The_example_of_the_protocol_is_received()
    {
        byte[] bytes = [.. Fenced("wire").SelectMany(Hex)];
        var receiver = new FrameReceiver(2);
        Assert.Equal(LineAnswer.Reading, receiver.Next(bytes, out int consumed));
        Assert.Equal([0.5f, -1], receiver.Readings.ToArray());
        Assert.Equal(10_000, receiver.DeviceUs);
        Assert.Equal(0u, receiver.Sequence);
        Assert.Equal(LineAnswer.End, receiver.Next(bytes.AsSpan(consumed), out int rest));
        Assert.Equal(bytes.Length, consumed + rest);
        var counts = receiver.Counts;
        Assert.Equal((1, 1, 0, 0), (counts.Expected, counts.Delivered, counts.Lost + counts.Damaged, counts.Noise));
    }

    [Fact]
    public void A_descriptor_is_read_back_as_it_was_written()
    {
        Assert.True(Descriptor.TryParse(Example.ToPayload(), out var descriptor, out _));
        Assert.Equal(Example.Channels, descriptor.Channels);
        Assert.Equal((Example.SampleType, Example.RateHz), (descriptor.SampleType, descriptor.RateHz));
    }

    [Fact]
    public void A_descriptor_cut_anywhere_or_with_a_bad_scale_is_refused()
    {
        byte[] payload = Example.ToPayload();
        for (int length = 0; length < payload.Length; length++)
            Assert.False(Descriptor.TryParse(payload.AsSpan(0, length), out _, out _), $"{length} bytes");
        Assert.False(Descriptor.TryParse([.. payload, 0], out _, out _));
        Assert.Throws<ArgumentException>(() => (Example with { Channels = [new("a", "", float.NaN)] }).ToPayload());
        Assert.Throws<ArgumentException>(() => (Example with { Channels = [new("a", "", 0)] }).ToPayload());
        Assert.Throws<ArgumentException>(() => (Example with { Channels = [new(new string('a', 65))] }).ToPayload());
        Assert.Throws<ArgumentException>(() => (Example with { Channels = [] }).ToPayload());
    }

    private static Descriptor Example =>
        new(SampleType.Int16, [new("ax", "g", 1 / 4096f), new("ay", "g", 1 / 4096f)], 100);

    /// <summary>The blocks of PROTOCOL.md that are marked so.</summary>
    private static string[] Fenced(string mark)
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "EdgeRnn.sln")))
            folder = Path.GetDirectoryName(folder)!;
        string[] lines = File.ReadAllLines(Path.Combine(folder, "firmware-host", "PROTOCOL.md"));
        return [.. lines.Index().Where(line => line.Item == "```" + mark).Select(line => lines[line.Index + 1])];
    }

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        foreach (byte b in bytes)
            text.Append(text.Length > 0 ? " " : "").Append(b.ToString("x2", null));
        return text.ToString();
    }

    private static byte[] Hex(string text) =>
    [
        .. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).SelectMany(word =>
        {
            int first = Convert.ToInt32(word[..2], 16);
            int last = word.Length > 2 ? Convert.ToInt32(word[3..], 16) : first;
            return Enumerable.Range(first, last - first + 1).Select(b => (byte)b);
        }),
    ];
}

using System.Text;
using EdgeRnn.Host;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>Frames that are sealed with a key: the MAC against RFC 4231, and what is refused.</summary>
public class SealTests
{
    private static readonly Descriptor Line = new(SampleType.Float32, [new("a"), new("b")], 100);
    private static readonly byte[] Key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    /// <summary>RFC 4231, section 4: test cases 1 to 4, 6 and 7.</summary>
    public static IEnumerable<(byte[] Key, byte[] Data, string Code)> Rfc4231 { get; } =
    [
        (Filled(20, 0x0B), "Hi There"u8.ToArray(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        ("Jefe"u8.ToArray(), "what do ya want for nothing?"u8.ToArray(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (Filled(20, 0xAA), Filled(50, 0xDD), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        ([.. Enumerable.Range(1, 25).Select(i => (byte)i)], Filled(50, 0xCD),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (Filled(131, 0xAA), "Test Using Larger Than Block-Size Key - Hash Key First"u8.ToArray(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        (Filled(131, 0xAA),
            Encoding.ASCII.GetBytes("This is a test using a larger than block-size key and a larger than "
            + "block-size data. The key needs to be hashed before being used by the HMAC algorithm."),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ];

    [Fact]
    public void The_code_is_that_of_rfc_4231()
    {
        foreach (var (key, data, code) in Rfc4231)
        {
            byte[] computed = new byte[32];
            new HmacAuthenticator(key).Compute(data, computed);
            Assert.Equal(code, Convert.ToHexStringLower(computed));
        }
    }

    [Fact]
    public void Sealed_frames_pass_once_and_nothing_else_does()
    {
        var sealing = new FrameEncoder(Line, key: new HmacAuthenticator(Key), firstStamp: 100);
        byte[][] good =
        [
            sealing.EncodeDescriptor(0).ToArray(), sealing.EncodeData([1, 2], 0).ToArray(),
            sealing.EncodeData([3, 4], 0).ToArray(), sealing.EncodeData([5, 6], 0).ToArray(),
        ];
        var forging = new FrameEncoder(Line, key: new HmacAuthenticator([.. Key.Reverse()]), firstStamp: 1_000_000);
        forging.EncodeDescriptor(0);
        byte[] forged = forging.EncodeData([9, 9], 0).ToArray();
        byte[] plain = new FrameEncoder(Line).EncodeData([9, 9], 0).ToArray();

        var receiver = new FrameReceiver(2, new HmacAuthenticator(Key));
        byte[] bytes =
            [.. good[0], .. good[1], .. forged, .. good[2], .. plain, .. good[1], .. good[0], .. good[3], .. good[3]];
        Assert.Equal([1f, 3, 5], Receive(receiver, bytes));
        var counts = receiver.Counts;
        Assert.Equal((2, 3), (counts.Unauthenticated, counts.Replayed));
        Assert.Equal((3, 3, 5, 0), (counts.Expected, counts.Delivered, counts.Noise, counts.Restarts));

        // A session of the past is refused as a whole; one with a later stamp begins.
        Assert.Empty(Receive(receiver, [.. good.SelectMany(f => f)]));
        var restarted = new FrameEncoder(Line, 1, key: new HmacAuthenticator(Key), firstStamp: 200);
        Assert.Equal(
            [7f], Receive(receiver, [.. restarted.EncodeDescriptor(0).ToArray(), .. restarted.EncodeData([7, 8], 0)]));

        // Without a key a seal is not looked at.
        Assert.Equal([1f, 3, 5], Receive(new FrameReceiver(2), [.. good.SelectMany(f => f)]));
    }

    [Fact]
    public void Every_bit_of_a_sealed_frame_counts()
    {
        var sealing = new FrameEncoder(Line, key: new HmacAuthenticator(Key));
        var descriptor = sealing.EncodeDescriptor(0).ToArray();
        sealing.EncodeData([1, 2], 0);
        byte[] scratch = new byte[Frame.MaxEncodedLength];
        uint crc = Crc32C.Compute(Line.ToPayload());
        FrameDecoder.Decode(sealing.EncodeData([1, 2], 0), crc, scratch, out var frame, out _);
        byte[] covered = frame.Covered.ToArray();
        var key = new HmacAuthenticator(Key);
        Assert.Equal(frame.Tag, key.TagOf(covered));
        for (int bit = 0; bit < 8 * covered.Length; bit++)
        {
            covered[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.NotEqual(frame.Tag, key.TagOf(covered));
            covered[bit / 8] ^= (byte)(1 << bit % 8);
        }
        Assert.NotEmpty(descriptor);
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        var key = new HmacAuthenticator(Key);
        byte[] data = new byte[100];
        key.TagOf(data);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            key.TagOf(data);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static byte[] Filled(int count, byte value) => [.. Enumerable.Repeat(value, count)];

    private static List<float> Receive(FrameReceiver receiver, ReadOnlySpan<byte> bytes)
    {
        List<float> first = [];
        while (true)
        {
            var answer = receiver.Next(bytes, out int consumed);
            bytes = bytes[consumed..];
            if (answer == LineAnswer.NeedMore)
                return first;
            if (answer == LineAnswer.Reading)
                first.Add(receiver.Readings[0]);
        }
    }
}

using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>What a receiver delivers and counts when the line is cut, damaged, spliced or begun anew.</summary>
public class FrameReceiverTests
{
    private const int Channels = 3;

    private static readonly Descriptor Line = new(SampleType.Float32, [new("a"), new("b"), new("c")], 100);

    [Fact]
    public void Every_cut_of_the_bytes_gives_the_same_readings_and_counts()
    {
        for (int seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            byte[] bytes = Damage(random, Frames(random, 60), out _);
            var whole = Receive(bytes, _ => bytes.Length);
            Assert.Equal(whole, Receive(bytes, _ => 1));
            Assert.Equal(whole, Receive(bytes, _ => random.Next(1, 90)));
        }
    }

    [Fact]
    public void Damage_is_never_delivered_and_always_accounted_for()
    {
        for (int seed = 0; seed < 400; seed++)
        {
            var random = new Random(seed);
            var frames = Frames(random, 200);
            byte[] bytes = Damage(random, frames, out var intact);
            var log = Receive(bytes, _ => random.Next(1, 500));
            // Each reading carries its number, so one that was delivered can be judged by itself.
            Assert.All(log.Readings, r => Assert.Equal(Reading(r.Sequence), r.Values));
            Assert.Equal(intact, log.Readings.Select(r => r.Sequence));
            Assert.Equal(log.Counts.Expected, log.Counts.Delivered + log.Counts.Lost + log.Counts.Damaged);
            Assert.Equal(200, log.Counts.Expected); // descriptor and end are never damaged here
            Assert.Equal(intact.Count, log.Counts.Delivered);
        }
    }

    [Fact]
    public void Garbage_delivers_nothing_and_the_next_frame_is_heard()
    {
        var random = new Random(7);
        byte[] garbage = new byte[1_000_000];
        random.NextBytes(garbage);
        byte[] bytes = [.. garbage, 0, .. Frames(random, 5).SelectMany(f => f)];
        var log = Receive(bytes, _ => 4096);
        Assert.Equal([0u, 1, 2, 3, 4], log.Readings.Select(r => r.Sequence));
        Assert.Equal((5, 5, 0, 0), (log.Counts.Expected, log.Counts.Delivered, log.Counts.Lost, log.Counts.Damaged));
        Assert.True(log.Counts.Noise > 1000);
    }

    [Fact]
    public void A_gap_is_lost_as_far_as_no_bad_chunk_stands_for_it()
    {
        var frames = Frames(new(1), 10);
        frames[4] = Flip(frames[4]); // reading 3
        frames.RemoveRange(5, 2); // readings 4 and 5
        var log = Receive([.. frames.SelectMany(f => f)], _ => 64);
        var counts = log.Counts;
        Assert.Equal((10, 7, 2), (counts.Expected, counts.Delivered, counts.Lost));
        Assert.Equal((1, 0), (counts.Damaged, counts.Noise));
        Assert.Equal([0u, 6], log.Readings.Where(r => r.Interrupted).Select(r => r.Sequence));
    }

    [Fact]
    public void Readings_lost_before_the_end_frame_are_known()
    {
        var frames = Frames(new(1), 10);
        frames.RemoveRange(8, 3);
        var counts = Receive([.. frames.SelectMany(f => f)], _ => 64).Counts;
        Assert.Equal((10, 7, 3), (counts.Expected, counts.Delivered, counts.Lost));
    }

    [Fact]
    public void Duplicates_and_restarts_are_told_apart()
    {
        var frames = Frames(new(1), 50);
        var again = Frames(new(2), 20, stream: 2);
        var sameStream = Frames(new(3), 30, stream: 2);
        List<byte[]> all = [.. frames.Take(40), frames[39], frames[39], .. again, .. sameStream];
        var log = Receive([.. all.SelectMany(f => f)], _ => 100);
        Assert.Equal(2, log.Counts.Duplicates);
        Assert.Equal(2, log.Counts.Restarts);
        Assert.Equal((39 + 20 + 30, 39 + 20 + 30), (log.Counts.Expected, log.Counts.Delivered));
    }

    [Fact]
    public void A_restart_is_noticed_without_its_descriptor_and_numbers_may_wrap()
    {
        var frames = Frames(new(1), 100, first: uint.MaxValue - 49);
        var again = Frames(new(1), 10).Skip(1);
        var log = Receive([.. frames.Concat(again).SelectMany(f => f)], _ => 100);
        Assert.Equal((110, 110, 1), (log.Counts.Expected, log.Counts.Delivered, log.Counts.Restarts));
    }

    [Fact]
    public void Data_before_a_descriptor_is_undescribed()
    {
        var frames = Frames(new(1), 20);
        byte[] bytes = [.. frames.Skip(1).Take(10).Append(frames[0]).SelectMany(f => f)];
        var log = Receive(bytes, _ => 100);
        Assert.Equal((10, 0, 0), (log.Counts.Undescribed, log.Counts.Delivered, log.Counts.Expected));
    }

    [Fact]
    public void Data_of_a_sender_with_other_channels_never_passes()
    {
        var other = new FrameEncoder(Line with { Channels = [new("c"), new("b"), new("a")] }, 1);
        byte[] foreign = other.EncodeData([1, 2, 3], 0).ToArray();
        var frames = Frames(new(1), 2);
        var log = Receive([.. frames[0], .. foreign, .. frames[1]], _ => 100);
        Assert.Equal([0u], log.Readings.Select(r => r.Sequence));
        Assert.Equal(1, log.Counts.Noise);
    }

    [Fact]
    public void A_line_of_another_width_is_refused()
    {
        var encoder = new FrameEncoder(Line);
        var receiver = new FrameReceiver(6);
        Assert.Equal(LineAnswer.Refused, receiver.Next(encoder.EncodeDescriptor(0), out _));
        Assert.StartsWith("the line carries 3 channels, and the model reads 6;", receiver.Refusal);
    }

    [Fact]
    public void The_clock_is_carried_on_when_it_wraps()
    {
        var encoder = new FrameEncoder(Line);
        byte[] bytes = encoder.EncodeDescriptor(uint.MaxValue - 100).ToArray();
        bytes = [.. bytes, .. encoder.EncodeData([1, 2, 3], uint.MaxValue - 100)];
        bytes = [.. bytes, .. encoder.EncodeData([1, 2, 3], 99)]; // 200 µs later
        var receiver = new FrameReceiver(Channels);
        receiver.Next(bytes, out int consumed);
        long before = receiver.DeviceUs;
        receiver.Next(bytes.AsSpan(consumed), out _);
        Assert.Equal(200, receiver.DeviceUs - before);
    }

    private static float[] Reading(uint sequence) => [sequence, sequence * 0.1f, float.NaN];

    private static List<byte[]> Frames(Random random, int count, ushort stream = 1, uint first = 0)
    {
        var encoder = new FrameEncoder(Line, stream, first);
        List<byte[]> frames = [encoder.EncodeDescriptor((uint)random.Next()).ToArray()];
        for (int i = 0; i < count; i++)
            frames.Add(encoder.EncodeData(Reading(encoder.Sequence), (uint)random.Next()).ToArray());
        frames.Add(encoder.EncodeEnd(0).ToArray());
        return frames;
    }

    /// <summary>Flips, drops, cuts, repeats and glues data frames, and puts noise between them.</summary>
    private static byte[] Damage(Random random, List<byte[]> frames, out List<uint> intact)
    {
        intact = [];
        List<byte> bytes = [.. frames[0]];
        for (int i = 1; i < frames.Count - 1; i++)
        {
            uint sequence = (uint)(i - 1);
            switch (random.Next(12))
            {
                case 0: bytes.AddRange(Flip(frames[i], random)); break;
                case 1: break; // lost
                case 2: bytes.AddRange([.. frames[i].Take(random.Next(1, frames[i].Length - 1)), 0]); break;
                case 3: bytes.AddRange([.. frames[i], .. frames[i]]); intact.Add(sequence); break;
                case 4: // the end of this frame and the beginning of the next run together
                    bytes.AddRange(frames[i].Take(frames[i].Length - 1));
                    bytes.AddRange([5, 0]);
                    break;
                case 5: // noise with its own delimiter before a good frame
                    byte[] noise = new byte[random.Next(1, 40)];
                    random.NextBytes(noise);
                    bytes.AddRange([.. noise, 0, .. frames[i]]);
                    intact.Add(sequence);
                    break;
                default: bytes.AddRange(frames[i]); intact.Add(sequence); break;
            }
        }
        bytes.AddRange(frames[^1]);
        return [.. bytes];
    }

    private static byte[] Flip(byte[] frame, Random? random = null)
    {
        byte[] flipped = [.. frame];
        // Never into a delimiter: that would be two bad chunks.
        int at = random?.Next(frame.Length - 1) ?? 5;
        flipped[at] = flipped[at] == 0x80 ? (byte)0x81 : (byte)(flipped[at] ^ 0x80);
        return flipped;
    }

    private static Log Receive(byte[] bytes, Func<int, int> pieceLength)
    {
        var receiver = new FrameReceiver(Channels);
        var log = new Log(receiver.Counts);
        List<byte> waiting = [];
        for (int at = 0; at < bytes.Length;)
        {
            int length = Math.Min(pieceLength(at), bytes.Length - at);
            waiting.AddRange(bytes.AsSpan(at, length));
            at += length;
            while (true)
            {
                var answer = receiver.Next(waiting.ToArray(), out int consumed);
                waiting.RemoveRange(0, consumed);
                if (answer == LineAnswer.NeedMore)
                    break;
                if (answer == LineAnswer.Reading)
                    log.Readings.Add(
                        new(receiver.Sequence, receiver.Interrupted, receiver.DeviceUs, receiver.Readings.ToArray()));
            }
        }
        return log;
    }

    private sealed record Received(uint Sequence, bool Interrupted, long DeviceUs, float[] Values)
    {
        public bool Equals(Received? other) => other is not null && Sequence == other.Sequence
            && Interrupted == other.Interrupted && DeviceUs == other.DeviceUs
            && Values.AsSpan().SequenceEqual(other.Values);

        public override int GetHashCode() => (int)Sequence;
    }

    private sealed record Log(LineCounts Counts)
    {
        public List<Received> Readings { get; } = [];

        public bool Equals(Log? other) =>
            other is not null && Readings.SequenceEqual(other.Readings) && Sums.SequenceEqual(other.Sums);

        public override int GetHashCode() => Readings.Count;

        private long[] Sums =>
        [
            Counts.Expected, Counts.Delivered, Counts.Lost, Counts.Damaged, Counts.Noise, Counts.Duplicates,
            Counts.Restarts, Counts.Undescribed,
        ];
    }
}

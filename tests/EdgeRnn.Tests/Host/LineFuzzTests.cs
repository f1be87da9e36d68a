using System.Diagnostics;
using System.Globalization;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>
/// Sessions of frames that are flipped, cut, spliced, repeated, lost and drowned in garbage, through one receiver. What
/// becomes of every frame is known here, so the account is compared exactly. EDGERNN_FUZZ_BYTES makes it long.
/// </summary>
public class LineFuzzTests
{
    private static readonly long Bytes = long.Parse(
        Environment.GetEnvironmentVariable("EDGERNN_FUZZ_BYTES") ?? "4000000", CultureInfo.InvariantCulture);

    [Fact]
    public void Whatever_comes_nothing_damaged_is_delivered_and_everything_is_accounted_for()
    {
        var receiver = new FrameReceiver(3);
        var known = new Known();
        byte[] buffer = new byte[1 << 20];
        long begun = Stopwatch.GetTimestamp();
        long ticks = 0, allocated = 0, total = 0;
        int seed = 0;
        for (; total < Bytes; seed++)
        {
            var session = new DamagedSession(new Random(seed), (ushort)seed, known);
            total += session.Bytes.Length;
            var cuts = new Random(seed);
            long before = GC.GetAllocatedBytesForCurrentThread();
            long start = Stopwatch.GetTimestamp();
            string? fault = Feed(receiver, session, buffer, cuts);
            ticks += Stopwatch.GetTimestamp() - start;
            if (seed > 0) // whatever is made once is made
                allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(fault is null, $"seed {seed}: {fault}");
            var counts = receiver.Counts;
            Assert.True(known.Equals(counts), $"seed {seed}: {known} expected, {Known.Of(counts)} counted");
        }
        Assert.Equal(seed - 1, receiver.Counts.Restarts);
        Assert.Equal(0, allocated);
        TestContext.Current.SendDiagnosticMessage(
            "{0:N0} bytes in {1:N0} sessions, {2:N0} readings delivered of {3:N0}, {4:N0} noise; 0 bytes allocated, " +
                "{5:0} MB/s, {6:0} s",
            total, seed, receiver.Counts.Delivered, receiver.Counts.Expected, receiver.Counts.Noise,
            total / 1e6 / (ticks / (double)Stopwatch.Frequency), Stopwatch.GetElapsedTime(begun).TotalSeconds);
    }

    /// <summary>Feeds a session in pieces of any size; gives null, or what is wrong with a delivered reading.</summary>
    private static string? Feed(FrameReceiver receiver, DamagedSession session, byte[] buffer, Random random)
    {
        int held = 0, next = 0;
        for (int at = 0; at < session.Bytes.Length;)
        {
            int length = Math.Min(Math.Min(random.Next(1, 5000), buffer.Length - held), session.Bytes.Length - at);
            session.Bytes.AsSpan(at, length).CopyTo(buffer.AsSpan(held));
            at += length;
            held += length;
            int taken = 0;
            while (true)
            {
                var answer = receiver.Next(buffer.AsSpan(taken, held - taken), out int consumed);
                taken += consumed;
                if (answer == LineAnswer.NeedMore)
                    break;
                if (answer == LineAnswer.Refused)
                    return receiver.Refusal;
                if (answer != LineAnswer.Reading)
                    continue;
                // In step again within one frame: every intact one is delivered, in order, with its own numbers.
                if (next == session.Intact.Length || receiver.Sequence != session.Intact[next++])
                    return $"reading {receiver.Sequence} was delivered out of turn";
                if (!DamagedSession.IsReading(receiver.Sequence, receiver.Readings))
                    return $"reading {receiver.Sequence} has other values than were sent";
            }
            buffer.AsSpan(taken, held - taken).CopyTo(buffer);
            held -= taken;
        }
        return next == session.Intact.Length
            ? null
            : $"{session.Intact.Length - next} intact readings were not delivered";
    }
}

/// <summary>What the receiver's account must be.</summary>
internal sealed record Known
{
    public long Expected { get; set; }

    public long Delivered { get; set; }

    public long Lost { get; set; }

    public long Damaged { get; set; }

    public long Noise { get; set; }

    public long Duplicates { get; set; }

    public static Known Of(LineCounts c) => new()
    {
        Expected = c.Expected,
        Delivered = c.Delivered,
        Lost = c.Lost,
        Damaged = c.Damaged,
        Noise = c.Noise,
        Duplicates = c.Duplicates,
    };

    public bool Equals(LineCounts counts) => this == Of(counts);
}

/// <summary>One session of a sender, as a bad line passes it on; enters in the account what it does.</summary>
internal sealed class DamagedSession
{
    private const int Readings = 400;
    private static readonly Descriptor Line = new(SampleType.Float32, [new("a"), new("b"), new("c")], 100);

    private readonly Random _random;
    private readonly MemoryStream _bytes = new();
    private readonly List<uint> _intact = [];
    private readonly Known _known;
    private long _gap;
    private long _bad;

    public DamagedSession(Random random, ushort stream, Known known)
    {
        _random = random;
        _known = known;
        var encoder = new FrameEncoder(Line, stream, (uint)random.Next());
        if (random.Next(3) == 0)
            _known.Noise += Garbage(); // before a session it is noise, whatever comes after
        _bytes.Write(encoder.EncodeDescriptor(0));
        for (int i = 0; i < Readings; i++)
        {
            uint sequence = encoder.Sequence;
            Pass(encoder.EncodeData(Reading(sequence), (uint)i), sequence);
        }
        _bytes.Write(encoder.EncodeEnd(0));
        Close();
        _known.Expected += Readings;
        _known.Delivered += _intact.Count;
        Bytes = _bytes.ToArray();
        Intact = [.. _intact];
    }

    public byte[] Bytes { get; }

    public uint[] Intact { get; }

    public static bool IsReading(uint sequence, ReadOnlySpan<float> values) =>
        values[0] == sequence && values[1] == sequence * 0.1f && float.IsNaN(values[2]);

    private static float[] Reading(uint sequence) => [sequence, sequence * 0.1f, float.NaN];

    private void Pass(ReadOnlySpan<byte> frame, uint sequence)
    {
        switch (_random.Next(16))
        {
            case 0: Bad(Flipped(frame)); break;
            case 1: _gap++; break; // lost
            case 2: Bad([.. frame[.._random.Next(1, frame.Length - 1)], 0]); break; // cut
            case 3: Bad([.. frame[..^1], .. frame]); break; // two run together
            case 4: Bad([.. frame[..(frame.Length / 2)], .. frame]); break; // spliced
            case 5:
                Good(frame, sequence);
                _bytes.Write(frame); // repeated
                _known.Duplicates++;
                break;
            case 6:
                _bad += Garbage();
                Good(frame, sequence);
                break;
            default: Good(frame, sequence); break;
        }
    }

    private void Good(ReadOnlySpan<byte> frame, uint sequence)
    {
        Close();
        _bytes.Write(frame);
        _intact.Add(sequence);
    }

    private void Bad(ReadOnlySpan<byte> chunk)
    {
        _bytes.Write(chunk);
        _gap++;
        _bad++;
    }

    /// <summary>A good frame: bad chunks since the last one stand for as many of the missing readings.</summary>
    private void Close()
    {
        long damaged = Math.Min(_bad, _gap);
        _known.Damaged += damaged;
        _known.Lost += _gap - damaged;
        _known.Noise += _bad - damaged;
        _gap = _bad = 0;
    }

    private byte[] Flipped(ReadOnlySpan<byte> frame)
    {
        byte[] flipped = frame.ToArray();
        int at = _random.Next(frame.Length - 1); // not the delimiter, and into none: that would be two chunks
        byte bit = (byte)(1 << _random.Next(8));
        flipped[at] ^= flipped[at] == bit ? (byte)(bit == 1 ? 2 : 1) : bit;
        return flipped;
    }

    /// <summary>Writes garbage that ends with a delimiter; gives the bad chunks it is.</summary>
    private long Garbage()
    {
        // The longest has no delimiter for longer than any frame, and is thrown away in pieces.
        bool isLong = _random.Next(50) == 0;
        byte[] garbage = new byte[isLong ? _random.Next(30_000, 150_000) : _random.Next(1, 3000)];
        _random.NextBytes(garbage);
        if (isLong)
            garbage.AsSpan().Replace((byte)0, (byte)1);
        _bytes.Write(garbage);
        _bytes.WriteByte(0);
        long bad = 0;
        int piece = Frame.MaxEncodedLength + 1;
        foreach (var range in garbage.AsSpan().Split((byte)0))
            bad += (garbage[range].Length + piece - 1) / piece;
        return bad;
    }
}

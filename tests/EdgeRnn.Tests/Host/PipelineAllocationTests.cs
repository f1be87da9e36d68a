using EdgeRnn.Host.Pipeline;
using EdgeRnn.Runtime;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>From bytes of the wire to a decision nothing is allocated, whatever the bytes are.</summary>
public class PipelineAllocationTests
{
    [Fact]
    public void From_the_wire_to_the_label_nothing_is_allocated()
    {
        var model = RandomModels.Create(5, Precision.Int8, 3, "lstm:12,gru:9,dense:4", window: 10, hop: 3);
        float[] readings = RandomModels.Readings(6, model, 100);
        byte[] frames = Frames(model, readings, stream: 1);
        byte[] again = Frames(model, readings, stream: 2); // a restart, with a descriptor
        byte[] garbage = new byte[20_000];
        new Random(1).NextBytes(garbage);
        byte[] text = System.Text.Encoding.UTF8.GetBytes("1,2,3\nhello\n1,x,3\n4 5 6\n");
        var stream = new StreamClassifier(new RnnSession(model));
        var receiver = new FrameReceiver(3);
        var rows = new TextReceiver(3, joinsMidway: true);

        Assert.NotEqual(0, AllocatedBy(() => GC.KeepAlive(new byte[64])));
        Assert.Equal(0, AllocatedBy(() =>
        {
            Pump(receiver, frames, stream);
            Pump(receiver, garbage, stream);
            Pump(receiver, again, stream);
            Pump(rows, text, stream);
        }));
        Assert.True(receiver.Counts.Delivered >= 400);
    }

    [Fact]
    public void The_meter_of_the_host_sees_what_any_thread_allocates()
    {
        var meter = new AllocationMeter();
        Assert.Equal(0, meter.Stop(out _));
        meter.Start();
        var other = new Thread(() => GC.KeepAlive(new byte[100_000]));
        other.Start();
        other.Join();
        Assert.InRange(meter.Stop(out _), 100_000, long.MaxValue);
    }

    private static byte[] Frames(RnnModel model, float[] readings, ushort stream)
    {
        var encoder = new FrameEncoder(Descriptor.ForModel(model), stream);
        List<byte> bytes = [.. encoder.EncodeDescriptor(0)];
        for (int at = 0; at < readings.Length; at += 3)
            bytes.AddRange(encoder.EncodeData(readings.AsSpan(at, 3), (uint)at));
        return [.. bytes, .. encoder.EncodeEnd(0)];
    }

    private static void Pump(LineReceiver line, ReadOnlySpan<byte> bytes, StreamClassifier stream)
    {
        while (true)
        {
            var answer = line.Next(bytes, out int consumed);
            bytes = bytes[consumed..];
            if (answer == LineAnswer.NeedMore)
                return;
            if (answer != LineAnswer.Reading)
                continue;
            if (line.Interrupted)
                stream.Reset();
            stream.Step(line.Readings);
        }
    }

    private static long AllocatedBy(Action action)
    {
        action(); // whatever is made once is made
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}

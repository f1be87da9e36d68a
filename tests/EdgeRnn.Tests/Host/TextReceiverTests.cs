using System.Text;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>The text format: what passes, and what a bad line costs.</summary>
public class TextReceiverTests
{
    [Theory]
    [InlineData("1,2.5,-3\n")]
    [InlineData("1 2.5 -3\r\n")]
    [InlineData("1\t2.5\t-3\n")]
    [InlineData("1;2.5;-3\n")]
    [InlineData("  1 , 2.5 ;  -3 ,\n")]
    [InlineData("1e0,25e-1,-3.0\n")]
    public void Every_separator_gives_the_reading(string line)
    {
        var receiver = new TextReceiver(3, joinsMidway: false);
        Assert.Equal(LineAnswer.Reading, receiver.Next(Encoding.UTF8.GetBytes(line), out int consumed));
        Assert.Equal([1, 2.5f, -3], receiver.Readings.ToArray());
        Assert.Equal(line.Length, consumed);
        Assert.Equal(-1, receiver.DeviceUs);
    }

    [Fact]
    public void Numbers_that_are_none_are_passed_on_as_such()
    {
        var receiver = new TextReceiver(5, joinsMidway: false);
        Assert.Equal(LineAnswer.Reading, receiver.Next("nan,inf,-inf,ovf,NaN\n"u8, out _));
        Assert.All(receiver.Readings.ToArray(), r => Assert.False(float.IsFinite(r)));
    }

    [Fact]
    public void A_bad_row_costs_one_row()
    {
        const string Text = "booting v1.2 ...\n\nERR sensor\n1,2\n3,4\n5,x\n7,8\n9\n11,,12\n13,14\n1,2,3\n15,16\n";
        var receiver = new TextReceiver(2, joinsMidway: false);
        var readings = Receive(receiver, Text, Text.Length);
        Assert.Equal(["0:1,2", "1:3,4", "3:7,8!", "6:13,14!", "8:15,16!"], readings);
        var counts = receiver.Counts;
        Assert.Equal((9, 5, 0, 4), (counts.Expected, counts.Delivered, counts.Lost, counts.Damaged));
        Assert.Equal((1, 1), (counts.Noise, counts.SenderErrors));
    }

    [Fact]
    public void Every_cut_gives_the_same()
    {
        var rows = Enumerable.Range(0, 200).Select(i => i % 17 == 0 ? $"{i},oops\n" : $"{i},{i * 0.5}\n");
        string text = "x\n" + string.Concat(rows);
        var whole = Receive(new(2, false), text, text.Length);
        for (int piece = 1; piece < 40; piece++)
            Assert.Equal(whole, Receive(new(2, false), text, piece));
    }

    [Fact]
    public void On_a_port_the_first_partial_line_is_passed_over()
    {
        var receiver = new TextReceiver(2, joinsMidway: true);
        Assert.Equal(["0:3,4"], Receive(receiver, "1,2\n3,4\n", 100));
        Assert.Equal((1, 0), (receiver.Counts.Noise, receiver.Counts.Damaged));
    }

    [Fact]
    public void A_line_without_end_is_thrown_away()
    {
        var receiver = new TextReceiver(2, joinsMidway: false);
        string text = new string('1', 200_000) + "\n1,2\n";
        Assert.Equal(["0:1,2"], Receive(receiver, text, 70_000));
        Assert.Equal(1, receiver.Counts.Noise);
    }

    [Fact]
    public void A_line_of_another_width_is_refused_after_three_rows_or_at_its_end()
    {
        var receiver = new TextReceiver(2, joinsMidway: false);
        Assert.Equal(LineAnswer.Refused, receiver.Next("1,2,3\n1,2,3\n1,2,3\n"u8, out _));
        Assert.StartsWith("the line carries 3 numbers a row, and the model reads 2;", receiver.Refusal);

        var shortLine = new TextReceiver(2, joinsMidway: false);
        Assert.Equal(LineAnswer.NeedMore, shortLine.Next("1,2,3\n"u8, out _));
        Assert.False(shortLine.Complete([]));
        Assert.NotNull(shortLine.Refusal);
    }

    [Fact]
    public void The_last_row_of_a_file_counts_without_a_line_end_and_that_of_a_port_is_noise()
    {
        var file = new TextReceiver(2, joinsMidway: false);
        Assert.Equal(LineAnswer.NeedMore, file.Next("5,6"u8, out _));
        Assert.True(file.Complete("5,6"u8));
        Assert.Equal([5f, 6f], file.Readings.ToArray());
        Assert.Equal((1, 0), (file.Counts.Delivered, file.Counts.Noise));

        var port = new TextReceiver(2, joinsMidway: true);
        Assert.Equal(LineAnswer.NeedMore, port.Next("\n"u8, out _));
        Assert.False(port.Complete("5,6"u8));
        Assert.Equal((0, 1), (port.Counts.Delivered, port.Counts.Noise));
    }

    [Theory]
    [InlineData("ax:1,ay:2\n", "0:1,2")]
    [InlineData("ax:1\tay:2\n", "0:1,2")]
    [InlineData("ay:2;ax:1\n", "0:1,2")] // by name, where the model names its channels
    [InlineData("ay: 2, ax: 1\n", "0:1,2")]
    [InlineData("ax: 1 ay: 2\n", "0:1,2")]
    [InlineData("left:1 right:2\n", "0:1,2")]
    [InlineData("ax:1,2\n", "0:1,2")]
    [InlineData("ax:1,ay:\nax:3,ay:4\n", "1:3,4!")]
    [InlineData("ax:one,ay:2\nax:3,ay:4\n", "1:3,4!")]
    public void Labelled_numbers_are_read(string text, params string[] readings) => Assert.Equal(
        readings, Receive(new(2, joinsMidway: false, "ax", "ay"), text, 5));

    [Fact]
    public void Errors_of_the_sender_are_counted_and_cost_nothing()
    {
        var receiver = new TextReceiver(2, joinsMidway: false);
        Assert.Equal(["0:1,2", "1:3,4"], Receive(receiver, "1,2\nERR: sensor 7 timed out\r\nERR\n3,4\n", 7));
        Assert.Equal((2, 2, 0, 0), (
            receiver.Counts.SenderErrors, receiver.Counts.Delivered, receiver.Counts.Damaged, receiver.Counts.Noise));
    }

    [Fact]
    public void A_live_line_is_another_models_only_after_its_first_second()
    {
        foreach (bool isLive in new[] { false, true })
        {
            var receiver = new TextReceiver(2, joinsMidway: isLive);
            Receive(receiver, "\nversion 1 2 3\n1,2,3\n1,2,3\n1,2,3\n", 100);
            Assert.Equal(isLive, receiver.Refusal is null);
            receiver.FirstSecondOver();
            Assert.StartsWith("the line carries 3 numbers a row, and the model reads 2", receiver.Refusal);
        }
        var greeting = new TextReceiver(2, joinsMidway: true);
        Assert.Equal(["3:5,6!"], Receive(greeting, "\n1,2,3\n1,2,3\n1,2,3\n5,6\n", 100));
        greeting.FirstSecondOver();
        Assert.Null(greeting.Refusal);
    }

    private static List<string> Receive(TextReceiver receiver, string text, int pieceLength)
    {
        List<string> readings = [];
        List<byte> waiting = [];
        foreach (byte[] piece in Encoding.UTF8.GetBytes(text).Chunk(pieceLength))
        {
            waiting.AddRange(piece);
            while (true)
            {
                var answer = receiver.Next(waiting.ToArray(), out int consumed);
                waiting.RemoveRange(0, consumed);
                if (answer != LineAnswer.Reading)
                    break;
                string mark = receiver.Interrupted ? "!" : "";
                readings.Add($"{receiver.Sequence}:{string.Join(',', receiver.Readings.ToArray())}{mark}");
            }
        }
        return readings;
    }
}

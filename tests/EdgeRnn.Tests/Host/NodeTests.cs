using System.Diagnostics;
using System.Runtime.InteropServices;
using EdgeRnn.Host;
using EdgeRnn.Wire;
using Xunit;

namespace EdgeRnn.Tests.Host;

/// <summary>
/// The sender for microcontrollers, compiled for this machine, writes the bytes that the managed one does, whose own
/// are held against PROTOCOL.md.
/// </summary>
public sealed class NodeTests : IDisposable
{
    private static readonly string[] Strict =
        ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-O2"];

    private static readonly string[] Sanitized =
        ["-std=c99", "-Wall", "-Werror", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

    private readonly string _folder = Directory.CreateTempSubdirectory("edgernn-node-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Both_senders_write_the_same_bytes(bool sanitized)
    {
        var random = new SeededRandom(17);
        Line[] lines =
        [
            .. Enumerable.Range(0, 60).Select(i => Random(random, 1 + random.Below(i < 50 ? 12 : 400))),
            // Payloads around the length at which COBS needs a second code byte, without a 0x00 and with nothing else.
            .. Enumerable.Range(230, 30).SelectMany(bytes => new[] { Filled(bytes / 2, 0x0101), Filled(bytes / 2, 0) }),
            // What the wire cannot carry.
            Refused(SampleType.Float32, new Channel("a", "", 2)),
            Refused(SampleType.Int16, new Channel("a", "", 0)),
            Refused(SampleType.Int16, new Channel("a", "", float.NegativeInfinity)),
            Refused(SampleType.Int16, new Channel("a", "", float.NaN)),
            Refused(SampleType.Int16, new Channel(new string('n', 65))),
            Refused(SampleType.Int16, new Channel("a", new string('u', 65))),
            Refused((SampleType)3, new Channel("a")),
            Refused(SampleType.Int16),
            Refused(SampleType.Int16, [.. Enumerable.Repeat(new Channel(""), 4097)]),
            Refused(SampleType.Int16, [.. Enumerable.Repeat(new Channel("123456"), 4096)]),
            Refused(SampleType.Int16, new Channel("a")) with { RateHz = -1 },
            Refused(SampleType.Int16, new Channel("a")) with { RateHz = float.PositiveInfinity },
        ];
        string program = Compile(sanitized ? Sanitized : Strict);

        byte[] found = Run(program, [.. BitConverter.GetBytes((ushort)lines.Length), .. lines.SelectMany(ToInput)]);
        byte[] expected = [.. lines.SelectMany(ToWire)];
        Assert.True(expected.Length > 50_000);
        Assert.Equal(expected, found);
    }

    [Fact]
    public void Its_code_is_that_of_rfc_4231()
    {
        string program = Compile(Sanitized);
        foreach (var (key, data, code) in SealTests.Rfc4231)
        {
            byte[] found = Run(program, [], Convert.ToHexString(key), Convert.ToHexString(data));
            Assert.Equal(code + code, Convert.ToHexStringLower(found));
        }
    }

    private sealed record Line(SampleType Type, Channel[] Channels, float RateHz, ushort Stream, byte[][] Readings)
    {
        /// <summary>Seals the frames; empty for none.</summary>
        public byte[] Key { get; init; } = [];

        public ulong FirstStamp { get; init; }
    }

    private static Line Random(SeededRandom random, int channels)
    {
        bool isInt16 = random.Below(2) == 0;
        // A power of two, so that integer × scale, which the managed sender is given, divides back without rounding.
        var described = Enumerable.Range(0, channels)
            .Select(_ => new Channel(Text(random), Text(random), isInt16 ? MathF.ScaleB(1, random.Below(40) - 20) : 1));
        var readings = Enumerable.Range(0, 1 + random.Below(6)).Select(_ =>
        {
            byte[] samples = new byte[channels * (isInt16 ? 2 : 4)];
            foreach (ref byte sample in samples.AsSpan())
                sample = (byte)(random.Below(4) == 0 ? 0 : random.Next());
            return samples;
        });
        return new(
            isInt16 ? SampleType.Int16 : SampleType.Float32, [.. described], random.Below(1000), (ushort)random.Next(),
            [.. readings])
        {
            Key = random.Below(2) == 0
                ? []
                : [.. Enumerable.Range(0, 1 + random.Below(140)).Select(_ => (byte)random.Next())],
            FirstStamp = (ulong)uint.MaxValue - 3 + ((ulong)random.Next() << 40), // a carry out of its lower half
        };
    }

    private static Line Filled(int channels, ushort sample) => new(
        SampleType.Int16, [.. Enumerable.Repeat(new Channel("", ""), channels)], 0, 0x0101,
        [MemoryMarshal.AsBytes<ushort>(Enumerable.Repeat(sample, channels).ToArray()).ToArray()]);

    private static Line Refused(SampleType type, params Channel[] channels) => new(type, channels, 0, 0, []);

    private static string Text(SeededRandom random) =>
        new([.. Enumerable.Range(0, random.Below(10) == 0 ? 64 : random.Below(6)).Select(
            _ => (char)(33 + random.Below(90)))]);

    /// <summary>A line as node_lines.c reads it.</summary>
    private static IEnumerable<byte> ToInput(Line line)
    {
        byte[] head =
        [
            (byte)line.Type, .. BitConverter.GetBytes((ushort)line.Channels.Length),
                .. BitConverter.GetBytes(line.RateHz),
            .. BitConverter.GetBytes(line.Stream), .. BitConverter.GetBytes((ushort)line.Readings.Length),
            (byte)line.Key.Length, .. line.Key, .. BitConverter.GetBytes(line.FirstStamp),
        ];
        var channels = line.Channels.SelectMany(c => (byte[])
            [
                .. BitConverter.GetBytes(c.Scale), (byte)c.Name.Length, .. c.Name.Select(x => (byte)x),
                (byte)c.Unit.Length, .. c.Unit.Select(x => (byte)x),
            ]);
        var readings = line.Readings.Index().SelectMany(r => BitConverter.GetBytes(Time(r.Index)).Concat(r.Item));
        return head.Concat(channels).Concat(readings);
    }

    /// <summary>1 and what the managed sender makes of the line; 0 where it refuses it.</summary>
    private static List<byte> ToWire(Line line)
    {
        FrameEncoder encoder;
        try
        {
            encoder = new(
                new(line.Type, line.Channels, line.RateHz), line.Stream,
                key: line.Key.Length > 0 ? new HmacAuthenticator(line.Key) : null, firstStamp: line.FirstStamp);
        }
        catch (ArgumentException)
        {
            return [0];
        }
        List<byte> bytes = [1, .. encoder.EncodeDescriptor(0)];
        foreach (var (i, samples) in line.Readings.Index())
        {
            float[] readings = line.Type == SampleType.Int16
                ? [.. MemoryMarshal.Cast<byte, short>(samples).ToArray().Select((s, c) => s * line.Channels[c].Scale)]
                : MemoryMarshal.Cast<byte, float>(samples).ToArray();
            bytes.AddRange(encoder.EncodeData(readings, Time(i)));
        }
        bytes.AddRange(encoder.EncodeDescriptor(0xFFFFFFFF));
        bytes.AddRange(encoder.EncodeEnd(0x01000001));
        return bytes;
    }

    private static uint Time(int reading) => (uint)reading * 0x12345678;

    private string Compile(string[] options)
    {
        string node = Path.Combine(Repository.Root, "firmware-host", "node");
        string program = Path.Combine(_folder, "node_lines");
        string driver = Path.Combine(Repository.Root, "tests", "EdgeRnn.Tests", "Host", "node_lines.c");
        string[] arguments =
        [
            .. options, "-I", node, driver, Path.Combine(node, "edgernn_node.c"),
            Path.Combine(node, "edgernn_seal.c"), "-o", program,
        ];
        try
        {
            using var compiler = Process.Start(new ProcessStartInfo("cc", arguments) { RedirectStandardError = true })!;
            string errors = compiler.StandardError.ReadToEnd();
            compiler.WaitForExit();
            // Debian's compiler brings the sanitizers along; another one may come without them.
            Assert.SkipWhen(errors.Contains("asan", StringComparison.Ordinal), "the C compiler has no sanitizers");
            Assert.True(compiler.ExitCode == 0, errors);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("there is no C compiler (cc) here");
        }
        return program;
    }

    private static byte[] Run(string program, byte[] input, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = Task.Run(() =>
        {
            using var bytes = new MemoryStream();
            process.StandardOutput.BaseStream.CopyTo(bytes);
            return bytes.ToArray();
        });
        process.StandardInput.BaseStream.Write(input);
        process.StandardInput.Close();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"exit code {process.ExitCode}: {errors.Result}");
        return output.Result;
    }
}

using System.Buffers.Binary;
using EdgeRnn.Features;
using EdgeRnn.Trainer;
using Xunit;

namespace EdgeRnn.Tests.Datasets;

public sealed class WavTests : IDisposable
{
    private static readonly byte[] Samples = [0, 0, 0, 64, 0, 192, 255, 127];

    private readonly DataFolder _folder = new();

    // 0, ½, -½ and the largest, in every format.
    public static TheoryData<int, int, byte[]> Formats => new()
    {
        { 1, 8, [128, 192, 64, 255] },
        { 1, 16, Samples },
        { 1, 24, [0, 0, 0, 0, 0, 64, 0, 0, 192, 255, 255, 127] },
        { 1, 32, [0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 192, 255, 255, 255, 127] },
        { 3, 32, [0, 0, 0, 0, 0, 0, 0, 63, 0, 0, 0, 191, 255, 255, 127, 63] },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void Every_format_is_read(int codec, int bits, byte[] data)
    {
        float least = bits == 8 ? 1 / 128f : bits == 16 ? 1 / 32768f : 1 / 8388608f;
        foreach (bool isExtensible in (bool[])[false, true])
        {
            _folder.With("a/1.wav", Wav(data, codec, bits, extensible: isExtensible));
            var read = _folder.Load("wav:@");
            Assert.Equal([0, 0.5f, -0.5f], read.Sequences[0].Audio.ToArray()[..3]);
            Assert.Equal(1, read.Sequences[0].Audio.Span[3], least);
            Assert.Equal((16000f, 16000, 4), (read.SampleRateHz, read.AudioRateHz, read.Sequences[0].Steps));
        }
    }

    [Fact]
    public void Channels_are_mixed_down_and_other_chunks_passed_over()
    {
        byte[] odd = [.. "LIST"u8, 3, 0, 0, 0, 1, 2, 3, 0];
        _folder.With("a/1.wav", Wav(Samples, channels: 2, between: odd));
        var read = _folder.Load("wav:@");
        Assert.Equal([0.25f, (-0.5f + 32767 / 32768f) / 2], read.Sequences[0].Audio.ToArray());
        Assert.Contains(read.Warnings, warning => warning.Contains("mixed down", StringComparison.Ordinal));
    }

    [Fact]
    public void Folders_or_names_tell_label_and_group()
    {
        _folder.With("x/yes/a_1.wav", Wav(Samples)).With("x/no/b_2.wav", Wav(Samples)).With("x/.git/c.wav", [])
            .With("y/3_jack_0.wav", Wav(Samples)).With("y/3_anna_12.WAV", Wav(Samples)).With(
                "y/7_anna_4.wav", Wav(Samples));
        var folders = _folder.Load("wav:@/x");
        Assert.Equal(["no", "yes"], folders.Labels);
        Assert.Equal(["no/b_2.wav", "yes/a_1.wav"], folders.Sequences.Select(s => s.Group));
        Assert.NotNull(folders.GroupFolder);
        Assert.Equal(["b", "a"], _folder.Load("wav:@/x?pattern={group}_*").Sequences.Select(s => s.Group));
        Assert.Equal(
            ["2", "a"], _folder.Load("wav:@/x?pattern=b_{group}.wav|{group}_*").Sequences.Select(s => s.Group));

        var names = _folder.Load("wav:@/y?pattern={label}_{group}_{take}.*");
        Assert.Equal(["3", "7"], names.Labels);
        Assert.Equal(["anna", "jack", "anna"], names.Sequences.Select(s => s.Group));
        Assert.Null(names.GroupFolder);
        Assert.Equal(2, _folder.Load("wav:@/y?pattern={label}_{group}_{take}.*&take=0-4").Count);
        Assert.Equal(1, _folder.Load("wav:@/y?pattern={label}_{group}_{take}.*&take=12").Count);
    }

    [Fact]
    public void Seconds_cut_and_fill_up_and_rates_are_brought_to_the_lowest()
    {
        _folder.With("a/1.wav", Wav(new byte[2 * 4800], rate: 48000)).With(
            "a/2.wav", Wav(new byte[2 * 1000], rate: 8000));
        var read = _folder.Load("wav:@?seconds=0.1");
        Assert.Equal([800, 800], read.Sequences.Select(s => s.Steps));
        Assert.Contains(read.Warnings, warning => warning.Contains("converted to 8000 Hz", StringComparison.Ordinal));
    }

    [Fact]
    public void Features_are_those_of_the_board_and_bind_other_data()
    {
        float[] audio = [.. Enumerable.Range(0, 1600).Select(i => i % 90 / 100f)];
        byte[] data = new byte[4 * audio.Length];
        Buffer.BlockCopy(audio, 0, data, 0, data.Length);
        _folder.With("a/1.wav", Wav(data, 3, 32)).With("b/1.wav", Wav(data, 3, 32)).With("c/1.csv", "x\n1\n2\n");
        var spec = FeatureSpec.Parse("mfcc:13,deltas=1", 16000, out _)!;
        var sound = _folder.Load("wav:@");
        var features = sound.WithFeatures(spec);
        Assert.Equal(new FrontEnd(spec, 16000).Run(audio), features.Sequences[1].Values.ToArray());
        Assert.Equal((26, 6, 100f), (features.Channels.Count, features.MaxSteps, features.SampleRateHz));
        Assert.Equal(features.Sequences[0].Values.ToArray(), sound.AlignedTo(features).Sequences[0].Values.ToArray());

        var readings = _folder.Load("csv:@/c");
        Assert.Contains("name wav: data", Assert.Throws<UserException>(() => readings.AlignedTo(features)).Message);
        Assert.Contains("holds sound", Assert.Throws<UserException>(() => sound.AlignedTo(readings)).Message);
        Assert.Contains("no sound", Assert.Throws<UserException>(() => readings.WithFeatures(spec)).Message);
        var other = sound.WithFeatures(spec with { Deltas = 0 });
        Assert.Throws<UserException>(() => other.AlignedTo(features));
    }

    [Fact]
    public void A_recording_shorter_than_a_step_is_named_and_samples_that_are_no_numbers_are_counted()
    {
        var spec = new FeatureSpec();
        _folder.With("a/short.wav", Wav(new byte[798]));
        string message = Assert.Throws<UserException>(() => _folder.Load("wav:@").WithFeatures(spec)).Message;
        Assert.Contains("a/short.wav of class a has 399 samples at 16000 Hz, too few", message);

        byte[] data = new byte[4 * 400];
        BinaryPrimitives.WriteSingleLittleEndian(data.AsSpan(40), float.NaN);
        _folder.With("a/short.wav", Wav(data, 3, 32));
        var features = _folder.Load("wav:@").WithFeatures(spec);
        Assert.Contains(features.Warnings, warning => warning.StartsWith("1 samples of", StringComparison.Ordinal));
        Assert.All(features.Sequences[0].Values.ToArray(), value => Assert.True(float.IsFinite(value)));
    }

    [Fact]
    public void Hostile_files_are_refused_in_a_sentence()
    {
        byte[] good = Wav(Samples);
        Refuses([], "has 0 bytes, expected a WAV header of at least 44");
        Refuses(good[..18], "ends before its format");
        Refuses(good[..30], "the format has 10 bytes, expected at least 16");
        Refuses(good[..38], "ends before its samples: it is cut short");
        Refuses(good[..^2], "promises 8 bytes of samples, and 6 are there");
        Refuses(With(good, 40, 0xFFFFFFFF), "promises 4294967295 bytes of samples, and 8 are there");
        Refuses(With(good, 16, 0xFFFFFFF0), "ends before its samples");
        Refuses(With(good, 16, 4), "the format has 4 bytes, expected at least 16");
        Refuses(With(good, 24, 0), "sample rate is 0 Hz");
        Refuses(With(good, 24, 11025), "sample rate is 11025 Hz, expected 8000, 16000, 22050, 44100 or 48000");
        Refuses(With(good, 20, 0x00010055), "samples are MP3 of 16 bits, expected PCM");
        Refuses(With(good, 20, 0x00010007), "µ-law");
        Refuses(With(good, 20, 0x00000001), "it has 0 channels, expected 1 to 64");
        Refuses(With(good, 20, 0x00020001), "has 2 bytes, expected 4 (2 × 16 bits)");
        Refuses(With(good, 40, 0), "it holds no samples");
        Refuses(With(good, 40, 7), "7 bytes, expected a multiple of 2");
        Refuses([.. "RIFX"u8, .. good[4..]], "big-endian");
        Refuses([.. "ID3 "u8, .. good[4..]], "it is no WAV file");
        Refuses([.. good[..12], .. good[36..]], "the samples come before their format");

        void Refuses(byte[] file, string expected) =>
            _folder.With("a/1.wav", file).Refuses("wav:@", _folder["a/1.wav"], expected);

        static byte[] With(byte[] file, int at, uint value)
        {
            byte[] changed = [.. file];
            BinaryPrimitives.WriteUInt32LittleEndian(changed.AsSpan(at), value);
            return changed;
        }
    }

    [Fact]
    public void Any_damage_is_read_or_refused_in_a_sentence()
    {
        byte[] good = Wav(new byte[64]);
        for (int bit = 0; bit < 8 * 48; bit++)
        {
            good[bit / 8] ^= (byte)(1 << bit % 8);
            var header = WavHeader.TryRead(good, good.Length, out string? error);
            Assert.True(header is null != error is null, $"bit {bit}");
            if (header is not null)
                Assert.InRange(header.DataOffset + header.DataBytes, 44, good.Length);
            good[bit / 8] ^= (byte)(1 << bit % 8);
        }
    }

    [Theory]
    [InlineData("wav:@/nowhere", "is not a folder")]
    [InlineData("wav:@/empty", "holds no .wav file")]
    [InlineData("wav:@/direct", "lies in no sub-folder that names its class")]
    [InlineData("wav:@/direct?pattern={label}_{take}.wav", "has a name that the pattern does not fit")]
    [InlineData("wav:@/direct?pattern=*.wav", "pattern is '*.wav', expected a file name with {label}")]
    [InlineData("wav:@/direct?pattern={word}.wav", "pattern is '{word}.wav', expected")]
    [InlineData("wav:@/direct?pattern={label}.wav&take=1", "take is '1', expected a pattern with {take} as well")]
    [InlineData("wav:@/direct?pattern={label}.{take}&take=4-1", "take is '4-1', expected a number, or a range")]
    [InlineData("wav:@/direct?pattern={label}.{take}&take=4", "has take 'wav', expected a number")]
    [InlineData("wav:@/direct?seconds=0", "seconds is '0'")]
    public void A_bad_spec_is_refused(string spec, string expected)
    {
        _folder.With("direct/1.wav", Wav(Samples)).With("empty/a.txt", "");
        _folder.Refuses(spec, expected);
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>A WAV file; its data begin at byte 44 unless it is extensible or has chunks in between.</summary>
    internal static byte[] Wav(
        byte[] data, int codec = 1, int bits = 16, int channels = 1, int rate = 16000, bool extensible = false,
            byte[]? between = null)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        int formatBytes = extensible ? 40 : 16;
        writer.Write("RIFF"u8);
        writer.Write(20 + formatBytes + (between?.Length ?? 0) + 8 + data.Length - 8);
        writer.Write("WAVEfmt "u8);
        writer.Write(formatBytes);
        writer.Write((ushort)(extensible ? 0xFFFE : codec));
        writer.Write((ushort)channels);
        writer.Write(rate);
        writer.Write(rate * channels * bits / 8);
        writer.Write((ushort)(channels * bits / 8));
        writer.Write((ushort)bits);
        if (extensible)
        {
            writer.Write((ushort)22);
            writer.Write((ushort)bits);
            writer.Write(0);
            writer.Write((ushort)codec);
            writer.Write([0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113]);
        }
        writer.Write(between ?? []);
        writer.Write("data"u8);
        writer.Write(data.Length);
        writer.Write(data);
        return stream.ToArray();
    }
}

using System.Buffers.Binary;

namespace EdgeRnn.Features;

/// <summary>How samples are written.</summary>
public enum SampleFormat
{
    /// <summary>8 bits, 128 is silence.</summary>
    UInt8,

    /// <summary>16 bits.</summary>
    Int16,

    /// <summary>24 bits.</summary>
    Int24,

    /// <summary>32 bits.</summary>
    Int32,

    /// <summary>IEEE single, full scale ±1.</summary>
    Float32,
}

/// <summary>Audio as bytes: little-endian samples, those of all channels one after the other.</summary>
/// <param name="Format">How samples are written.</param>
/// <param name="Channels">Channels, at least 1.</param>
/// <param name="RateHz">Samples a second of each channel.</param>
public readonly record struct AudioFormat(SampleFormat Format, int Channels, int RateHz)
{
    /// <summary>Bytes of a sample of one channel.</summary>
    public int SampleBytes => Format switch
    {
        SampleFormat.UInt8 => 1,
        SampleFormat.Int16 => 2,
        SampleFormat.Int24 => 3,
        _ => 4,
    };

    /// <summary>Bytes of a sample of all channels.</summary>
    public int BlockBytes => SampleBytes * Channels;

    /// <summary>
    /// The mean of all channels, of full scale ±1, of as many samples as <paramref name="mono"/> holds.
    /// </summary>
    public void Decode(ReadOnlySpan<byte> bytes, Span<float> mono)
    {
        int size = SampleBytes;
        for (int i = 0; i < mono.Length; i++)
        {
            float sum = 0;
            for (int c = 0; c < Channels; c++)
                sum += Sample(bytes.Slice((i * Channels + c) * size, size));
            mono[i] = Channels == 1 ? sum : sum / Channels;
        }
    }

    // Exact but for 32 bits, which are rounded to the 24 of a float.
    private float Sample(ReadOnlySpan<byte> bytes) => Format switch
    {
        SampleFormat.UInt8 => (bytes[0] - 128) / 128f,
        SampleFormat.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes) / 32768f,
        SampleFormat.Int24 => (bytes[0] << 8 | bytes[1] << 16 | bytes[2] << 24) / 2147483648f,
        SampleFormat.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes) / 2147483648f,
        _ => BinaryPrimitives.ReadSingleLittleEndian(bytes),
    };
}

/// <summary>What stands before the samples of a WAV file.</summary>
/// <param name="Format">The samples.</param>
/// <param name="DataOffset">Where they begin, in bytes.</param>
/// <param name="DataBytes">How many bytes they are: whole samples of all channels, at least one.</param>
public sealed record WavHeader(AudioFormat Format, int DataOffset, long DataBytes)
{
    /// <summary>Most channels.</summary>
    public const int MaxChannels = 64;

    private const int ChunkHeaderBytes = 8;
    private const int FormatBytes = 16;
    private const int ExtensibleBytes = 26; // up to the codec in the sub-format
    private const int Extensible = 0xFFFE;

    /// <summary>Reads the header.</summary>
    /// <param name="file">The file, or as much of its beginning as there is.</param>
    /// <param name="fileBytes">The length of the whole file.</param>
    /// <param name="error">Without a header: what is wrong, as found and expected.</param>
    public static WavHeader? TryRead(ReadOnlySpan<byte> file, long fileBytes, out string? error)
    {
        AudioFormat? format = null;
        error = file.Length < 12 ? $"the file has {fileBytes} bytes, expected a WAV header of at least 44"
            : file.StartsWith("RIFX"u8) ? "the file is big-endian (RIFX), expected RIFF"
            : !file.StartsWith("RIFF"u8) || !file[8..].StartsWith("WAVE"u8)
                ? "the file does not begin with RIFF and WAVE: it is no WAV file"
            : null;
        for (long at = 12; error is null;)
        {
            if (at + ChunkHeaderBytes > file.Length)
            {
                error = at + ChunkHeaderBytes > fileBytes
                    ? $"the file ends before its {(format is null ? "format" : "samples")}: it is cut short"
                    : $"no samples begin within the first {file.Length} bytes";
                break;
            }
            var chunk = file[(int)at..];
            uint bytes = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
            var content = chunk[ChunkHeaderBytes..];
            if (chunk.StartsWith("fmt "u8))
            {
                format = ReadFormat(content[..(int)Math.Min(bytes, (uint)content.Length)], out error);
            }
            else if (chunk.StartsWith("data"u8))
            {
                error = format is { } known ? CheckData(known, bytes, fileBytes - at - ChunkHeaderBytes)
                    : "the samples come before their format";
                return error is null ? new(format!.Value, (int)at + ChunkHeaderBytes, bytes) : null;
            }
            at += ChunkHeaderBytes + bytes + (bytes & 1); // chunks begin at even bytes
        }
        return null;
    }

    private static string? CheckData(AudioFormat format, uint bytes, long left)
    {
        if (bytes == 0)
            return "it holds no samples";
        if (bytes > left)
            return $"the header promises {bytes} bytes of samples, and {left} are there: it is cut short, or its " +
                "recorder was killed";
        return bytes % (uint)format.BlockBytes == 0 ? null
            : $"the samples have {bytes} bytes, expected a multiple of {format.BlockBytes}, those of a sample of all " +
                "channels";
    }

    private static AudioFormat? ReadFormat(ReadOnlySpan<byte> chunk, out string? error)
    {
        if (chunk.Length < FormatBytes)
        {
            error = $"the format has {chunk.Length} bytes, expected at least {FormatBytes}";
            return null;
        }
        int codec = BinaryPrimitives.ReadUInt16LittleEndian(chunk);
        if (codec == Extensible && chunk.Length >= ExtensibleBytes)
            codec = BinaryPrimitives.ReadUInt16LittleEndian(chunk[24..]);
        int channels = BinaryPrimitives.ReadUInt16LittleEndian(chunk[2..]);
        uint rate = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
        int block = BinaryPrimitives.ReadUInt16LittleEndian(chunk[12..]),
            bits = BinaryPrimitives.ReadUInt16LittleEndian(chunk[14..]);
        SampleFormat? format = (codec, bits) switch
        {
            (1, 8) => SampleFormat.UInt8,
            (1, 16) => SampleFormat.Int16,
            (1, 24) => SampleFormat.Int24,
            (1, 32) => SampleFormat.Int32,
            (3, 32) => SampleFormat.Float32,
            _ => null,
        };
        error = format is null
                ? $"samples are {NameOf(codec)} of {bits} bits, expected PCM of 8, 16, 24 or 32 bits, or floats of 32"
            : channels is < 1 or > MaxChannels ? $"it has {channels} channels, expected 1 to {MaxChannels}"
            : rate is < 1 or > 1_000_000 ? $"its sample rate is {rate} Hz, expected 1 to 1000000"
            : null;
        if (error is not null)
            return null;
        var audio = new AudioFormat(format!.Value, channels, (int)rate);
        if (block != audio.BlockBytes)
            error = $"a sample of all channels has {block} bytes, expected {audio.BlockBytes} ({channels} × {bits} " +
                "bits)";
        return error is null ? audio : null;
    }

    private static string NameOf(int codec) => codec switch
    {
        1 => "PCM",
        2 or 0x11 => "ADPCM",
        3 => "floats",
        6 => "A-law",
        7 => "µ-law",
        0x55 => "MP3",
        _ => $"of codec {codec}",
    };
}

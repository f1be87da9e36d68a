using System.IO.Compression;
using Xunit;

namespace EdgeRnn.Tests.Datasets;

public sealed class IdxTests : IDisposable
{
    private readonly DataFolder _folder = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Rows_are_steps_and_pixels_are_raw(bool gzip)
    {
        Write(Images(3, 2, 4), Labels(7, 0, 2), gzip);
        var data = _folder.Load("idx:@/t");

        Assert.Equal("t", data.Name);
        Assert.Equal(["0", "1", "2", "3", "4", "5", "6", "7"], data.Labels);
        Assert.Equal([7, 0, 2], data.Sequences.Select(s => s.Label));
        Assert.Equal(4, data.Channels.Count);
        Assert.False(data.HasChannelNames);
        Assert.All(data.Sequences, s => Assert.Equal(2, s.Steps));
        // The images count upwards through all bytes, so the second one begins with 8.
        Assert.Equal([8f, 9, 10, 11, 12, 13, 14, 15], data.Sequences[1].Values.ToArray());
    }

    [Fact]
    public void Idx_pixels_reads_one_pixel_a_step()
    {
        Write(Images(2, 2, 4), Labels(1, 0));
        var data = _folder.Load("idx-pixels:@/t");
        Assert.Single(data.Channels);
        Assert.All(data.Sequences, s => Assert.Equal(8, s.Steps));
    }

    [Fact]
    public void Count_takes_the_first_and_keeps_all_classes()
    {
        Write(Images(3, 1, 1), Labels(0, 1, 2));
        var data = _folder.Load("idx:@/t?count=2");
        Assert.Equal([0, 1], data.Sequences.Select(s => s.Label));
        Assert.Equal(3, data.Labels.Count);
        Assert.Contains("no sequence of class 2", Assert.Single(data.Warnings));
    }

    [Fact]
    public void A_stray_label_is_warned_of_in_one_short_line()
    {
        Write(Images(2, 1, 1), Labels(0, 255));
        string warning = Assert.Single(_folder.Load("idx:@/t").Warnings);
        Assert.Contains("class 1, 2, 3, 4, 5, 6, 7, 8 and 246 more in", warning);
    }

    [Fact]
    public void Pixels_cover_the_whole_byte()
    {
        Write(Images(1, 16, 16), Labels(255));
        var data = _folder.Load("idx:@/t");
        Assert.Equal(255, data.Sequences[0].Values.Span[255]);
        Assert.Equal(256, data.Labels.Count);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        _folder.Refuses("idx:@/t", _folder["t-images-idx3-ubyte"], "does not exist");
        _folder.With("t-images-idx3-ubyte", Images(1, 1, 1));
        _folder.Refuses("idx:@/t", "t-labels-idx1-ubyte", "does not exist", "write the prefix");
    }

    [Fact]
    public void A_wrong_magic_number_is_named()
    {
        Write(Labels(1, 2), Labels(1, 2));
        _folder.Refuses("idx:@/t", "t-images-idx3-ubyte", "cut short: its header has 10 bytes, expected 16");
        Write([.. Labels(1, 2), .. new byte[9]], Labels(1, 2));
        _folder.Refuses("idx:@/t", "t-images-idx3-ubyte", "0x00000801", "expected 0x00000803", "3 dimensions");
    }

    [Fact]
    public void Counts_that_disagree_are_named()
    {
        Write(Images(3, 2, 2), Labels(1, 2));
        _folder.Refuses("idx:@/t", "t-images-idx3-ubyte has 3 images", "t-labels-idx1-ubyte has 2 labels");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_file_cut_short_is_refused(bool gzip)
    {
        Write(Images(3, 2, 2)[..^1], Labels(1, 2, 3), gzip);
        _folder.Refuses("idx:@/t", "t-images-", "cut short: 11 bytes after the header, expected 12 (3 × 2 × 2)");
    }

    [Fact]
    public void A_gzip_stream_cut_anywhere_is_refused()
    {
        var whole = Gzip(Images(40, 5, 5));
        _folder.With("t-labels-idx1-ubyte.gz", Gzip(Labels(new byte[40])));
        for (int length = 0; length < whole.Length - 8; length += 7)
        {
            _folder.With("t-images-idx3-ubyte.gz", whole[..length]);
            _folder.Refuses("idx:@/t", "t-images-idx3-ubyte.gz", "cut short");
        }
    }

    [Fact]
    public void A_flipped_bit_inside_gzip_is_refused()
    {
        var bad = Gzip(Images(40, 5, 5));
        bad[^6] ^= 1; // the checksum
        _folder.With("t-images-idx3-ubyte.gz", bad).With("t-labels-idx1-ubyte.gz", Gzip(Labels(new byte[40])));
        _folder.Refuses("idx:@/t", "t-images-idx3-ubyte.gz", "damaged");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Bytes_after_the_end_are_refused(bool gzip)
    {
        Write([.. Images(3, 2, 2), 0], Labels(1, 2, 3), gzip);
        _folder.Refuses("idx:@/t", "t-images-idx3-ubyte", "goes on after the 12 bytes (3 × 2 × 2)");
    }

    [Fact]
    public void A_huge_size_reserves_no_memory()
    {
        byte[] header = [0, 0, 8, 3, 0x7F, 0xFF, 0xFF, 0xC0, 0, 0, 0, 1, 0, 0, 0, 1];
        Write(header, Labels(1), gzip: true);
        long before = GC.GetAllocatedBytesForCurrentThread();
        _folder.Refuses("idx:@/t", "cut short: 0 bytes after the header, expected 2147483584");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);

        header[4] = 0xFF;
        Write(header, Labels(1));
        _folder.Refuses("idx:@/t", "dimension 0 is 4294967232");
    }

    [Fact]
    public void No_images_are_refused()
    {
        Write(Images(0, 2, 2), Labels());
        _folder.Refuses("idx:@/t", "0 images");
    }

    public void Dispose() => _folder.Dispose();

    private void Write(byte[] images, byte[] labels, bool gzip = false)
    {
        string end = gzip ? ".gz" : "";
        _folder.With("t-images-idx3-ubyte" + end, gzip ? Gzip(images) : images);
        _folder.With("t-labels-idx1-ubyte" + end, gzip ? Gzip(labels) : labels);
    }

    private static byte[] Images(byte count, byte rows, byte columns) =>
    [
        0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, rows, 0, 0, 0, columns,
        .. Enumerable.Range(0, count * rows * columns).Select(i => (byte)i),
    ];

    private static byte[] Labels(params byte[] labels) => [0, 0, 8, 1, 0, 0, 0, (byte)labels.Length, .. labels];

    private static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
            gzip.Write(bytes);
        return packed.ToArray();
    }
}

using System.Runtime.InteropServices;
using System.Text;
using EdgeRnn.Trainer.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Datasets;

public sealed class NpyTests : IDisposable
{
    private static readonly float[] Values = [.. Enumerable.Range(0, 12).Select(i => i / 2f)];

    private readonly DataFolder _folder = new();

    [Theory]
    [InlineData("<f4", 1)]
    [InlineData("<f8", 2)]
    [InlineData("<f4", 3)]
    public void Readings_and_class_numbers_are_read(string type, byte version)
    {
        byte[] data = type == "<f4" ? Bytes(Values) : Bytes(Array.ConvertAll(Values, v => (double)v));
        _folder.With("X.npy", Npy(type, "2, 3, 2", data, version)).With("y.npy", Npy("<i4", "2,", Bytes([2, 0])));
        var read = _folder.Load("npy:@/X.npy,@/y.npy");

        Assert.Equal(["0", "1", "2"], read.Labels);
        Assert.Equal([2, 0], read.Sequences.Select(s => s.Label));
        Assert.Equal(2, read.Channels.Count);
        Assert.Equal(3, read.CommonSteps);
        Assert.Equal(Values[6..], read.Sequences[1].Values.ToArray());
    }

    [Theory]
    [InlineData("<i8", new byte[] { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, "0 1")]
    [InlineData("|u1", new byte[] { 1, 0 }, "0 1")]
    [InlineData("|S2", new byte[] { (byte)'u', (byte)'p', (byte)'a', 0 }, "a up")]
    [InlineData("<U1", new byte[] { (byte)'u', 0, 0, 0, (byte)'a', 0, 0, 0 }, "a u")]
    public void Labels_are_numbers_or_names(string type, byte[] data, string labels)
    {
        _folder.With("X.npy", Npy("<f4", "2, 3, 2", Bytes(Values))).With("y.npy", Npy(type, "2,", data));
        var read = _folder.Load("npy:@/X.npy,@/y.npy");
        Assert.Equal(labels.Split(' '), read.Labels);
        Assert.Equal([1, 0], read.Sequences.Select(s => s.Label));
    }

    [Theory]
    [InlineData("<f4", "2, 6", "has shape (2, 6), expected (n, steps, channels)")]
    [InlineData("<i4", "2, 3, 2", "type <i4, expected <f4 (float32) or <f8")]
    [InlineData(">f4", "2, 3, 2", "big-endian")]
    [InlineData("<f4", "2, 3, 3", "cut short: 48 bytes, expected 72 for <f4 (2, 3, 3)")]
    [InlineData("<f4", "2, 3, 1", "has 48 bytes after the header, expected 24")]
    [InlineData("<f4", "2, 3, 99999999999", "more than this program reads")]
    [InlineData("<f4", "65536, 65536, 65536", "more than this program reads")]
    [InlineData("|O", "2, 3, 2", "expected descr, fortran_order and shape")]
    public void A_bad_array_is_named(string type, string shape, string expected)
    {
        _folder.With("X.npy", Npy(type, shape, Bytes(Values))).With("y.npy", Npy("<i4", "2,", Bytes([2, 0])));
        _folder.Refuses("npy:@/X.npy,@/y.npy", _folder["X.npy"], expected);
    }

    [Fact]
    public void Fortran_order_is_refused()
    {
        var bytes = Npy("<f4", "2, 3, 2", Bytes(Values));
        string text = Encoding.Latin1.GetString(bytes).Replace("False", "True ", StringComparison.Ordinal);
        _folder.With("X.npy", Encoding.Latin1.GetBytes(text));
        _folder.Refuses("npy:@/X.npy,@/y.npy", _folder["X.npy"], "Fortran order", "ascontiguousarray");
    }

    [Fact]
    public void A_value_that_is_not_finite_is_named_with_its_place()
    {
        float[] bad = [.. Values];
        bad[9] = float.NaN;
        _folder.With("X.npy", Npy("<f4", "2, 3, 2", Bytes(bad))).With("y.npy", Npy("<i4", "2,", Bytes([2, 0])));
        _folder.Refuses("npy:@/X.npy,@/y.npy", _folder["X.npy"], "found NaN at [1, 1, 1]");
    }

    [Theory]
    [InlineData("<i4", "3,", new byte[] { 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0 }, "has shape (3), expected (2)")]
    [InlineData("<i4", "2,", new byte[] { 255, 255, 255, 255, 0, 0, 0, 0 }, "label -1 at [0], expected 0 to 1023")]
    [InlineData("<i4", "2,", new byte[] { 0, 0, 0, 0, 0, 4, 0, 0 }, "found label 1024 at [1], expected 0 to 1023")]
    [InlineData("<f2", "2,", new byte[] { 0, 0, 0, 4 }, "type <f2, expected class numbers")]
    [InlineData("<f4", "1, 2", new byte[] { 0, 0, 0, 0, 0, 4, 0, 0 }, "has shape (1, 2), expected (2)")]
    [InlineData("<f4", "2,", new byte[] { 0, 0, 0, 0, 0, 0, 192, 127 }, "found NaN at [1]")]
    [InlineData("|u1", "2, 2", new byte[] { 0, 1, 0, 1 }, "has shape (2, 2), expected (2), a label for each")]
    public void Bad_labels_are_named(string type, string shape, byte[] data, string expected)
    {
        _folder.With("X.npy", Npy("<f4", "2, 3, 2", Bytes(Values))).With("y.npy", Npy(type, shape, data));
        _folder.Refuses("npy:@/X.npy,@/y.npy", _folder["y.npy"], expected);
    }

    [Fact]
    public void Labels_and_values_of_each_step_are_read()
    {
        _folder.With("X.npy", Npy("<f4", "2, 3, 2", Bytes(Values)))
            .With("steps.npy", Npy("|u1", "2, 3", [0, 1, 2, 2, 1, 0]))
            .With("values.npy", Npy("<f4", "2, 2", Bytes([1.5f, -2f, 3f, 4f])))
            .With("both.npy", Npy("<f4", "2, 3, 1", Bytes([1f, 2f, 3f, 4f, 5f, 6f])));
        var steps = DataSpec.Load($"npy:{_folder["X.npy"]},{_folder["steps.npy"]}");
        Assert.True(steps.EachStep);
        Assert.Equal(3, steps.Labels.Count);
        Assert.Equal([2, 1, 0], steps.Sequences[1].StepLabels.ToArray());
        var values = DataSpec.Load($"npy:{_folder["X.npy"]},{_folder["values.npy"]}");
        Assert.Equal((OutputKind.Values, false), (values.OutputKind, values.EachStep));
        Assert.Equal([3f, 4f], values.Sequences[1].Targets.ToArray());
        var both = DataSpec.Load($"npy:{_folder["X.npy"]},{_folder["both.npy"]}");
        Assert.Equal((OutputKind.Values, true), (both.OutputKind, both.EachStep));
        Assert.Equal([4f, 5f, 6f], both.Sequences[1].Targets.ToArray());
    }

    [Fact]
    public void A_file_cut_anywhere_is_refused()
    {
        var whole = Npy("<f4", "2, 3, 2", Bytes(Values));
        _folder.With("y.npy", Npy("<i4", "2,", Bytes([2, 0])));
        for (int length = 0; length < whole.Length; length++)
        {
            _folder.With("X.npy", whole[..length]);
            _folder.Refuses("npy:@/X.npy,@/y.npy", _folder["X.npy"]);
        }
        _folder.Refuses("npy:@/none.npy,@/y.npy", "does not exist");
        _folder.Refuses("npy:@/X.npy", "write npy:X.npy,y.npy");
    }

    [Theory]
    [InlineData(new[] { 12 })]
    [InlineData(new[] { 2, 3, 2 })]
    [InlineData(new[] { 12, 1, 1, 1, 1, 1, 1, 1, 1, 1 })]
    public void What_is_written_is_read_again(int[] shape)
    {
        using var stream = new MemoryStream();
        NpyArray.Write(stream, shape, Values);
        _folder.With("x.npy", stream.ToArray());
        var read = NpyArray.Read(_folder["x.npy"]);
        Assert.Equal(shape, read.Shape);
        Assert.Equal(Values, read.ToFloats());
        Assert.Equal(0, (stream.Length - 48) % 64);
    }

    public void Dispose() => _folder.Dispose();

    private static byte[] Bytes<T>(T[] values) where T : struct => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();

    /// <summary>As NumPy describes it: magic, version, header length, a Python dictionary, the elements.</summary>
    private static byte[] Npy(string type, string shape, byte[] data, byte version = 1)
    {
        string dictionary = $"{{'descr': '{type}', 'fortran_order': False, 'shape': ({shape}), }}    \n";
        byte[] header = Encoding.ASCII.GetBytes(dictionary);
        byte[] length = version == 1 ? [(byte)header.Length, 0] : [(byte)header.Length, 0, 0, 0];
        return [0x93, .. "NUMPY"u8, version, 0, .. length, .. header, .. data];
    }
}

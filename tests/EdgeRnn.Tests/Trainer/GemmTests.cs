using System.Numerics;
using System.Runtime.Intrinsics;
using EdgeRnn.Trainer.Numerics;
using Xunit;
using TrainerRandom = EdgeRnn.Trainer.Numerics.SeededRandom;

namespace EdgeRnn.Tests.Training;

/// <summary>Matrix products against one chain of fused multiply-adds an element, to the bit.</summary>
public unsafe class GemmTests
{
    // Around the sizes of blocks: 6 or 8 rows, 16 or 32 columns, 256 deep, 96 or 128 rows.
    public static TheoryData<int, int, int> Shapes => new()
    {
        { 1, 1, 1 }, { 6, 5, 16 }, { 8, 7, 32 }, { 9, 28, 33 }, { 7, 255, 15 }, { 13, 257, 50 }, { 130, 300, 70 },
        { 97, 600, 31 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Multiply_is_one_chain_an_element(int rows, int depth, int columns)
    {
        var a = Random(rows * depth, 1);
        var b = Random(depth * columns, 2);
        var bias = Random(columns, 3);
        var packed = new PackedMatrix(depth, columns);
        packed.Pack(b.Pointer, columns);
        var c = Random(rows * columns, 4);
        var start = c.Span.ToArray();

        Gemm.MultiplyAdd(a.Pointer, depth, rows, packed, c.Pointer, columns);
        AssertChains(c, (i, j) => start[i * columns + j]);
        Gemm.MultiplyBias(a.Pointer, depth, rows, packed, bias.Pointer, c.Pointer, columns);
        AssertChains(c, (_, j) => bias.Span[j]);
        Gemm.Multiply(a.Pointer, depth, rows, packed, c.Pointer, columns);
        AssertChains(c, (_, _) => 0f);

        void AssertChains(FloatBuffer result, Func<int, int, float> init)
        {
            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < columns; j++)
                {
                    float sum = init(i, j);
                    for (int k = 0; k < depth; k++)
                        sum = MathF.FusedMultiplyAdd(a.Span[i * depth + k], b.Span[k * columns + j], sum);
                    Assert.Equal(sum, result.Span[i * columns + j]);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Transposed_multiply_is_one_chain_an_element(int rows, int depth, int columns)
    {
        var a = Random(depth * rows, 5);
        var b = Random(depth * columns, 6);
        int[] order = GC.AllocateArray<int>(depth, pinned: true);
        for (int k = 0; k < depth; k++)
            order[k] = k * 7 % depth;
        foreach (bool reordered in (bool[])[false, true])
        {
            var c = Random(rows * columns, 7);
            var start = c.Span.ToArray();
            fixed (int* bRows = order)
            {
                Gemm.TransposedMultiplyAdd(
                    a.Pointer, rows, rows, b.Pointer, columns, columns, reordered ? bRows : null, depth,
                    c.Pointer, columns, new());
            }

            for (int i = 0; i < rows; i++)
            {
                for (int j = 0; j < columns; j++)
                {
                    float sum = start[i * columns + j];
                    for (int k = 0; k < depth; k++)
                    {
                        int row = reordered ? order[k] : k;
                        sum = MathF.FusedMultiplyAdd(a.Span[k * rows + i], b.Span[row * columns + j], sum);
                    }

                    Assert.Equal(sum, c.Span[i * columns + j]);
                }
            }
        }
    }

    [Fact]
    public void Every_kernel_gives_the_same_bits()
    {
        const int Depth = 40;
        int narrow = 2 * Vector<float>.Count;
        var a = Random(8 * Depth, 8);
        var b = Random(Depth * 32, 9);
        var bNarrow = new FloatBuffer(Depth * narrow);
        for (int k = 0; k < Depth; k++)
            b.Span.Slice(k * 32, narrow).CopyTo(bNarrow.Span[(k * narrow)..]);
        var zeros = new FloatBuffer(32);
        var cNarrow = new FloatBuffer(8 * 32);
        Tile.RunNarrow(a.Pointer, Depth, 1, bNarrow.Pointer, Depth, zeros.Pointer, 0, cNarrow.Pointer, 32);
        Assert.NotEqual(0f, cNarrow.Span[5 * 32 + narrow - 1]);
        if (!Vector512.IsHardwareAccelerated)
            return;
        var c = new FloatBuffer(8 * 32);
        Tile.Run512(a.Pointer, Depth, 1, b.Pointer, Depth, zeros.Pointer, 0, c.Pointer, 32);
        for (int i = 0; i < 6; i++)
            Assert.Equal(c.Span.Slice(i * 32, narrow), cNarrow.Span.Slice(i * 32, narrow));
    }

    private static FloatBuffer Random(int count, ulong seed)
    {
        var random = new TrainerRandom(seed);
        var buffer = new FloatBuffer(count);
        foreach (ref float x in buffer.Span)
            x = (float)(2 * random.NextDouble() - 1);
        return buffer;
    }
}

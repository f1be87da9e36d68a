using System.Numerics;
using System.Runtime.Intrinsics;
using EdgeRnn.Quantization;
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
    public void Outer_products_are_one_chain_an_element(int rows, int depth, int columns)
    {
        var a = Random(depth * rows, 5);
        var b = Random(depth * columns, 6);
        int* order = stackalloc int[depth];
        for (int k = 0; k < depth; k++)
            order[k] = k * 7 % depth;
        // Of three products that share a: all of it, a part of its depth in another order, and some of its columns.
        int first = depth / 3, some = (rows + 1) / 2;
        FloatBuffer whole = Random(rows * columns, 7), part = Random(rows * columns, 8), less = Random(some * 5, 9);
        FloatBuffer sums = Random(rows, 10), narrow = Random(depth * 5, 11);
        float[] wholeStart = [.. whole.Span], partStart = [.. part.Span], lessStart = [.. less.Span];
        float[] sumsStart = [.. sums.Span];

        new OuterProducts().Add(
            a.Pointer, rows, rows, depth, sums.Pointer,
            new OuterProduct(b.Pointer, columns, whole.Pointer, rows, 0, depth),
            new OuterProduct(b.Pointer, columns, part.Pointer, rows, first, depth - 1, order),
            new OuterProduct(narrow.Pointer, 5, less.Pointer, some, 0, first));

        AssertChains(whole, wholeStart, columns, 0, depth, (k, j) => b.Span[k * columns + j]);
        AssertChains(part, partStart, columns, first, depth - 1, (k, j) => b.Span[k * 7 % depth * columns + j]);
        AssertChains(less, lessStart, 5, 0, first, (k, j) => narrow.Span[k * 5 + j]);
        for (int i = 0; i < rows; i++)
        {
            float sum = sumsStart[i];
            for (int k = 0; k < depth; k++)
                sum += a.Span[k * rows + i];
            Assert.Equal(sum, sums.Span[i]);
        }

        void AssertChains(FloatBuffer c, float[] start, int width, int begin, int end, Func<int, int, float> right)
        {
            for (int i = 0; i < c.Length / width; i++)
            {
                for (int j = 0; j < width; j++)
                {
                    float sum = start[i * width + j];
                    for (int k = begin; k < end; k++)
                        sum = MathF.FusedMultiplyAdd(a.Span[k * rows + i], right(k, j), sum);
                    Assert.Equal(sum, c.Span[i * width + j]);
                }
            }
        }
    }

    // Vectors of 512 bits are emulated where there are none, so this runs everywhere.
    [Fact]
    public void Lanes_of_either_width_give_the_bits_of_one_lane()
    {
        const int Count = 3 * 16 + 5;
        var x = Random(Count, 12);
        for (int i = 0; i < Count; i++)
            x.Span[i] *= MathF.Pow(2, i % 12 - 4);
        var one = Gates<ScalarLane>();
        Assert.Equal(one, Gates<VectorLanes>());
        Assert.Equal(one, Gates<WideLanes>());
        Assert.NotEqual(one[0], one[1]);

        float[] Gates<T>() where T : unmanaged, ILanes<T>
        {
            var y = new FloatBuffer(Count + 1);
            for (int i = 0; i < Count; i += T.Count)
            {
                var v = Lanes.Load<T>(x.Pointer + i, Count - i);
                var gates = Activations.Sigmoid(v) / (T.All(1.5f) - Activations.Tanh(v));
                Lanes.Store(y.Pointer + i, T.Min(T.FusedMultiplyAdd(gates, v, Activations.Exp(v)), T.All(9f)) + v * v,
                    Count - i);
            }

            Assert.Equal(0f, y.Span[Count]);
            return y.Span.ToArray();
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

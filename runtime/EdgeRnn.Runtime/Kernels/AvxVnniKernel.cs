using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>
/// x64 with AVX-VNNI: <c>vpdpbusd</c> adds four products of unsigned and signed bytes of each of eight rows to 32 bits.
/// The weights are the unsigned ones, w + 128, so all rows have the same 128·Σ x too much.
/// </summary>
internal sealed unsafe class AvxVnniKernel : X64Kernel<AvxVnniKernel.Product, Vector256<sbyte>>
{
    private static Vector256<byte> Raise => Vector256.Create((byte)0x80);

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => AvxVnni.IsSupported && Avx2Kernel.IsSupported;

    /// <inheritdoc/>
    public override string Name => "avxvnni";

    internal override bool RaisesWeights => true;

    internal override int GroupColumns(Precision precision) => 4;

    internal readonly struct Product : IByteProduct<Vector256<sbyte>>
    {
        /// <summary>-128·Σ x, over the columns of padding too.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static int SumOfAll(sbyte* x, int quads)
        {
            var sums = Vector128<long>.Zero;
            for (int q = 0; q < quads; q += 4)
            {
                var raised = (Vector128.Load((byte*)x + 4 * q) ^ Raise.GetLower()) & FirstQuads(quads - q).AsByte();
                sums += Sse2.SumAbsoluteDifferences(raised, Vector128<byte>.Zero).AsInt64();
            }
            return 128 * (128 * 4 * quads - (int)Vector128.Sum(sums));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<sbyte> Spread(sbyte* x) => Vector256.Create(*(int*)x).AsSByte();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<int> Add(Vector256<int> sums, Vector256<sbyte> x, Vector256<sbyte> w) =>
            AvxVnni.MultiplyWideningAndAdd(sums, w.AsByte(), x);
    }

    // int16 inputs are x = 256·high + low, with high a signed byte and low an unsigned one:
    // Σ w·x = 256·(Σ (w + 128)·high - 128·Σ high) + Σ w·low.
    private protected override void Block(Int8Matrix w, int block, short* x, float* addend, float* y)
    {
        var (first, rows) = w.Block(block);
        sbyte* weights = w.Weights + (nint)first * 4 * w.Groups;
        for (int r = 0; r < rows; r += 16)
        {
            int row = first + r;
            SplitBlock(weights + 4 * r, 4 * rows, x, w.Groups, w.Scale + row, addend + row, y + row);
        }
    }

    // 16 rows of a block whose quads stand stride bytes apart.
    private static void SplitBlock(sbyte* w, int stride, short* x, int quads, float* scale, float* addend, float* y)
    {
        Vector256<float> t0 = default, t1 = default;
        for (short* end = x + 4 * quads; x < end;)
        {
            Vector256<int> l0 = default, l1 = default, h0 = default, h1 = default, sumOfHigh = default;
            for (short* exact = x + Math.Min(ExactColumns, end - x); x < exact; x += 4, w += stride)
            {
                var bytes = Vector256.Create(*(long*)x).AsByte();
                var low = Avx2.Shuffle(bytes, Vector256.Create(0x06040200).AsByte());
                var high = Avx2.Shuffle(bytes, Vector256.Create(0x07050301).AsByte()).AsSByte();
                var w0 = Vector256.LoadAligned((byte*)w);
                var w1 = Vector256.LoadAligned((byte*)w + 32);
                sumOfHigh = AvxVnni.MultiplyWideningAndAdd(sumOfHigh, Raise, high);
                h0 = AvxVnni.MultiplyWideningAndAdd(h0, w0, high);
                h1 = AvxVnni.MultiplyWideningAndAdd(h1, w1, high);
                l0 = AvxVnni.MultiplyWideningAndAdd(l0, low, (w0 ^ Raise).AsSByte());
                l1 = AvxVnni.MultiplyWideningAndAdd(l1, low, (w1 ^ Raise).AsSByte());
            }
            t0 = Avx.Add(t0, Avx.ConvertToVector256Single(((h0 - sumOfHigh) << 8) + l0));
            t1 = Avx.Add(t1, Avx.ConvertToVector256Single(((h1 - sumOfHigh) << 8) + l1));
        }
        Fma.MultiplyAdd(t0, Vector256.LoadAligned(scale), Vector256.Load(addend)).Store(y);
        Fma.MultiplyAdd(t1, Vector256.LoadAligned(scale + 8), Vector256.Load(addend + 8)).Store(y + 8);
    }
}

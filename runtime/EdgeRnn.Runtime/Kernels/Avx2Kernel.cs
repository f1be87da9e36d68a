using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>
/// x64 with AVX2 and FMA. <c>pmaddubsw</c> multiplies unsigned by signed bytes and saturates the sum of two products:
/// |x| times w with the sign of x stays within 2·127·127 = 32,258, so it is exact, 32 products an instruction.
/// </summary>
public sealed unsafe class Avx2Kernel : VectorKernel
{
    internal Avx2Kernel() { }

    /// <summary>Whether this processor has the instructions; the formulas' vectors must be eight floats wide.</summary>
    public static bool IsSupported => Avx2.IsSupported && Fma.IsSupported && Vector<float>.Count == 8;

    /// <inheritdoc/>
    public override string Name => "avx2";

    private protected override void WideBlock(sbyte* w, sbyte* x, int quads, float* scale, float* bias, float* y)
    {
        Vector256<int> s0 = default, s1 = default, s2 = default, s3 = default;
        for (sbyte* end = x + 4 * quads; x < end; x += 4, w += 128)
        {
            var xq = Vector256.Create(*(int*)x).AsSByte();
            var magnitude = Avx2.Abs(xq);
            s0 = Add(s0, magnitude, xq, w);
            s1 = Add(s1, magnitude, xq, w + 32);
            s2 = Add(s2, magnitude, xq, w + 64);
            s3 = Add(s3, magnitude, xq, w + 96);
        }
        Dequantize(s0, scale, bias, y);
        Dequantize(s1, scale + 8, bias + 8, y + 8);
        Dequantize(s2, scale + 16, bias + 16, y + 16);
        Dequantize(s3, scale + 24, bias + 24, y + 24);
    }

    private protected override void NarrowBlock(sbyte* w, sbyte* x, int quads, float* scale, float* bias, float* y)
    {
        Vector256<int> s0 = default, s1 = default;
        for (sbyte* end = x + 4 * quads; x < end; x += 4, w += 64)
        {
            var xq = Vector256.Create(*(int*)x).AsSByte();
            var magnitude = Avx2.Abs(xq);
            s0 = Add(s0, magnitude, xq, w);
            s1 = Add(s1, magnitude, xq, w + 32);
        }
        Dequantize(s0, scale, bias, y);
        Dequantize(s1, scale + 8, bias + 8, y + 8);
    }

    private protected override void PairBlock(sbyte* w, short* x, int pairs, float* scale, float* bias, float* y)
    {
        Vector256<float> t0 = default, t1 = default;
        for (short* end = x + 2 * pairs; x < end;)
        {
            Vector256<int> s0 = default, s1 = default;
            for (short* exact = x + Math.Min(ExactColumns, end - x); x < exact; x += 2, w += 32)
            {
                var xp = Vector256.Create(*(int*)x).AsInt16();
                s0 = Avx2.Add(s0, Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(w), xp));
                s1 = Avx2.Add(s1, Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(w + 16), xp));
            }
            t0 = Avx.Add(t0, Avx.ConvertToVector256Single(s0));
            t1 = Avx.Add(t1, Avx.ConvertToVector256Single(s1));
        }
        Fma.MultiplyAdd(t0, Vector256.LoadAligned(scale), Vector256.LoadAligned(bias)).Store(y);
        Fma.MultiplyAdd(t1, Vector256.LoadAligned(scale + 8), Vector256.LoadAligned(bias + 8)).Store(y + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Add(Vector256<int> sum, Vector256<byte> magnitude, Vector256<sbyte> x, sbyte* w)
    {
        var signed = Avx2.Sign(Vector256.LoadAligned(w), x);
        var pairs = Avx2.MultiplyAddAdjacent(magnitude, signed);
        return Avx2.Add(sum, Avx2.MultiplyAddAdjacent(pairs, Vector256<short>.One));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Dequantize(Vector256<int> sum, float* scale, float* bias, float* y) =>
        Fma.MultiplyAdd(Avx.ConvertToVector256Single(sum), Vector256.LoadAligned(scale), Vector256.LoadAligned(bias)).Store(y);
}

using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>|x| of four inputs, and all bits set where x is negative.</summary>
internal readonly record struct MagnitudesAndSigns(Vector256<byte> Magnitudes, Vector256<sbyte> Signs);

/// <summary>
/// x64 with AVX2 and FMA. <c>pmaddubsw</c> multiplies unsigned by signed bytes, 32 an instruction, and saturates their
/// sums in pairs, but these are at most 2·127·128 = 32,512 here, so it is exact. The sign of an input goes to the
/// weights: where x is negative, w·x = |x|·(-w) = |x|·~w + |x|, for -w = ~w + 1. Flipping the bits of a weight takes
/// one instruction on any port, where negating it (<c>psignb</c>) competes with the multiplications, and what is
/// missing, the sum of all |x| with x negative, is the same for every row.
/// </summary>
internal sealed unsafe class Avx2Kernel : X64Kernel<Avx2Kernel.Product, MagnitudesAndSigns>
{
    /// <summary>Whether this processor has the instructions; the formulas' vectors must be eight floats wide.</summary>
    public static bool IsSupported => Avx2.IsSupported && Fma.IsSupported && Vector<float>.Count == 8;

    /// <inheritdoc/>
    public override string Name => "avx2";

    internal readonly struct Product : IByteProduct<MagnitudesAndSigns>
    {
        /// <summary>Σ |x| over negative x.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static int SumOfAll(sbyte* x, int quads)
        {
            var sums = Vector128<long>.Zero;
            for (int q = 0; q < quads; q += 4)
            {
                var negative = Sse41.Min(Vector128.Load(x + 4 * q), Vector128<sbyte>.Zero);
                var magnitudes = Ssse3.Abs(negative & FirstQuads(quads - q).AsSByte());
                sums += Sse2.SumAbsoluteDifferences(magnitudes, Vector128<byte>.Zero).AsInt64();
            }
            return (int)Vector128.Sum(sums);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static MagnitudesAndSigns Spread(sbyte* x)
        {
            var xq = Vector256.Create(*(int*)x).AsSByte();
            return new(Avx2.Abs(xq), Avx2.CompareGreaterThan(Vector256<sbyte>.Zero, xq));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<int> Add(Vector256<int> sums, MagnitudesAndSigns x, Vector256<sbyte> w)
        {
            var pairs = Avx2.MultiplyAddAdjacent(x.Magnitudes, Avx2.Xor(x.Signs, w));
            return Avx2.Add(sums, Avx2.MultiplyAddAdjacent(pairs, Vector256<short>.One));
        }
    }
}

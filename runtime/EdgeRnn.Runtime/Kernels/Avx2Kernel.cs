using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>
/// x64 with AVX2 and FMA. <c>pmaddubsw</c> makes 32 products an instruction and saturates their sums in pairs, but these
/// are at most 2·127·128 = 32,512 here, so it is exact.
/// </summary>
public sealed unsafe class Avx2Kernel : X64Kernel
{
    internal Avx2Kernel() { }

    /// <summary>Whether this processor has the instructions; the formulas' vectors must be eight floats wide.</summary>
    public static bool IsSupported => Avx2.IsSupported && Fma.IsSupported && Vector<float>.Count == 8;

    /// <inheritdoc/>
    public override string Name => "avx2";

    private protected override void WideBlock(
        sbyte* w, sbyte* x, int quads, int firstSum, float* scale, float* bias, float* y) =>
        WideBlock<Product>(w, x, quads, firstSum, scale, bias, y);

    private protected override void NarrowBlock(
        sbyte* w, sbyte* x, int quads, int firstSum, float* scale, float* bias, float* y) =>
        NarrowBlock<Product>(w, x, quads, firstSum, scale, bias, y);

    private readonly struct Product : IUnsignedProduct
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<int> Add(Vector256<int> sums, Vector256<byte> x, Vector256<sbyte> w) =>
            Avx2.Add(sums, Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(x, w), Vector256<short>.One));
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>
/// x64 with AVX-VNNI: <c>vpdpbusd</c> adds four products of each of eight rows to 32 bits without saturating; its inputs
/// are unsigned, so they are raised by 128.
/// </summary>
public sealed unsafe class AvxVnniKernel : X64Kernel
{
    internal AvxVnniKernel() { }

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => AvxVnni.IsSupported && Avx2Kernel.IsSupported;

    /// <inheritdoc/>
    public override string Name => "avxvnni";

    internal override int LargestPair => 2 * 127;

    private protected override void WideBlock(Int8Matrix w, int row, sbyte* weights, sbyte* x, float* y) =>
        WideBlock<Product, Vector256<byte>>(w, row, weights, x, y);

    private protected override void NarrowBlock(Int8Matrix w, int row, sbyte* weights, sbyte* x, float* y) =>
        NarrowBlock<Product, Vector256<byte>>(w, row, weights, x, y);

    private readonly struct Product : ITileProduct<Vector256<int>, Vector256<byte>>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<byte> Spread(sbyte* x) => Avx2Kernel.Raise(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<int> Add(Vector256<int> sums, sbyte* tile, Vector256<byte> x) =>
            AvxVnni.MultiplyWideningAndAdd(sums, x, Vector256.LoadAligned(tile));
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>x64 with AVX-VNNI: <c>vpdpbusd</c> adds four products of each of eight rows to 32 bits.</summary>
public sealed unsafe class AvxVnniKernel : X64Kernel
{
    internal AvxVnniKernel() { }

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => AvxVnni.IsSupported && Avx2Kernel.IsSupported;

    /// <inheritdoc/>
    public override string Name => "avxvnni";

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
            AvxVnni.MultiplyWideningAndAdd(sums, x, w);
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>ARM64 with dot products (Cortex-A76): <c>sdot</c> adds four int8 products of each of four rows to 32 bits.</summary>
public sealed unsafe class SdotKernel : ArmKernel
{
    internal SdotKernel() { }

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => AdvSimd.Arm64.IsSupported && Dp.IsSupported;

    /// <inheritdoc/>
    public override string Name => "sdot";

    private protected override void WideBlock(
        sbyte* w, sbyte* x, int quads, int firstSum, float* scale, float* bias, float* y) =>
        WideBlock<Product, Vector128<sbyte>>(w, x, quads, scale, bias, y);

    private protected override void NarrowBlock(
        sbyte* w, sbyte* x, int quads, int firstSum, float* scale, float* bias, float* y) =>
        NarrowBlock<Product, Vector128<sbyte>>(w, x, quads, scale, bias, y);

    private readonly struct Product : ITileProduct<Vector128<sbyte>>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<sbyte> Spread(sbyte* x) => AdvSimd.LoadAndReplicateToVector128((int*)x).AsSByte();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<int> Add(Vector128<int> sums, sbyte* w, int offset, Vector128<sbyte> x) =>
            Dp.DotProduct(sums, Vector128.Load(w + offset), x);
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>
/// ARM64 with dot products (Cortex-A76): <c>sdot</c> adds four int8 products of each of four rows to 32 bits.
/// </summary>
internal sealed unsafe class SdotKernel : ArmKernel<SdotKernel.Product, Vector128<sbyte>>
{
    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => AdvSimd.Arm64.IsSupported && Dp.IsSupported;

    /// <inheritdoc/>
    public override string Name => "sdot";

    internal readonly struct Product : ITileProduct<Vector128<sbyte>>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<sbyte> Spread(sbyte* x) => AdvSimd.LoadAndReplicateToVector128((int*)x).AsSByte();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<sbyte> Select(
            Vector128<sbyte> x, [ConstantExpected(Max = (byte)3)] byte quad,
        [ConstantExpected(Max = (byte)7)] byte low, [ConstantExpected(Max = (byte)7)] byte high) =>
            AdvSimd.DuplicateSelectedScalarToVector128(x.AsInt32(), quad).AsSByte();

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Add(
            ref Vector128<int> sums0, ref Vector128<int> sums1, sbyte* w, int offset, Vector128<sbyte> x)
        {
            var w0 = Vector128.Load(w + offset);
            var w1 = Vector128.Load(w + offset + 16);
            sums0 = Dp.DotProduct(sums0, w0, x);
            sums1 = Dp.DotProduct(sums1, w1, x);
        }
    }
}

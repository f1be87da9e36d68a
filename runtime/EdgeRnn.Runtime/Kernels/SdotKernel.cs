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
            ref Vector128<int> s0, ref Vector128<int> s1, ref Vector128<int> s2, ref Vector128<int> s3,
            sbyte* w, int offset, Vector128<sbyte> x)
        {
            var w0 = Vector128.Load(w + offset);
            var w1 = Vector128.Load(w + offset + 16);
            var w2 = Vector128.Load(w + offset + 32);
            var w3 = Vector128.Load(w + offset + 48);
            s0 = Dp.DotProduct(s0, w0, x);
            s1 = Dp.DotProduct(s1, w1, x);
            s2 = Dp.DotProduct(s2, w2, x);
            s3 = Dp.DotProduct(s3, w3, x);
        }
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>Inputs 0 and 1, and inputs 2 and 3, in every two bytes.</summary>
internal readonly record struct InputPairs(Vector64<sbyte> Low, Vector128<sbyte> High);

/// <summary>
/// ARM64 without dot products (Cortex-A53, A72). Two int8 products sum to at most 2·127·127 = 32,258 and so fit 16
/// bits:
/// <c>smull2</c> and <c>smlal</c> make eight such pairs, <c>sadalp</c> adds neighbours to 32 bits.
/// </summary>
internal sealed unsafe class NeonKernel : ArmKernel<NeonKernel.Product, InputPairs>
{
    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => AdvSimd.Arm64.IsSupported;

    /// <inheritdoc/>
    public override string Name => "neon";

    // Rows 0 to 3 with columns 0 and 1, then rows 0 to 3 with columns 2 and 3: neighbouring lanes belong to one row.
    internal override int PlaceInTile(int row, int column) => column / 2 * 8 + row * 2 + column % 2;

    internal readonly struct Product : ITileProduct<InputPairs>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static InputPairs Spread(sbyte* x) => new(
            AdvSimd.LoadAndReplicateToVector64((short*)x).AsSByte(),
            AdvSimd.LoadAndReplicateToVector128((short*)(x + 2)).AsSByte());

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static InputPairs Select(
            Vector128<sbyte> x, [ConstantExpected(Max = (byte)3)] byte quad,
        [ConstantExpected(Max = (byte)7)] byte low, [ConstantExpected(Max = (byte)7)] byte high) => new(
                AdvSimd.DuplicateSelectedScalarToVector64(x.AsInt16(), low).AsSByte(),
                AdvSimd.DuplicateSelectedScalarToVector128(x.AsInt16(), high).AsSByte());

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Add(
            ref Vector128<int> s0, ref Vector128<int> s1, ref Vector128<int> s2, ref Vector128<int> s3,
            sbyte* w, int offset, InputPairs x)
        {
            // The upper halves first: the lower half of a register that is used again costs a move.
            var w0 = Vector128.Load(w + offset);
            var w1 = Vector128.Load(w + offset + 16);
            var w2 = Vector128.Load(w + offset + 32);
            var w3 = Vector128.Load(w + offset + 48);
            var p0 = AdvSimd.MultiplyWideningUpper(w0, x.High);
            var p1 = AdvSimd.MultiplyWideningUpper(w1, x.High);
            var p2 = AdvSimd.MultiplyWideningUpper(w2, x.High);
            var p3 = AdvSimd.MultiplyWideningUpper(w3, x.High);
            p0 = AdvSimd.MultiplyWideningLowerAndAdd(p0, w0.GetLower(), x.Low);
            p1 = AdvSimd.MultiplyWideningLowerAndAdd(p1, w1.GetLower(), x.Low);
            p2 = AdvSimd.MultiplyWideningLowerAndAdd(p2, w2.GetLower(), x.Low);
            p3 = AdvSimd.MultiplyWideningLowerAndAdd(p3, w3.GetLower(), x.Low);
            s0 = AdvSimd.AddPairwiseWideningAndAdd(s0, p0);
            s1 = AdvSimd.AddPairwiseWideningAndAdd(s1, p1);
            s2 = AdvSimd.AddPairwiseWideningAndAdd(s2, p2);
            s3 = AdvSimd.AddPairwiseWideningAndAdd(s3, p3);
        }
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>
/// ARM64 without dot products (Cortex-A53, A72). Two int8 products sum to at most 2·127·127 = 32,258 and so fit 16 bits:
/// <c>smull</c> and <c>smlal</c> make eight such pairs, <c>sadalp</c> adds neighbours to 32 bits.
/// </summary>
public sealed unsafe class NeonKernel : ArmKernel
{
    internal NeonKernel() { }

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => AdvSimd.Arm64.IsSupported;

    /// <inheritdoc/>
    public override string Name => "neon";

    // Rows 0 to 3 with columns 0 and 1, then rows 0 to 3 with columns 2 and 3: neighbouring lanes belong to one row.
    internal override int PlaceInTile(int row, int column) => column / 2 * 8 + row * 2 + column % 2;

    private protected override void WideBlock(
        sbyte* w, sbyte* x, int quads, int firstSum, float* scale, float* bias, float* y) =>
        WideBlock<Product, Pairs>(w, x, quads, scale, bias, y);

    private protected override void NarrowBlock(
        sbyte* w, sbyte* x, int quads, int firstSum, float* scale, float* bias, float* y) =>
        NarrowBlock<Product, Pairs>(w, x, quads, scale, bias, y);

    /// <summary>Inputs 0 and 1 four times, and inputs 2 and 3 four times.</summary>
    private readonly record struct Pairs(Vector64<sbyte> Low, Vector64<sbyte> High);

    private readonly struct Product : ITileProduct<Pairs>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Pairs Spread(sbyte* x) => new(
            AdvSimd.LoadAndReplicateToVector64((short*)x).AsSByte(),
            AdvSimd.LoadAndReplicateToVector64((short*)(x + 2)).AsSByte());

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector128<int> Add(Vector128<int> sums, sbyte* w, int offset, Pairs x)
        {
            // Halves of their own: taking the lower half of a register costs a move.
            var pairs = AdvSimd.MultiplyWideningLower(Vector64.Load(w + offset), x.Low);
            pairs = AdvSimd.MultiplyWideningLowerAndAdd(pairs, Vector64.Load(w + offset + 8), x.High);
            return AdvSimd.AddPairwiseWideningAndAdd(sums, pairs);
        }
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>
/// x64 with AVX2 and FMA. <c>pmaddubsw</c> multiplies 32 unsigned by signed bytes but saturates their sums in pairs. Inputs
/// raised by 128 keep it exact while two neighbouring weights of one sign sum to at most 128 (255 · 128 &lt; 2^15): what a
/// pair has beyond that stands in a tile of its own. Where more than a quarter of the tiles would need one, as with
/// uniformly drawn weights, |x| times the weight with the sign of x is cheaper (2 · 127 · 127 &lt; 2^15): it needs no such
/// tiles, but an instruction more a product, on the multiplier's own ports.
/// </summary>
public sealed unsafe class Avx2Kernel : X64Kernel
{
    internal Avx2Kernel() { }

    /// <summary>Whether this processor has the instructions; the formulas' vectors must be eight floats wide.</summary>
    public static bool IsSupported => Avx2.IsSupported && Fma.IsSupported && Vector<float>.Count == 8;

    /// <inheritdoc/>
    public override string Name => "avx2";

    internal override int LargestPair => 128;

    private protected override void WideBlock(Int8Matrix w, int row, sbyte* weights, sbyte* x, float* y)
    {
        if (w.RaisesInputs)
            WideBlock<RaisedProduct, Vector256<byte>>(w, row, weights, x, y);
        else
            WideBlock<SignedProduct, SignedInputs>(w, row, weights, x, y);
    }

    private protected override void NarrowBlock(Int8Matrix w, int row, sbyte* weights, sbyte* x, float* y)
    {
        if (w.RaisesInputs)
            NarrowBlock<RaisedProduct, Vector256<byte>>(w, row, weights, x, y);
        else
            NarrowBlock<SignedProduct, SignedInputs>(w, row, weights, x, y);
    }

    /// <summary>Four inputs plus 128, eight times: flipping the top bit of a signed byte adds 128 to it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<byte> Raise(sbyte* x) => Vector256.Create(*(int*)x ^ unchecked((int)0x80808080)).AsByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> AddPairs(Vector256<int> sums, Vector256<short> pairs) =>
        Avx2.Add(sums, Avx2.MultiplyAddAdjacent(pairs, Vector256<short>.One));

    private readonly struct RaisedProduct : ITileProduct<Vector256<int>, Vector256<byte>>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<byte> Spread(sbyte* x) => Raise(x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<int> Add(Vector256<int> sums, sbyte* tile, Vector256<byte> x) =>
            AddPairs(sums, Avx2.MultiplyAddAdjacent(x, Vector256.LoadAligned(tile)));
    }

    private readonly record struct SignedInputs(Vector256<byte> Magnitude, Vector256<sbyte> Sign);

    private readonly struct SignedProduct : ITileProduct<Vector256<int>, SignedInputs>
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static SignedInputs Spread(sbyte* x)
        {
            var xq = Vector256.Create(*(int*)x).AsSByte();
            return new(Avx2.Abs(xq), xq);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector256<int> Add(Vector256<int> sums, sbyte* tile, SignedInputs x) =>
            AddPairs(sums, Avx2.MultiplyAddAdjacent(x.Magnitude, Avx2.Sign(Vector256.LoadAligned(tile), x.Sign)));
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace EdgeRnn.Runtime.Kernels;

/// <summary>How an ARM64 kernel multiplies a tile of four rows and four columns.</summary>
/// <typeparam name="TInput">Four inputs, spread over registers as <see cref="Add"/> needs them.</typeparam>
internal unsafe interface ITileProduct<TInput>
{
    static abstract TInput Spread(sbyte* x);

    /// <summary>sums + the tile's products, one lane per row.</summary>
    static abstract Vector128<int> Add(Vector128<int> sums, sbyte* tile, TInput x);
}

/// <summary>The blocks of the ARM64 kernels: eight or four tiles side by side.</summary>
public abstract unsafe class ArmKernel : VectorKernel
{
    private protected ArmKernel() { }

    private protected static void WideBlock<TProduct, TInput>(
        sbyte* w, sbyte* x, int quads, float* scale, float* bias, float* y)
        where TProduct : ITileProduct<TInput>
    {
        Vector128<int> s0 = default, s1 = default, s2 = default, s3 = default;
        Vector128<int> s4 = default, s5 = default, s6 = default, s7 = default;
        for (sbyte* end = x + 4 * quads; x < end; x += 4, w += 128)
        {
            var xq = TProduct.Spread(x);
            s0 = TProduct.Add(s0, w, xq);
            s1 = TProduct.Add(s1, w + 16, xq);
            s2 = TProduct.Add(s2, w + 32, xq);
            s3 = TProduct.Add(s3, w + 48, xq);
            s4 = TProduct.Add(s4, w + 64, xq);
            s5 = TProduct.Add(s5, w + 80, xq);
            s6 = TProduct.Add(s6, w + 96, xq);
            s7 = TProduct.Add(s7, w + 112, xq);
        }
        Dequantize(s0, scale, bias, y);
        Dequantize(s1, scale + 4, bias + 4, y + 4);
        Dequantize(s2, scale + 8, bias + 8, y + 8);
        Dequantize(s3, scale + 12, bias + 12, y + 12);
        Dequantize(s4, scale + 16, bias + 16, y + 16);
        Dequantize(s5, scale + 20, bias + 20, y + 20);
        Dequantize(s6, scale + 24, bias + 24, y + 24);
        Dequantize(s7, scale + 28, bias + 28, y + 28);
    }

    private protected static void NarrowBlock<TProduct, TInput>(
        sbyte* w, sbyte* x, int quads, float* scale, float* bias, float* y)
        where TProduct : ITileProduct<TInput>
    {
        Vector128<int> s0 = default, s1 = default, s2 = default, s3 = default;
        for (sbyte* end = x + 4 * quads; x < end; x += 4, w += 64)
        {
            var xq = TProduct.Spread(x);
            s0 = TProduct.Add(s0, w, xq);
            s1 = TProduct.Add(s1, w + 16, xq);
            s2 = TProduct.Add(s2, w + 32, xq);
            s3 = TProduct.Add(s3, w + 48, xq);
        }
        Dequantize(s0, scale, bias, y);
        Dequantize(s1, scale + 4, bias + 4, y + 4);
        Dequantize(s2, scale + 8, bias + 8, y + 8);
        Dequantize(s3, scale + 12, bias + 12, y + 12);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Dequantize(Vector128<int> sums, float* scale, float* bias, float* y) =>
        AdvSimd.FusedMultiplyAdd(Vector128.Load(bias), AdvSimd.ConvertToSingle(sums), Vector128.Load(scale)).Store(y);
}

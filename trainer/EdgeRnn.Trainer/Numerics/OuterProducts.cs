using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EdgeRnn.Trainer.Numerics;

/// <summary>c = c + Σ a_kᵀ·b_k over rows k of a and b: the shape of a weight's gradient.</summary>
/// <param name="b">Rows of <paramref name="columns"/> numbers.</param>
/// <param name="columns">Columns of b and of c; both are dense.</param>
/// <param name="c"><c>[rows, columns]</c>.</param>
/// <param name="rows">Rows of c: the first columns of a.</param>
/// <param name="first">The first k.</param>
/// <param name="end">One more than the last k.</param>
/// <param name="bRows">Row k of b is its row <c>bRows[k]</c>; null for k itself.</param>
internal readonly unsafe struct OuterProduct(
    float* b, int columns, float* c, int rows, int first, int end, int* bRows = null)
{
    public int Columns => columns;

    public float* C => c;

    public int Rows => rows;

    public int First => first;

    public int End => end;

    public int Panels => (columns + Tile.Columns - 1) / Tile.Columns;

    public bool Has(int k) => k >= first && k < end;

    public float* RowOfB(int k) => b + (long)(bRows == null ? k : bRows[k]) * columns;
}

/// <summary>
/// Sums of outer products for which a is packed once, blocked as <see cref="Gemm"/> is. One object a thread: it holds
/// the packed blocks.
/// </summary>
internal sealed unsafe class OuterProducts
{
    // A line more than a block needs: rows of a go to 16 panels at once, which must not share one cache set.
    private static readonly int LeftStride = Gemm.DepthBlock * Tile.Rows + 16;
    private readonly FloatBuffer _left = new(Gemm.RowBlocks * LeftStride);
    private FloatBuffer _right = new(0);

    /// <summary>Adds the products, and each row of a to <paramref name="sums"/>.</summary>
    /// <param name="a"><c>[depth, rows]</c>.</param>
    /// <param name="aStride">Floats from a row of a to the next.</param>
    /// <param name="rows">Columns of a.</param>
    /// <param name="depth">Rows of a.</param>
    /// <param name="sums"><c>[rows]</c>: the gradient of a bias; null for none.</param>
    /// <param name="products">One or more that share a.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Add(
        float* a, int aStride, int rows, int depth, float* sums, params ReadOnlySpan<OuterProduct> products)
    {
        int rowBlock = Gemm.RowBlocks * Tile.Rows;
        for (int first = 0, end; first < depth; first = end)
        {
            end = Math.Min(depth, first + Gemm.DepthBlock);
            foreach (var product in products)
            {
                // A product has part in the whole of a block or none of it.
                int change = first < product.First ? product.First : product.End;
                if (first < change)
                    end = Math.Min(end, change);
            }

            PackRight(products, first, end);
            for (int block = 0; block < rows; block += rowBlock)
            {
                int blockEnd = Math.Min(rows, block + rowBlock);
                PackLeft(a + (long)first * aStride + block, aStride, blockEnd - block, end - first, sums == null
                    ? null
                    : sums + block);
                int panel = 0;
                foreach (var product in products)
                {
                    if (product.Has(first))
                        Multiply(product, block, Math.Min(blockEnd, product.Rows), panel, end - first);
                    panel += product.Panels;
                }
            }
        }
    }

    private void Multiply(OuterProduct product, int block, int end, int firstPanel, int depth)
    {
        for (int panel = 0; panel < product.Panels; panel++)
        {
            int column = panel * Tile.Columns;
            int width = Math.Min(Tile.Columns, product.Columns - column);
            for (int row = block; row < end; row += Tile.Rows)
            {
                float* c = product.C + (long)row * product.Columns + column;
                Gemm.Block(
                    _left.Pointer + (long)((row - block) / Tile.Rows) * LeftStride, 1, Tile.Rows,
                    Right(firstPanel + panel), depth, c, product.Columns, c, product.Columns,
                    Math.Min(Tile.Rows, end - row), width);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackLeft(float* a, int aStride, int rows, int depth, float* sums)
    {
        for (int k = 0; k < depth; k++, a += aStride)
        {
            float* to = _left.Pointer + k * Tile.Rows;
            int row = 0;
            for (; row + Tile.Rows <= rows; row += Tile.Rows, to += LeftStride)
            {
                if (Tile.Rows == 8)
                    Vector256.Store(Vector256.Load(a + row), to);
                else
                    new ReadOnlySpan<float>(a + row, Tile.Rows).CopyTo(new(to, Tile.Rows));
            }

            for (int i = 0; row < rows && i < Tile.Rows; i++)
                to[i] = row + i < rows ? a[row + i] : 0f;
            // Lanes are columns of a, and k ascends: the sums do not depend on the vector width.
            for (int i = 0; sums != null && i < rows; i += Lanes.Count)
                Lanes.Store(sums + i, Lanes.Load(sums + i, rows - i) + Lanes.Load(a + i, rows - i), rows - i);
        }
    }

    private void PackRight(ReadOnlySpan<OuterProduct> products, int first, int end)
    {
        int panels = 0;
        foreach (var product in products)
            panels += product.Panels;
        long needed = (long)panels * Gemm.DepthBlock * Tile.Columns;
        if (_right.Length < needed)
            _right = new(needed);
        panels = 0;
        foreach (var product in products)
        {
            if (product.Has(first))
                PackRight(product, first, end, panels);
            panels += product.Panels;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackRight(OuterProduct product, int first, int end, int panel)
    {
        for (int k = first; k < end; k++)
        {
            float* from = product.RowOfB(k);
            float* to = Right(panel) + (k - first) * Tile.Columns;
            for (int j = 0; j < product.Columns; j += Tile.Columns, to += Gemm.DepthBlock * Tile.Columns)
            {
                int n = Math.Min(Tile.Columns, product.Columns - j);
                new ReadOnlySpan<float>(from + j, n).CopyTo(new(to, n));
                new Span<float>(to + n, Tile.Columns - n).Clear();
            }
        }
    }

    private float* Right(int panel) => _right.Pointer + (long)panel * Gemm.DepthBlock * Tile.Columns;
}

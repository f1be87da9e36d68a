namespace EdgeRnn.Onnx;

/// <summary>
/// Rows of PyTorch's gates, i f g o and r z n, and of ONNX's, i o f c and z r h; of peepholes i f o and i o f. The rows
/// of two directions follow one another in both.
/// </summary>
internal static class GateOrder
{
    private static readonly int[] Lstm = [0, 3, 1, 2];
    private static readonly int[] Gru = [1, 0, 2];
    private static readonly int[] Single = [0];
    private static readonly int[] Peepholes = [0, 2, 1];

    /// <summary>For each row of ONNX's tensors of a cell, which of ours it is.</summary>
    public static int[] Rows(LayerKind kind, int directions, int units) =>
        Rows(kind switch { LayerKind.Lstm => Lstm, LayerKind.Gru => Gru, _ => Single }, directions, units);

    /// <summary>For each of ONNX's peephole weights, which of ours it is.</summary>
    public static int[] PeepholeRows(int directions, int units) => Rows(Peepholes, directions, units);

    /// <summary>Our rows, of equal length, in ONNX's order.</summary>
    public static T[] ToOnnx<T>(ReadOnlySpan<T> ours, int[] rows)
    {
        int length = ours.Length / rows.Length;
        var theirs = new T[ours.Length];
        for (int r = 0; r < rows.Length; r++)
            ours.Slice(rows[r] * length, length).CopyTo(theirs.AsSpan(r * length));
        return theirs;
    }

    /// <summary>ONNX's rows, of equal length, in our order.</summary>
    public static T[] FromOnnx<T>(ReadOnlySpan<T> theirs, int[] rows)
    {
        int length = theirs.Length / rows.Length;
        var ours = new T[theirs.Length];
        for (int r = 0; r < rows.Length; r++)
            theirs.Slice(r * length, length).CopyTo(ours.AsSpan(rows[r] * length));
        return ours;
    }

    private static int[] Rows(int[] order, int directions, int units)
    {
        int[] rows = new int[directions * order.Length * units];
        for (int r = 0; r < rows.Length; r++)
        {
            int gate = r / units % order.Length;
            rows[r] = r + (order[gate] - gate) * units;
        }
        return rows;
    }
}

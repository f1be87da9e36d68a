using System.Runtime.CompilerServices;
using EdgeRnn.Quantization;

namespace EdgeRnn.Runtime;

/// <summary>
/// The activation functions over all units of a gate, each a method of its own: inlined into a cell's update they would
/// exceed the compiler's inlining budget, and what it then leaves as calls makes a step three times slower. The last vector reads and
/// writes beyond the last unit, where every buffer has padding and numbers mean nothing.
/// </summary>
internal static unsafe class Gates<T, TNumerics>
    where T : unmanaged, ILanes<T>
    where TNumerics : struct, INumerics
{
    /// <summary>gate = σ(a + b)   [units]</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Sigmoid(float* a, float* b, float* gate, int units)
    {
        for (int u = 0; u < units; u += T.Count)
            TNumerics.Sigmoid(T.Load(a + u) + T.Load(b + u)).Store(gate + u);
    }

    /// <summary>gate = tanh(a + b)   [units]</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Tanh(float* a, float* b, float* gate, int units)
    {
        for (int u = 0; u < units; u += T.Count)
            TNumerics.Tanh(T.Load(a + u) + T.Load(b + u)).Store(gate + u);
    }
}

using System.Runtime.CompilerServices;
using EdgeRnn.Quantization;

namespace EdgeRnn.Runtime;

/// <summary>
/// The activation functions over all units of a gate, each a method of its own: inlined into a cell's update they would
/// exceed the compiler's inlining budget, and what it then leaves as calls makes a step three times slower. Two vectors a
/// turn share the loads of the constants, which NEON needs. The last ones read and write beyond the last unit, where every
/// buffer has padding and numbers mean nothing.
/// </summary>
internal static unsafe class Gates<T, TNumerics>
    where T : unmanaged, ILanes<T>
    where TNumerics : struct, INumerics
{
    /// <summary>gate = σ(a + b)   [units]</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Sigmoid(float* a, float* b, float* gate, int units)
    {
        for (int u = 0; u < units; u += 2 * T.Count)
        {
            var first = TNumerics.Sigmoid(T.Load(a + u) + T.Load(b + u));
            var second = TNumerics.Sigmoid(T.Load(a + u + T.Count) + T.Load(b + u + T.Count));
            first.Store(gate + u);
            second.Store(gate + u + T.Count);
        }
    }

    /// <summary>gate = tanh(a + b)   [units]</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Tanh(float* a, float* b, float* gate, int units)
    {
        for (int u = 0; u < units; u += 2 * T.Count)
        {
            var first = TNumerics.Tanh(T.Load(a + u) + T.Load(b + u));
            var second = TNumerics.Tanh(T.Load(a + u + T.Count) + T.Load(b + u + T.Count));
            first.Store(gate + u);
            second.Store(gate + u + T.Count);
        }
    }
}

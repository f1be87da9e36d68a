using System.Runtime.CompilerServices;

namespace EdgeRnn.Runtime;

/// <summary>
/// The activation functions over all units of a gate, each a method of its own: inlined into a cell's update they would
/// exceed the compiler's inlining budget, and what it then leaves as calls makes a step three times slower. The last
/// vector reads and writes beyond the last unit, where every buffer has padding and numbers mean nothing.
/// </summary>
internal static unsafe class Gates<TNumerics, T, TNumber, TConstants>
    where TNumerics : struct, INumerics<T, TNumber, TConstants>
    where T : unmanaged
    where TNumber : unmanaged
    where TConstants : unmanaged
{
    /// <summary>gate = σ(sum)   [units]</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Sigmoid(float* sum, TNumber* gate, int units, in TConstants constants)
    {
        var k = constants;
        for (var end = gate + units; gate < end; gate += TNumerics.Count, sum += TNumerics.Count)
            TNumerics.Store(TNumerics.Sigmoid(TNumerics.LoadSums(sum), k), gate);
    }

    /// <summary>gate = tanh(sum)   [units]</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Tanh(float* sum, TNumber* gate, int units, in TConstants constants)
    {
        var k = constants;
        for (var end = gate + units; gate < end; gate += TNumerics.Count, sum += TNumerics.Count)
            TNumerics.Store(TNumerics.Tanh(TNumerics.LoadSums(sum), k), gate);
    }
}

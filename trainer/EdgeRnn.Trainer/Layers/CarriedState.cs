using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// What a cell remembers from the end of one batch to the beginning of the next, where <see
/// cref="PackedBatch.Carries"/>:
/// truncated back-propagation through time (Williams and Peng 1990). No gradient goes back through it.
/// </summary>
internal sealed unsafe class CarriedState(int units, PackedBatch batch)
{
    private readonly FloatBuffer _state = new((long)batch.Capacity * units);

    /// <summary>
    /// The state of each sequence before the first step, <c>[Capacity, units]</c>; zeros unless carried.
    /// </summary>
    public float* Pointer => _state.Pointer;

    /// <summary>Keeps the state h <c>[rows, units]</c> that the sequences of the batch ended with.</summary>
    /// <param name="h">The states.</param>
    /// <param name="shift">Sequence m gets that of the one so many places on.</param>
    public void Keep(float* h, int shift)
    {
        for (int m = 0; m < batch.Sequences; m++)
        {
            long row = batch.LastRows[(m + shift) % batch.Sequences];
            new ReadOnlySpan<float>(h + row * units, units).CopyTo(_state.Span[(m * units)..]);
        }
    }

    public void Forget() => _state.Span.Clear();
}

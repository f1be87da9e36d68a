using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>The part of each sequence that a batch shows.</summary>
/// <param name="First">The first step; not read where <paramref name="CropSeed"/> decides on it.</param>
/// <param name="Steps">At most so many.</param>
/// <param name="CropSeed">A number from which the place of each sequence's part follows; or null.</param>
internal readonly record struct Excerpt(int First, int Steps, ulong? CropSeed = null)
{
    /// <summary>All of it.</summary>
    public static Excerpt Whole => new(0, int.MaxValue);

    /// <summary>The first step and the steps of the part of the sequence at <paramref name="index"/>.</summary>
    public (int First, int Steps) Of(int index, int steps)
    {
        if (CropSeed is not { } seed)
            return (Math.Min(First, steps), Math.Clamp(steps - First, 0, Steps));
        int first = steps <= Steps ? 0 : SeededRandom.Stream(seed, (ulong)index).NextInt(steps - Steps + 1);
        return (first, Math.Min(steps, Steps));
    }
}

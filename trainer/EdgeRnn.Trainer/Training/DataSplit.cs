using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Training;

/// <summary>Parts of a data set.</summary>
public static class DataSplit
{
    /// <summary>Holds out the same part of each class, drawn by seed; the order within both parts is kept.</summary>
    /// <exception cref="UserException">A part would be empty.</exception>
    public static (SequenceDataset Kept, SequenceDataset HeldOut) Stratified(SequenceDataset data, double fraction, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(data);
        var random = SeededRandom.Stream(seed, 0x5011);
        var heldOut = new HashSet<int>();
        foreach (var group in Enumerable.Range(0, data.Count).GroupBy(i => data.Sequences[i].Label).OrderBy(g => g.Key))
        {
            int[] members = [.. group];
            random.Shuffle(members);
            // Of a class with two or more, one stays on each side: otherwise it would not be trained, or not be checked.
            int count = (int)Math.Round(members.Length * fraction);
            if (members.Length > 1)
                count = Math.Clamp(count, 1, members.Length - 1);
            heldOut.UnionWith(members.Take(count));
        }

        if (heldOut.Count == 0 || heldOut.Count == data.Count)
        {
            throw new UserException(
                FormattableString.Invariant($"'{data.Name}' has {data.Count} sequences, too few to hold out a part of {fraction}."));
        }

        return (data.Subset(Enumerable.Range(0, data.Count).Where(i => !heldOut.Contains(i))), data.Subset(heldOut.Order()));
    }
}

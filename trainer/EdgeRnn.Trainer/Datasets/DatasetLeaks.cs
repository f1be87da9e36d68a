using System.Runtime.InteropServices;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>Sequences of one data set whose readings are, to the bit, those of another.</summary>
/// <param name="Count">How many; 0 for none.</param>
/// <param name="First">The first of them, as an index; -1 for none.</param>
/// <param name="InOther">One that it is equal to, as an index into the other data set; -1 for none.</param>
public readonly record struct EqualSequences(int Count, int First, int InOther);

/// <content>What two parts of the data must not have in common, if one is to judge what was learnt from the
/// other.</content>
public sealed partial record SequenceDataset
{
    /// <summary>The sequences that are in <paramref name="other"/> too, found by hashing.</summary>
    public EqualSequences EqualTo(SequenceDataset other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var places = new Dictionary<Sequence, int>(other.Count, ByReadings.Comparer);
        for (int i = 0; i < other.Count; i++)
            places.TryAdd(other.Sequences[i], i);
        var found = new EqualSequences(0, -1, -1);
        for (int i = 0; i < Count; i++)
        {
            if (places.TryGetValue(Sequences[i], out int place))
                found = found.Count == 0 ? new(1, i, place) : found with { Count = found.Count + 1 };
        }
        return found;
    }

    /// <summary>
    /// The groups that have sequences here and in <paramref name="other"/>: equal names of people or the like, and one
    /// file, but not files of equal names in two folders.
    /// </summary>
    public IReadOnlyList<string> GroupsSharedWith(SequenceDataset other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var theirs = other.Sequences.Select(s => other.FullGroup(s)).ToHashSet();
        return [.. Sequences.Where(s => s.Group is not null && theirs.Contains(FullGroup(s)))
            .Select(s => s.Group!).Distinct()];
    }

    private string? FullGroup(Sequence sequence) => sequence.Group is null || GroupFolder is null
        ? sequence.Group
        : Path.Combine(GroupFolder, sequence.Group);

    private sealed class ByReadings : IEqualityComparer<Sequence>
    {
        public static readonly ByReadings Comparer = new();

        public bool Equals(Sequence a, Sequence b) =>
            a.Steps == b.Steps && Bytes(a).SequenceEqual(Bytes(b));

        public int GetHashCode(Sequence sequence)
        {
            var hash = default(HashCode);
            hash.AddBytes(Bytes(sequence));
            return hash.ToHashCode();
        }

        private static ReadOnlySpan<byte> Bytes(Sequence sequence) => MemoryMarshal.AsBytes(sequence.Values.Span);
    }
}

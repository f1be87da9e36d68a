using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Datasets;

/// <content>
/// Parts of a data set: every class in proportion, and no <see cref="Sequence.Group"/> on both sides of a cut.
/// </content>
public sealed partial record SequenceDataset
{
    /// <summary>
    /// Takes <paramref name="fraction"/> of every class out, at least one sequence of a class that has two. Equal seeds
    /// give equal parts.
    /// </summary>
    /// <param name="fraction">Between 0 and 1, exclusive.</param>
    /// <param name="seed">Chooses which.</param>
    /// <returns>
    /// What stays and what was taken, each in the original order. Their <see cref="Warnings"/> tell which classes have
    /// a single group, which then had to be cut, and which a part lacks.
    /// </returns>
    public (SequenceDataset Train, SequenceDataset Validation) Split(double fraction, ulong seed)
    {
        if (fraction is not (> 0 and < 1))
            throw new UserException(
                $"a part of {fraction:R} of {Name} was asked for; choose a fraction between 0 and 1.");
        var (blocks, warnings) = Blocks();
        var counts = ClassCounts();
        var part = new double[Labels.Count];
        // A part that rounds to nothing still gets the smallest block of each class that can spare one.
        foreach (var block in blocks)
        {
            foreach (var (label, count) in block.PerClass)
            {
                if (count < counts[label])
                    part[label] = part[label] == 0 ? count : Math.Min(part[label], count);
            }
        }
        for (int label = 0; label < part.Length; label++)
            part[label] = Math.Max(part[label], fraction * counts[label]);
        double[] rest = [.. counts.Select((count, label) => count - part[label])];

        int[] bins = Deal(blocks, [part, rest], counts, seed);
        return (Of(bins, bin => bin == 1, warnings), Of(bins, bin => bin == 0, warnings));
    }

    /// <summary>
    /// Cross-validation: <paramref name="k"/> pairs in which every sequence is in exactly one validation part. Equal
    /// seeds give equal folds; warnings are those of <see cref="Split"/>.
    /// </summary>
    public IReadOnlyList<(SequenceDataset Train, SequenceDataset Validation)> Folds(int k, ulong seed)
    {
        if (k < 2 || k > Count)
            throw new UserException(
                $"{k} folds of {Name} were asked for; choose 2 to {Count}, the number of its sequences.");
        var (blocks, warnings) = Blocks();
        if (blocks.Count < k)
            throw new UserException(
                $"{k} folds of {Name} were asked for, but it has {blocks.Count} groups that must stay whole; choose " +
                "fewer folds.");
        var counts = ClassCounts();
        double[] share = [.. counts.Select(count => (double)count / k)];
        int[] bins = Deal(blocks, [.. Enumerable.Repeat(share, k)], counts, seed);
        return [.. Enumerable.Range(0, k).Select(fold =>
            (Of(bins, bin => bin != fold, warnings), Of(bins, bin => bin == fold, warnings)))];
    }

    /// <summary>
    /// Cross-validation by what a new person, or a new recording, will be like: each group in turn is held out and all
    /// others are trained on.
    /// </summary>
    /// <exception cref="UserException">
    /// Sequences without a group, fewer than two groups, or a class that a single group has: nothing is left to learn
    /// it from.
    /// </exception>
    public IReadOnlyList<(string Group, SequenceDataset Train, SequenceDataset Validation)> LeaveOneGroupOut()
    {
        if (Sequences.Any(s => s.Group is null))
            throw new UserException(
                $"{Name} has sequences of no group; use csv: data with group=COLUMN, or cross-validate in folds.");
        string[] groups = [.. Sequences.Select(s => s.Group!).Distinct().Order(StringComparer.Ordinal)];
        if (groups.Length < 2)
            throw new UserException($"{Name} has one group, '{groups[0]}', and no other to learn from; add some.");
        foreach (var ofClass in Sequences.GroupBy(s => s.Label))
        {
            if (ofClass.Select(s => s.Group).Distinct().Count() == 1)
                throw new UserException(
                    $"Class {Labels[ofClass.Key]} of {Name} is in group '{ofClass.First().Group}' alone, so that " +
                    "without it nothing is left to learn it from; record it of others too, or name another " +
                    "column with group=.");
        }
        return [.. groups.Select(group => (group,
            Subset(Enumerable.Range(0, Count).Where(i => Sequences[i].Group != group)),
            Subset(Enumerable.Range(0, Count).Where(i => Sequences[i].Group == group))))];
    }

    /// <summary>
    /// What stays together: the sequences of a group, or one sequence without one. The only group of a class is cut, as
    /// one side would otherwise never see the class.
    /// </summary>
    private (List<Block> Blocks, List<string> Warnings) Blocks()
    {
        var groupsOfClass = Labels.Select(_ => new HashSet<string>()).ToArray();
        var alone = new bool[Labels.Count];
        foreach (var sequence in Sequences)
        {
            if (sequence.Group is { } group)
                groupsOfClass[sequence.Label].Add(group);
            else
                alone[sequence.Label] = true;
        }
        var counts = ClassCounts();
        int[] single = [.. Enumerable.Range(0, Labels.Count)
            .Where(label => groupsOfClass[label].Count == 1 && !alone[label] && counts[label] > 1)];
        var cut = single.Select(label => groupsOfClass[label].First()).ToHashSet();

        var blocks = new List<Block>();
        var ofGroup = new Dictionary<string, Block>();
        for (int i = 0; i < Count; i++)
        {
            var sequence = Sequences[i];
            Block? block = null;
            if (sequence.Group is { } group && !cut.Contains(group) && !ofGroup.TryGetValue(group, out block))
                ofGroup[group] = block = new Block();
            block ??= new Block();
            if (block.Indices.Count == 0)
                blocks.Add(block);
            block.Add(i, sequence.Label);
        }
        string what = OutputKind == OutputKind.Values
            ? $"{Name} comes from a single recording or person,"
            : $"class {string.Join(", ", single.Select(label => Labels[label]))} of {Name} comes from a single " +
                "recording or person each,";
        List<string> warnings = single.Length == 0 ? [] :
            [$"{what} which is on both sides of the split: the accuracy there flatters; record more"];
        return (blocks, warnings);
    }

    /// <summary>
    /// Gives each block, larger ones first, to the bin that lacks most of its classes: the greedy rule that lowers the
    /// squared distance to the targets most.
    /// </summary>
    /// <returns>The bin of each sequence.</returns>
    private int[] Deal(List<Block> blocks, double[][] targets, int[] counts, ulong seed)
    {
        int[] order = [.. Enumerable.Range(0, blocks.Count)];
        new SeededRandom(seed).Shuffle(order);
        var filled = targets.Select(target => new double[target.Length]).ToArray();
        var bins = new int[Count];
        // OrderBy is stable, so that blocks of one size keep their shuffled order.
        foreach (var block in order.Select(i => blocks[i]).OrderByDescending(block => block.Indices.Count))
        {
            int best = 0;
            double bestExcess = double.PositiveInfinity;
            for (int bin = 0; bin < targets.Length; bin++)
            {
                double excess = 0;
                foreach (int label in block.Classes)
                    excess += block.PerClass[label] * (filled[bin][label] - targets[bin][label]) / counts[label];
                if (excess < bestExcess)
                    (best, bestExcess) = (bin, excess);
            }
            foreach (int label in block.Classes)
                filled[best][label] += block.PerClass[label];
            foreach (int index in block.Indices)
                bins[index] = best;
        }
        return bins;
    }

    private SequenceDataset Of(int[] bins, Func<int, bool> wanted, List<string> warnings)
    {
        var part = Subset(Enumerable.Range(0, Count).Where(i => wanted(bins[i])));
        var counts = part.ClassCounts();
        var whole = ClassCounts();
        string[] lacking = [.. Labels.Where((_, label) => counts[label] == 0 && whole[label] > 0)];
        return part with
        {
            Warnings = lacking.Length == 0 ? warnings
                : [.. warnings, $"a part of {part.Count} sequences of {Name} has none of class " +
                    $"{string.Join(", ", lacking)}"],
        };
    }

    /// <summary>Sequences that stay together.</summary>
    private sealed class Block
    {
        public List<int> Indices { get; } = [];

        public Dictionary<int, int> PerClass { get; } = [];

        public IEnumerable<int> Classes => PerClass.Keys;

        public void Add(int index, int label)
        {
            Indices.Add(index);
            PerClass[label] = PerClass.GetValueOrDefault(label) + 1;
        }
    }
}

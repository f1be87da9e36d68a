using System.Globalization;

namespace EdgeRnn.Trainer.Datasets;

/// <content>What no network can learn from.</content>
public sealed partial record SequenceDataset
{
    /// <summary>Refuses classes without a sequence, and channels that say nothing.</summary>
    /// <param name="mode">
    /// Normalised each on its own, a constant channel would turn the least change on the board into noise of any size;
    /// of images and their like, which are normalised as one, the borders may be constant.
    /// </param>
    /// <exception cref="UserException">Names the class or the channel.</exception>
    internal void RefuseUntrainable(NormalisationMode mode)
    {
        bool[] occurs = Occurring();
        string[] empty = [.. Labels.Where((_, label) => !occurs[label])];
        if (empty.Length > 0)
        {
            throw new UserException(
                $"{Name} has no sequence of class {Listed(empty)} to train on; add some, or remove the class.");
        }
        var first = new float[Channels.Count];
        Array.Fill(first, float.NaN);
        var varies = new bool[Channels.Count];
        foreach (var sequence in Sequences)
        {
            var values = sequence.Values.Span;
            for (int i = 0, c = 0; i < values.Length; i++, c = c + 1 == first.Length ? 0 : c + 1)
            {
                if (!float.IsFinite(values[i]))
                    continue;
                if (float.IsNaN(first[c]))
                    first[c] = values[i];
                else
                    varies[c] |= values[i] != first[c];
            }
        }
        for (int c = 0; c < first.Length; c++)
        {
            if (float.IsNaN(first[c]))
                throw new UserException(
                    $"Channel {Channels[c]} of {Name} has no finite reading; leave it out (of csv: with channels=).");
            if (!varies[c] && (mode == NormalisationMode.Channel || !varies.Contains(true)))
            {
                throw new UserException(string.Create(CultureInfo.InvariantCulture,
                    $"Channel {Channels[c]} of {Name} always reads {first[c]}; leave it out ") +
                    "(of csv: with channels=), or normalise all channels as one.");
            }
        }
    }

    /// <summary>A few names, and how many more there are.</summary>
    internal static string Listed(IReadOnlyList<string> names)
    {
        const int most = 8;
        string others = names.Count > most ? $" and {names.Count - most} more" : "";
        return string.Join(", ", names.Take(most)) + others;
    }
}

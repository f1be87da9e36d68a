using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace EdgeRnn.Trainer.Datasets;

/// <content>What tells one data set from another.</content>
public sealed partial record SequenceDataset
{
    /// <summary>
    /// SHA-256 of channels, labels, the kind of outputs, and every sequence in order, readings and values to the bit:
    /// equal digests, equal data. Names and groups are no part of it.
    /// </summary>
    public string Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var names in new[] { Channels, Labels })
        {
            Append(hash, names.Count);
            foreach (string name in names)
            {
                byte[] bytes = Encoding.UTF8.GetBytes(name);
                Append(hash, bytes.Length);
                hash.AppendData(bytes);
            }
        }

        Append(hash, (int)OutputKind);
        Append(hash, EachStep ? 1 : 0);
        foreach (var sequence in Sequences)
        {
            Append(hash, sequence.Steps);
            Append(hash, sequence.Label);
            Append(hash, sequence.StepLabels.Length);
            Append(hash, sequence.Targets.Length);
            hash.AppendData(MemoryMarshal.AsBytes(sequence.Values.Span));
            hash.AppendData(MemoryMarshal.AsBytes(sequence.StepLabels.Span));
            hash.AppendData(MemoryMarshal.AsBytes(sequence.Targets.Span));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, int number) =>
        hash.AppendData(MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in number)));
}

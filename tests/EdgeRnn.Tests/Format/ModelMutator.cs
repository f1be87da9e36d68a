using Google.Protobuf;

namespace EdgeRnn.Tests.Format;

/// <summary>
/// Damage that knows the structure: a message is taken apart into its fields, some of them are changed, removed,
/// doubled or moved, and it is put together again with lengths that fit, so that the checks inside are reached.
/// </summary>
internal sealed class ModelMutator
{
    // Which fields hold messages: of the model its layers, input, stream, …, of a layer its tensors.
    private static readonly int[] ModelMessages = [4, 5, 6, 8, 9, 10];
    private static readonly int[] LayerTensors = [6, 7, 8, 9];

    private static readonly ulong[] TellingNumbers =
        [0, 1, 2, 3, 4, 5, 15, 16, 64, 65, 127, 128, 255, 256, 1024, 1025, 4096, 4097, 16384, 65535, 65536, 1 << 24,
         int.MaxValue, 1UL << 31, uint.MaxValue, 1UL << 32, long.MaxValue, ulong.MaxValue];

    private static readonly float[] TellingFloats =
        [0, -0f, 1, -1, 1e-45f, float.MaxValue, float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1f / 127];

    private readonly SeededRandom _random;
    private readonly List<Node> _all = [];
    private readonly List<Node> _root;

    private ModelMutator(byte[] message, SeededRandom random)
    {
        _random = random;
        _root = TakeApart(message, ModelMessages);
    }

    /// <summary>The message after one to three changes.</summary>
    public static byte[] Mutate(byte[] message, SeededRandom random)
    {
        var mutator = new ModelMutator(message, random);
        for (int i = random.Below(3); i >= 0; i--)
            mutator.Change();
        byte[] bytes = mutator.PutTogether(mutator._root);
        // One in eight is also hit somewhere at random, whatever is there.
        if (random.Below(8) == 0 && bytes.Length > 0)
            bytes[random.Below(bytes.Length)] = (byte)random.Next();
        return bytes;
    }

    private List<Node> TakeApart(byte[] message, int[] messages)
    {
        var nodes = new List<Node>();
        var input = new CodedInputStream(message);
        while (input.ReadTag() is not 0 and var tag)
        {
            var node = new Node { Siblings = nodes, Field = WireFormat.GetTagFieldNumber(tag), Type = (int)(tag & 7) };
            switch (node.Type)
            {
                case 0: node.Number = input.ReadUInt64(); break;
                case 5: node.Bytes = BitConverter.GetBytes(input.ReadFixed32()); break;
                default:
                    node.Bytes = input.ReadBytes().ToByteArray();
                    bool isLayer = messages == ModelMessages && node.Field == 4;
                    if (messages.Contains(node.Field))
                        node.Fields = TakeApart(node.Bytes, isLayer ? LayerTensors : []);
                    break;
            }
            nodes.Add(node);
            _all.Add(node);
        }
        return nodes;
    }

    private void Change()
    {
        var node = _all[_random.Below(_all.Count)];
        switch (_random.Below(8))
        {
            case 0: node.Siblings.Remove(node); break;
            case 1: node.Siblings.Insert(_random.Below(node.Siblings.Count + 1), node); break;
            case 2: node.Field = _random.Below(70); break;
            case 3: node.Type = _random.Below(8); break;
            case 4: node.Padding = _random.Below(11); break;
            case 5: node.FalseLength = TellingNumbers[_random.Below(TellingNumbers.Length)]; break;
            default: ChangeValue(node); break;
        }
    }

    private void ChangeValue(Node node)
    {
        node.Number = TellingNumbers[_random.Below(TellingNumbers.Length)];
        if (node.Fields is not null || node.Type == 0)
            return;
        byte[] bytes = (byte[])node.Bytes.Clone();
        float value = TellingFloats[_random.Below(TellingFloats.Length)];
        switch (_random.Below(3))
        {
            case 0:
                Array.Resize(ref bytes, node.Type == 5 ? 4 : _random.Below(2 * bytes.Length + 2));
                break;
            case 1 when bytes.Length >= 4:
                BitConverter.TryWriteBytes(bytes.AsSpan(4 * _random.Below(bytes.Length / 4)), value);
                break;
            case 2 when bytes.Length > 0:
                bytes[_random.Below(bytes.Length)] = (byte)_random.Next();
                break;
        }
        node.Bytes = bytes;
    }

    private byte[] PutTogether(List<Node> nodes)
    {
        var bytes = new List<byte>();
        foreach (var node in nodes)
        {
            byte[] content = node.Fields is null ? node.Bytes : PutTogether(node.Fields);
            Varint(bytes, (ulong)(node.Field << 3 | node.Type), 0);
            if (node.Type == 0)
                Varint(bytes, node.Number, node.Padding);
            else if (node.Type == 2)
                Varint(bytes, node.FalseLength ?? (ulong)content.Length, node.Padding);
            if (node.Type != 0)
                bytes.AddRange(content);
        }
        return [.. bytes];
    }

    private static void Varint(List<byte> bytes, ulong value, int padding)
    {
        for (; value >= 0x80; value >>= 7)
            bytes.Add((byte)(value | 0x80));
        for (; padding > 0; padding--, value = 0)
            bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
    }

    private sealed class Node
    {
        public required List<Node> Siblings { get; init; }
        public int Field { get; set; }
        public int Type { get; set; }
        public ulong Number { get; set; }
        public byte[] Bytes { get; set; } = [];
        public List<Node>? Fields { get; set; }
        public int Padding { get; set; }
        public ulong? FalseLength { get; set; }
    }
}

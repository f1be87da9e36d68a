using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Layers;
using EdgeRnn.Trainer.Numerics;
using EdgeRnn.Trainer.Training;
using TrainerRandom = EdgeRnn.Trainer.Numerics.SeededRandom;

namespace EdgeRnn.Tests.Training;

/// <summary>Small data and a network run on them outside a training loop.</summary>
internal sealed unsafe class TrainingFixture
{
    private static readonly Normalisation Identity3 = new(new float[3], [1f, 1f, 1f]);
    private readonly LossKind _loss;
    private readonly FloatBuffer _gradient;
    private readonly FloatBuffer _inputGradient;

    public TrainingFixture(string specification, SequenceDataset data, LossKind loss = LossKind.CrossEntropy)
    {
        _loss = loss;
        Network = Network.Parse(specification, data.Channels.Count);
        int rows = data.Sequences.Sum(s => s.Steps);
        int values = loss == LossKind.CrossEntropy ? 0 : Network.OutputSize;
        OutputLayout outputs = new(data.EachStep, values);
        Pass = new(Network, new PackedBatch(data.Count, data.MaxSteps, rows, data.Channels.Count, outputs));
        _gradient = new(Network.ParameterCount);
        _inputGradient = new((long)rows * data.Channels.Count);
        Load = excerpt => Pass.Batch.Load(
            data, [.. Enumerable.Range(0, data.Count)], Identity3, excerpt: excerpt,
                targets: Normalisation.None(values));
        Load(Excerpt.Whole);
    }

    /// <summary>Loads a part of each sequence instead of all.</summary>
    public Action<Excerpt> Load { get; }

    public Network Network { get; }

    public NetworkPass Pass { get; }

    /// <summary>Seed of dropout masks: the same masks at each run.</summary>
    public ulong? DropoutSeed { get; init; }

    public Span<float> Parameters => Network.Parameters.Span;

    public Span<float> Gradient => _gradient.Span;

    public Span<float> InputGradient => _inputGradient.Span;

    /// <summary>Sequences of 3 channels and of the given lengths, normal numbers, labels in turn.</summary>
    public static SequenceDataset Data(int classes, params int[] lengths)
    {
        var random = new TrainerRandom(99);
        var sequences = new Sequence[lengths.Length];
        for (int i = 0; i < lengths.Length; i++)
        {
            var values = new float[lengths[i] * 3];
            foreach (ref float x in values.AsSpan())
                x = (float)random.NextNormal();
            sequences[i] = new(values, lengths[i], i % classes);
        }

        return new("test", ["0", "1", "2"], [.. Enumerable.Range(0, classes).Select(k => $"class {k}")], sequences);
    }

    /// <summary>Mean loss with the present parameters and inputs; logits follow in <see cref="Pass"/>.</summary>
    public double Loss()
    {
        foreach (var packed in Network.Layers.SelectMany(layer => layer.Packed))
            packed.Pack(Network.Parameters.Pointer);
        Pass.Forward(DropoutSeed is { } seed ? new TrainerRandom(seed) : null);
        int count = Pass.Batch.OutputRows;
        return (_loss == LossKind.CrossEntropy
            ? Pass.CrossEntropy(1f / count).Loss
            : Pass.Values(_loss, 1f / count)) / count;
    }

    public void Backward()
    {
        Gradient.Clear();
        Loss();
        Pass.Backward(_gradient.Pointer, _inputGradient.Pointer);
    }

    /// <summary>The logits of the sequence at <paramref name="index"/> of the data.</summary>
    public float[] LogitsOf(int index)
    {
        int classes = Network.OutputSize;
        return Pass.Logits.Slice(Pass.Batch.Order.IndexOf(index) * classes, classes).ToArray();
    }
}

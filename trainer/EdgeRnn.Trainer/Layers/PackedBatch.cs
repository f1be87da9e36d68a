using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Numerics;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// Sequences of any lengths side by side, without padding: sorted by falling length, the rows of a step are those
/// sequences that still run, so sequence m of step t is row <c>Offset[t] + m</c> and its past is row
/// <c>Offset[t - 1] + m</c>. A sequence that has ended is in no later row: its state cannot move and no gradient can
/// leak.
/// </summary>
internal sealed unsafe class PackedBatch
{
    private readonly int[] _active;
    private readonly int[] _offset;
    private readonly int[] _order;
    private readonly int[] _previous;
    private readonly int[] _last;
    private readonly int[] _labels;

    /// <summary>Reserves room.</summary>
    /// <param name="sequences">Most sequences.</param>
    /// <param name="steps">Most steps of a sequence.</param>
    /// <param name="rows">Most steps of all sequences together.</param>
    /// <param name="channels">Readings a step.</param>
    public PackedBatch(int sequences, int steps, int rows, int channels)
    {
        Capacity = sequences;
        RowCapacity = rows;
        Channels = channels;
        Inputs = new((long)rows * channels);
        _active = new int[steps + 1];
        _offset = new int[steps + 1];
        _order = new int[sequences];
        _last = new int[sequences];
        _labels = new int[sequences];
        _previous = GC.AllocateArray<int>(rows, pinned: true);
        fixed (int* p = _previous)
            PreviousRows = p;
    }

    /// <summary>Most sequences.</summary>
    public int Capacity { get; }

    /// <summary>Most rows.</summary>
    public int RowCapacity { get; }

    /// <summary>Readings a step.</summary>
    public int Channels { get; }

    /// <summary>Normalised inputs, <c>[Rows, Channels]</c>.</summary>
    public FloatBuffer Inputs { get; }

    /// <summary>Sequences of this batch.</summary>
    public int Sequences { get; private set; }

    /// <summary>Steps of the longest.</summary>
    public int Steps { get; private set; }

    /// <summary>Steps of all sequences together.</summary>
    public int Rows => _offset[Steps];

    /// <summary>Sequences that run at step t; they never rise, and <c>Active[Steps]</c> is 0.</summary>
    public ReadOnlySpan<int> Active => _active;

    /// <summary>First row of step t.</summary>
    public ReadOnlySpan<int> Offset => _offset;

    /// <summary>Of each row from step 1 on, the row of the same sequence a step before.</summary>
    public int* PreviousRows { get; }

    /// <summary>Row of the last step of sequence m.</summary>
    public ReadOnlySpan<int> LastRows => _last.AsSpan(0, Sequences);

    /// <summary>Class of sequence m.</summary>
    public ReadOnlySpan<int> Labels => _labels.AsSpan(0, Sequences);

    /// <summary>Index in the data set of sequence m.</summary>
    public ReadOnlySpan<int> Order => _order.AsSpan(0, Sequences);

    /// <summary>Takes the sequences at <paramref name="indices"/>, each of at least one step.</summary>
    /// <param name="data">The data.</param>
    /// <param name="indices">Which of them.</param>
    /// <param name="normalisation">Of the inputs.</param>
    /// <param name="augmenter">Varies each sequence before it is normalised; null takes them as they are.</param>
    /// <param name="epoch">What it varies them for.</param>
    public void Load(
        SequenceDataset data, ReadOnlySpan<int> indices, Normalisation normalisation, Augmenter? augmenter = null,
        int epoch = 0)
    {
        Sequences = indices.Length;
        indices.CopyTo(_order);
        // The index breaks ties, so the order is the same whatever the sort does with equal keys.
        _order.AsSpan(0, Sequences).Sort((p, q) =>
        {
            int byLength = data.Sequences[q].Steps.CompareTo(data.Sequences[p].Steps);
            return byLength != 0 ? byLength : p.CompareTo(q);
        });
        Steps = Sequences == 0 ? 0 : data.Sequences[_order[0]].Steps;
        LayOut(data);
        for (int m = 0; m < Sequences; m++)
        {
            var sequence = data.Sequences[_order[m]];
            _labels[m] = sequence.Label;
            _last[m] = _offset[sequence.Steps - 1] + m;
            var values = augmenter is null ? sequence.Values.Span : augmenter.Apply(_order[m], epoch);
            for (int t = 0; t < sequence.Steps; t++)
            {
                normalisation.Apply(
                    values.Slice(t * Channels, Channels),
                    Inputs.Span.Slice((_offset[t] + m) * Channels, Channels));
            }
        }
    }

    private void LayOut(SequenceDataset data)
    {
        int running = Sequences;
        int row = 0;
        for (int t = 0; t < Steps; t++)
        {
            while (data.Sequences[_order[running - 1]].Steps <= t)
                running--;
            _active[t] = running;
            _offset[t] = row;
            for (int m = 0; m < running && t > 0; m++)
                PreviousRows[row + m] = _offset[t - 1] + m;
            row += running;
        }

        _active[Steps] = 0;
        _offset[Steps] = row;
    }
}

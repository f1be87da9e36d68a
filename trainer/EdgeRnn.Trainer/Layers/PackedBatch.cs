using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Numerics;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Trainer.Layers;

/// <summary>What the sequences of a batch are to give.</summary>
/// <param name="EachStep">Whether each step has an output; else each sequence has one.</param>
/// <param name="Values">Values of an output; 0 for a class.</param>
internal readonly record struct OutputLayout(bool EachStep, int Values);

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
    private readonly int[] _mirrored;
    private readonly int[] _first;
    private readonly int[] _steps;
    private readonly OutputLayout _outputs;

    /// <summary>Reserves room.</summary>
    /// <param name="sequences">Most sequences.</param>
    /// <param name="steps">Most steps of a sequence.</param>
    /// <param name="rows">Most steps of all sequences together.</param>
    /// <param name="channels">Readings a step.</param>
    /// <param name="outputs">What sequences are to give.</param>
    public PackedBatch(int sequences, int steps, int rows, int channels, OutputLayout outputs = default)
    {
        _outputs = outputs;
        Capacity = sequences;
        RowCapacity = rows;
        Channels = channels;
        Inputs = new((long)rows * channels);
        _active = new int[steps + 1];
        _offset = new int[steps + 1];
        _order = new int[sequences];
        _last = new int[sequences];
        int outputRows = outputs.EachStep ? rows : sequences;
        _labels = new int[outputs.Values == 0 ? outputRows : 0];
        Targets = new((long)outputRows * outputs.Values);
        _first = new int[sequences];
        _steps = new int[sequences];
        _mirrored = new int[rows];
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

    /// <summary>Of each row, that of the step as far from its sequence's end as this is from the beginning.</summary>
    public ReadOnlySpan<int> MirroredRows => _mirrored;

    /// <summary>Steps of sequence m.</summary>
    public int StepsOf(int m) => _steps[m];

    /// <summary>Whether sequences begin with the state that was kept, and not with zeros.</summary>
    public bool Carries { get; set; }

    /// <summary>Rows of output: one a step, or one a sequence.</summary>
    public int OutputRows => _outputs.EachStep ? Rows : Sequences;

    /// <summary>Class of each row of output.</summary>
    public ReadOnlySpan<int> Labels => _labels.AsSpan(0, OutputRows);

    /// <summary>Normalised values of each row of output, <c>[OutputRows, values]</c>.</summary>
    public FloatBuffer Targets { get; }

    /// <summary>Index in the data set of sequence m.</summary>
    public ReadOnlySpan<int> Order => _order.AsSpan(0, Sequences);

    /// <summary>Takes the sequences at <paramref name="indices"/>, each of at least one step.</summary>
    /// <param name="data">The data.</param>
    /// <param name="indices">Which of them.</param>
    /// <param name="normalisation">Of the inputs.</param>
    /// <param name="augmenter">Varies each sequence before it is normalised; null takes them as they are.</param>
    /// <param name="epoch">What it varies them for.</param>
    /// <param name="excerpt">The part of each sequence to take; those without a step in it are left out.</param>
    /// <param name="targets">Normalisation of the values, where there are any.</param>
    public void Load(
        SequenceDataset data, ReadOnlySpan<int> indices, Normalisation normalisation, Augmenter? augmenter = null,
        int epoch = 0, Excerpt? excerpt = null, Normalisation? targets = null)
    {
        Sequences = indices.Length;
        indices.CopyTo(_order);
        // The index breaks ties, so the order is the same whatever the sort does with equal keys.
        _order.AsSpan(0, Sequences).Sort((p, q) =>
        {
            int byLength = data.Sequences[q].Steps.CompareTo(data.Sequences[p].Steps);
            return byLength != 0 ? byLength : p.CompareTo(q);
        });
        // What the excerpts leave never rises from one sequence to the next either.
        var part = excerpt ?? Excerpt.Whole;
        for (int m = 0; m < Sequences; m++)
            (_first[m], _steps[m]) = part.Of(_order[m], data.Sequences[_order[m]].Steps);
        while (Sequences > 0 && _steps[Sequences - 1] == 0)
            Sequences--;
        Steps = Sequences == 0 ? 0 : _steps[0];
        LayOut();
        for (int m = 0; m < Sequences; m++)
        {
            var sequence = data.Sequences[_order[m]];
            _last[m] = _offset[_steps[m] - 1] + m;
            LoadOutputs(m, sequence, targets);
            var values = augmenter is null ? sequence.Values.Span : augmenter.Apply(_order[m], epoch);
            for (int t = 0; t < _steps[m]; t++)
            {
                normalisation.Apply(
                    values.Slice((_first[m] + t) * Channels, Channels),
                    Inputs.Span.Slice((_offset[t] + m) * Channels, Channels));
                _mirrored[_offset[t] + m] = _offset[_steps[m] - 1 - t] + m;
            }
        }
    }

    private void LoadOutputs(int m, Sequence sequence, Normalisation? normalisation)
    {
        int count = _outputs.Values;
        for (int t = 0; t < (_outputs.EachStep ? _steps[m] : 1); t++)
        {
            int row = _outputs.EachStep ? _offset[t] + m : m;
            int step = _first[m] + t;
            if (count > 0)
            {
                var target = sequence.Targets.Span.Slice(_outputs.EachStep ? step * count : 0, count);
                normalisation!.Apply(target, Targets.Span.Slice(row * count, count));
            }
            else
            {
                _labels[row] = _outputs.EachStep ? sequence.StepLabels.Span[step] : sequence.Label;
            }
        }
    }

    private void LayOut()
    {
        int running = Sequences;
        int row = 0;
        for (int t = 0; t < Steps; t++)
        {
            while (_steps[running - 1] <= t)
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

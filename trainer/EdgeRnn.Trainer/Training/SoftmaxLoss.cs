using EdgeRnn.Quantization;

namespace EdgeRnn.Trainer.Training;

/// <summary>
/// Cross-entropy of the softmax of logits z against targets q, Σ q_k·(log Σ e^z - z_k). With smoothing ε (Szegedy and
/// others 2016) and class weights w, for the class y: q_k = w_k·((1-ε)·[k = y] + ε/classes), as PyTorch defines it; the
/// mean over sequences divides by the sum of their w_y.
/// </summary>
internal sealed class SoftmaxLoss
{
    private readonly float[] _weight;
    private readonly float[] _own;
    private readonly float[]? _shared;
    private readonly float _sharedSum;

    /// <param name="classes">Logits of a sequence.</param>
    /// <param name="smoothing">ε, 0 to below 1.</param>
    /// <param name="weights">w <c>[classes]</c>; null for ones.</param>
    public SoftmaxLoss(int classes, float smoothing = 0, float[]? weights = null)
    {
        if (weights is null)
            Array.Fill(weights = new float[classes], 1f);
        _weight = weights;
        _own = [.. _weight.Select(w => w * (1 - smoothing))];
        if (smoothing == 0)
            return;
        _shared = [.. _weight.Select(w => w * smoothing / classes)];
        _sharedSum = _shared.Sum();
    }

    /// <summary>What a sequence of class <paramref name="label"/> counts in a mean.</summary>
    public float Weight(int label) => _weight[label];

    /// <summary>The loss of one sequence, and whether its largest logit is the right one.</summary>
    /// <param name="logits">z <c>[classes]</c>.</param>
    /// <param name="label">y.</param>
    /// <param name="scale">Factor of the gradient.</param>
    /// <param name="gradient">Receives scale·(softmax·Σq - q).</param>
    public (double Loss, bool IsCorrect) Run(
        ReadOnlySpan<float> logits, int label, float scale, Span<float> gradient)
    {
        float largest = logits[0];
        int predicted = 0;
        for (int k = 1; k < logits.Length; k++)
        {
            if (logits[k] > largest)
                (largest, predicted) = (logits[k], k);
        }

        double sum = 0;
        for (int k = 0; k < logits.Length; k++)
            sum += gradient[k] = Activations.Exp(MathF.Max(logits[k] - largest, -87f));
        float factor = scale * (_own[label] + _sharedSum) / (float)sum;
        for (int k = 0; k < logits.Length; k++)
            gradient[k] *= factor;
        gradient[label] -= scale * _own[label];
        double loss = _own[label] * (Math.Log(sum) - (logits[label] - largest));
        for (int k = 0; k < _shared?.Length; k++)
        {
            gradient[k] -= scale * _shared[k];
            loss += _shared[k] * (Math.Log(sum) - (logits[k] - largest));
        }

        return (loss, predicted == label);
    }
}

/// <summary>How much outputs of each class count in the training loss.</summary>
public abstract record ClassWeights
{
    /// <summary>
    /// Every class counts the same however many outputs it has: w = outputs / (classes · outputs of the class). There
    /// is an output for each sequence, or for each step.
    /// </summary>
    public static ClassWeights Balanced { get; } = new BalancedWeights();

    /// <summary>The weight of each class by name; classes that are not named have 1.</summary>
    public static ClassWeights Of(IReadOnlyDictionary<string, float> weights) => new NamedWeights(weights);

    /// <summary>Reads <c>balanced</c> or <c>label=weight,…</c>.</summary>
    /// <exception cref="UserException">It is neither.</exception>
    public static ClassWeights Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text == "balanced")
            return Balanced;
        var weights = new Dictionary<string, float>();
        foreach (string pair in text.Split(','))
        {
            // A label may hold an equals sign itself.
            int split = pair.LastIndexOf('=');
            if (split < 1 || !float.TryParse(
                pair.AsSpan(split + 1), System.Globalization.CultureInfo.InvariantCulture, out float weight)
                || weight is not (> 0 and <= 1e6f) || !weights.TryAdd(pair[..split], weight))
            {
                throw new UserException(
                    $"'{pair}' is not the weight of a class; use balanced, or positive numbers as in " +
                        "rest=0.5,swipe=2.");
            }
        }

        return new NamedWeights(weights);
    }

    /// <summary>The weights for training on <paramref name="data"/>, in the order of its labels.</summary>
    internal abstract float[] For(Datasets.SequenceDataset data);

    private sealed record BalancedWeights : ClassWeights
    {
        public override string ToString() => "balanced";

        internal override float[] For(Datasets.SequenceDataset data)
        {
            int[] counts = data.OutputCounts();
            float present = counts.Count(n => n > 0);
            return [.. counts.Select(n => n == 0 ? 1f : counts.Sum() / (present * n))];
        }
    }

    private sealed record NamedWeights(IReadOnlyDictionary<string, float> Weights) : ClassWeights
    {
        public override string ToString() =>
            string.Join(',', Weights.Select(w => FormattableString.Invariant($"{w.Key}={w.Value}")));

        internal override float[] For(Datasets.SequenceDataset data)
        {
            if (Weights.Keys.FirstOrDefault(name => !data.Labels.Contains(name)) is { } unknown)
            {
                throw new UserException(
                    $"There is a weight for the class '{unknown}', which {data.Name} has not; its classes are " +
                    $"{string.Join(", ", data.Labels.Take(8))}{(data.Labels.Count > 8 ? ", …" : "")}.");
            }

            return [.. data.Labels.Select(label => Weights.GetValueOrDefault(label, 1f))];
        }
    }
}

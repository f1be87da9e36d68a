using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Trainer;

/// <summary>
/// Softmax regression on the mean of each channel over a sequence: what can be told without looking at the order of
/// steps. Data on which it does well need no recurrent network.
/// </summary>
public sealed class LinearBaseline
{
    private const int Descents = 200;

    private readonly double[] _mean;
    private readonly double[] _deviation;
    private readonly double[,] _weights;

    /// <summary>Fits <paramref name="data"/> by gradient descent; the loss is convex, so this finds the best.</summary>
    public LinearBaseline(SequenceDataset data)
    {
        ArgumentNullException.ThrowIfNull(data);
        int channels = data.Channels.Count;
        var means = data.Sequences.Select(s => Means(s, channels)).ToArray();
        _mean = [.. Enumerable.Range(0, channels).Select(c => means.Average(m => m[c]))];
        _deviation = [.. _mean.Select((mean, c) => Math.Sqrt(means.Average(m => Math.Pow(m[c] - mean, 2))))];
        _weights = new double[data.Labels.Count, channels + 1];
        double[][] inputs = [.. means.Select(Features)];
        for (int step = 0; step < Descents; step++)
            Descend(inputs, data.Sequences);
    }

    /// <summary>The part of <paramref name="data"/> whose class it finds, 0 to 1.</summary>
    public double Accuracy(SequenceDataset data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return data.Sequences.Average(s =>
        {
            double[] scores = Scores(Features(Means(s, data.Channels.Count)));
            return Array.IndexOf(scores, scores.Max()) == s.Label ? 1.0 : 0.0;
        });
    }

    private void Descend(double[][] inputs, IReadOnlyList<Sequence> sequences)
    {
        var gradient = new double[_weights.GetLength(0), _weights.GetLength(1)];
        for (int i = 0; i < inputs.Length; i++)
        {
            double[] scores = Scores(inputs[i]);
            double largest = scores.Max(), sum = scores.Sum(s => Math.Exp(s - largest));
            for (int k = 0; k < scores.Length; k++)
            {
                double error = Math.Exp(scores[k] - largest) / sum - (sequences[i].Label == k ? 1 : 0);
                for (int c = 0; c < inputs[i].Length; c++)
                    gradient[k, c] += error * inputs[i][c] / inputs.Length;
            }
        }

        for (int k = 0; k < gradient.GetLength(0); k++)
        {
            for (int c = 0; c < gradient.GetLength(1); c++)
                _weights[k, c] -= gradient[k, c];
        }
    }

    private static double[] Means(Sequence sequence, int channels)
    {
        var means = new double[channels];
        var values = sequence.Values.Span;
        for (int i = 0; i < values.Length; i++)
            means[i % channels] += (double)values[i] / sequence.Steps;
        return means;
    }

    // A constant channel tells nothing; the last feature is the bias.
    private double[] Features(double[] means) =>
        [.. means.Select((m, c) => _deviation[c] > 0 ? (m - _mean[c]) / _deviation[c] : 0), 1];

    private double[] Scores(double[] x)
    {
        var scores = new double[_weights.GetLength(0)];
        for (int k = 0; k < scores.Length; k++)
        {
            for (int c = 0; c < x.Length; c++)
                scores[k] += x[c] * _weights[k, c];
        }

        return scores;
    }
}

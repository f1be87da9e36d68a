namespace EdgeRnn.Trainer.Training;

/// <summary>What training makes small.</summary>
public enum LossKind
{
    /// <summary>For classes: minus the logarithm of the true class's score.</summary>
    CrossEntropy,

    /// <summary>For values: the mean of squared errors, in deviations of each output.</summary>
    Mse,

    /// <summary>
    /// For values: the mean of absolute errors, in deviations of each output, which outliers pull less.
    /// </summary>
    Mae,
}

/// <summary>The losses of values, over normalised outputs.</summary>
internal static class ValueLoss
{
    /// <summary>
    /// The mean over a row's outputs of (y - target)² or |y - target|, summed over rows; the gradient of that, times
    /// <paramref name="scale"/>, goes to <paramref name="gradient"/>.
    /// </summary>
    /// <param name="kind">Which.</param>
    /// <param name="y"><c>[rows, outputs]</c>, as are the targets and the gradient.</param>
    /// <param name="target">What y should be.</param>
    /// <param name="gradient">Receives the gradient of y.</param>
    /// <param name="outputs">Outputs of a row.</param>
    /// <param name="scale">Factor of the gradient.</param>
    public static double Of(
        LossKind kind, ReadOnlySpan<float> y, ReadOnlySpan<float> target, Span<float> gradient, int outputs,
            float scale)
    {
        double sum = 0;
        float unit = scale / outputs;
        for (int i = 0; i < y.Length; i++)
        {
            float error = y[i] - target[i];
            bool isSquared = kind == LossKind.Mse;
            sum += isSquared ? (double)error * error : Math.Abs(error);
            gradient[i] = unit * (isSquared ? 2 * error : Math.Sign(error));
        }

        return sum / outputs;
    }
}

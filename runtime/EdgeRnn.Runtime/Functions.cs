using EdgeRnn.Quantization;

namespace EdgeRnn.Runtime;

/// <summary>
/// The activation functions of imported networks, one number at a time: made for equal bits everywhere, not for speed.
/// Exponential and logarithm are series in double precision, whose basic operations IEEE fixes, rounded once to single.
/// </summary>
internal static class Functions
{
    // Results stop here, like every signal of a float session, so that no later sum overflows.
    private const float Limit = 1e6f;

    private const double Ln2 = 0.693147180559945309417;

    /// <summary>The function of a finite number.</summary>
    public static float Apply(Function function, float x)
    {
        (float alpha, float beta) = (function.Alpha, function.Beta);
        float y = function.Kind switch
        {
            FunctionKind.Tanh => Activations.Tanh(x),
            FunctionKind.Sigmoid => Activations.Sigmoid(x),
            FunctionKind.Relu => x > 0 ? x : 0f,
            FunctionKind.HardSigmoid => Math.Clamp(MathF.FusedMultiplyAdd(alpha, x, beta), 0f, 1f),
            FunctionKind.Affine => MathF.FusedMultiplyAdd(alpha, x, beta),
            FunctionKind.LeakyRelu => x >= 0 ? x : alpha * x,
            FunctionKind.ThresholdedRelu => x >= alpha ? x : 0f,
            FunctionKind.ScaledTanh => alpha * Activations.Tanh(beta * x),
            FunctionKind.Elu => x >= 0 ? x : (float)(alpha * (Exp(x) - 1)),
            FunctionKind.Softsign => x / (1 + MathF.Abs(x)),
            // ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)
            FunctionKind.Softplus => (float)(Math.Max(x, 0.0) + LogOfOnePlus(Exp(-Math.Abs((double)x)))),
            _ => throw new ArgumentOutOfRangeException(nameof(function)),
        };
        return Math.Clamp(y, -Limit, Limit);
    }

    /// <summary>e^x for x up to 0.</summary>
    private static double Exp(double x)
    {
        if (x < -700)
            return 0;
        // e^x = 2^n · e^r with |r| at most ln(2) / 2, where 13 terms leave 1e-17.
        int n = (int)Math.Round(x / Ln2);
        double r = x - n * Ln2;
        double sum = 1;
        for (int k = 13; k >= 1; k--)
            sum = 1 + r / k * sum;
        // 1023 is the bias of a double's exponent; n is at least -1010.
        return sum * BitConverter.Int64BitsToDouble((long)(1023 + n) << 52);
    }

    /// <summary>ln(1 + y) for y from 0 to 1.</summary>
    private static double LogOfOnePlus(double y)
    {
        // ln(1 + y) = 2·atanh(s), s = y / (2 + y) up to 1/3, where 16 terms leave 1e-17.
        double s = y / (2 + y), square = s * s, sum = 0;
        for (int k = 31; k >= 1; k -= 2)
            sum = 1.0 / k + square * sum;
        return 2 * s * sum;
    }
}

using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>First values of weights.</summary>
internal static class Initialisers
{
    /// <summary>Uniform in ±√(6 / (inputs + outputs)): Glorot and Bengio (2010).</summary>
    public static void GlorotUniform(Span<float> weights, int inputs, int outputs, SeededRandom random)
    {
        double limit = Math.Sqrt(6.0 / (inputs + outputs));
        foreach (ref float weight in weights)
            weight = (float)((2 * random.NextDouble() - 1) * limit);
    }

    /// <summary>
    /// Each gate's <c>[units, units]</c> block a random rotation: Saxe, McClelland and Ganguli (2014). Rows of normal
    /// numbers are made orthonormal by Gram and Schmidt, twice, which is enough for rounding errors (Giraud and others
    /// 2005).
    /// </summary>
    public static void Orthogonal(Span<float> weights, int units, SeededRandom random)
    {
        var rows = new double[units][];
        for (; weights.Length > 0; weights = weights[(units * units)..])
        {
            for (int i = 0; i < units; i++)
            {
                double[] row = rows[i] = new double[units];
                foreach (ref double x in row.AsSpan())
                    x = random.NextNormal();
                for (int pass = 0; pass < 2; pass++)
                {
                    for (int j = 0; j < i; j++)
                        AddScaled(row, -Dot(row, rows[j]), rows[j]);
                }

                double length = Math.Sqrt(Dot(row, row));
                for (int k = 0; k < units; k++)
                    weights[i * units + k] = (float)(row[k] /= length);
            }
        }
    }

    private static double Dot(double[] a, double[] b)
    {
        double sum = 0;
        for (int k = 0; k < a.Length; k++)
            sum = Math.FusedMultiplyAdd(a[k], b[k], sum);
        return sum;
    }

    private static void AddScaled(double[] a, double factor, double[] b)
    {
        for (int k = 0; k < a.Length; k++)
            a[k] = Math.FusedMultiplyAdd(factor, b[k], a[k]);
    }
}

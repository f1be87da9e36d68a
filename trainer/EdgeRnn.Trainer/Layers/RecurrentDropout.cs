using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// Dropout of what a cell's products read of its past: h̃_{t-1} = h_{t-1}∘mask, one mask a sequence, the same at all
/// steps and for all gates (Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural
/// Networks", 2016). What a cell carries on besides (c of the LSTM, z∘h of the GRU) stays whole.
/// </summary>
internal sealed unsafe class RecurrentDropout
{
    private readonly DropoutMask? _mask;
    private readonly FloatBuffer _states;
    private readonly FloatBuffer _gradient;
    private readonly PackedBatch _batch;
    private readonly int _units;

    /// <summary>Reserves room, where <paramref name="rate"/> is not 0.</summary>
    public RecurrentDropout(float rate, int units, PackedBatch batch)
    {
        _units = units;
        _batch = batch;
        _mask = rate > 0 ? new(rate, (long)batch.Capacity * units) : null;
        _states = new(rate > 0 ? (long)batch.RowCapacity * units : 0);
        _gradient = new(rate > 0 ? (long)batch.Capacity * units : 0);
    }

    /// <summary>Draws the masks of the next forward pass; without random numbers they keep everything.</summary>
    public void Draw(SeededRandom? random) => _mask?.Draw(_batch.Sequences * _units, random);

    /// <summary>What products read in place of the states h <c>[rows, units]</c>, once they went through it.</summary>
    public float* States(float* h) => _mask is null ? h : _states.Pointer;

    /// <summary>What the products of step <paramref name="t"/> (not the first) read of the states h.</summary>
    public float* Past(float* h, int t)
    {
        long first = (long)_batch.Offset[t - 1] * _units;
        _mask?.Multiply(h + first, _states.Pointer + first, _batch.Active[t] * _units);
        return States(h) + first;
    }

    /// <summary>dh += (da·W)∘mask: the way back of <see cref="Past"/>.</summary>
    public void MultiplyAdd(float* da, int stride, int rows, PackedMatrix weights, float* dh)
    {
        if (_mask is null)
        {
            Gemm.MultiplyAdd(da, stride, rows, weights, dh, _units);
            return;
        }

        Gemm.Multiply(da, stride, rows, weights, _gradient.Pointer, _units);
        _mask.MultiplyAdd(_gradient.Pointer, dh, rows * _units);
    }

    /// <summary>x = x∘mask, for the first <paramref name="rows"/> sequences.</summary>
    public void Multiply(float* x, int rows) => _mask?.Multiply(x, x, rows * _units);
}

/// <summary>Factors of values: 0 with probability <c>rate</c>, else 1/(1-rate).</summary>
internal sealed unsafe class DropoutMask(float rate, long length)
{
    // 16 random bits decide on a value: a rate is met to within 1/65,536.
    private readonly int _threshold = (int)MathF.Round(rate * 65536f);
    private readonly float _kept = 1f / (1f - rate);
    private readonly FloatBuffer _factors = new(length);

    /// <summary>Draws <paramref name="count"/> factors; without random numbers all are 1.</summary>
    public void Draw(int count, SeededRandom? random)
    {
        var factors = _factors.Span[..count];
        if (random is null)
        {
            factors.Fill(1f);
            return;
        }

        for (int i = 0; i < factors.Length; i += 4)
        {
            ulong bits = random.NextBits();
            for (int j = i; j < Math.Min(i + 4, factors.Length); j++, bits >>= 16)
                factors[j] = (ushort)bits < _threshold ? 0f : _kept;
        }
    }

    /// <summary>to = from∘mask.</summary>
    public void Multiply(float* from, float* to, int count)
    {
        for (int i = 0, n = count; n > 0; i += Lanes.Count, n -= Lanes.Count)
            Lanes.Store(to + i, Lanes.Load(from + i, n) * Lanes.Load(_factors.Pointer + i, n), n);
    }

    /// <summary>to += from∘mask.</summary>
    public void MultiplyAdd(float* from, float* to, int count)
    {
        for (int i = 0, n = count; n > 0; i += Lanes.Count, n -= Lanes.Count)
        {
            var product = Lanes.Load(from + i, n) * Lanes.Load(_factors.Pointer + i, n);
            Lanes.Store(to + i, Lanes.Load(to + i, n) + product, n);
        }
    }
}

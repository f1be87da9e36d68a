using System.Runtime.InteropServices;

namespace EdgeRnn.Runtime;

/// <summary>
/// Mean or maximum over the steps of what the last recurrent layer gives, unit by unit in the order of the steps.
/// Integers are summed exactly, and their mean is rounded to the nearest, ties to even; units keep the layer's scale.
/// </summary>
internal sealed unsafe class TimePool(Pooling pooling, int size, Precision precision)
{
    // Sums of floats are floats; integers of 16 bits over 2^24 steps need 40 bits.
    private readonly float[] _floats = new float[precision == Precision.Float32 ? size : 0];
    private readonly long[] _integers = new long[precision == Precision.Float32 ? 0 : size];
    private readonly Signal _result = new(size, precision);
    private long _steps;

    /// <summary>Bytes that <see cref="SaveState"/> writes.</summary>
    public int StateBytes => sizeof(long) + sizeof(float) * _floats.Length + sizeof(long) * _integers.Length;

    /// <summary>The pool that <paramref name="pooling"/> needs beside the last state; null for none.</summary>
    public static TimePool? Create(Pooling pooling, int size, Precision precision) =>
        pooling is Pooling.Mean or Pooling.Max ? new(pooling, size, precision) : null;

    /// <summary>Takes one step's values.</summary>
    public void Add(Signal x)
    {
        bool isFirst = _steps++ == 0;
        for (int u = 0; u < _floats.Length; u++)
        {
            float value = x.Floats[u];
            _floats[u] = isFirst ? value
                : pooling == Pooling.Mean ? _floats[u] + value
                : value > _floats[u] ? value : _floats[u];
        }
        for (int u = 0; u < _integers.Length; u++)
        {
            long value = precision == Precision.Int8 ? x.Int8s[u] : x.Int16s[u];
            _integers[u] = isFirst ? value
                : pooling == Pooling.Mean ? _integers[u] + value
                : Math.Max(_integers[u], value);
        }
    }

    /// <summary>The pool of all steps so far; zeros before the first.</summary>
    public Signal Result()
    {
        float steps = pooling == Pooling.Mean ? Math.Max(1, _steps) : 1;
        for (int u = 0; u < _floats.Length; u++)
            _result.Floats[u] = _floats[u] / steps;
        for (int u = 0; u < _integers.Length; u++)
        {
            double value = Math.Round(_integers[u] / (double)steps);
            if (precision == Precision.Int8)
                _result.Int8s[u] = (sbyte)value;
            else
                _result.Int16s[u] = (short)value;
        }
        return _result;
    }

    public void Reset()
    {
        _steps = 0;
        Array.Clear(_floats);
        Array.Clear(_integers);
    }

    public void SaveState(Span<byte> target)
    {
        MemoryMarshal.Write(target, _steps);
        MemoryMarshal.AsBytes(_floats.AsSpan()).CopyTo(target[sizeof(long)..]);
        MemoryMarshal.AsBytes(_integers.AsSpan()).CopyTo(target[sizeof(long)..]);
    }

    public void RestoreState(ReadOnlySpan<byte> source)
    {
        _steps = MemoryMarshal.Read<long>(source);
        var values = source[sizeof(long)..StateBytes];
        if (_floats.Length > 0)
            values.CopyTo(MemoryMarshal.AsBytes(_floats.AsSpan()));
        else
            values.CopyTo(MemoryMarshal.AsBytes(_integers.AsSpan()));
    }
}

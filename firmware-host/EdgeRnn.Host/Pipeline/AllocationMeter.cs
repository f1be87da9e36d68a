namespace EdgeRnn.Host.Pipeline;

/// <summary>Bytes that all threads allocated between the first label and the last one.</summary>
internal sealed class AllocationMeter
{
    private long _bytes = -1;
    private int _collections;

    /// <summary>To be called at the first label, when everything has run once.</summary>
    public void Start()
    {
        if (_bytes >= 0)
            return;
        _bytes = GC.GetTotalAllocatedBytes(true); // once for nothing: the call itself is warmed up, too
        _bytes = GC.GetTotalAllocatedBytes(true);
        _collections = GC.CollectionCount(0);
    }

    /// <summary>To be called when the stream ends, before anything else runs.</summary>
    /// <param name="collections">Collections since the first label.</param>
    /// <returns>Bytes since the first label: an upper bound of those until the last one.</returns>
    public long Stop(out int collections)
    {
        bool started = _bytes >= 0;
        collections = started ? GC.CollectionCount(0) - _collections : 0;
        return started ? GC.GetTotalAllocatedBytes(true) - _bytes : 0;
    }
}

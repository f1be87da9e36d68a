namespace EdgeRnn.Host.Pipeline;

/// <summary>Bytes that all threads allocated between the first label and the last one.</summary>
internal sealed class AllocationMeter
{
    private long _bytes = -1;
    private int _collections;
    private long _pausedAt = -1;
    private int _collectionsAtPause;

    /// <summary>To be called at the first label, when everything has run once.</summary>
    public void Start()
    {
        if (_bytes >= 0)
            return;
        _bytes = GC.GetTotalAllocatedBytes(true); // once for nothing: the call itself is warmed up, too
        _bytes = GC.GetTotalAllocatedBytes(true);
        _collections = GC.CollectionCount(0);
    }

    /// <summary>What is allocated from here on is on purpose: another model is being prepared.</summary>
    public void Pause()
    {
        _pausedAt = GC.GetTotalAllocatedBytes(true);
        _collectionsAtPause = GC.CollectionCount(0);
    }

    /// <summary>Goes on counting; nothing between <see cref="Pause"/> and here counts.</summary>
    public void Resume()
    {
        if (_bytes >= 0 && _pausedAt >= 0)
        {
            _bytes += GC.GetTotalAllocatedBytes(true) - _pausedAt;
            _collections += GC.CollectionCount(0) - _collectionsAtPause;
        }
        _pausedAt = -1;
    }

    /// <summary>To be called when the stream ends, before anything else runs.</summary>
    /// <param name="collections">Collections since the first label.</param>
    /// <returns>Bytes since the first label: an upper bound of those until the last one.</returns>
    public long Stop(out int collections)
    {
        Resume();
        bool started = _bytes >= 0;
        collections = started ? GC.CollectionCount(0) - _collections : 0;
        return started ? GC.GetTotalAllocatedBytes(true) - _bytes : 0;
    }
}

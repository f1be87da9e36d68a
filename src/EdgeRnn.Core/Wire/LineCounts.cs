namespace EdgeRnn.Wire;

/// <summary>
/// What became of a line's readings. Always: <c>Expected = Delivered + Lost + Damaged</c>, summed over the sessions of
/// the sender, where a session expects every number from its first to the last one that was heard of.
/// </summary>
public sealed class LineCounts
{
    /// <summary>Readings the sender is known to have sent: last - first + 1 of every session.</summary>
    public long Expected { get; internal set; }

    /// <summary>Readings that arrived whole and once.</summary>
    public long Delivered { get; internal set; }

    /// <summary>Readings of which nothing arrived.</summary>
    public long Lost { get; internal set; }

    /// <summary>Readings of which a bad chunk arrived.</summary>
    public long Damaged { get; internal set; }

    /// <summary>Bad chunks that stand for no missing reading; those since the last good frame are among them.</summary>
    public long Noise { get; internal set; }

    /// <summary>Frames that had been delivered before.</summary>
    public long Duplicates { get; internal set; }

    /// <summary>Sessions of the sender after its first.</summary>
    public long Restarts { get; internal set; }

    /// <summary>Lines of text in which the sender reported an error of its own.</summary>
    public long SenderErrors { get; internal set; }

    /// <summary>Frames without the tag that the key asks for, or with another; bad chunks all the same.</summary>
    public long Unauthenticated { get; internal set; }

    /// <summary>Frames with a right tag whose stamp had been passed: sent again by somebody. Bad chunks, too.</summary>
    public long Replayed { get; internal set; }

    /// <summary>Data and end frames that no descriptor vouches for.</summary>
    public long Undescribed { get; internal set; }

    /// <summary>Samples of sound that arrived, of all channels together; 0 where the line carries readings.</summary>
    public long Samples { get; internal set; }

    /// <summary>Of these, those that were no numbers or far from any, and counted as silence.</summary>
    public long ReplacedSamples { get; internal set; }

    /// <summary>
    /// Of these, those after the last frame of features before sound ended or was broken off: too few for another.
    /// </summary>
    public long UnusedSamples { get; internal set; }
}

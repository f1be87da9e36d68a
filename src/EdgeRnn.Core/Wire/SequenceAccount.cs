namespace EdgeRnn.Wire;

/// <summary>How a good frame stands to the ones before it.</summary>
internal enum FrameOrder
{
    /// <summary>The next one.</summary>
    Next,

    /// <summary>A later one: readings are missing before it.</summary>
    AfterGap,

    /// <summary>The first that is heard of a session of the sender.</summary>
    NewSession,

    /// <summary>One that has been before.</summary>
    Duplicate,
}

/// <summary>
/// Keeps <see cref="LineCounts"/> from the sequence numbers of good frames and from the bad chunks between them.
/// </summary>
internal sealed class SequenceAccount(LineCounts counts)
{
    /// <summary>
    /// A data frame at most so far behind was repeated on the way; further behind, the sender counts anew.
    /// </summary>
    private const int DuplicateReach = 32;

    private bool _broken;
    private bool _inSession;
    private ushort _stream;
    private uint _next;
    private long _badSinceGood;

    /// <summary>Readings that are missing before the good frame that was placed last.</summary>
    public long Gap { get; private set; }

    /// <summary>Enters a bad chunk.</summary>
    public void BadChunk()
    {
        _badSinceGood++;
        counts.Noise++; // until a gap shows that it was a reading
    }

    /// <summary>The line was broken off: a sender that is behind now was not repeated, it began anew.</summary>
    public void Break() => _broken = true;

    /// <summary>Enters a good frame.</summary>
    /// <param name="frame">A frame whose CRC is right.</param>
    /// <param name="newLine">Whether it is a descriptor unlike the last one.</param>
    public FrameOrder Place(in Frame frame, bool newLine)
    {
        var order = Classify(frame, newLine);
        if (_broken && order == FrameOrder.Duplicate)
            order = FrameOrder.NewSession;
        _broken = false;
        if (order == FrameOrder.Duplicate)
        {
            counts.Duplicates++;
            return order;
        }
        if (order == FrameOrder.NewSession)
        {
            if (_inSession)
                counts.Restarts++;
            _inSession = true;
            _stream = frame.Stream;
            _next = frame.Sequence;
        }

        long gap = frame.Sequence - _next; // unsigned difference: numbers wrap
        long damaged = Math.Min(_badSinceGood, gap);
        Gap = gap;
        counts.Expected += gap;
        counts.Damaged += damaged;
        counts.Lost += gap - damaged;
        counts.Noise -= damaged;
        _badSinceGood = 0;
        _next = frame.Sequence;
        if (frame.Type == FrameType.Data)
        {
            counts.Expected++;
            counts.Delivered++;
            _next++;
        }
        return order;
    }

    private FrameOrder Classify(in Frame frame, bool newLine)
    {
        if (!_inSession || newLine || frame.Stream != _stream)
            return FrameOrder.NewSession;
        int ahead = (int)(frame.Sequence - _next);
        if (ahead >= 0)
            return ahead == 0 ? FrameOrder.Next : FrameOrder.AfterGap;
        // A serial line keeps the order, so a descriptor that announces an earlier number comes from a sender that
        // has begun again; a single data frame may be an echo.
        return frame.Type switch
        {
            FrameType.Descriptor => FrameOrder.NewSession,
            FrameType.Data when ahead < -DuplicateReach => FrameOrder.NewSession,
            _ => FrameOrder.Duplicate,
        };
    }
}

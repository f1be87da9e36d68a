using EdgeRnn.Host.Models;

namespace EdgeRnn.Tests.Host;

/// <summary>The power went, or the process was killed.</summary>
public sealed class CutException() : Exception("cut");

/// <summary>
/// A state folder in memory that is cut off in the middle of any of its operations, and then holds what a disk may
/// hold:
/// of content that was not synced all, nothing, a part or holes; of names that were not synced any changes in any
/// order.
/// What was synced is there. A rename is one step, as journaling file systems have it.
/// </summary>
internal sealed class CrashingFolder(SeededRandom random) : IStateFolder
{
    private const int Block = 64;
    private const int DiskFull = 28; // ENOSPC

    private sealed class Content(byte[] bytes)
    {
        public byte[] Bytes { get; set; } = bytes;

        public bool IsSynced { get; set; }
    }

    private sealed record Change(string? Removed, string? Set, Content Content);

    private readonly Dictionary<string, Content> _names = [];
    private readonly Dictionary<string, Content> _durable = [];
    private readonly List<Change> _pending = [];

    /// <summary>Operations so far.</summary>
    public int Operations { get; private set; }

    /// <summary>The operation that is cut off in its middle; -1 for none.</summary>
    public int CutAt { get; set; } = -1;

    /// <summary>The operation from which on the disk is full; -1 for none.</summary>
    public int FullAt { get; set; } = -1;

    public IReadOnlyCollection<string> Names => _names.Keys;

    public bool Has(string name) => _names.ContainsKey(name);

    public byte[]? Read(string name, out string? error)
    {
        error = null;
        return [.. _names[name].Bytes];
    }

    public int Write(string name, ReadOnlySpan<byte> content)
    {
        bool full = IsFull();
        bool cut = IsCut();
        var bytes = content[..(full || cut ? random.Below(content.Length + 1) : content.Length)].ToArray();
        Set(new(null, name, new(bytes)));
        Cut(cut);
        return full ? DiskFull : 0;
    }

    public int SyncFile(string name) => Do(() => _names[name].IsSynced = true);

    public int Rename(string from, string to) => Do(() => Set(new(from, to, _names[from])));

    public int Delete(string name)
    {
        const int NoSuchFile = 2; // ENOENT
        return Has(name) ? Do(() => Set(new(name, null, _names[name])), needsRoom: false) : NoSuchFile;
    }

    public int SyncNames() => Do(() =>
    {
        foreach (var change in _pending)
            Apply(change, _durable);
        _pending.Clear();
    });

    /// <summary>The process is gone; the system goes on and loses nothing.</summary>
    public void Kill() => CutAt = FullAt = -1;

    /// <summary>The power is gone: afterwards the folder holds what the disk does.</summary>
    public void CutPower()
    {
        Kill();
        while (_pending.Count > 0)
        {
            int next = random.Below(_pending.Count);
            if (random.Below(2) == 0)
                Apply(_pending[next], _durable);
            _pending.RemoveAt(next);
        }
        _names.Clear();
        foreach (var (name, content) in _durable)
        {
            if (!content.IsSynced)
                content.Bytes = Torn(content.Bytes);
            content.IsSynced = true;
            _names[name] = content;
        }
    }

    private byte[] Torn(byte[] bytes)
    {
        switch (random.Below(4))
        {
            case 0: return bytes;
            case 1: return [];
            case 2: return bytes[..random.Below(bytes.Length + 1)];
            default:
                byte[] holes = [.. bytes];
                for (int at = 0; at < holes.Length; at += Block)
                {
                    if (random.Below(2) == 0)
                        holes.AsSpan(at, Math.Min(Block, holes.Length - at)).Clear();
                }
                return holes;
        }
    }

    private int Do(Action operation, bool needsRoom = true)
    {
        if (IsFull() && needsRoom)
        {
            Operations++;
            return DiskFull;
        }
        bool cut = IsCut();
        if (!cut || random.Below(2) == 0)
            operation();
        Cut(cut);
        return 0;
    }

    private bool IsFull() => FullAt >= 0 && Operations >= FullAt;

    private bool IsCut() => Operations++ == CutAt;

    private static void Cut(bool cut)
    {
        if (cut)
            throw new CutException();
    }

    private void Set(Change change)
    {
        Apply(change, _names);
        _pending.Add(change);
    }

    private static void Apply(Change change, Dictionary<string, Content> names)
    {
        // Another file may have this name by now, where changes are out of order.
        if (change.Removed is { } removed && names.GetValueOrDefault(removed) == change.Content)
            names.Remove(removed);
        if (change.Set is { } set)
            names[set] = change.Content;
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Text;
using EdgeRnn.Host;
using EdgeRnn.Host.Transport;
using EdgeRnn.Trainer;
using EdgeRnn.Wire;

namespace EdgeRnn.Cli;

/// <summary>
/// Listens to a sensor without a model: finds out what its line carries, and takes recordings from it, through the port
/// and the decoder that the board uses.
/// </summary>
internal sealed class LineRecorder : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstSecond = TimeSpan.FromSeconds(1);

    private readonly Port _port;
    private readonly CancellationToken _cancellation;
    private readonly byte[] _buffer = new byte[1 << 18];
    private int _start;
    private int _end;
    private bool _ended;

    private LineRecorder(Port port, InputFormat format, CancellationToken cancellation)
    {
        _port = port;
        _cancellation = cancellation;
        (Channels, Line) = format == InputFormat.Text ? FromRows() : FromDescriptor();
    }

    /// <summary>Names of the channels.</summary>
    public IReadOnlyList<string> Channels { get; }

    /// <summary>What the line delivers, and what became of the rest.</summary>
    public LineReceiver Line { get; }

    /// <summary>Whether no more will come.</summary>
    public bool IsOver => _ended && _start == _end;

    /// <summary>Whether it goes on whether we listen or not.</summary>
    public bool IsLive => _port.IsLive;

    /// <summary>Opens a port and listens until it is known what it carries.</summary>
    /// <exception cref="UserException">It cannot be opened, or carries nothing that can be read.</exception>
    public static LineRecorder Open(string name, int baud, InputFormat format, CancellationToken cancellation)
    {
        var port = PortNames.Open(name, new(baud), out string? error) ?? throw new UserException($"{error}.");
        try
        {
            return new(port, format, cancellation);
        }
        catch
        {
            port.Dispose();
            throw;
        }
    }

    /// <summary>Takes readings for a time, or until the line ends.</summary>
    /// <param name="time">How long.</param>
    /// <param name="take">Gets each reading; null to pass over what comes.</param>
    /// <param name="whileWaiting">Called some times a second.</param>
    public void Take(TimeSpan time, Action<LineReceiver>? take, Action<TimeSpan> whileWaiting)
    {
        long begun = Stopwatch.GetTimestamp();
        var elapsed = TimeSpan.Zero;
        while ((elapsed = Stopwatch.GetElapsedTime(begun)) < time || !_port.IsLive)
        {
            whileWaiting(elapsed);
            if (!Drain(take) && !Fill())
            {
                if (!_port.JoinsMidway && Line.Complete(_buffer.AsSpan(_start, _end - _start)))
                    take?.Invoke(Line);
                _start = _end;
                return;
            }
        }
    }

    public void Dispose() => _port.Dispose();

    /// <summary>Takes what has arrived; false where nothing had.</summary>
    private bool Drain(Action<LineReceiver>? take)
    {
        bool any = false;
        while (true)
        {
            var answer = Line.Next(_buffer.AsSpan(_start, _end - _start), out int consumed);
            _start += consumed;
            if (answer == LineAnswer.Refused)
                throw new UserException($"The sensor changed what it sends: {Line.Refusal}.");
            if (answer == LineAnswer.NeedMore)
                return any;
            any = true;
            if (answer == LineAnswer.Reading)
                take?.Invoke(Line);
        }
    }

    /// <summary>Waits a little for more bytes; false at the end.</summary>
    private bool Fill()
    {
        _cancellation.ThrowIfCancellationRequested();
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        var state = _port.Read(_buffer.AsSpan(_end), out int count);
        _end += count;
        switch (state)
        {
            case PortState.Ended or PortState.Failed:
                _ended = true;
                return false;
            case PortState.Lost:
                Line?.Break(_buffer.AsSpan(0, _end));
                _end = 0;
                return true;
            case PortState.Idle:
                Thread.Sleep(1);
                return true;
            default:
                return true;
        }
    }

    private (IReadOnlyList<string> Names, LineReceiver Line) FromDescriptor()
    {
        byte[] scratch = new byte[Frame.MaxEncodedLength];
        long begun = Stopwatch.GetTimestamp();
        while (true)
        {
            var answer = FrameDecoder.Decode(
                _buffer.AsSpan(_start, _end - _start), null, scratch, out var frame, out int consumed);
            if (answer == FrameAnswer.Frame && Descriptor.TryParse(frame.Payload, out var descriptor, out _))
                return (Named(descriptor.Channels.Select(c => c.Name)), new FrameReceiver(descriptor.Channels.Count));
            if (answer != FrameAnswer.NeedMore)
                _start += consumed;
            else if (!Fill() || Stopwatch.GetElapsedTime(begun) > Patience)
                throw new UserException(
                    $"No descriptor came from {_port.Name}; check --baud, or give --input text if it prints its " +
                        "readings.");
        }
    }

    private (IReadOnlyList<string> Names, LineReceiver Line) FromRows()
    {
        long begun = Stopwatch.GetTimestamp();
        while (_end < _buffer.Length / 2 && Stopwatch.GetElapsedTime(begun) < Patience
            && (!_port.IsLive || Stopwatch.GetElapsedTime(begun) < FirstSecond || _end == 0) && Fill())
        {
        }
        // The first line may be cut at its beginning and the last at its end.
        string[] rows = [.. Encoding.UTF8.GetString(_buffer, 0, _end).Split('\n').Skip(_port.JoinsMidway ? 1 : 0)];
        var usual = rows.Where(row => row.Length > 0).Select(Cells).Where(cells => cells.Length > 0)
            .GroupBy(cells => cells.Length).OrderByDescending(width => width.Count()).FirstOrDefault()
            ?? throw new UserException(
                $"No row of numbers came from {_port.Name}; check --baud, or give --input frames if it sends frames.");
        var names = usual.First();
        return (Named(names), new TextReceiver(usual.Key, _port.JoinsMidway, names.Contains("") ? [] : names));
    }

    /// <summary>The labels of a row's numbers, empty ones where there are none; nothing where it is no row.</summary>
    private static string[] Cells(string row)
    {
        string[] cells = row.Replace(": ", ":", StringComparison.Ordinal)
            .Split([',', ';', '\t', ' ', '\r'], StringSplitOptions.RemoveEmptyEntries);
        return cells.All(cell => float.TryParse(
            cell[(cell.LastIndexOf(':') + 1)..], NumberStyles.Float, CultureInfo.InvariantCulture, out _))
            ? [.. cells.Select(cell => cell[..Math.Max(0, cell.LastIndexOf(':'))])]
            : [];
    }

    private static string[] Named(IEnumerable<string> names) =>
        [.. names.Select((name, i) => name.Length > 0 ? name : $"c{i}")];
}

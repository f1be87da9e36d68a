using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using EdgeRnn.Decisions;
using EdgeRnn.Runtime;
using EdgeRnn.Trainer;
using EdgeRnn.Wire;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace EdgeRnn.Cli;

/// <summary><c>edgernn listen</c>: a model at this machine's microphone, as the board would hear it.</summary>
internal static class ListenVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var model = SharedOptions.Model();
        var sound = new SoundOptions();
        var decide = SharedOptions.Decide();
        var seconds = SharedOptions.Number("--seconds", "How long [default: until Ctrl-C]", 0.1f, 86_400);
        var json = SharedOptions.Json();
        var command = new Command("listen", "Show what a model makes of a microphone, live.")
        {
            model, sound.Rate, sound.Channels, sound.Device, decide, seconds, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            string path = parsed.GetRequiredValue(model);
            var loaded = SharedOptions.LoadModel(path);
            if (loaded.Features is not { } features)
                throw new UserException(
                    $"{path} reads {loaded.InputSize} channels of a sensor, and no sound; give a model trained on wav:.");
            if (loaded.StreamRefusal is { } refusal)
                throw new UserException($"{path} cannot run on a stream: {refusal}.");
            if (loaded.OutputKind == OutputKind.Values)
                throw new UserException($"{path} gives values, and no classes to show; stream it to edgernn-host.");
            var rules = parsed.GetValue(decide) is { } text
                ? loaded.Decision.With(text, loaded.Labels, loaded.SampleRateHz, out string? error)
                    ?? throw new UserException($"--decide: {error}.")
                : loaded.Decision;
            var terminal = new Terminal(parsed, parsed.GetValue(json));
            using var microphone = sound.Open(parsed, features.SampleRateHz, cancellation);
            var listening = new Listening(terminal, microphone, loaded, rules);
            listening.Run(parsed.GetValue(seconds), cancellation);
            listening.Report();
            return Task.FromResult(cancellation.IsCancellationRequested ? CommandLine.Stopped : CommandLine.Done);
        });
        return command;
    }
}

/// <summary>Microphone -> front end -> classifier -> decision rules -> what is shown.</summary>
internal sealed class Listening
{
    private const int BlocksPerSecond = 50;
    private const int PicturesPerSecond = 10;
    private const int ShownLabels = 12;
    private const int ShownEvents = 6;
    private const int ScoreBar = 30;

    private readonly Terminal _terminal;
    private readonly Microphone _microphone;
    private readonly RnnModel _model;
    private readonly PcmReceiver _line;
    private readonly StreamClassifier _stream;
    private readonly Decider _decider;
    private readonly List<(double Seconds, string Label, float Score)> _events = [];
    private long _bytes;
    private long _decisions;
    private int _overruns;
    private double _peak;

    /// <summary>Prepares.</summary>
    public Listening(Terminal terminal, Microphone microphone, RnnModel model, DecisionRules rules)
    {
        (_terminal, _microphone, _model) = (terminal, microphone, model);
        _line = new(model.Features!, microphone.Format);
        _stream = new(new RnnSession(model));
        _decider = new(rules, model.Labels.Count);
    }

    private double Seconds => (double)_bytes / _microphone.Format.BlockBytes / _microphone.Format.RateHz;

    /// <summary>Listens for a time, or until it is stopped or the microphone ends.</summary>
    /// <exception cref="UserException">No sound comes.</exception>
    public void Run(float? seconds, CancellationToken cancellation)
    {
        if (!_terminal.IsWatched)
            Pump(seconds, () => { }, cancellation);
        else
            _terminal.Error.Live(Picture()).AutoClear(false).Start(
                context => Pump(seconds, () => context.UpdateTarget(Picture()), cancellation));
    }

    /// <summary>Prints what was heard.</summary>
    public void Report()
    {
        var json = new JsonObject
        {
            ["recorder"] = _microphone.Recorder,
            ["seconds"] = Math.Round(Seconds, 3),
            ["steps"] = _stream.Steps,
            ["decisions"] = _decisions,
            ["events"] = new JsonArray([.. _events.Select(e => new JsonObject
            {
                ["seconds"] = Math.Round(e.Seconds, 3),
                ["label"] = e.Label,
                ["score"] = e.Score,
            })]),
            ["overruns"] = _overruns,
        };
        var counts = _events.GroupBy(e => e.Label).Select(g => $"{g.Key} {g.Count()}×");
        _terminal.Result(json, Terminal.Facts(
            ("heard", _events.Count == 0 ? "nothing" : string.Join(", ", counts)),
            ("sound", Invariant($"{Seconds:0.0} s from {_microphone.Recorder}, {_stream.Steps} frames")),
            ("overruns", Overruns())));
    }

    private void Pump(float? seconds, Action refresh, CancellationToken cancellation)
    {
        var format = _microphone.Format;
        byte[] block = new byte[format.RateHz / BlocksPerSecond * format.BlockBytes];
        double shownAt = 0;
        while (seconds is null || Seconds < seconds)
        {
            int count = _microphone.Read(block);
            _bytes += count;
            Hear(block.AsSpan(0, count));
            NoticeOverruns();
            if (count < block.Length)
            {
                bool isShort = seconds is not null || _stream.Steps == 0;
                if (!cancellation.IsCancellationRequested && (isShort || _microphone.HasFailed))
                    throw new UserException($"The sound broke off: {_microphone.WhyEnded()}.");
                break;
            }
            _peak = Math.Max(_peak * 0.9, Loudness.Peak(block));
            if (Seconds - shownAt < 1.0 / PicturesPerSecond)
                continue;
            shownAt = Seconds;
            refresh();
        }
        refresh();
    }

    private void Hear(ReadOnlySpan<byte> bytes)
    {
        while (_line.Next(bytes, out int consumed) == LineAnswer.Reading)
        {
            bytes = bytes[consumed..];
            if (!_stream.Step(_line.Readings))
                continue;
            _decisions++;
            _decider.Decide(_stream.Scores, _stream.Steps - 1);
            if (_decider is { IsEvent: true, IsKnown: true })
                Event();
        }
    }

    private void Event()
    {
        _events.Add((_line.DeviceUs / 1e6, _model.Labels[_decider.Class], _decider.Score));
        if (!_terminal.IsWatched)
            _terminal.Say(Line(_events[^1]));
    }

    /// <summary>Where samples were lost frames, state and rules begin anew, as on the board after a gap.</summary>
    private void NoticeOverruns()
    {
        int overruns = _microphone.Overruns;
        if (overruns == _overruns)
            return;
        _overruns = overruns;
        _line.Break([]);
        _stream.Reset();
        _decider.Reset();
        if (!_terminal.IsWatched)
            _terminal.Say(Invariant($"{Seconds,8:0.00} s  {_microphone.Recorder} lost samples; beginning anew"));
    }

    private Rows Picture()
    {
        List<IRenderable> lines =
        [
            new Text(Invariant($"{Seconds,8:0.0} s  {Loudness.Bar(_peak)}  overruns: {Overruns()}")),
            new Text(""),
        ];
        int width = _model.Labels.Max(label => Math.Min(label.Length, 20));
        for (int i = 0; i < Math.Min(_model.Labels.Count, ShownLabels); i++)
        {
            float score = _decisions == 0 ? 0 : _decider.Scores[i];
            int filled = (int)MathF.Round(score * ScoreBar);
            string colour = _decider.IsKnown && _decider.Class == i ? "green" : "grey";
            string name = Markup.Escape(Figures.Cut(_model.Labels[i], 20).PadLeft(Math.Max(width, 8)));
            lines.Add(new Markup(Invariant(
                $"{name}  [{colour}]{new string('█', filled)}{new string('░', ScoreBar - filled)}[/] {score:0.00}")));
        }
        lines.Add(new Text(""));
        lines.AddRange(_events.TakeLast(ShownEvents).Select(e => new Text(Line(e))));
        for (int i = _events.Count; i < ShownEvents; i++)
            lines.Add(new Text(""));
        return new(lines);
    }

    private string Overruns() => _overruns == 0 ? "none" : $"{_overruns}; the stream began anew after each";

    private static string Line((double Seconds, string Label, float Score) heard) =>
        Invariant($"{heard.Seconds,8:0.00} s  {heard.Label} {heard.Score:0.00}");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

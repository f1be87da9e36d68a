using System.Globalization;
using EdgeRnn.Trainer.Datasets;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace EdgeRnn.Cli;

/// <summary>What is on the wire and what the host says of it: a picture for a terminal, or a line a gesture.</summary>
internal sealed class LiveView
{
    private const int Rows = 8;
    private const int ScoreBar = 20;
    private const string Levels = "▁▂▃▄▅▆▇█";

    private readonly Lock _lock = new();
    private readonly Terminal _terminal;
    private readonly SequenceDataset _data;
    private readonly float[] _lowest;
    private readonly float[] _highest;
    private readonly List<HostDecision> _decisions = [];
    private readonly ReadOnlyMemory<float>[] _screen;
    private readonly int _shown;

    /// <summary>A view of the first <paramref name="shown"/> sequences of <paramref name="data"/>.</summary>
    public LiveView(Terminal terminal, SequenceDataset data, int shown)
    {
        (_terminal, _data, _shown) = (terminal, data, shown);
        int channels = data.Channels.Count;
        _screen = new ReadOnlyMemory<float>[data.MaxSteps];
        _lowest = new float[channels];
        _highest = new float[channels];
        for (int c = 0; c < channels; c++)
        {
            // One sequence in fifty may leave the picture, so that a single spike does not flatten the others.
            float[] peaks = [.. data.Sequences.Select(s => Extreme(s, c, channels, Math.Max)).Order()];
            float[] dips = [.. data.Sequences.Select(s => Extreme(s, c, channels, Math.Min)).Order()];
            _highest[c] = peaks[peaks.Length * 49 / 50];
            _lowest[c] = dips[dips.Length / 50];
        }
    }

    /// <summary>Decisions so far, in order.</summary>
    public IReadOnlyList<HostDecision> Decisions => _decisions;

    /// <summary>Takes a decision of the host; on any thread.</summary>
    public void Heard(HostDecision decision)
    {
        lock (_lock)
            _decisions.Add(decision);
        if (!_terminal.IsWatched && decision.Index < _shown)
            _terminal.Say(Line(decision));
    }

    /// <summary>Plays the shown sequences while the view is up.</summary>
    /// <param name="play">Called with a part of a sequence.</param>
    /// <param name="stepsAtOnce">Steps from one picture to the next.</param>
    public void Show(Action<Sequence> play, int stepsAtOnce)
    {
        if (!_terminal.IsWatched)
        {
            Play(play, stepsAtOnce, () => { });
            return;
        }

        _terminal.Error.Live(Picture())
            .AutoClear(false)
            .Start(context => Play(play, stepsAtOnce, () => context.UpdateTarget(Picture())));
    }

    private void Play(Action<Sequence> play, int stepsAtOnce, Action refresh)
    {
        int channels = _data.Channels.Count;
        foreach (var sequence in _data.Sequences.Take(_shown))
        {
            for (int step = 0; step < sequence.Steps; step += stepsAtOnce)
            {
                int steps = Math.Min(stepsAtOnce, sequence.Steps - step);
                var values = sequence.Values.Slice(step * channels, steps * channels);
                play(sequence with { Values = values, Steps = steps });
                for (int i = 0; i < steps; i++)
                    _screen[step + i] = values.Slice(i * channels, channels);
                refresh();
            }
        }

        // The last decision is still on its way.
        SpinWait.SpinUntil(() => _decisions.Count >= _shown, TimeSpan.FromSeconds(1));
        refresh();
    }

    private Rows Picture()
    {
        List<IRenderable> lines = [];
        for (int c = 0; c < _data.Channels.Count; c++)
        {
            string name = Figures.Cut(_data.Channels[c], 6).PadRight(6);
            lines.Add(new Markup($"[grey]{Markup.Escape(name)}[/] [aqua]{Wave(c)}[/]"));
        }

        lines.Add(new Text(""));
        lock (_lock)
        {
            foreach (var decision in _decisions.Take(_shown).TakeLast(Rows))
                lines.Add(new Markup(Row(decision)));
            for (int i = Math.Min(_decisions.Count, Rows); i < Math.Min(Rows, _shown); i++)
                lines.Add(new Text(""));
        }

        return new(lines);
    }

    private string Wave(int channel) => string.Create(_screen.Length, channel, (text, c) =>
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (_screen[i].IsEmpty)
            {
                text[i] = ' ';
                continue;
            }

            float level = (_screen[i].Span[c] - _lowest[c]) / Math.Max(1e-6f, _highest[c] - _lowest[c]);
            text[i] = Levels[(int)Math.Clamp(level * Levels.Length, 0, Levels.Length - 1)];
        }
    });

    private string Row(HostDecision decision)
    {
        bool right = decision.Class == _data.Sequences[(int)decision.Index].Label;
        int filled = (int)MathF.Round(decision.Score * ScoreBar);
        string bar = new string('█', filled) + new string('░', ScoreBar - filled);
        return $"{Markup.Escape(Line(decision))} [{(right ? "green" : "red")}]{bar}[/]";
    }

    private string Line(HostDecision decision)
    {
        int width = _data.Labels.Max(l => l.Length);
        string truth = _data.Labels[_data.Sequences[(int)decision.Index].Label];
        return string.Create(
            CultureInfo.InvariantCulture,
            $"gesture {decision.Index + 1,2}  made {truth.PadRight(width)}  "
            + $"heard {(decision.Label ?? "nothing").PadRight(width)} {decision.Score:0.00}");
    }

    private static float Extreme(Sequence sequence, int channel, int channels, Func<float, float, float> choose)
    {
        var values = sequence.Values.Span;
        float extreme = values[channel];
        for (int i = channel; i < values.Length; i += channels)
            extreme = choose(extreme, values[i]);
        return extreme;
    }
}

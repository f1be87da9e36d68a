using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using EdgeRnn.Features;
using EdgeRnn.Host;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary>
/// <c>edgernn record</c>: labelled recordings from a sensor or a microphone, in the layout that <c>csv:</c> and
/// <c>wav:</c> read.
/// </summary>
internal static class RecordVerb
{
    /// <summary>Makes the verb.</summary>
    public static Command Create()
    {
        var port = new Option<string?>("--port")
        {
            HelpName = "PORT",
            Description = "Where the sensor is: a serial port, auto for the only one there is, tcp:HOST:PORT, a file.",
        };
        var baud = SharedOptions.Whole("--baud", "Speed of the serial port.", 1, int.MaxValue, 115200);
        var input = SharedOptions.Named(
            "--input", "FORMAT", "What the line carries: frames, or text.", "frames", ParseFormat);
        var wav = new Option<bool>("--wav")
        {
            Description = "Record sound in place of a line, by arecord or parec: WAV files, which wav: reads.",
        };
        var sound = new SoundOptions();
        var speaker = new Option<string?>("--speaker")
        {
            HelpName = "NAME",
            Description = "Who speaks: the group that names of WAV files begin with.",
        };
        var label = SharedOptions.Required("--label", "NAME", "What is being recorded.");
        var output = SharedOptions.Out("DIR", "Folder of all recordings; each label has a folder in it.");
        var seconds = SharedOptions.Number("--seconds", "Length of a recording [default: 5, of sound 1]", 0.1f, 86_400);
        var count = SharedOptions.Whole("--count", "Recordings to take.", 1, 10_000, 1);
        var countdown = SharedOptions.Whole("--countdown", "Seconds to get ready before each.", 0, 60, 3);
        var json = SharedOptions.Json();
        var command = new Command("record", "Take labelled recordings from a sensor or a microphone.")
        {
            port, baud, input, wav, sound.Rate, sound.Channels, sound.Device, speaker, label, output, seconds, count,
            countdown, json,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var terminal = new Terminal(parsed, parsed.GetValue(json));
            string name = Named(parsed, label), root = parsed.GetRequiredValue(output);
            var pause = TimeSpan.FromSeconds(parsed.GetValue(countdown));
            int takes = parsed.GetValue(count);
            if (parsed.GetValue(wav))
            {
                if (parsed.GetValue(port) is not null)
                    throw new UsageException("--wav records from a microphone; leave --port out.");
                string? who = parsed.GetValue(speaker) is null ? null : Named(parsed, speaker!);
                if (who?.Contains('_', StringComparison.Ordinal) == true)
                    throw new UsageException($"--speaker '{who}' has a _, which ends the speaker in a file's name.");
                using var microphone = sound.Open(parsed, 16000, cancellation);
                var recordings = new SoundSession(terminal, microphone, name, who, root);
                for (int i = 1; i <= takes; i++)
                    recordings.Record(i, takes, pause, TimeSpan.FromSeconds(parsed.GetValue(seconds) ?? 1));
                recordings.Report();
                return Task.FromResult(CommandLine.Done);
            }
            if (sound.AreGiven(parsed) || parsed.GetValue(speaker) is not null)
                throw new UsageException("--rate, --channels, --device and --speaker are for --wav; leave them out.");
            string line = parsed.GetValue(port)
                ?? throw new UsageException("--port is missing: name where the sensor is, or record sound with --wav.");
            using var recorder = LineRecorder.Open(
                line, parsed.GetValue(baud), ParseFormat(parsed.GetRequiredValue(input)), cancellation);
            var session = new RecordingSession(terminal, recorder, name, Path.Combine(root, name));
            for (int i = 1; i <= takes && !recorder.IsOver; i++)
                session.Record(i, takes, pause, TimeSpan.FromSeconds(parsed.GetValue(seconds) ?? 5));
            session.Report();
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }

    private static InputFormat ParseFormat(string text) => text switch
    {
        "frames" => InputFormat.Frames,
        "text" => InputFormat.Text,
        _ => throw new UserException($"'{text}' is unknown; use frames or text, or --wav for sound."),
    };

    private static string Named(ParseResult parsed, Option<string> option)
    {
        string name = parsed.GetRequiredValue(option);
        return name is not ("" or "." or "..") && !name.AsSpan().ContainsAny(Path.GetInvalidFileNameChars())
            ? name
            : throw new UsageException(
                $"{option.Name} '{name}' cannot be the name of a file or folder; leave out / and the like.");
    }
}

/// <summary>The options of verbs that listen to a microphone.</summary>
internal sealed class SoundOptions
{
    /// <summary><c>--rate</c></summary>
    public Option<int?> Rate { get; } = new("--rate")
    {
        HelpName = "HZ",
        Description = "Samples a second: 8000, 16000, 22050, 44100 or 48000.",
        CustomParser = result => SharedOptions.Parsed(result, text =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int hz)
                && FeatureSpec.Rates.Contains(hz)
                ? (int?)hz
                : throw new UserException($"'{text}' is no rate; use {FeatureSpec.RatesText}.")),
    };

    /// <summary><c>--channels</c></summary>
    public Option<int?> Channels { get; } =
        SharedOptions.Whole("--channels", "Channels of the microphone.", 1, WavHeader.MaxChannels);

    /// <summary><c>--device</c></summary>
    public Option<string?> Device { get; } = new("--device")
    {
        HelpName = "NAME",
        Description = "The microphone, as arecord or parec names it [default: theirs]",
    };

    /// <summary>Whether one of them is there.</summary>
    public bool AreGiven(ParseResult parsed) =>
        parsed.GetValue(Rate) is not null || parsed.GetValue(Channels) is not null
        || parsed.GetValue(Device) is not null;

    /// <summary>Opens the microphone.</summary>
    public Microphone Open(ParseResult parsed, int usualRateHz, CancellationToken cancellation) => Microphone.Open(
        parsed.GetValue(Device), parsed.GetValue(Rate) ?? usualRateHz, parsed.GetValue(Channels) ?? 1, cancellation);
}

/// <summary>Recordings of one label. A gap ends a file and begins the next: no file pretends to be whole.</summary>
internal sealed class RecordingSession(Terminal terminal, LineRecorder recorder, string label, string folder)
{
    private static readonly TimeSpan ShowEvery = TimeSpan.FromMilliseconds(200);

    private readonly List<string> _files = [];
    private readonly StringBuilder _rows = new();
    private int _rowCount;
    private long _readings;
    private int _gaps;
    private double _seconds;

    /// <summary>Counts down, and records.</summary>
    public void Record(int number, int of, TimeSpan countdown, TimeSpan length)
    {
        if (recorder.IsLive) // a file does not wait for anybody
            recorder.Take(countdown, null,
                Every(elapsed => $"{label} {number}/{of}: in {Math.Ceiling((countdown - elapsed).TotalSeconds):0} …"));
        long before = _readings;
        var last = TimeSpan.Zero;
        bool isFirst = true;
        var show = Every(elapsed =>
            $"{label} {number}/{of}: {elapsed.TotalSeconds:0.0} s, {Rate(_readings - before, elapsed)}, {Losses()}");
        recorder.Take(
            length,
            line =>
            {
                if (line.Interrupted && !isFirst)
                {
                    _gaps++;
                    Save();
                }
                isFirst = false;
                Add(line.Readings);
            },
            elapsed => show(last = elapsed));
        _seconds += last.TotalSeconds;
        Save();
        terminal.Say($"{label} {number}/{of}: {Figures.Count(_readings - before)} readings, "
            + $"{Rate(_readings - before, last)}, {Losses()}");
    }

    /// <summary>Prints what was recorded.</summary>
    public void Report()
    {
        if (_readings == 0)
            throw new UserException("Nothing was recorded, as no reading came; check the sensor, --input and --baud.");
        var counts = recorder.Line.Counts;
        var json = new JsonObject
        {
            ["label"] = label,
            ["channels"] = new JsonArray([.. recorder.Channels.Select(c => JsonValue.Create(c))]),
            ["files"] = new JsonArray([.. _files.Select(f => JsonValue.Create(f))]),
            ["readings"] = _readings,
            ["seconds"] = Math.Round(_seconds, 3),
            ["gaps"] = _gaps,
            ["lost"] = counts.Lost,
            ["damaged"] = counts.Damaged,
            ["noise"] = counts.Noise,
        };
        terminal.Result(json, Terminal.Facts(
            ("recorded", $"{Figures.Count(_readings)} readings of {string.Join(", ", recorder.Channels)}"),
            ("files", _files.Count == 1 ? _files[0] : $"{_files.Count} in {folder}"),
            ("gaps", _gaps == 0 ? "none" : $"{_gaps}; each ended a file and began the next"),
            ("since opening", Losses())));
    }

    private string Losses()
    {
        var counts = recorder.Line.Counts;
        return $"{counts.Lost} lost, {counts.Damaged} damaged";
    }

    private static string Rate(long readings, TimeSpan time) => time.TotalSeconds < 0.1
        ? "…"
        : string.Create(CultureInfo.InvariantCulture, $"{readings / time.TotalSeconds:0.0} readings/s");

    /// <summary>Shows a line on a terminal that is watched, some times a second, always the same one.</summary>
    private Action<TimeSpan> Every(Func<TimeSpan, string> line)
    {
        var shown = -ShowEvery;
        return elapsed =>
        {
            if (!terminal.IsWatched || elapsed - shown < ShowEvery)
                return;
            shown = elapsed;
            terminal.Error.Profile.Out.Writer.Write($"\r{line(elapsed),-70}\r");
        };
    }

    private void Add(ReadOnlySpan<float> readings)
    {
        if (_rowCount == 0)
            _rows.AppendJoin(',', recorder.Channels.Select(Quoted)).Append('\n');
        for (int c = 0; c < readings.Length; c++)
            _rows.Append(c > 0 ? "," : "").Append(CultureInfo.InvariantCulture, $"{readings[c]}");
        _rows.Append('\n');
        _rowCount++;
        _readings++;
    }

    private static string Quoted(string name) => name.AsSpan().ContainsAny(",\"")
        ? $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\""
        : name;

    private void Save()
    {
        if (_rowCount == 0)
            return;
        Directory.CreateDirectory(folder);
        int number = 1;
        string path;
        while (File.Exists(
            path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{number:000}.csv"))))
            number++;
        AtomicFile.Write(path, Encoding.UTF8.GetBytes(_rows.ToString()), overwrite: false);
        _files.Add(path);
        _rows.Clear();
        _rowCount = 0;
    }
}

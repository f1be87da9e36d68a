using System.Globalization;
using EdgeRnn.Features;
using EdgeRnn.Host.Pipeline;

namespace EdgeRnn.Host;

/// <summary>What a line carries.</summary>
internal enum InputFormat
{
    Frames,
    Text,

    /// <summary>Bare samples of sound.</summary>
    Pcm,
}

/// <summary>The command line.</summary>
internal sealed class HostOptions
{
    public const string Usage = """
        edgernn-host: classifies a live stream of readings, a line of JSON a decision.

          --model FILE          the model (.ernn); with --state, the one to begin with
          --state DIR           models that are deployed while it runs: SIGHUP or
                                edgernn-host deploy NEW --state DIR puts one to trial
          --trial SECONDS       so long must a new model run to stay [60]
          --trust KEY.pub       take only models signed with this key
          --port PORT           a serial port; auto for the only one there is; a file
                                or FIFO; stdin (also -); tcp:HOST:PORT
          --baud N              speed of the serial port [115200]
          --dtr on|off          set this modem line; left alone if not given
          --rts on|off          likewise
          --input FORMAT        what the line carries: frames, text, or pcm, which is
                                sound as arecord -t raw -f S16_LE writes it [frames]
          --rate HZ             samples a second of pcm [what the model hears]
          --channels N          channels of pcm, which are mixed down [1]
          --auth-key FILE       take only frames sealed with this key, and each once
          --on-gap RULE         missing readings: reset the window and the state, or make
                                readings up: hold[:N], interpolate[:N] for at most N
                                in a row [reset; N: the window]
          --on-restart RULE     a sender that began again, or was plugged in again:
                                reset or keep the window and the state [reset]
          --decide RULES        how scores become labels, over the model's own rules:
                                threshold=0.6,threshold:LABEL=0.8,average=4 (or
                                newest=0.3),hysteresis=0.1,minimum=200ms,refractory=1s
          --output FORMAT       jsonl, csv, or plotter for the Arduino plotter [jsonl]
          --report WHAT         decisions, or only events: changes of the label
                                [decisions]
          --on-output-full RULE drop the oldest decisions that nobody has read yet, or
                                block the line [drop; block for files]
          --capture FILE        keep the raw bytes of the line and their times
          --replay FILE         play a capture in place of a port
          --wav FILE            play the sound of a file in place of a port
          --speed X|max         how fast to play [1]
          --metrics [HOST:]PORT counters and times for Prometheus [HOST: 127.0.0.1]
          --exit-at-end         stop when the sender says that no more follows
          --version             print the version
          --help                print this

        At the end, one JSON object on standard error accounts for every reading.

        edgernn-host deploy NEW --state DIR [--trust KEY.pub]
                                put a new model beside the running one, which swaps
                                without losing a reading, and goes back if it fails
        edgernn-host doctor [--port PORT] [--model FILE] [--state DIR] [--trust KEY.pub]
                                look for what keeps it from working, and say the cure
        """;

    public string Model { get; private set; } = "";

    public string? State { get; private set; }

    public int TrialSeconds { get; private set; } = 60;

    public string? Trust { get; private set; }

    public string Port { get; private set; } = "";

    public int Baud { get; private set; } = 115200;

    public InputFormat Input { get; private set; }

    /// <summary>Samples a second of sound; null for what the model hears.</summary>
    public int? Rate { get; private set; }

    /// <summary>Channels of sound.</summary>
    public int SoundChannels { get; private set; } = 1;

    /// <summary>A file whose sound is played; null for none.</summary>
    public string? Wav { get; private set; }

    public bool? Dtr { get; private set; }

    public bool? Rts { get; private set; }

    /// <summary>Changes to the model's decision rules, or null.</summary>
    public string? Decide { get; private set; }

    public OutputFormat Output { get; private set; }

    public bool EventsOnly { get; private set; }

    public string? Metrics { get; private set; }

    public string? AuthKey { get; private set; }

    public string? Capture { get; private set; }

    public string? Replay { get; private set; }

    /// <summary>How many times faster than it was captured; infinity for as fast as can be.</summary>
    public double Speed { get; private set; } = 1;

    /// <summary>Whether a full output keeps the line waiting; null where the kind of port decides.</summary>
    public bool? BlockOnOutput { get; private set; }

    public GapRule OnGap { get; private set; }

    /// <summary>The most readings that are made up in a row; null for the model's own limit.</summary>
    public int? LongestBridge { get; private set; }

    public bool KeepAtRestart { get; private set; }

    public bool ExitAtEnd { get; private set; }

    public bool Help { get; private set; }

    public bool Version { get; private set; }

    /// <summary>Reads the arguments; an option's value follows it, or stands behind an equals sign.</summary>
    /// <returns>The options, or null and a sentence.</returns>
    public static HostOptions? Parse(string[] args, out string? error)
    {
        var options = new HostOptions();
        error = null;
        for (int i = 0; i < args.Length && error is null; i++)
        {
            int equals = args[i].IndexOf('=', StringComparison.Ordinal);
            bool isJoined = args[i].StartsWith("--", StringComparison.Ordinal) && equals > 0;
            string name = isJoined ? args[i][..equals] : args[i];
            if (options.TryFlag(name) && !isJoined)
                continue;
            string? value = isJoined ? args[i][(equals + 1)..] : i + 1 < args.Length ? args[++i] : null;
            error = options.Set(name, value);
        }
        if (error is null && !options.Help && !options.Version)
            error = options.Missing();
        return error is null ? options : null;
    }

    private string? Missing() => Model.Length == 0 && State is null ? "--model FILE is missing"
        : Port.Length == 0 && Replay is null && Wav is null ? "--port PORT is missing"
        : Wav is not null && (Port.Length > 0 || Replay is not null)
            ? "--wav is played in place of a port; leave --port and --replay out"
        : Wav is not null && (Rate is not null || SoundChannels != 1)
            ? "--wav tells rate and channels itself; leave --rate and --channels out"
        : Input != InputFormat.Pcm && (Rate is not null || SoundChannels != 1)
            ? "--rate and --channels are for --input pcm; leave them out"
        : null;

    private bool TryFlag(string name)
    {
        switch (name)
        {
            case "--exit-at-end": ExitAtEnd = true; return true;
            case "--help" or "-h": Help = true; return true;
            case "--version": Version = true; return true;
            default: return false;
        }
    }

    /// <summary>Sets an option with a value; gives a sentence where it cannot.</summary>
    private string? Set(string name, string? value)
    {
        Func<string, string?>? set = name switch
        {
            "--model" => text => Keep(Model = text),
            "--state" => text => Keep(State = text),
            "--trial" => SetTrial,
            "--trust" => text => Keep(Trust = text),
            "--port" => text => Keep(Port = text),
            "--baud" => SetBaud,
            "--input" => SetInput,
            "--rate" => SetRate,
            "--channels" => SetChannels,
            "--wav" => SetWav,
            "--dtr" => text => SetLine(name, text, Dtr = text == "on"),
            "--rts" => text => SetLine(name, text, Rts = text == "on"),
            "--decide" => text => Keep(Decide = text),
            "--output" => SetOutput,
            "--report" => SetReport,
            "--metrics" => text => Keep(Metrics = text),
            "--auth-key" => text => Keep(AuthKey = text),
            "--capture" => text => Keep(Capture = text),
            "--replay" => text => Keep(Replay = text),
            "--speed" => SetSpeed,
            "--on-output-full" => SetOnOutputFull,
            "--on-gap" => SetOnGap,
            "--on-restart" => SetOnRestart,
            _ => null,
        };
        return set is null ? $"there is no option {name}"
            : string.IsNullOrEmpty(value) ? $"{name} needs a value"
            : set(value);

        static string? Keep(string text) => null;
    }

    private string? SetTrial(string value)
    {
        const int Day = 86_400;
        bool isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds);
        TrialSeconds = seconds;
        return isNumber && seconds is >= 1 and <= Day ? null : $"--trial {value} is unknown; give 1 to {Day} seconds";
    }

    private string? SetBaud(string value)
    {
        bool isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int baud);
        Baud = baud;
        return isNumber && baud > 0 ? null : $"--baud {value} is not a speed; give a number such as 115200";
    }

    private static string? SetLine(string name, string value, bool? _) =>
        value is "on" or "off" ? null : $"{name} {value} is unknown; give on or off";

    private string? SetOutput(string value)
    {
        OutputFormat? format = value switch
        {
            "jsonl" => OutputFormat.Jsonl,
            "csv" => OutputFormat.Csv,
            "plotter" => OutputFormat.Plotter,
            _ => null,
        };
        Output = format ?? default;
        return format is null ? $"--output {value} is unknown; give jsonl, csv or plotter" : null;
    }

    private string? SetReport(string value)
    {
        EventsOnly = value == "events";
        return value is "events" or "decisions" ? null : $"--report {value} is unknown; give decisions or events";
    }

    private string? SetSpeed(string value)
    {
        double speed = double.PositiveInfinity;
        bool isSpeed = value == "max"
            || double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out speed);
        Speed = speed;
        return isSpeed && speed > 0 ? null : $"--speed {value} is not a speed; give a number such as 10, or max";
    }

    private string? SetOnOutputFull(string value)
    {
        BlockOnOutput = value == "block";
        return value is "drop" or "block" ? null : $"--on-output-full {value} is unknown; give drop or block";
    }

    private string? SetOnGap(string value)
    {
        bool isRule = GapBridge.TryParse(value, out var rule, out int? limit);
        (OnGap, LongestBridge) = (rule, limit);
        return isRule ? null : $"--on-gap {value} is unknown; give reset, hold, hold:N or interpolate:N";
    }

    private string? SetOnRestart(string value)
    {
        KeepAtRestart = value == "keep";
        return value is "reset" or "keep" ? null : $"--on-restart {value} is unknown; give reset or keep";
    }

    private string? SetInput(string value)
    {
        InputFormat? format = value switch
        {
            "frames" => InputFormat.Frames,
            "text" => InputFormat.Text,
            "pcm" => InputFormat.Pcm,
            _ => null,
        };
        Input = format ?? default;
        return format is null ? $"--input {value} is unknown; give frames, text or pcm" : null;
    }

    private string? SetRate(string value)
    {
        bool isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int rate);
        Rate = rate;
        return isNumber && FeatureSpec.Rates.Contains(rate)
            ? null
            : $"--rate {value} is unknown; give {FeatureSpec.RatesText}";
    }

    private string? SetChannels(string value)
    {
        bool isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int channels);
        SoundChannels = channels;
        return isNumber && channels is >= 1 and <= WavHeader.MaxChannels
            ? null : $"--channels {value} is unknown; give 1 to {WavHeader.MaxChannels}";
    }

    private string? SetWav(string value)
    {
        (Wav, Input) = (value, InputFormat.Pcm);
        return null;
    }
}

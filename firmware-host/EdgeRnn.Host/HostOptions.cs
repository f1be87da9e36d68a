using System.Globalization;

namespace EdgeRnn.Host;

/// <summary>What a line carries.</summary>
internal enum InputFormat
{
    Frames,
    Text,
}

/// <summary>The command line.</summary>
internal sealed class HostOptions
{
    public const string Usage = """
        edgernn-host: classifies a live stream of readings, a line of JSON a decision.

          --model FILE          the model (.ernn)
          --port PORT           a serial port, a file, a FIFO, or stdin (also -)
          --baud N              speed of the serial port [115200]
          --input frames|text   what the line carries [frames]
          --exit-at-end         stop when the sender says that no more follows
          --version             print the version
          --help                print this

        At the end, one JSON object on standard error accounts for every reading.
        """;

    public string Model { get; private set; } = "";

    public string Port { get; private set; } = "";

    public int Baud { get; private set; } = 115200;

    public InputFormat Input { get; private set; }

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

    private string? Missing() => Model.Length == 0 ? "--model FILE is missing"
        : Port.Length == 0 ? "--port PORT is missing"
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
        if (name is not ("--model" or "--port" or "--baud" or "--input"))
            return $"there is no option {name}";
        if (string.IsNullOrEmpty(value))
            return $"{name} needs a value";
        switch (name)
        {
            case "--model": Model = value; return null;
            case "--port": Port = value; return null;
            case "--baud": return SetBaud(value);
            default: return SetInput(value);
        }
    }

    private string? SetBaud(string value)
    {
        bool isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int baud);
        Baud = baud;
        return isNumber && baud > 0 ? null : $"--baud {value} is not a speed; give a number such as 115200";
    }

    private string? SetInput(string value)
    {
        Input = value == "text" ? InputFormat.Text : InputFormat.Frames;
        return value is "text" or "frames" ? null : $"--input {value} is unknown; give frames or text";
    }
}

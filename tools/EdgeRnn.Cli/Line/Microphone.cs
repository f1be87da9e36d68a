using System.ComponentModel;
using System.Diagnostics;
using EdgeRnn.Features;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary>
/// Sound from <c>arecord</c> (ALSA) or <c>parec</c> (PulseAudio, PipeWire), whichever is there: samples come over a
/// pipe. When they are not taken in time these programs lose some, say so on standard error, and go on: that is
/// counted.
/// </summary>
internal sealed class Microphone : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Process _process;
    private readonly Task _errors;
    private readonly CancellationTokenRegistration _stop;
    private string _lastSentence = "";
    private int _overruns;

    private Microphone(Process process, string recorder, AudioFormat format, CancellationToken cancellation)
    {
        (_process, Recorder, Format) = (process, recorder, format);
        _errors = Task.Factory.StartNew(ReadErrors, TaskCreationOptions.LongRunning);
        _stop = cancellation.Register(Stop);
    }

    /// <summary>The program that records.</summary>
    public string Recorder { get; }

    /// <summary>What it gives: 16 bits.</summary>
    public AudioFormat Format { get; }

    /// <summary>Times it lost samples, as far as it has said so.</summary>
    public int Overruns => Volatile.Read(ref _overruns);

    /// <summary>Begins to record.</summary>
    /// <param name="device">As the program names it; null for its default.</param>
    /// <param name="rateHz">Samples a second.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="UserException">There is no such program here, or it cannot be started.</exception>
    public static Microphone Open(string? device, int rateHz, int channels, CancellationToken cancellation)
    {
        string recorder = Find("arecord") ?? Find("parec") ?? throw new UserException(
            "Neither arecord nor parec is on this machine's PATH, and one of them is needed to record; on Debian, "
            + "sudo apt-get install alsa-utils.");
        bool isAlsa = Path.GetFileName(recorder) == "arecord";
        // parec tells of overruns only when it is told to be verbose.
        string[] arguments = isAlsa
            ? ["-q", "-t", "raw", "-f", "S16_LE", "-r", $"{rateHz}", "-c", $"{channels}"]
            : ["--raw", "--format=s16le", $"--rate={rateHz}", $"--channels={channels}", "--verbose"];
        string[] where = device is null ? [] : isAlsa ? ["-D", device] : [$"--device={device}"];
        var start = new ProcessStartInfo(recorder, [.. arguments, .. where])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["LC_ALL"] = "C"; // what it says is read
        try
        {
            var process = Process.Start(start) ?? throw new InvalidOperationException("no process was made");
            return new(process, Path.GetFileName(recorder), new(SampleFormat.Int16, channels, rateHz), cancellation);
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            throw new UserException($"{recorder} cannot be started: {e.Message}; check its permissions.", e);
        }
    }

    /// <summary>Waits for so many bytes; gives fewer only where no more will come.</summary>
    public int Read(Span<byte> bytes) =>
        _process.StandardOutput.BaseStream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);

    /// <summary>After its end: whether it failed.</summary>
    public bool HasFailed => !_process.WaitForExit(Patience) || _process.ExitCode != 0;

    /// <summary>Why it gives no more, for people.</summary>
    public string WhyEnded()
    {
        _process.WaitForExit(Patience);
        _errors.Wait(Patience);
        string said = _lastSentence.Length > 0 ? $" and said \"{_lastSentence}\"" : "";
        string remedy = Recorder == "arecord" ? "arecord -L lists devices" : "pactl list short sources lists them";
        return $"{Recorder} ended{said}; name another device with --device ({remedy})";
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Dispose();
        Stop();
        _process.WaitForExit(Patience);
        _errors.Wait(Patience); // an overrun at the very end counts too
        _process.Dispose();
    }

    private static string? Find(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private void Stop()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // it has ended
        }
    }

    private void ReadErrors()
    {
        while (_process.StandardError.ReadLine() is { } line)
        {
            if (line.Contains("overrun", StringComparison.OrdinalIgnoreCase))
                Interlocked.Increment(ref _overruns);
            else if (line.Length > 0)
                _lastSentence = line.Trim();
        }
    }
}

/// <summary>How loud 16-bit sound is.</summary>
internal static class Loudness
{
    private const int BarLength = 30;
    private const double QuietestDb = -60;

    /// <summary>The largest magnitude, of full scale 1.</summary>
    public static double Peak(ReadOnlySpan<byte> samples)
    {
        int peak = 0;
        foreach (short sample in System.Runtime.InteropServices.MemoryMarshal.Cast<byte, short>(samples))
            peak = Math.Max(peak, Math.Abs((int)sample));
        return peak / 32768.0;
    }

    /// <summary>A bar from -60 dB to full scale, with the figure.</summary>
    public static string Bar(double peak)
    {
        double db = 20 * Math.Log10(Math.Max(peak, 1e-5));
        int filled = (int)Math.Round(Math.Clamp(1 - db / QuietestDb, 0, 1) * BarLength);
        string figure = db < -99 ? "silent" : string.Create(
            System.Globalization.CultureInfo.InvariantCulture, $"{db,3:0} dB");
        return new string('█', filled) + new string('░', BarLength - filled) + " " + figure;
    }
}

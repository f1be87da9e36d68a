using System.Globalization;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Cli;

/// <summary>
/// Recordings of one label from a microphone, in the layout that <c>wav:</c> reads. One of which the recorder lost a
/// part is not kept: no file pretends to be whole.
/// </summary>
/// <param name="terminal">Where it speaks.</param>
/// <param name="microphone">Where sound comes from.</param>
/// <param name="label">The class.</param>
/// <param name="speaker">Who speaks, which names begin with; null for names that are numbers alone.</param>
/// <param name="root">Folder of all recordings.</param>
internal sealed class SoundSession(
    Terminal terminal, Microphone microphone, string label, string? speaker, string root)
{
    private const int BlocksPerSecond = 20;
    private const double FullScale = 32767 / 32768.0;

    // What the recorder says of the last samples comes on another pipe, a little after them.
    private static readonly TimeSpan Hearsay = TimeSpan.FromMilliseconds(50);

    private readonly List<string> _files = [];
    private readonly byte[] _block =
        new byte[microphone.Format.RateHz / BlocksPerSecond * microphone.Format.BlockBytes];
    private int _overruns;
    private int _incomplete;
    private int _clipped;
    private double _seconds;

    /// <summary>Counts down, and records.</summary>
    public void Record(int number, int of, TimeSpan countdown, TimeSpan length)
    {
        var format = microphone.Format;
        for (int left = (int)(countdown.TotalSeconds * BlocksPerSecond); left > 0; left--)
        {
            ReadBlock(_block);
            _overruns = microphone.Overruns; // nothing is kept of these seconds
            Show($"{label} {number}/{of}: in {Math.Ceiling((double)left / BlocksPerSecond):0} …");
        }
        byte[] samples = new byte[(int)Math.Round(length.TotalSeconds * format.RateHz) * format.BlockBytes];
        double loudest = 0;
        for (int at = 0; at < samples.Length; at += _block.Length)
        {
            var block = samples.AsSpan(at, Math.Min(_block.Length, samples.Length - at));
            ReadBlock(block);
            double peak = Loudness.Peak(block);
            loudest = Math.Max(loudest, peak);
            double seconds = (double)(at + block.Length) / format.BlockBytes / format.RateHz;
            Show(string.Create(
                CultureInfo.InvariantCulture, $"{label} {number}/{of}: {seconds:0.0} s  {Loudness.Bar(peak)}"));
        }
        Thread.Sleep(Hearsay);
        int overruns = microphone.Overruns - _overruns;
        if (overruns > 0)
        {
            _overruns += overruns;
            _incomplete++;
            terminal.Say($"{label} {number}/{of}: not kept, as {microphone.Recorder} lost samples {overruns}×");
            return;
        }
        _seconds += length.TotalSeconds;
        if (loudest >= FullScale)
            _clipped++;
        string file = Save(samples);
        string note = loudest >= FullScale ? ", too loud: it is clipped" : loudest == 0 ? ", and all of it is 0" : "";
        terminal.Say(string.Create(CultureInfo.InvariantCulture,
            $"{label} {number}/{of}: {file}, {length.TotalSeconds:0.##} s, peak {Loudness.Bar(loudest)[^6..].Trim()}{note}"));
    }

    /// <summary>Prints what was recorded.</summary>
    public void Report()
    {
        string spec = $"wav:{root}" + (speaker is null ? "" : "?pattern={group}_{take}.wav");
        var json = new JsonObject
        {
            ["label"] = label,
            ["recorder"] = microphone.Recorder,
            ["rate_hz"] = microphone.Format.RateHz,
            ["channels"] = microphone.Format.Channels,
            ["files"] = new JsonArray([.. _files.Select(f => JsonValue.Create(f))]),
            ["seconds"] = Math.Round(_seconds, 3),
            ["overruns"] = microphone.Overruns,
            ["not_kept"] = _incomplete,
            ["clipped"] = _clipped,
            ["data"] = spec,
        };
        if (_files.Count == 0)
            throw new UserException(
                $"Nothing was kept, as {microphone.Recorder} lost samples of every recording; give this machine less "
                + "to do, or record at a lower --rate.");
        terminal.Result(json, Terminal.Facts(
            ("files", _files.Count == 1 ? _files[0] : $"{_files.Count} in {Path.Combine(root, label)}"),
            ("overruns", $"{microphone.Overruns}" + (_incomplete == 0 ? "" : $"; {_incomplete} recordings not kept")),
            ("clipped", _clipped == 0 ? "none" : $"{_clipped}; speak lower or turn the gain down"),
            ("to train", $"--data \"{spec}\"")));
    }

    private void ReadBlock(Span<byte> block)
    {
        if (microphone.Read(block) < block.Length)
            throw new UserException($"The recording broke off: {microphone.WhyEnded()}.");
    }

    private void Show(string line)
    {
        if (terminal.IsWatched)
            terminal.Error.Profile.Out.Writer.Write($"\r{line,-70}\r");
    }

    private string Save(byte[] samples)
    {
        string begin = speaker is null ? "" : $"{speaker}_";
        int take = 1;
        string path;
        while (File.Exists(path = Path.Combine(
            root, label, string.Create(CultureInfo.InvariantCulture, $"{begin}{take:000}.wav"))))
            take++;
        WavFile.Write(path, microphone.Format, samples);
        _files.Add(path);
        return path;
    }
}

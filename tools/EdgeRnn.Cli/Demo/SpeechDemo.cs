using System.Diagnostics;
using System.Globalization;
using EdgeRnn.Features;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Training;
using Spectre.Console;

namespace EdgeRnn.Cli;

/// <summary>A word in the stream, and what was made of it.</summary>
internal sealed record SpokenWord(string Word, string Voice, double Start, double End)
{
    /// <summary>When its label came into force, in seconds of the stream; null for never.</summary>
    public double? HeardAt { get; set; }
}

/// <summary>What the demo of speech found.</summary>
internal sealed record SpeechFigures(
    IReadOnlyList<SpokenWord> Digits, int OtherWords, int Wrong, double StreamSeconds, long FloatBytes, long Bytes,
    BoardBinary Host, HostAccount Account, History Training)
{
    // Asked of a network that is trained for half a minute.
    private const double LeastSpotted = 0.8;
    private const double MostWrong = 0.1;

    public int Spotted => Digits.Count(d => d.HeardAt is not null);

    /// <summary>From the end of a word to its label, the median; negative where it came before the end.</summary>
    public double DelaySeconds => Spotted == 0 ? 0 : Digits.Where(d => d.HeardAt is not null)
        .Select(d => d.HeardAt!.Value - d.End).Order().ElementAt(Spotted / 2);

    public bool Passed =>
        Spotted >= LeastSpotted * Digits.Count && Wrong <= MostWrong * Digits.Count
        && (!Host.IsNative || Account.AllocatedBytes == 0);
}

/// <summary>
/// The whole chain on speech that a program speaks: train on some voices, quantize, and spot the digits that others
/// say in noise, among other words, by the board's program.
/// </summary>
internal sealed class SpeechDemo(
    Terminal terminal, bool isShort, int seed, string folder, bool force, CancellationToken cancellation)
{
    private const string Other = "_other_"; // other words, parts of words, noise
    private const string Features = "mfcc:13,deltas=1";
    private const int ClipRateHz = 16000;
    private const int BytesPerSecond = 2 * Speaker.RateHz;
    private const double SpeechLevel = 0.08;

    // A label that comes later than so long after its word is taken for another's.
    private const double PatienceSeconds = 0.9;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly string[] Accents = ["en-us", "en-gb", "en-gb-scotland"];
    private static readonly string[] KnownVoices = ["", "+m1", "+m3", "+m5", "+m7", "+f1", "+f3", "+f5"];
    private static readonly string[] NewVoices = ["+m2", "+m4", "+f2", "+f4"];
    private static readonly string[] DigitNames =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

    private static readonly string[] OtherWords =
        ["hello", "window", "people", "garden", "paper", "monday", "open", "coffee", "table", "river", "stop", "house"];

    private readonly Random _random = new(seed);

    /// <summary>Runs it.</summary>
    /// <param name="hostCommand">The host, or null to look for it.</param>
    public SpeechFigures Run(string? hostCommand)
    {
        string floatPath = Path.Combine(folder, "digits.ernn"), path = Path.Combine(folder, "digits.int8.ernn");
        string words = Path.Combine(folder, "words"), streamPath = Path.Combine(folder, "stream.wav");
        foreach (string file in (string[])[floatPath, path, streamPath])
            AtomicFile.RefuseExisting(file, force);
        if (Directory.Exists(words) && !force)
            throw new UserException($"{words} exists; name another --out, or allow --force to replace it.");
        Directory.CreateDirectory(folder);
        terminal.Say("1/4  espeak-ng speaks");
        int clips = SpeakClips(words);
        terminal.Say($"     {clips} clips of a second: ten digits in {Accents.Length * KnownVoices.Length} voices, "
            + "other words, parts of words, noise");
        var (samples, spoken) = SpeakStream();
        WriteOver(streamPath, new(SampleFormat.Int16, 1, Speaker.RateHz), samples);

        terminal.Say($"2/4  training a GRU on {Features}");
        var (train, history, floating) = Train(words);
        ModelWriter.Save(floatPath, floating, force);
        terminal.Say("3/4  quantizing to int8");
        ModelWriter.Save(path, Calibration.Quantize(floating, train, Precision.Int8), force);
        long floatBytes = new FileInfo(floatPath).Length, bytes = new FileInfo(path).Length;
        terminal.Say($"     {Figures.Bytes(floatBytes)} become {Figures.Bytes(bytes)}");
        cancellation.ThrowIfCancellationRequested();

        var host = BoardBinary.Find(hostCommand, terminal);
        double seconds = (double)samples.Length / BytesPerSecond;
        string kind = host.IsNative ? "native" : "on the .NET runtime";
        terminal.Say($"4/4  {seconds:0} seconds of other voices, through a pipe to edgernn-host ({kind})");
        var account = Stream(host, path, samples, spoken, out int wrong);
        SpokenWord[] digits = [.. spoken.Where(IsDigit)];
        foreach (var missed in digits.Where(d => d.HeardAt is null))
            Say(missed.Start, missed.Word, null, missed.Voice, isRight: false);
        return new(
            digits, spoken.Count - digits.Length, wrong, seconds, floatBytes, bytes, host, account, history);
    }

    private static bool IsDigit(SpokenWord word) => DigitNames.Contains(word.Word);

    /// <summary>Writes the training clips, a folder a label, and gives their number.</summary>
    private int SpeakClips(string words)
    {
        if (Directory.Exists(words))
            Directory.Delete(words, recursive: true);
        int placements = isShort ? 2 : 3;
        string[] voices = [.. from accent in Accents from voice in KnownVoices select accent + voice];
        Utterance[] said =
        [
            .. from voice in voices from word in DigitNames select Drawn(word, voice),
            .. from voice in voices from i in Enumerable.Range(0, 4)
               select Drawn(OtherWords[_random.Next(OtherWords.Length)], voice),
        ];
        float[][] sounds = Speaker.Speak(said, folder, cancellation);
        int count = 0;
        for (int i = 0; i < said.Length; i++)
        {
            float[] sound = Converted(sounds[i]);
            bool isDigit = DigitNames.Contains(said[i].Word);
            int room = Math.Max(1, ClipRateHz - sound.Length);
            for (int k = 0; k < placements; k++)
                Write(isDigit ? said[i].Word : Other, said[i].Voice, sound, _random.Next(room));
            // Of a word that has just begun, or is just over, nothing is known: up to half of it is there.
            if (isDigit)
                Write(Other, said[i].Voice, sound, ClipRateHz - _random.Next(sound.Length / 2));
            if (isDigit)
                Write(Other, said[i].Voice, sound, -_random.Next(sound.Length / 2, sound.Length));
        }
        for (int i = 0; i < 8 * voices.Length; i++)
            Write(Other, "nobody", [], 0);
        return count;

        void Write(string label, string voice, float[] sound, int at)
        {
            var track = new SoundTrack(ClipRateHz, _random);
            if (sound.Length > 0)
                track.Add(sound, at, SpeechLevel * Decibels(-6, 6));
            track.AddNoise(SpeechLevel * Decibels(-50, -12));
            string name = string.Create(CultureInfo.InvariantCulture, $"{voice}_{count++}.wav");
            WriteOver(Path.Combine(words, label, name), new(SampleFormat.Int16, 1, ClipRateHz), track.ToBytes());
        }
    }

    /// <summary>What the board will hear, and what is said in it.</summary>
    private (byte[] Samples, List<SpokenWord> Spoken) SpeakStream()
    {
        string[] voices = [.. from accent in Accents from voice in NewVoices select accent + voice];
        int digits = isShort ? 20 : 40, others = digits / 4;
        string last = "";
        var said = new List<Utterance>();
        for (int i = 0; i < digits + others; i++)
        {
            // Every fifth is another word; none follows itself, as one label in force is one event.
            string[] from = i % 5 == 4 ? OtherWords : DigitNames;
            string word;
            do
                word = from[_random.Next(from.Length)];
            while (word == last);
            last = word;
            said.Add(Drawn(word, voices[_random.Next(voices.Length)]));
        }
        float[][] sounds = Speaker.Speak(said, folder, cancellation);
        var spoken = new List<SpokenWord>();
        int at = Speaker.RateHz;
        for (int i = 0; i < said.Count; i++)
        {
            int end = at + sounds[i].Length;
            spoken.Add(new(said[i].Word, said[i].Voice, Seconds(at), Seconds(end)));
            at = end + (int)(Speaker.RateHz * (0.7 + 0.6 * _random.NextDouble()));
        }
        var track = new SoundTrack(at + Speaker.RateHz, _random);
        for (int i = 0; i < said.Count; i++)
            track.Add(sounds[i], (int)(spoken[i].Start * Speaker.RateHz), SpeechLevel * Decibels(-4, 4));
        track.AddNoise(SpeechLevel * Decibels(-20, -20));
        return (track.ToBytes(), spoken);

        static double Seconds(int samples) => (double)samples / Speaker.RateHz;
    }

    private (SequenceDataset Train, History History, RnnModel Model) Train(string words)
    {
        var sound = DataSpec.Load($"wav:{words}?pattern={{group}}_{{take}}.wav");
        var train = sound.WithFeatures(FeatureSpec.Parse(Features, sound.AudioRateHz, out string? error)
            ?? throw new InvalidOperationException(error));
        var network = Network.Parse($"gru:48,dropout:0.2,dense:{train.Labels.Count}", train.Channels.Count);
        var options = new TrainingOptions
        {
            Epochs = isShort ? 8 : 12,
            BatchSize = 32,
            LearningRate = 5e-3f,
            LabelSmoothing = 0.05f,
            Augment = Augmentation.Parse("speed:0.1,gain:6,snr:15"),
            Seed = (ulong)seed,
            Threads = Math.Clamp(Environment.ProcessorCount, 1, 8),
        };
        var history = terminal.Fit(network, train, options, cancellation);
        cancellation.ThrowIfCancellationRequested();
        var rules = SharedOptions.Decision(
            "threshold=0.7,average=3,refractory=500ms", train.Labels, train.SampleRateHz);
        int hop = (int)Math.Round(train.SampleRateHz / 10);
        return (train, history, SelfTests.Attach(network.ToModel(train, hop: hop, decision: rules)));
    }

    /// <summary>Plays some seconds at their own pace, to be watched, and the rest as fast as it goes.</summary>
    private HostAccount Stream(
        BoardBinary binary, string path, byte[] samples, List<SpokenWord> spoken, out int wrong)
    {
        int wrongSoFar = 0;
        using var line = new StandardInputLine();
        using var host = HostProcess.Start(
            binary.Command, path, line, Heard, "--input", "pcm", "--rate", $"{Speaker.RateHz}", "--report", "events");
        using var over = CancellationTokenSource.CreateLinkedTokenSource(host.Gone, cancellation);
        try
        {
            const int PerSecond = 50;
            int slow = isShort ? 0 : 12 * PerSecond;
            var clock = Stopwatch.StartNew();
            foreach (byte[] piece in samples.Chunk(BytesPerSecond / PerSecond / 2 * 2))
            {
                line.Send(piece, over.Token);
                slow--;
                if (slow >= 0)
                    Thread.Sleep(TimeSpan.FromSeconds(1.0 / PerSecond));
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // The host ended early; WaitForEnd says why.
        }
        line.Dispose(); // the end of the sound
        var account = host.WaitForEnd(Patience);
        wrong = wrongSoFar;
        return account;

        void Heard(HostDecision decision)
        {
            if (decision.Label is null or Other)
                return;
            double at = decision.DeviceUs!.Value / 1e6;
            var near = spoken.Where(w => at > w.Start && at < w.End + PatienceSeconds).ToList();
            var right = near.Find(w => w.Word == decision.Label && w.HeardAt is null);
            if (right is not null)
                right.HeardAt = at;
            else
                wrongSoFar++;
            var said = right ?? near.LastOrDefault();
            Say(at, said?.Word, decision.Label, said?.Voice, right is not null);
        }
    }

    private void Say(double seconds, string? said, string? heard, string? voice, bool isRight)
    {
        string line = string.Create(CultureInfo.InvariantCulture,
            $"     {seconds,6:0.00} s  said {said ?? "nothing",-8} heard {heard ?? "nothing",-8}");
        if (terminal.IsWatched)
            terminal.Error.MarkupLine($"{line}[{(isRight ? "green]right" : "red]wrong")}[/]  [grey]{voice}[/]");
        else
            terminal.Say($"{line}{(isRight ? "right" : "wrong")}  {voice}");
    }

    private Utterance Drawn(string word, string voice) => new(word, voice, _random.Next(130, 191), _random.Next(25, 76));

    private double Decibels(double least, double most) =>
        Math.Pow(10, (least + (most - least) * _random.NextDouble()) / 20);

    private static float[] Converted(float[] sound)
    {
        var output = new float[(int)((long)sound.Length * ClipRateHz / Speaker.RateHz) + 1];
        ReadOnlySpan<float> input = sound;
        return output[..new Resampler(Speaker.RateHz, ClipRateHz).Convert(ref input, output)];
    }

    private static void WriteOver(string path, AudioFormat format, byte[] samples)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, WavFile.Bytes(format, samples));
    }
}

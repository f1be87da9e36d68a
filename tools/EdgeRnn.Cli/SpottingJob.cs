using System.Diagnostics;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Spotting;

namespace EdgeRnn.Cli;

/// <summary>One evaluation of a model on long recordings, from sound to files.</summary>
/// <param name="Model">The model.</param>
/// <param name="ModelPath">Its file.</param>
/// <param name="Spec">The recordings, as the user named them.</param>
/// <param name="Data">The recordings.</param>
internal sealed record SpottingJob(RnnModel Model, string ModelPath, DataSpec Spec, SequenceDataset Data)
{
    /// <summary>Changes to the model's rules; null for none.</summary>
    public string? Decide { get; init; }

    /// <summary>Seconds after its end in which a word may still be hit.</summary>
    public required double Tolerance { get; init; }

    /// <summary>Where each report goes; null for nowhere.</summary>
    public string? Reports { get; init; }

    /// <summary>Where the page goes; null for nowhere.</summary>
    public string? Page { get; init; }

    /// <summary>Where the sound goes; null for nowhere.</summary>
    public string? Audio { get; init; }

    /// <summary>Whether files that exist are replaced.</summary>
    public bool Force { get; init; }

    /// <summary>Runs the model, counts, writes the files and reports.</summary>
    public void Run(Terminal terminal, CancellationToken cancellation)
    {
        var clock = Stopwatch.StartNew();
        var audio = Data.Long!;
        if (Audio is not null && (audio.Recordings.Count > 1 || !Audio.EndsWith(".wav", StringComparison.Ordinal)))
            throw new UserException($"--audio is '{Audio}', expected the name of a .wav file for a single recording.");
        var rules = Decide is null ? Model.Decision
            : Model.Decision.With(Decide, Model.Labels, Model.SampleRateHz, out string? error)
                ?? throw new UserException($"--decide: {error}.");
        var scores = StreamScores.Of(Model, Data, cancellation);
        var report = SpottingReport.Of(
            scores, rules, Tolerance, Path.GetFileName(ModelPath), Spec.Text, CommandLine.Version);
        var files = new JsonObject();
        if (Reports is not null)
        {
            SpottingOutput.WriteReports(Reports, report.Result, Model.Labels, audio, Force);
            files["predictions"] = Reports;
        }

        if (Audio is not null)
        {
            LongRecordingFile.Write(Audio, audio.Recordings[0], Data.Labels, Force, cancellation);
            files["audio"] = Audio;
        }

        if (Page is not null && SpottingOutput.WritePage(Page, terminal, report))
            files["report"] = Page;
        SpottingOutput.Report(terminal, report, Model, audio, clock.Elapsed.TotalSeconds, files);
    }
}

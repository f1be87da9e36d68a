using System.Text;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Report;

namespace EdgeRnn.Cli;

/// <summary>Writes the page of a run.</summary>
internal static class RunPage
{
    /// <summary>Writes it, or says why it cannot be drawn: no training is lost for want of a picture.</summary>
    /// <returns>Whether it is there.</returns>
    public static bool Write(string path, Terminal terminal, RunReport report) =>
        WriteDrawn(path, terminal, () => ReportPage.Write(report));

    /// <inheritdoc cref="Write"/>
    public static bool WriteDrawn(string path, Terminal terminal, Func<string> draw)
    {
        string page;
        try
        {
            page = draw();
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException)
        {
            terminal.Say($"note: '{path}' was not written, as this system cannot load ScottPlot's SkiaSharp: "
                + $"{e.GetBaseException().Message.Split('\n')[0]}");
            return false;
        }

        AtomicFile.Write(path, Encoding.UTF8.GetBytes(page), overwrite: true);
        return true;
    }

    /// <summary>The options of a run as the page lists them.</summary>
    public static IReadOnlyList<(string Name, string Value)> OptionsOf(JsonObject options) =>
        [.. options.Select(option => (option.Key, option.Value?.ToString() ?? "–"))];
}

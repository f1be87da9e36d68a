using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Training;

namespace EdgeRnn.Cli;

/// <summary>
/// The files of a run. Their folder is tried before the work, and taken away again if nothing came of it.
/// </summary>
internal sealed class TrainedFiles : IDisposable
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly string _folder;
    private readonly bool _force;
    private readonly bool _isNewFolder;
    private bool _written;

    /// <summary>Tries the folder.</summary>
    /// <exception cref="UserException">A file exists, or the folder cannot be written.</exception>
    public TrainedFiles(string folder, bool force)
    {
        _folder = folder;
        _force = force;
        foreach (string file in new[] { Model, History, Options, Page, Result })
            AtomicFile.RefuseExisting(file, force);
        _isNewFolder = !Directory.Exists(folder);
        if (File.Exists(folder))
            throw new UserException($"Cannot write '{folder}': it is a file; name a folder.");
        string probe = Path.Combine(folder, $".edgernn-{Environment.ProcessId}");
        AtomicFile.Write(probe, ReadOnlyMemory<byte>.Empty, overwrite: true);
        File.Delete(probe);
    }

    /// <summary>The model.</summary>
    public string Model => Path.Combine(_folder, "model.ernn");

    /// <summary>The page that people read.</summary>
    public string Page => Path.Combine(_folder, "report.html");

    private string History => Path.Combine(_folder, "history.csv");

    private string Options => Path.Combine(_folder, "options.json");

    private string Result => Path.Combine(_folder, "result.json");

    /// <summary>Writes what training gave; the model last, so that where there is a model, there is the rest.</summary>
    public void Write(RnnModel model, History history, JsonObject options)
    {
        // Figures of an earlier run must not stand beside this model.
        File.Delete(Result);
        AtomicFile.Write(Options, Bytes(options), _force);
        history.WriteCsv(History, _force);
        ModelWriter.Save(Model, model, _force);
        _written = true;
    }

    /// <summary>Writes what a cross-validation gave; there is no model.</summary>
    public void WriteOptions(JsonObject options)
    {
        File.Delete(Result);
        AtomicFile.Write(Options, Bytes(options), _force);
        _written = true;
    }

    /// <summary>Writes the figures; they come last, so that a folder that has them is complete.</summary>
    public void WriteResult(JsonObject result) => AtomicFile.Write(Result, Bytes(result), overwrite: true);

    private static byte[] Bytes(JsonObject json) => Encoding.UTF8.GetBytes(json.ToJsonString(Indented) + "\n");

    /// <summary>Removes the folder that was made for files which never came.</summary>
    public void Dispose()
    {
        if (_written || !_isNewFolder || !Directory.Exists(_folder))
            return;
        if (!Directory.EnumerateFileSystemEntries(_folder).Any())
            Directory.Delete(_folder);
    }
}

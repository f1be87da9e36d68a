using System.Text;

namespace EdgeRnn.Host.Models;

/// <summary>
/// The models of a state folder, changed so that whatever happens - the process killed, the power cut, in the middle of
/// any step, with what was not synced in any order on the disk - the next start finds the old model or the new one,
/// whole.
/// <code>
///   current          the model that has proved itself
///   previous         the one before it
///   trial            a new one that waits for its first run
///   trial.running    a new one that runs, and has not proved itself yet
///   trial.new        one that is being written: nothing yet
///   rejected.txt     why the last one was rejected
///
///   offer      write trial.new, sync it       trial.new -> trial           sync names
///   begin                                     trial -> trial.running       sync names     before its first step
///   accept     current -> previous            trial.running -> current     sync names     after its time of proof
///   withdraw                                  trial.running -> trial       sync names     an orderly end in between
///   reject     delete trial.running                                        sync names
/// </code>
/// A start that finds <c>trial.running</c> knows that the process died under it, and rejects it.
/// </summary>
internal sealed class ModelStore(IStateFolder folder)
{
    public const string Current = "current";
    public const string Previous = "previous";
    public const string Trial = "trial";
    public const string Running = "trial.running";
    public const string Reason = "rejected.txt";
    private const string Unfinished = "trial.new";

    /// <summary>Whether a new model waits for its first run.</summary>
    public bool HasTrial => folder.Has(Trial);

    /// <summary>Whether a new model runs, or did when its process died.</summary>
    public bool HasRunning => folder.Has(Running);

    /// <summary>Reads a model's file.</summary>
    public byte[]? Read(string name, out string? error)
    {
        error = null;
        return folder.Has(name) ? folder.Read(name, out error) : null;
    }

    /// <summary>Puts a new model beside the others.</summary>
    /// <returns>0, or an error number; then there is no new model.</returns>
    public int Offer(ReadOnlySpan<byte> file)
    {
        int error = folder.Write(Unfinished, file);
        if (error == 0)
            error = folder.SyncFile(Unfinished);
        if (error == 0)
            error = folder.Rename(Unfinished, Trial);
        if (error != 0)
        {
            _ = folder.Delete(Unfinished);
            return error;
        }
        error = folder.SyncNames();
        if (error != 0)
            _ = folder.Delete(Trial);
        return error;
    }

    /// <summary>Marks the new model as running: from here on it must prove itself.</summary>
    /// <returns>0, or an error number; then it must not run, as nobody would notice that it failed.</returns>
    public int Begin() => Move(Trial, Running);

    /// <summary>The new model has proved itself.</summary>
    public int Accept()
    {
        // In between there is no current, and the old model is the previous one, where a start finds it.
        int error = folder.Has(Current) ? folder.Rename(Current, Previous) : 0;
        return error == 0 ? Move(Running, Current) : error;
    }

    /// <summary>
    /// The process ends in good order before the new model has proved itself: the next one tries it again.
    /// </summary>
    public int Withdraw() => HasTrial ? Reject() : Move(Running, Trial);

    /// <summary>The new model failed: from here on there is no trace of it.</summary>
    /// <param name="name"><see cref="Trial"/> or <see cref="Running"/>.</param>
    public int Reject(string name = Running)
    {
        int error = folder.Delete(name);
        return error == 0 ? folder.SyncNames() : error;
    }

    /// <summary>Leaves a sentence for whoever offered the model.</summary>
    public void Explain(string reason) => _ = folder.Write(Reason, Encoding.UTF8.GetBytes(reason));

    private int Move(string from, string to)
    {
        int error = folder.Rename(from, to);
        return error == 0 ? folder.SyncNames() : error;
    }
}

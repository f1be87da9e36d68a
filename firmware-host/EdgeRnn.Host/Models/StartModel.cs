using EdgeRnn.Runtime;

namespace EdgeRnn.Host.Models;

/// <summary>Which model a host starts with.</summary>
/// <param name="Stream">The model, ready to step.</param>
/// <param name="OnTrial">Whether it has to prove itself.</param>
internal sealed record StartModel(StreamClassifier Stream, bool OnTrial)
{
    /// <summary>
    /// A new model first, but one whose process died; then the current one, the one before it, and last the one that
    /// the command line names.
    /// </summary>
    /// <param name="store">The models of the state folder.</param>
    /// <param name="loader">Checks them.</param>
    /// <param name="factory">The command line's model; null for none.</param>
    /// <param name="say">Told about everything that is not as usual.</param>
    /// <param name="error">Why there is none.</param>
    public static StartModel? Choose(
        ModelStore store, ModelLoader loader, string? factory, Action<string> say, out string? error)
    {
        string? reason = null;
        var old = Load(ModelStore.Current) ?? Load(ModelStore.Previous) ?? LoadFactory();
        if (store.HasRunning && old is not null)
        {
            say($"the new model {Checksum(ModelStore.Running)} is rejected: the process ended while it was on trial");
            store.Explain("the process ended while it was on trial");
            _ = store.Reject();
        }
        else if (store.HasRunning && !store.HasTrial)
        {
            _ = store.Withdraw(); // there is nothing else: better once more than never again
        }
        var trial = Trial(old?.Model);
        error = trial is null && old is null ? reason ?? "there is no model; give --model, or deploy one" : null;
        return trial is not null ? new(trial, OnTrial: true) : old is not null ? new(old, OnTrial: false) : null;

        StreamClassifier? Trial(RnnModel? line)
        {
            if (!store.HasTrial)
                return null;
            var stream = Load(ModelStore.Trial);
            string? misfit = stream is null ? reason : line is null ? null : ModelLoader.Fits(stream.Model, line);
            if (misfit is not null || stream is null)
            {
                say($"the new model is rejected: {misfit}");
                store.Explain(misfit!);
                _ = store.Reject(ModelStore.Trial);
                return null;
            }
            return store.Begin() == 0 ? stream : null; // without its mark nobody would notice if it failed
        }

        StreamClassifier? Load(string name)
        {
            byte[]? file = store.Read(name, out string? sentence);
            var stream = file is null ? null : loader.Load(file, out sentence);
            if (sentence is not null)
            {
                reason = $"the {name} model cannot be used: {sentence}";
                if (name != ModelStore.Trial)
                    say(reason);
            }
            return stream;
        }

        StreamClassifier? LoadFactory() => factory is null ? null : loader.Load(factory, out reason);

        string Checksum(string name) =>
            store.Read(name, out _) is { Length: >= 4 } file
                ? $"{BitConverter.ToUInt32(file, file.Length - 4):x8}"
                : "";
    }
}

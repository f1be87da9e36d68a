using System.Runtime.InteropServices;
using EdgeRnn.Host.Pipeline;

namespace EdgeRnn.Host.Models;

/// <summary>Where a host has its models from: a file, or a state folder in which they change.</summary>
internal sealed class ModelSource : IDisposable
{
    private readonly ModelLoader _loader;
    private readonly ModelStore? _store;
    private readonly StateLock? _lock;
    private readonly int _trialMs;

    private ModelSource(ModelLoader loader, StartModel start, int trialMs, ModelStore? store, StateLock? stateLock)
    {
        (_loader, Start, _trialMs) = (loader, start, trialMs);
        (_store, _lock) = (store, stateLock);
    }

    /// <summary>The model to start with.</summary>
    public StartModel Start { get; }

    /// <summary>What ends the program: also a hang-up, where it does not mean that there is a new model.</summary>
    public ReadOnlySpan<PosixSignal> StopSignals => _store is null
        ? [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP]
        : [PosixSignal.SIGINT, PosixSignal.SIGTERM];

    /// <summary>Chooses and checks the model; gives null and a sentence where there is none.</summary>
    public static ModelSource? Open(HostOptions options, out string? error)
    {
        error = null;
        TrustedKey? trust = null;
        if (options.Trust is { } key && (trust = TrustedKey.Load(key, out error)) is null)
            return null;
        var loader = new ModelLoader(trust);
        int trialMs = options.TrialSeconds * 1000;
        if (options.State is null)
        {
            var stream = loader.Load(options.Model, out error);
            return stream is null ? null : new(loader, new(stream, OnTrial: false), trialMs, null, null);
        }
        var stateLock = StateLock.Take(options.State, out error);
        if (stateLock is null)
            return null;
        var store = new ModelStore(new StateFolder(options.State));
        string? factory = options.Model.Length > 0 ? options.Model : null;
        var start = StartModel.Choose(store, loader, factory, StandardStreams.Say, out error);
        if (start is not null)
            return new(loader, start, trialMs, store, stateLock);
        stateLock.Dispose();
        return null;
    }

    /// <summary>What changes models while they run; null where they do not change.</summary>
    public ModelExchange? Exchange(StreamPipeline pipeline) =>
        _store is null ? null : new(_store, _loader, pipeline, Start.OnTrial, _trialMs);

    /// <summary>The program ends before the model has run: that is not the model's fault.</summary>
    public void GiveBack()
    {
        if (Start.OnTrial)
            _ = _store?.Withdraw();
    }

    public void Dispose() => _lock?.Dispose();
}

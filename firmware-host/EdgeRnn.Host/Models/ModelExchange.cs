using System.Text;
using EdgeRnn.Host.Pipeline;
using EdgeRnn.Host.Transport;
using EdgeRnn.Runtime;

namespace EdgeRnn.Host.Models;

/// <summary>
/// Puts a new model in the place of the running one when SIGHUP says that there is one. Everything that takes time -
/// reading, checking, packing, the disk - happens on a thread of its own, made for it; the thread that owns the port
/// only swaps, between two steps. A new model is on trial for a time; then it is the current one.
/// </summary>
internal sealed class ModelExchange : IServed, IDisposable
{
    private const int LookEveryMs = 20;

    private readonly ModelStore _store;
    private readonly ModelLoader _loader;
    private readonly StreamPipeline _pipeline;
    private readonly int _trialMs;
    private readonly SignalFd? _hangUp;
    private Thread? _worker;
    private volatile bool _done;
    private bool _asked;
    private long _lookAt;
    private long _acceptAt = -1;
    private Successor? _successor;
    private byte[] _message = [];

    /// <summary>Prepares for exchanges.</summary>
    /// <param name="store">The models.</param>
    /// <param name="loader">Checks them.</param>
    /// <param name="pipeline">Where they run.</param>
    /// <param name="onTrial">Whether the model that runs now is on trial.</param>
    /// <param name="trialMs">How long a new model is.</param>
    public ModelExchange(ModelStore store, ModelLoader loader, StreamPipeline pipeline, bool onTrial, int trialMs)
    {
        (_store, _loader, _pipeline, _trialMs) = (store, loader, pipeline, trialMs);
        _hangUp = OperatingSystem.IsLinux() ? new(System.Runtime.InteropServices.PosixSignal.SIGHUP) : null;
        if (onTrial)
            _acceptAt = Environment.TickCount64 + trialMs;
        _asked = store.HasTrial; // deployed while this process was starting
    }

    public int Fd => _hangUp?.Fd ?? -1;

    public short Events => Libc.POLLIN;

    public int TimeoutMs => _worker is not null ? Until(_lookAt)
        : _asked ? 0
        : _acceptAt >= 0 ? Until(_acceptAt)
        : -1;

    public void Serve()
    {
        _asked |= _hangUp?.Take() == true;
        _lookAt = Environment.TickCount64 + LookEveryMs;
        if (_worker is not null)
        {
            if (!_done)
                return;
            Finish();
        }
        bool isProven = _acceptAt >= 0 && Until(_acceptAt) == 0;
        if (!_asked && !isProven)
            return;
        _pipeline.Meter.Pause();
        if (_asked)
        {
            _asked = false;
            Begin(Prepare);
        }
        else
        {
            _acceptAt = -1;
            Begin(Accept);
        }
    }

    /// <summary>
    /// The process ends in good order: a model that is still on trial is tried again by the next one.
    /// </summary>
    public void End()
    {
        const int PatienceMs = 200;
        if (_worker?.Join(PatienceMs) == false)
            return;
        if (_store.HasRunning)
            _ = _store.Withdraw();
    }

    public void Dispose() => _hangUp?.Dispose();

    private static int Until(long time) => (int)Math.Clamp(time - Environment.TickCount64, 0, int.MaxValue);

    private void Begin(Action work)
    {
        _done = false;
        _worker = new Thread(() =>
        {
            try
            {
                work();
            }
            catch (OutOfMemoryException)
            {
                Reject("there is not enough memory for it; use a smaller one");
            }
            _done = true;
        });
        _worker.Start();
    }

    private void Finish()
    {
        _worker!.Join(); // it is past its work; what it allocates while it ends is not the stream's
        _worker = null;
        if (_successor is not null)
        {
            _pipeline.Use(_successor);
            _acceptAt = Environment.TickCount64 + _trialMs;
            _successor = null;
        }
        _pipeline.Meter.Resume();
        StandardStreams.TrySay(_message);
        _message = [];
    }

    /// <summary>On the worker: reads the new model, checks it, and makes it ready.</summary>
    private void Prepare()
    {
        byte[]? file = _store.Read(ModelStore.Trial, out string? error);
        if (file is null && error is null)
        {
            Say("there is no new model in the state folder; edgernn-host deploy puts one there");
            return;
        }
        var stream = file is null ? null : _loader.Load(file, out error);
        error ??= ModelLoader.Fits(stream!.Model, _pipeline.Model);
        var successor = error is null ? _pipeline.Prepare(stream!, out error) : null;
        if (successor is null)
        {
            Reject(error!);
            return;
        }
        if (_store.Begin() != 0) // without its mark nobody would notice if it failed
        {
            Say("the new model waits: the state folder cannot be written");
            return;
        }
        _successor = successor;
        Say($"the new model {stream!.Model.Checksum:x8} takes over from {_pipeline.Model.Checksum:x8}, on trial for "
            + $"{_trialMs / 1000} s");
    }

    private void Accept()
    {
        bool accepted = _store.Accept() == 0;
        GC.Collect(); // what its predecessor took
        GC.WaitForPendingFinalizers(); // their own allocations are not the stream's either
        Say(accepted
            ? $"the new model {_pipeline.Model.Checksum:x8} is the current one"
            : "the new model stays on trial: the state folder cannot be written");
    }

    private void Reject(string reason)
    {
        _store.Explain(reason);
        _ = _store.Reject(ModelStore.Trial);
        Say($"the new model is rejected: {reason}");
    }

    private void Say(string sentence) => _message = Encoding.UTF8.GetBytes(sentence + "\n");
}

/// <summary>What takes over: a model that is ready to step, and what makes lines of its decisions.</summary>
internal sealed record Successor(StreamClassifier Stream, DecisionSink Sink);

using System.Runtime.ExceptionServices;

namespace EdgeRnn.Trainer.Training;

/// <summary>
/// Threads that live as long as a training run, the caller being the first; thread i always has share i, so results do
/// not depend on timing.
/// </summary>
internal sealed class ShardThreads : IDisposable
{
    private readonly Barrier _barrier;
    private readonly Thread[] _threads;
    private Action<int>? _work;
    private Exception? _failure;

    public ShardThreads(int count)
    {
        Count = count;
        _barrier = new(count);
        _threads = new Thread[count - 1];
        for (int i = 1; i < count; i++)
        {
            int share = i;
            _threads[i - 1] = new Thread(() => Serve(share)) { IsBackground = true, Name = $"training {share}" };
            _threads[i - 1].Start();
        }
    }

    /// <summary>Threads, the caller's included.</summary>
    public int Count { get; }

    /// <summary>Runs <paramref name="work"/> with 0 to Count - 1, each on its own thread, and waits for all.</summary>
    public void Run(Action<int> work)
    {
        if (Count == 1)
        {
            work(0);
            return;
        }

        _work = work;
        _barrier.SignalAndWait();
        Do(0);
        _barrier.SignalAndWait();
        if (Interlocked.Exchange(ref _failure, null) is { } failure)
            ExceptionDispatchInfo.Throw(failure);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Count > 1)
        {
            _work = null;
            _barrier.SignalAndWait();
            foreach (var thread in _threads)
                thread.Join();
        }

        _barrier.Dispose();
    }

    private void Serve(int share)
    {
        while (true)
        {
            _barrier.SignalAndWait();
            if (_work is null)
                return;
            Do(share);
            _barrier.SignalAndWait();
        }
    }

    // A thread that fails must still reach the barrier; the caller throws for it.
    private void Do(int share)
    {
        try
        {
            _work!(share);
        }
#pragma warning disable CA1031 // It is thrown again on the caller's thread.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Interlocked.CompareExchange(ref _failure, e, null);
        }
    }
}

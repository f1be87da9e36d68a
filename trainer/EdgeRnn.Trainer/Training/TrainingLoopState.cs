using System.Runtime.InteropServices;
using Google.Protobuf;

namespace EdgeRnn.Trainer.Training;

/// <content>The run to a checkpoint and back.</content>
internal sealed partial class TrainingLoop
{
    private readonly Proto.Checkpoint? _identity;
    private double _savingSeconds;

    /// <summary>
    /// Saves the run after an epoch; of epochs so short that saving would take more than a tenth of the time, some are
    /// left out, but never the last.
    /// </summary>
    private void SaveEpoch()
    {
        if (_savingSeconds <= 0.1 * _clock.Elapsed.TotalSeconds || _epoch > _options.Epochs || IsOutOfPatience)
            Save();
    }

    /// <summary>Leaves the run as it stands in the options' file, if they name one.</summary>
    private void Save()
    {
        if (_identity is null)
            return;
        double begin = Elapsed;
        var state = _identity.Clone();
        state.Epoch = (uint)_epoch;
        state.Batches = (uint)_batch;
        state.Loss = _lossSum;
        state.Weight = _weightSum;
        state.Correct = (uint)_correct;
        state.LearningRate = _learningRate;
        state.EpochSeconds = Elapsed - _epochBegin;
        state.RunSeconds = Elapsed;
        state.BatchNumber = (ulong)_batchNumber;
        state.StepNumber = (ulong)_update.StepNumber;
        state.Order = Bytes<int>(_order);
        state.Parameters = Bytes<float>(_network.Parameters.Span);
        state.Optimizer = Bytes<float>(_update.State);
        state.BestEpoch = (uint)_bestEpoch;
        if (_bestEpoch > 0)
            state.Best = Bytes<float>(_best);
        state.Epochs.AddRange(_epochs.Select(ToMessage));
        Checkpoint.Write(_options.Checkpoint!, state);
        _savingSeconds += Elapsed - begin;
    }

    /// <summary>Takes up the run of a checkpoint that is of this network, these data and options.</summary>
    private void Restore(Proto.Checkpoint state)
    {
        _epoch = (int)state.Epoch;
        _batch = (int)state.Batches;
        _lossSum = state.Loss;
        _weightSum = state.Weight;
        _correct = (int)state.Correct;
        _learningRate = state.LearningRate;
        _secondsBefore = state.RunSeconds;
        _epochBegin = state.RunSeconds - state.EpochSeconds;
        _batchNumber = (long)state.BatchNumber;
        _update.StepNumber = (long)state.StepNumber;
        Copy<int>(state.Order, _order);
        Copy(state.Parameters, _network.Parameters.Span);
        Copy(state.Optimizer, _update.State);
        _bestEpoch = (int)state.BestEpoch;
        if (_bestEpoch > 0)
            Copy<float>(state.Best, _best);
        _epochs.AddRange(state.Epochs.Select((epoch, i) => FromMessage(epoch, i + 1)));
        _losses.AddRange(_epochs.Select(e => e.ValidationLoss ?? e.Loss));
    }

    private static ByteString Bytes<T>(ReadOnlySpan<T> values)
        where T : unmanaged => ByteString.CopyFrom(MemoryMarshal.AsBytes(values));

    private static void Copy<T>(ByteString from, Span<T> to)
        where T : unmanaged => from.Span.CopyTo(MemoryMarshal.AsBytes(to));

    private static Proto.Epoch ToMessage(EpochResult result)
    {
        var epoch = new Proto.Epoch
        {
            Loss = result.Loss,
            Accuracy = result.Accuracy,
            Seconds = result.Seconds,
            SamplesPerSecond = result.SamplesPerSecond,
            LearningRate = result.LearningRate,
        };
        if (result.ValidationLoss is { } loss)
            epoch.ValidationLoss = loss;
        if (result.ValidationAccuracy is { } accuracy)
            epoch.ValidationAccuracy = accuracy;
        return epoch;
    }

    private static EpochResult FromMessage(Proto.Epoch epoch, int number) => new(
        number, epoch.Loss, epoch.Accuracy, epoch.HasValidationLoss ? epoch.ValidationLoss : null,
        epoch.HasValidationAccuracy ? epoch.ValidationAccuracy : null, epoch.Seconds, epoch.SamplesPerSecond)
    {
        LearningRate = epoch.LearningRate,
    };
}

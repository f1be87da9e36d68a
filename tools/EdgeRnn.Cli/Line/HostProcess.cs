using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary>A line that the host writes for each decision.</summary>
public sealed record HostDecision(
    long Index, long Step, long Sequence, string? Label, int Class, float Score, long? DeviceUs, long HostUs,
    int Bridged)
{
    /// <summary>What a model that gives values says instead of a class.</summary>
    public float[]? Values { get; init; }
}

/// <summary>The host's last line, on standard error.</summary>
public sealed record HostAccount(
    long Expected, long Delivered, long Lost, long Damaged, long Noise, long Duplicates, long Restarts,
    long Undescribed, long Steps, long Decisions, long DroppedOutput, long ReplacedReadings, long AllocatedBytes,
    long Collections);

/// <summary>An <c>edgernn-host</c> at work on a <see cref="VirtualLine"/>.</summary>
public sealed class HostProcess : IDisposable
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
    };

    private readonly Process _process;
    private readonly CancellationTokenSource _gone = new();
    private readonly List<string> _sentences = [];
    private readonly Task _decisions;
    private readonly Task _errors;

    private HostProcess(Process process, Action<HostDecision> onDecision)
    {
        _process = process;
        _decisions = Task.Factory.StartNew(() => ReadDecisions(onDecision), TaskCreationOptions.LongRunning);
        _errors = Task.Factory.StartNew(ReadErrors, TaskCreationOptions.LongRunning);
    }

    /// <summary>Cancelled once the host has ended.</summary>
    public CancellationToken Gone => _gone.Token;

    /// <summary>Whether the host has opened <paramref name="port"/>.</summary>
    public bool HasOpened(string port)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries($"/proc/{_process.Id}/fd")
                .Any(fd => new FileInfo(fd).LinkTarget == port);
        }
        catch (IOException)
        {
            return false; // a descriptor, or the host, went away while looking
        }
    }

    /// <summary>What the host accounted for, once it has ended.</summary>
    public HostAccount? Account { get; private set; }

    /// <summary>Starts a host.</summary>
    /// <param name="command">The program with what goes before the host's own options: <c>edgernn-host</c>,
    /// <c>dotnet edgernn-host.dll</c>, <c>qemu-aarch64 -cpu … edgernn-host</c>.</param>
    /// <param name="modelPath">The model.</param>
    /// <param name="line">The line it listens to.</param>
    /// <param name="onDecision">Called for each decision, on another thread.</param>
    /// <param name="options">Further options of the host.</param>
    /// <exception cref="UserException">The program cannot be started.</exception>
    public static HostProcess Start(
        IReadOnlyList<string> command,
        string modelPath,
        VirtualLine line,
        Action<HostDecision> onDecision,
        params string[] options)
    {
        var start = new ProcessStartInfo(command[0])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // A virtual line can wait, so no decision need be dropped however late it is read here.
        string[] own = ["--model", modelPath, "--port", line.PortName, "--on-output-full", "block"];
        string[] arguments = [.. command.Skip(1), .. own, .. options];
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        try
        {
            var process = Process.Start(start) ?? throw new InvalidOperationException("no process was made");
            line.Attach(process);
            return new(process, onDecision);
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            throw new UserException(
                $"The host '{string.Join(' ', command)}' cannot be started: {e.Message}; name it with --host.", e);
        }
    }

    /// <summary>Waits until the host has ended and all it wrote has been read.</summary>
    /// <exception cref="UserException">It failed, or did not end in time.</exception>
    public HostAccount WaitForEnd(TimeSpan patience)
    {
        if (!_process.WaitForExit(patience))
            throw new UserException($"The host did not end within {patience.TotalSeconds:0} s of the stream's end.");
        Task.WaitAll(_decisions, _errors);
        if (_process.ExitCode != 0)
            throw new UserException($"The host failed: {string.Join(' ', _sentences)}");
        return Account ?? throw new UserException("The host ended without its last line, the account.");
    }

    /// <summary>Ends the host if it still runs.</summary>
    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
        _gone.Dispose();
    }

    private void ReadDecisions(Action<HostDecision> onDecision)
    {
        while (_process.StandardOutput.ReadLine() is { } line)
            onDecision(JsonSerializer.Deserialize<HostDecision>(line, Json)!);
        _gone.Cancel(); // its standard output ends with the host
    }

    private void ReadErrors()
    {
        while (_process.StandardError.ReadLine() is { } line)
        {
            if (line.StartsWith("{\"final\":true", StringComparison.Ordinal))
                Account = JsonSerializer.Deserialize<HostAccount>(line, Json);
            else
                _sentences.Add(line);
        }
    }
}

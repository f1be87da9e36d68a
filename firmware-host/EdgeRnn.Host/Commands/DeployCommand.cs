using System.Runtime.InteropServices;
using EdgeRnn.Format;
using EdgeRnn.Host.Models;
using EdgeRnn.Host.Transport;

namespace EdgeRnn.Host.Commands;

/// <summary><c>edgernn-host deploy</c>: a new model for a host that runs, or for its next start.</summary>
internal static partial class DeployCommand
{
    private const int HangUp = 1; // SIGHUP
    private const int DiskFull = 28; // ENOSPC
    private const int WaitMs = 15_000;
    private const int LookEveryMs = 20;

    /// <summary>
    /// Runs the command; gives null, or what failed. A sentence in <paramref name="usage"/>: wrong words.
    /// </summary>
    public static string? Run(string[] args, out string? usage)
    {
        var words = CommandArguments.Parse(args, takesWord: true, out usage, "--state", "--trust");
        usage ??= words!.Word.Length == 0 ? "deploy needs a model: edgernn-host deploy NEW --state DIR"
            : words["--state"] is null ? "deploy needs --state DIR, the folder of the running host"
            : null;
        if (usage is not null)
            return null;
        if (!OperatingSystem.IsLinux())
            return "deploy needs Linux";
        string state = words!["--state"]!;
        TrustedKey? trust = null;
        if (words["--trust"] is { } key && (trust = TrustedKey.Load(key, out string? error)) is null)
            return error;
        if (!Directory.Exists(state))
            return $"there is no state folder {state}; make it, and start the host with --state {state}";
        return Deploy(words.Word, state, new(trust));
    }

    private static string? Deploy(string path, string state, ModelLoader loader)
    {
        if (!ModelReader.TryReadFile(path, out byte[]? file, out string? error))
            return $"the model cannot be used: {error}";
        var stream = loader.Load(file, out error);
        var store = new ModelStore(new StateFolder(state));
        byte[]? current = store.Read(ModelStore.Current, out _);
        var line = current is not null && ModelReader.TryRead(current, out var model, out _) ? model : stream?.Model;
        error ??= ModelLoader.Fits(stream!.Model, line!);
        if (error is not null)
            return $"{path} is not deployed: {error}";

        // One deployment at a time: each writes the same file.
        int folder = Libc.Open(state, Libc.O_RDONLY | Libc.O_CLOEXEC, 0);
        if (Libc.Flock(folder, Libc.LOCK_EX | Libc.LOCK_NB) < 0)
            return $"another deployment to {state} is under way; wait for its end";
        int fault = store.Offer(file);
        if (fault != 0)
        {
            return fault == DiskFull
                ? $"the disk of {state} is full, and nothing has changed; make room and deploy again"
                : $"{state} cannot be written (error {fault}), and nothing has changed; look at its permissions";
        }
        int host = StateLock.Holder(state);
        if (host != 0 && Kill(host, HangUp) == 0)
            return Watch(store, file, stream!.Model.Checksum);
        StandardStreams.Print(
            $"model {stream!.Model.Checksum:x8} is deployed: no host runs on {state}, the next one tries it");
        return null;
    }

    /// <summary>Waits until the host has taken the model or refused it.</summary>
    private static string? Watch(ModelStore store, byte[] file, uint checksum)
    {
        long until = Environment.TickCount64 + WaitMs;
        while (store.HasTrial)
        {
            if (Environment.TickCount64 > until)
                return "the host does not take the new model; see what it says, or restart it";
            Thread.Sleep(LookEveryMs);
        }
        bool running = store.HasRunning;
        if (!running && store.Read(ModelStore.Current, out _)?.AsSpan().SequenceEqual(file) != true)
        {
            byte[]? reason = store.Read(ModelStore.Reason, out _);
            return $"the host rejected the model: " +
                $"{(reason is null ? "see what it says" : System.Text.Encoding.UTF8.GetString(reason))}";
        }
        StandardStreams.Print($"model {checksum:x8} {(running ? "runs, on trial" : "is the current one")}");
        return null;
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}

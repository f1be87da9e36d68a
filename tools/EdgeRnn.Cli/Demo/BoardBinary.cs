using System.Diagnostics;
using System.Runtime.InteropServices;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli;

/// <summary>The <c>edgernn-host</c> of this machine: compiled to native code, or else run by .NET.</summary>
/// <param name="Command">As for <see cref="HostProcess.Start"/>.</param>
/// <param name="IsNative">Whether it is native code.</param>
internal sealed record BoardBinary(IReadOnlyList<string> Command, bool IsNative)
{
    private const string Project = "firmware-host/EdgeRnn.Host";

    /// <summary>Bytes of the native binary; null where there is none.</summary>
    public long? Bytes => IsNative && File.Exists(Command[^1]) ? new FileInfo(Command[^1]).Length : null;

    /// <summary>The one that <paramref name="command"/> names, or the one that was built in this repository.</summary>
    /// <exception cref="UserException">There is none, and none can be built.</exception>
    public static BoardBinary Find(string? command, Terminal terminal)
    {
        if (command is not null)
            return new(
                StreamCheckVerb.HostCommand(command), !command.EndsWith(".dll", StringComparison.OrdinalIgnoreCase));
        string root = FindRoot()
            ?? throw new UserException("There is no edgernn-host beside this program; name one with --host.");
        string built = Path.Combine(root, Project, "bin", "Release", "net10.0");
        string native = Path.Combine(
            built, RuntimeInformation.RuntimeIdentifier, "publish",
            OperatingSystem.IsWindows() ? "edgernn-host.exe" : "edgernn-host");
        if (File.Exists(native))
            return new([native], true);
        string managed = Path.Combine(built, "edgernn-host.dll");
        if (!File.Exists(managed))
            Build(Path.Combine(root, Project), terminal);
        return new(["dotnet", managed], false);
    }

    private static string? FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "EdgeRnn.sln")))
            folder = folder.Parent;
        return folder?.FullName;
    }

    private static void Build(string project, Terminal terminal)
    {
        terminal.Say("building edgernn-host");
        string[] arguments = ["build", project, "-c", "Release", "-v", "quiet", "-nologo"];
        using var build = Process.Start(new ProcessStartInfo("dotnet", arguments)
        {
            RedirectStandardOutput = true,
        })!;
        string output = build.StandardOutput.ReadToEnd();
        build.WaitForExit();
        if (build.ExitCode != 0)
            throw new UserException($"edgernn-host cannot be built: {output.Trim()}");
    }
}

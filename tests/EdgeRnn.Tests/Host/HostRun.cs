using System.Diagnostics;
using EdgeRnn.Trainer;

namespace EdgeRnn.Tests.Host;

/// <summary>One run of the host.</summary>
public sealed record HostRun(int ExitCode, string[] Output, string[] Errors)
{
    /// <summary>The host on this runtime, or what EDGERNN_HOST names: a native binary, an emulator with one.</summary>
    public static string[] Command { get; } =
        Environment.GetEnvironmentVariable("EDGERNN_HOST") is { Length: > 0 } words
            ? words.Split(' ')
            : ["dotnet", Path.Combine(AppContext.BaseDirectory, "edgernn-host.dll")];

    /// <summary>Whether the host is native code, where nothing at all may be allocated while streaming.</summary>
    public static bool IsNative => Command[0] != "dotnet";

    /// <summary>Runs the host until it ends.</summary>
    /// <param name="input">Bytes for its standard input.</param>
    /// <param name="arguments">Its options.</param>
    public static HostRun Of(byte[] input, params string[] arguments) => Of(input, Start(arguments));

    /// <summary>Runs the host without input until it ends, with a variable of the environment set.</summary>
    public static HostRun With(string variable, string value, params string[] arguments) =>
        Of([], Start([(variable, value)], arguments));

    private static HostRun Of(byte[] input, Process started)
    {
        using var process = started;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        try
        {
            process.StandardInput.BaseStream.Write(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading: what it said tells why.
        }
        process.WaitForExit();
        return new(process.ExitCode, Lines(output.Result), Lines(errors.Result));
    }

    /// <summary>Starts the host with all three streams redirected.</summary>
    public static Process Start(params string[] arguments) => Start([], arguments);

    private static Process Start((string Name, string Value)[] variables, string[] arguments)
    {
        var start = new ProcessStartInfo(Command[0])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in Command.Skip(1).Concat(arguments))
            start.ArgumentList.Add(argument);
        foreach (var (name, value) in variables)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>A model in a file that goes away with the test.</summary>
public sealed class ModelFile : IDisposable
{
    /// <summary>Writes <paramref name="model"/>.</summary>
    public ModelFile(RnnModel model)
    {
        Model = model;
        File.WriteAllBytes(Name, ModelWriter.Write(model));
    }

    /// <summary>The model.</summary>
    public RnnModel Model { get; }

    /// <summary>Where it is.</summary>
    public string Name { get; } = Path.Combine(Path.GetTempPath(), $"edgernn-{Guid.NewGuid():n}.ernn");

    /// <inheritdoc/>
    public void Dispose() => File.Delete(Name);
}

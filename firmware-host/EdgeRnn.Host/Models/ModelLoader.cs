using System.Globalization;
using EdgeRnn.Format;
using EdgeRnn.Runtime;

namespace EdgeRnn.Host.Models;

/// <summary>Bytes to a model that is ready to step, after everything that can be known of it was checked.</summary>
/// <param name="trust">The key that models must be signed with; null to take any.</param>
internal sealed class ModelLoader(TrustedKey? trust)
{
    // Beside the model: what the runtime and a few small objects take.
    private const long Reserve = 1 << 20;

    /// <summary>Reads and checks the model file <paramref name="path"/>.</summary>
    /// <returns>The stream, or null and a sentence.</returns>
    public StreamClassifier? Load(string path, out string? error)
    {
        StreamClassifier? stream = null;
        if (ModelReader.TryReadFile(path, out byte[]? file, out error))
        {
            stream = Load(file, out error);
            error = error is null ? null : $"{path}: {error}";
        }
        error = error is null ? null : $"the model cannot be used: {error}";
        return stream;
    }

    /// <summary>Checks a model file's signature, checksum, structure, memory and self-test.</summary>
    /// <param name="file">The whole file; must not change afterwards.</param>
    /// <param name="error">What is wrong.</param>
    public StreamClassifier? Load(byte[] file, out string? error)
    {
        error = trust?.Check(file);
        // Packed weights take at most as much as the file once more.
        if (error is null && file.Length + Reserve is var needed && needed > AvailableBytes())
            error = $"it needs {needed / 1024} KB more memory, and {AvailableBytes() / 1024} KB are left; use a " +
                "smaller one";
        if (error is not null || !ModelReader.TryRead(file, out var model, out error))
            return null;
        try
        {
            var session = new RnnSession(model);
            if (SelfTestRun.Passes(session) != false)
                return new(session);
            error = "its self-test gives other bits here than where it was made; make it anew with this version";
        }
        catch (NotSupportedException e) // a model for whole sequences, or a kernel that does not run here
        {
            error = e.Message;
        }
        return null;
    }

    /// <summary>Why a model cannot take the place of another on the same line, or null.</summary>
    public static string? Fits(RnnModel model, RnnModel line)
    {
        if (model.SelfTest is null)
            return "it has no self-test; models that edgernn train and edgernn quantize write have one";
        if (model.InputSize != line.InputSize)
            return $"it reads {model.InputSize} channels, and the line carries {line.InputSize}";
        if (model.Features != line.Features)
            return $"it reads {model.Features?.ToString() ?? "a sensor"}, and the one that runs " +
                $"{line.Features?.ToString() ?? "a sensor"}";
        if (model.OutputKind != line.OutputKind)
            return $"it gives {NameOf(model.OutputKind)}, and the one that runs gives {NameOf(line.OutputKind)}";
        if (model.OutputKind == OutputKind.Values && !model.Labels.SequenceEqual(line.Labels))
            return $"its values are {string.Join(", ", model.Labels)}, and those of the one that runs " +
                string.Join(", ", line.Labels);
        bool ratesKnown = model.SampleRateHz > 0 && line.SampleRateHz > 0;
        if (ratesKnown && MathF.Abs(model.SampleRateHz / line.SampleRateHz - 1) > 0.01f)
            return string.Create(CultureInfo.InvariantCulture,
                $"it is made for {model.SampleRateHz} readings a second, and the line carries {line.SampleRateHz}");
        if (model.Channels.Count > 0 && line.Channels.Count > 0 && !model.Channels.SequenceEqual(line.Channels))
            return $"its channels are {string.Join(", ", model.Channels)}, and those of the line are " +
                string.Join(", ", line.Channels);
        return null;
    }

    private static string NameOf(OutputKind kind) => kind == OutputKind.Values ? "values" : "classes";

    /// <summary>
    /// Bytes that this process may still take: what the system has, and what its control group may have.
    /// </summary>
    private static long AvailableBytes()
    {
        long available = long.MaxValue;
        foreach (string line in Lines("/proc/meminfo"))
        {
            if (line.StartsWith("MemAvailable:", StringComparison.Ordinal))
                available = Number(line["MemAvailable:".Length..].Replace("kB", "", StringComparison.Ordinal)) * 1024;
        }
        foreach (string line in Lines("/proc/self/cgroup"))
        {
            if (!line.StartsWith("0::", StringComparison.Ordinal))
                continue;
            string group = $"/sys/fs/cgroup{line[3..]}";
            long most = Number(Lines($"{group}/memory.max").FirstOrDefault());
            long used = Number(Lines($"{group}/memory.current").FirstOrDefault());
            if (most != long.MaxValue && used != long.MaxValue) // "max" is no number: there is no limit
                available = Math.Min(available, most - used);
        }
        return available;
    }

    private static long Number(string? text) =>
        long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out long number)
            ? number
            : long.MaxValue;

    private static string[] Lines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}

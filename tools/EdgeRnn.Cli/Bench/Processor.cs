using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace EdgeRnn.Cli.Bench;

/// <summary>The processor that figures were measured on.</summary>
public static partial class Processor
{
    /// <summary>
    /// What <c>lscpu</c> calls it; with the model's number where the name has none, as on hired machines.
    /// </summary>
    public static string Name { get; } = ReadName();

    /// <summary>The name as a folder: <c>amd-ryzen-7-5800x</c>.</summary>
    public static string Slug { get; } =
        NoLetters().Replace(Marks().Replace(Name, " ").ToLowerInvariant(), "-").Trim('-');

    private static string ReadName()
    {
        string? name = Field("model name");
        if (name is null)
            return RuntimeInformation.ProcessArchitecture.ToString();
        return name.Any(char.IsAsciiDigit) ? name : $"{name} family {Field("cpu family")} model {Field("model")}";
    }

    // "model name\t: AMD Ryzen ..." where Linux tells; ARM kernels give numbers under other names.
    private static string? Field(string field)
    {
        const string file = "/proc/cpuinfo";
        if (!File.Exists(file))
            return null;
        return File.ReadLines(file).Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries))
            .FirstOrDefault(parts => parts.Length == 2 && parts[0] == field)?[1];
    }

    [GeneratedRegex(@"\((R|TM)\)|\bCPU\b|\bProcessor\b|@.*", RegexOptions.IgnoreCase)]
    private static partial Regex Marks();

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex NoLetters();
}

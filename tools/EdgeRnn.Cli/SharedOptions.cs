using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using EdgeRnn.Decisions;
using EdgeRnn.Format;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Cli;

/// <summary>
/// Options that several verbs have, each made in one place. What is wrong with a value is said while arguments are
/// read, before any work.
/// </summary>
internal static class SharedOptions
{
    /// <summary><c>--json</c></summary>
    public static Option<bool> Json() =>
        new("--json") { Description = "Print one JSON object, and nothing else, on standard output." };

    /// <summary><c>--force</c></summary>
    public static Option<bool> Force() => new("--force") { Description = "Overwrite output that exists." };

    /// <summary><c>--model FILE</c></summary>
    public static Option<string> Model() => Required("--model", "FILE", "The model (.ernn).");

    /// <summary><c>--out FILE</c> or <c>--out DIR</c></summary>
    public static Option<string> Out(string what, string description) => Required("--out", what, description);

    /// <summary>A text that must be given.</summary>
    public static Option<string> Required(string name, string what, string description) =>
        new(name) { HelpName = what, Description = description, Required = true };

    /// <summary>Data, as <c>kind:path[?key=value]</c>.</summary>
    public static Option<DataSpec?> Data(string name, string description, bool required = false) => new(name)
    {
        HelpName = "SPEC",
        Description = description,
        Required = required,
        CustomParser = result => Parsed(result, DataSpec.Parse),
    };

    /// <summary><c>--seed</c></summary>
    public static Option<int> Seed() => Whole("--seed", "Seed of every random choice.", 0, int.MaxValue, 1);

    /// <summary><c>--threads</c></summary>
    public static Option<int> Threads() =>
        Whole("--threads", "Threads to work with.", 1, 256, Math.Clamp(Environment.ProcessorCount, 1, 256));

    /// <summary>A whole number with a default.</summary>
    public static Option<int> Whole(string name, string description, int least, int most, int value) => new(name)
    {
        HelpName = "N",
        Description = description,
        DefaultValueFactory = _ => value,
        CustomParser = result => ParseWhole(result, least, most) ?? value,
    };

    /// <summary>A whole number that may be left out.</summary>
    public static Option<int?> Whole(string name, string description, int least, int most) => new(name)
    {
        HelpName = "N",
        Description = description,
        CustomParser = result => ParseWhole(result, least, most),
    };

    /// <summary>A number that may be left out.</summary>
    public static Option<float?> Number(string name, string description, float least, float most) => new(name)
    {
        HelpName = "X",
        Description = description,
        CustomParser = result => ParseNumber(result, least, most),
    };

    /// <summary>A name with a default, refused with the usage where <paramref name="parse"/> refuses it.</summary>
    public static Option<string> Named<T>(
        string name, string what, string description, string value, Func<string, T> parse) => new(name)
        {
            HelpName = what,
            Description = description,
            DefaultValueFactory = _ => value,
            CustomParser = result => Parsed(result, text => (parse(text), text).text)!,
        };

    /// <summary>The value of an enumeration that is written in small letters.</summary>
    public static T ParseName<T>(string text)
        where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
        {
            if (text == NameOf(value))
                return value;
        }

        throw new UserException($"'{text}' is unknown; use {string.Join(" or ", Enum.GetValues<T>().Select(NameOf))}.");
    }

    /// <summary>The name of a value in options and in JSON.</summary>
    public static string NameOf<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    /// <summary><c>--decide RULES</c></summary>
    public static Option<string?> Decide() => new("--decide")
    {
        HelpName = "RULES",
        Description =
            "How a stream's scores become labels: threshold=0.6,threshold:LABEL=0.8,average=4 (or newest=0.3),"
            + "hysteresis=0.1,minimum=200ms,refractory=1s; a time may be a number of steps.",
    };

    /// <summary>The rules that <c>--decide</c> makes for a model.</summary>
    /// <exception cref="UserException">They are none for these labels.</exception>
    public static DecisionRules Decision(string text, IReadOnlyList<string> labels, float rateHz) =>
        DecisionRules.None.With(text, labels, rateHz, out string? error)
            ?? throw new UserException($"--decide: {error}.");

    /// <summary>Precisions a model may be quantized to.</summary>
    public static Precision ParsePrecision(string text) => text switch
    {
        "int8" => Precision.Int8,
        "int8x16" => Precision.Int8x16,
        _ => throw new UserException($"'{text}' is not a precision; use int8 or int8x16."),
    };

    /// <summary>Reads a model.</summary>
    /// <exception cref="UserException">It is not there, damaged, or not for this version.</exception>
    public static RnnModel LoadModel(string path) => ModelReader.TryLoad(path, out var model, out string? error)
        ? model
        : throw new UserException($"Cannot use the model {error}; name an .ernn file that edgernn wrote.");

    /// <summary>Refuses an output that exists, and one that would replace an input whatever --force says.</summary>
    /// <exception cref="UserException">The file exists, or is one of <paramref name="inputs"/>.</exception>
    public static void RefuseOutput(string path, bool overwrite, params ReadOnlySpan<string> inputs)
    {
        foreach (string input in inputs)
        {
            if (Path.GetFullPath(path) == Path.GetFullPath(input))
                throw new UserException($"'{path}' is read by this command and would be lost; choose another name.");
        }

        AtomicFile.RefuseExisting(path, overwrite);
    }

    /// <summary>The value, or the sentence that refuses it with the usage.</summary>
    public static T? Parsed<T>(ArgumentResult result, Func<string, T> parse)
    {
        try
        {
            return parse(Text(result));
        }
        catch (UserException e)
        {
            result.AddError($"{OptionName(result)}: {e.Message}");
            return default;
        }
    }

    private static int? ParseWhole(ArgumentResult result, int least, int most) =>
        int.TryParse(Text(result), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value)
        && value >= least && value <= most
            ? value
            : Refuse<int?>(result, most == int.MaxValue
                ? $"a whole number of at least {least}"
                : $"a whole number from {least} to {most}");

    private static float? ParseNumber(ArgumentResult result, float least, float most) =>
        float.TryParse(Text(result), NumberStyles.Float, CultureInfo.InvariantCulture, out float value)
        && value >= least && value <= most
            ? value
            : Refuse<float?>(result, $"a number from {least} to {most}");

    private static string Text(ArgumentResult result) => result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";

    private static string OptionName(ArgumentResult result) =>
        (result.Parent as OptionResult)?.Option.Name ?? result.Argument.Name;

    private static T? Refuse<T>(ArgumentResult result, string expected)
    {
        result.AddError($"{OptionName(result)} is '{Text(result)}', expected {expected}");
        return default;
    }
}

namespace EdgeRnn.Host.Commands;

/// <summary>The words behind a command: options with values, and at most one word without a name.</summary>
internal sealed class CommandArguments
{
    private readonly Dictionary<string, string> _values = [];

    /// <summary>The word without a name; empty for none.</summary>
    public string Word { get; private set; } = "";

    public string? this[string name] => _values.GetValueOrDefault(name);

    /// <summary>Reads the words; gives null and a sentence where they are wrong.</summary>
    /// <param name="args">All arguments; the first is the command.</param>
    /// <param name="takesWord">Whether a word without a name may be among them.</param>
    /// <param name="error">What is wrong.</param>
    /// <param name="names">The options there are.</param>
    public static CommandArguments? Parse(
        string[] args, bool takesWord, out string? error, params ReadOnlySpan<string> names)
    {
        var parsed = new CommandArguments();
        error = null;
        for (int i = 1; i < args.Length && error is null; i++)
        {
            int equals = args[i].IndexOf('=', StringComparison.Ordinal);
            string name = equals > 0 ? args[i][..equals] : args[i];
            bool isOption = name.StartsWith("--", StringComparison.Ordinal);
            if (isOption && !names.Contains(name))
                error = $"{args[0]} has no option {name}";
            else if (!isOption && (!takesWord || parsed.Word.Length > 0))
                error = $"{args[0]} does not know what to do with {args[i]}";
            else if (!isOption)
                parsed.Word = args[i];
            else if (equals < 0 && i + 1 == args.Length)
                error = $"{name} needs a value";
            else
                parsed._values[name] = equals > 0 ? args[i][(equals + 1)..] : args[++i];
        }
        return error is null ? parsed : null;
    }
}

using System.CommandLine;
using EdgeRnn.Trainer;

namespace EdgeRnn.Cli.Sweep;

/// <summary>An option of <c>train</c>, or of the network's form, with the values to try.</summary>
internal sealed record GridKey(string Name, IReadOnlyList<string> Values)
{
    /// <summary>
    /// Reads <c>KEY=V1,V2</c>. Values that hold commas themselves are divided by semicolons:
    /// <c>net=gru:8,dense:3;rnn:8,dense:3</c>.
    /// </summary>
    public static GridKey Parse(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals < 1 || equals == text.Length - 1)
            throw new UserException($"'{text}' is no key with values; write for example hidden=16,32.");
        string values = text[(equals + 1)..];
        string[] parts = values.Split(values.Contains(';') ? ';' : ',', StringSplitOptions.TrimEntries);
        if (parts.Any(part => part.Length == 0))
            throw new UserException($"'{text}' has an empty value; leave out the comma too much.");
        if (parts.Distinct().Count() < parts.Length)
            throw new UserException($"'{text}' has a value twice; leave one.");
        return new(text[..equals].TrimStart('-'), parts);
    }
}

/// <summary>All choices of a sweep: every value of each key with every value of the others.</summary>
internal sealed class SweepGrid
{
    private static readonly string[] NetworkKeys = ["cell", "layers", "hidden"];

    private readonly IReadOnlyList<GridKey> _keys;

    /// <summary>Holds the keys to what <c>train</c> knows.</summary>
    /// <param name="keys">The keys, in the user's order.</param>
    /// <param name="options">Options of <c>train</c> that may vary.</param>
    /// <exception cref="UsageException">A key is unknown or there twice, or keys exclude each other.</exception>
    public SweepGrid(IReadOnlyList<GridKey> keys, IEnumerable<Option> options)
    {
        _keys = keys;
        var known = options.Select(o => o.Name.TrimStart('-')).Order().ToList();
        foreach (var key in keys)
        {
            if (!NetworkKeys.Contains(key.Name) && !known.Contains(key.Name))
                throw new UsageException(
                    $"--grid: '{key.Name}' is not known; use cell, hidden, layers, {string.Join(", ", known)}.");
        }

        if (keys.Select(k => k.Name).Distinct().Count() < keys.Count)
            throw new UsageException("--grid names a key twice; give all its values at once, as in hidden=16,32.");
        if (HasNetworkKeys && keys.Any(k => k.Name == "net"))
            throw new UsageException("--grid: net says all of the network; leave out cell, hidden and layers, or net.");
    }

    /// <summary>Whether the grid makes networks of cell, hidden and layers.</summary>
    public bool HasNetworkKeys => _keys.Any(k => NetworkKeys.Contains(k.Name));

    /// <summary>Every choice, by name and value; the last key changes fastest.</summary>
    public IEnumerable<IReadOnlyList<(string Name, string Value)>> Points()
    {
        IEnumerable<IReadOnlyList<(string, string)>> points = [[]];
        foreach (var key in _keys)
            points = points.SelectMany(
                point => key.Values.Select(value => (IReadOnlyList<(string, string)>)[.. point, (key.Name, value)]));
        return points;
    }

    /// <summary>The arguments of <c>train</c> that a choice stands for.</summary>
    /// <param name="point">The choice.</param>
    /// <param name="outputs">Units of the head.</param>
    /// <exception cref="UsageException">Hidden units or layers are no numbers.</exception>
    public IReadOnlyList<string> Arguments(IReadOnlyList<(string Name, string Value)> point, int outputs)
    {
        var arguments = new List<string>();
        if (HasNetworkKeys)
            arguments.AddRange(["--net", NetworkOf(point, outputs)]);
        foreach (var (name, value) in point.Where(p => !NetworkKeys.Contains(p.Name)))
            arguments.AddRange([$"--{name}", value]);
        return arguments;
    }

    private static string NetworkOf(IReadOnlyList<(string Name, string Value)> point, int outputs)
    {
        string Value(string key, string otherwise) => point.FirstOrDefault(p => p.Name == key).Value ?? otherwise;
        string layers = Value("layers", "1"), cell = Value("cell", "lstm"), hidden = Value("hidden", "64");
        if (!int.TryParse(layers, out int count) || count is < 1 or >= RnnModel.MaxLayers)
            throw new UsageException(
                $"--grid: layers is '{layers}', expected a whole number from 1 to {RnnModel.MaxLayers - 1}.");
        // A cell's own options come after its units: gru:32:reset-before.
        string[] parts = cell.Split(':', 2);
        string layer = $"{parts[0]}:{hidden}{(parts.Length > 1 ? ":" + parts[1] : "")}";
        return string.Join(',', Enumerable.Repeat(layer, count).Append($"dense:{outputs}"));
    }
}

using System.Globalization;
using EdgeRnn.Trainer.Layers;

namespace EdgeRnn.Trainer;

/// <content>Networks from text.</content>
public sealed partial class Network
{
    /// <summary>
    /// Makes a network from a list such as <c>lstm:128,dropout:0.2,dense:10</c>: <c>rnn:N[:relu]</c>, <c>lstm:N</c>,
    /// <c>gru:N[:reset-before]</c>, <c>dropout:P</c>, <c>dense:N[:relu]</c>; <c>pool:last</c> may stand before the
    /// first dense.
    /// </summary>
    /// <param name="specification">The list.</param>
    /// <param name="inputSize">Readings a step.</param>
    /// <exception cref="UserException">
    /// The list is not a network; the sentence says where and what would be one.
    /// </exception>
    public static Network Parse(string specification, int inputSize)
    {
        ArgumentNullException.ThrowIfNull(specification);
        var layers = new List<Layer>();
        foreach (string item in specification.Split(',', StringSplitOptions.TrimEntries))
        {
            string[] parts = item.Split(':');
            string[] options = parts.Length > 2 ? parts[2..] : [];
            switch (parts[0])
            {
                case "rnn":
                    layers.Add(new SimpleRnn(Units(item, parts), Function(item, options)));
                    break;
                case "lstm":
                    Only(item, options, null);
                    layers.Add(new Lstm(Units(item, parts)));
                    break;
                case "gru":
                    layers.Add(new Gru(Units(item, parts), Only(item, options, "reset-before")));
                    break;
                case "dense":
                    layers.Add(new Dense(Units(item, parts), Function(item, options)));
                    break;
                case "dropout":
                    Only(item, options, null);
                    layers.Add(new Dropout(Rate(item, parts)));
                    break;
                case "pool":
                    if (item != "pool:last")
                        throw new UserException(
                            $"'{item}' is not a pooling this version trains; use 'pool:last' or leave it out.");
                    break;
                default:
                    throw new UserException(
                        $"'{item}' in the network '{specification}' is not a layer; use rnn, lstm, gru, dropout or " +
                        "dense, as in 'lstm:64,dropout:0.2,dense:10'.");
            }
        }

        return new(inputSize, [.. layers]);
    }

    private static int Units(string item, string[] parts)
    {
        if (parts.Length < 2 || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int units)
            || units is < 1 or > RnnModel.MaxUnits)
        {
            throw new UserException(
                $"'{item}' needs a number of units from 1 to {RnnModel.MaxUnits}, as in '{parts[0]}:64'.");
        }

        return units;
    }

    private static float Rate(string item, string[] parts)
    {
        if (parts.Length < 2
            || !float.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out float rate)
            || rate is not (>= 0 and <= 0.95f))
        {
            throw new UserException($"'{item}' needs a rate from 0 to 0.95, as in 'dropout:0.2'.");
        }

        return rate;
    }

    private static Activation Function(string item, string[] options) =>
        Only(item, options, "relu") ? Activation.Relu : Activation.Default;

    private static bool Only(string item, string[] options, string? allowed)
    {
        foreach (string option in options)
        {
            if (option != allowed)
            {
                string hint = allowed is null ? "it takes no options" : $"the option here is '{allowed}'";
                throw new UserException($"'{option}' in '{item}' is not known; {hint}.");
            }
        }

        return options.Length > 0;
    }
}

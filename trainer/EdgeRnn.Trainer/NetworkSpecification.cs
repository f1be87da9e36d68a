using System.Globalization;
using EdgeRnn.Trainer.Layers;

namespace EdgeRnn.Trainer;

/// <content>Networks from text.</content>
public sealed partial class Network
{
    /// <summary>
    /// Makes a network from a list such as <c>lstm:128,dropout:0.2,dense:10</c>: <c>rnn:N[:relu]</c>, <c>lstm:N</c>,
    /// <c>gru:N[:reset-before]</c>, <c>norm[:eps=E]</c>, <c>dropout:P[:sequence]</c>, <c>dense:N[:relu]</c>;
    /// <c>pool:last</c>, <c>pool:mean</c>, <c>pool:max</c> or <c>pool:none</c> may stand before the first dense, and
    /// recurrent layers take <c>recurrent-dropout=P</c> and <c>bi</c>.
    /// </summary>
    /// <param name="specification">The list.</param>
    /// <param name="inputSize">Readings a step.</param>
    /// <param name="pooling">The pooling of a list that names none.</param>
    /// <exception cref="UserException">
    /// The list is not a network; the sentence says where and what would be one.
    /// </exception>
    public static Network Parse(string specification, int inputSize, Pooling pooling = Pooling.Last)
    {
        ArgumentNullException.ThrowIfNull(specification);
        var layers = new List<Layer>();
        foreach (string text in specification.Split(',', StringSplitOptions.TrimEntries))
        {
            var item = new LayerText(text);
            layers.Add(item.Kind switch
            {
                "rnn" => item.OneOrBoth(SimpleRnn(item)),
                "lstm" => item.OneOrBoth(Lstm(item)),
                "gru" => item.OneOrBoth(Gru(item)),
                "dense" => new Dense(item.Units(), item.Function()),
                "norm" => new LayerNormalization(item.Epsilon()),
                "dropout" => new Dropout(item.Rate(), item.Has("sequence")),
                "pool" => new Pool(item.Pooling()),
                _ => throw new UserException(
                    $"'{text}' in the network '{specification}' is not a layer; use rnn, lstm, gru, norm, dropout, " +
                    "pool or dense, as in 'lstm:64,dropout:0.2,dense:10'."),
            });
            item.RefuseRest();
        }

        if (!layers.Exists(layer => layer is Pool))
            layers.Insert(1 + LastOfSteps([.. layers]), new Pool(pooling));
        return new(inputSize, [.. layers]);
    }

    private static Func<Layer> SimpleRnn(LayerText item)
    {
        (int units, var function, float rate) = (item.Units(), item.Function(), item.Rate("recurrent-dropout"));
        return () => new SimpleRnn(units, function, rate);
    }

    private static Func<Layer> Lstm(LayerText item)
    {
        (int units, float rate) = (item.Units(), item.Rate("recurrent-dropout"));
        return () => new Lstm(units, rate);
    }

    private static Func<Layer> Gru(LayerText item)
    {
        (int units, bool isResetBefore, float rate) =
            (item.Units(), item.Has("reset-before"), item.Rate("recurrent-dropout"));
        return () => new Gru(units, isResetBefore, rate);
    }

    /// <summary>A layer's text, <c>kind:number[:option[=value]…]</c>; each part is taken once.</summary>
    private sealed class LayerText
    {
        private readonly string _text;
        private readonly string? _number;
        private readonly List<string> _options;
        private readonly List<string> _known = [];

        public LayerText(string text)
        {
            _text = text;
            string[] parts = text.Split(':');
            Kind = parts[0];
            _number = parts.Length > 1 ? parts[1] : null;
            _options = [.. parts.Skip(2)];
        }

        public string Kind { get; }

        public int Units() =>
            int.TryParse(_number, NumberStyles.None, CultureInfo.InvariantCulture, out int units)
            && units is >= 1 and <= RnnModel.MaxUnits
                ? units
                : throw new UserException(
                    $"'{_text}' needs a number of units from 1 to {RnnModel.MaxUnits}, as in '{Kind}:64'.");

        public float Rate() => TryRate(_number, out float rate)
            ? rate
            : throw new UserException($"'{_text}' needs a rate from 0 to 0.95, as in 'dropout:0.2'.");

        public float Epsilon() => _number is null ? LayerNormalization.DefaultEpsilon
            : _number.StartsWith("eps=", StringComparison.Ordinal)
            && float.TryParse(_number[4..], NumberStyles.Float, CultureInfo.InvariantCulture, out float epsilon)
            && epsilon is >= 1e-12f and <= 1
                ? epsilon
                : throw new UserException(
                    $"'{_text}' is no layer normalisation; write 'norm', or 'norm:eps=1e-3' with a number from 1e-12 "
                    + "to 1 that is added to the variance.");

        /// <summary>The value of <c>option=rate</c>, 0 when it is not there.</summary>
        public float Rate(string option)
        {
            _known.Add($"{option}=0.2");
            string? found = _options.Find(o => o.StartsWith(option + "=", StringComparison.Ordinal));
            if (found is null)
                return 0;
            _options.Remove(found);
            return TryRate(found[(option.Length + 1)..], out float rate)
                ? rate
                : throw new UserException($"'{found}' in '{_text}' needs a rate from 0 to 0.95, as in '{_known[^1]}'.");
        }

        /// <summary>The layer, or one for each direction.</summary>
        public Layer OneOrBoth(Func<Layer> make)
        {
            if (!Has("bi"))
                return make();
            return 2 * Units() <= RnnModel.MaxUnits
                ? new Bidirectional(make(), make())
                : throw new UserException(
                    $"'{_text}' has {2 * Units()} units in both directions; use at most {RnnModel.MaxUnits / 2} in " +
                        "each.");
        }

        public Pooling Pooling() => Pool.Parse(_number) ?? throw new UserException(
            $"'{_text}' is not a pooling; use pool:last, pool:mean, pool:max, or pool:none for an output at each " +
                "step.");

        public bool Has(string option)
        {
            _known.Add(option);
            return _options.Remove(option);
        }

        public Activation Function() => Has("relu") ? Activation.Relu : Activation.Default;

        /// <summary>Refuses options that the layer did not ask for.</summary>
        public void RefuseRest()
        {
            if (_options.Count == 0)
                return;
            string hint = _known.Count == 0 ? "it takes no options" : $"it takes '{string.Join("' or '", _known)}'";
            throw new UserException($"'{_options[0]}' in '{_text}' is not known; {hint}.");
        }

        private static bool TryRate(string? text, out float rate) =>
            float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out rate)
                && rate is >= 0 and <= 0.95f;
    }
}

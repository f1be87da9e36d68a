using System.Globalization;
using EdgeRnn.Trainer.Datasets;

namespace EdgeRnn.Trainer.Training;

/// <summary>
/// How training sequences are varied each time they are shown, so that a network learns what matters instead of the few
/// recordings there are. 0 leaves a kind out. Jitter, scaling, rotation and time warping are those of Um et al., "Data
/// augmentation of wearable sensor data for Parkinson's disease monitoring using convolutional neural networks" (2017).
/// </summary>
public sealed record Augmentation
{
    private static readonly Kind[] Kinds =
    [
        new("noise", 10, "a deviation of the noise, as a part of the channel's own, up to 10", a => a.Noise,
            (a, x) => a with { Noise = x }),
        new("scale", 1, "a deviation of the factor, up to 1", a => a.Scale, (a, x) => a with { Scale = x }),
        new("shift", 1, "a part of the sequence's length, up to 1", a => a.Shift, (a, x) => a with { Shift = x }),
        new("warp", 1, "a deviation of the speed, up to 1", a => a.Warp, (a, x) => a with { Warp = x }),
        new("rotate", 180, "degrees, up to 180", a => a.Rotate, (a, x) => a with { Rotate = x }),
        new("drop", 0.9f, "a probability of at most 0.9", a => a.Drop, (a, x) => a with { Drop = x }),
        new("pixels", 1000, "a whole number of pixels", a => a.Pixels, (a, x) => a with { Pixels = (int)x }),
    ];

    /// <summary>Jitter: deviation of the normal noise on each reading, in deviations of its channel.</summary>
    public float Noise { get; init; }

    /// <summary>
    /// Scaling: each channel's distance from its mean is multiplied, for the whole sequence, by a number of mean 1 and
    /// this deviation.
    /// </summary>
    public float Scale { get; init; }

    /// <summary>
    /// Time shift by whole steps, up to this part of the length either way; the edge's reading fills the gap.
    /// </summary>
    public float Shift { get; init; }

    /// <summary>
    /// Time warp: the speed at which a sequence is gone through varies smoothly, with mean 1 and this deviation; its
    /// first and last step stay where they are.
    /// </summary>
    public float Warp { get; init; }

    /// <summary>
    /// Rotation of every x, y, z triple of channels, all of them together, about a random axis by an angle of up to so
    /// many degrees either way.
    /// </summary>
    public float Rotate { get; init; }

    /// <summary>Channel dropout: probability that a channel reads its mean throughout; one is always kept.</summary>
    public float Drop { get; init; }

    /// <summary>
    /// For images, rows as steps: they are moved by up to so many whole pixels up or down and left or right; 0 fills.
    /// </summary>
    public int Pixels { get; init; }

    /// <summary>Reads <c>KIND:AMOUNT,…</c>, e.g. <c>noise:0.05,shift:0.1</c>.</summary>
    /// <exception cref="UserException">An unknown kind, one that is there twice, or an amount out of range.</exception>
    public static Augmentation Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var result = new Augmentation();
        foreach (string word in text.Split(','))
        {
            int colon = word.IndexOf(':', StringComparison.Ordinal);
            string name = colon < 0 ? word : word[..colon];
            var kind = Kinds.FirstOrDefault(k => k.Name == name)
                ?? throw new UserException(
                    $"'{name}' is no augmentation; use {string.Join(", ", Kinds.Select(k => k.Name))}.");
            if (kind.Amount(result) != 0)
                throw new UserException($"'{name}' is there twice in '{text}'; leave one.");
            string amount = colon < 0 ? "" : word[(colon + 1)..];
            if (!float.TryParse(amount, NumberStyles.Float, CultureInfo.InvariantCulture, out float x)
                || !(kind.IsValid(x) && x > 0))
            {
                throw new UserException($"'{word}' is not an augmentation; expected {name}:N with N {kind.Expected}.");
            }

            result = kind.With(result, x);
        }

        return result;
    }

    /// <summary>The text that <see cref="Parse"/> reads; empty when nothing is varied.</summary>
    public override string ToString() => string.Join(',', Kinds.Where(kind => kind.Amount(this) != 0)
        .Select(kind => string.Create(CultureInfo.InvariantCulture, $"{kind.Name}:{kind.Amount(this)}")));

    /// <summary>Refuses amounts out of range, and kinds that <paramref name="data"/> cannot be varied by.</summary>
    internal void Check(SequenceDataset data)
    {
        foreach (var kind in Kinds)
        {
            if (!kind.IsValid(kind.Amount(this)))
                throw new UserException(
                    $"Augmentation '{kind.Name}' is {kind.Amount(this)}, expected {kind.Expected}.");
        }

        if (Rotate > 0 && AxisTriples(data).Length == 0)
        {
            throw new UserException(
                $"{data.Name} has channels {string.Join(", ", data.Channels)}, but rotation needs three in a row that "
                + "are called alike but for x, y and z; leave 'rotate' out, or choose them with channels=.");
        }

        if (Drop > 0 && data.Channels.Count == 1)
            throw new UserException($"{data.Name} has one channel, which cannot be dropped; leave 'drop' out.");
    }

    /// <summary>
    /// First channels of the triples x, y, z of a sensor: three in a row whose names differ in that letter alone, such
    /// as ax, ay, az; where the source has no names and a multiple of three channels, each three.
    /// </summary>
    internal static int[] AxisTriples(SequenceDataset data)
    {
        var triples = new List<int>();
        int count = data.Channels.Count;
        for (int c = 0; c + 2 < count; c++)
        {
            bool isTriple = data.HasChannelNames
                ? AreAxes(data.Channels[c], data.Channels[c + 1], data.Channels[c + 2])
                : count % 3 == 0;
            if (!isTriple)
                continue;
            triples.Add(c);
            c += 2;
        }

        return [.. triples];
    }

    private static bool AreAxes(string x, string y, string z)
    {
        for (int i = 0; i < x.Length; i++)
        {
            bool hasAxis = x[i] is 'x' or 'X';
            if (hasAxis && WithAxis(x, i, 1) == y && WithAxis(x, i, 2) == z)
                return true;
        }

        return false;
    }

    private static string WithAxis(string name, int place, int axis) =>
        $"{name.AsSpan(0, place)}{(char)(name[place] + axis)}{name.AsSpan(place + 1)}";

    private sealed record Kind(
        string Name, float Most, string Expected, Func<Augmentation, float> Amount,
        Func<Augmentation, float, Augmentation> With)
    {
        public bool IsValid(float x) => x >= 0 && x <= Most && (Name != "pixels" || x == MathF.Floor(x));
    }
}

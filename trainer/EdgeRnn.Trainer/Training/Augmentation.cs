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
        new("speed", 0.5f, "a part of the speed, up to 0.5", a => a.Speed, (a, x) =>
            a with { Speed = x }, OfSound: true),
        new("pitch", 0.5f, "a part of the pitch, up to 0.5", a => a.Pitch, (a, x) =>
            a with { Pitch = x }, OfSound: true),
        new("gain", 40, "decibels, up to 40", a => a.Gain, (a, x) => a with { Gain = x }, OfSound: true),
        new("snr", 60, "decibels, up to 60", a => a.Snr, (a, x) => a with { Snr = x }, OfSound: true),
        new("mix", 60, "decibels, up to 60", a => a.Mix, (a, x) => a with { Mix = x }, OfSound: true),
        new("bands", 128, "a whole number of features", a => a.Bands, (a, x) =>
            a with { Bands = (int)x }, OfSound: true),
        new("mask", 0.5f, "a part of the length, up to 0.5", a => a.Mask, (a, x) => a with { Mask = x }, OfSound: true),
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

    /// <summary>
    /// Of sound: it is played faster or slower, pitch and all, by a factor of up to so much more or less than 1.
    /// </summary>
    public float Speed { get; init; }

    /// <summary>Of sound: its pitch is raised or lowered likewise, while it takes as long as before.</summary>
    public float Pitch { get; init; }

    /// <summary>Of sound: it is made louder or softer by up to so many decibels.</summary>
    public float Gain { get; init; }

    /// <summary>
    /// Of sound: noise, of a colour drawn from white to brown, is added at a signal-to-noise ratio from so many
    /// decibels to 20 more.
    /// </summary>
    public float Snr { get; init; }

    /// <summary>
    /// Of sound: another recording, of any class, is added in the background, at a ratio drawn likewise.
    /// </summary>
    public float Mix { get; init; }

    /// <summary>
    /// Of sound, SpecAugment (Park et al. 2019): two times up to so many neighbouring features read their mean
    /// throughout.
    /// </summary>
    public int Bands { get; init; }

    /// <summary>Likewise, two times all features read their mean for up to this part of the steps.</summary>
    public float Mask { get; init; }

    /// <summary>Whether the sound itself is varied, and its features have to be computed anew.</summary>
    internal bool ChangesSound => Speed > 0 || Pitch > 0 || Gain > 0 || Snr > 0 || Mix > 0;

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
            if (kind.OfSound && kind.Amount(this) != 0 && data.Features is null)
                throw new UserException(
                    $"'{kind.Name}' varies sound, and {data.Name} holds none; leave it out, or name wav: data.");
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
        Func<Augmentation, float, Augmentation> With, bool OfSound = false)
    {
        public bool IsValid(float x) =>
            x >= 0 && x <= Most && (Name is not ("pixels" or "bands") || x == MathF.Floor(x));
    }
}

using System.Globalization;

namespace EdgeRnn.Cli;

/// <summary>Figures as people read them; the same everywhere, whatever the machine's language.</summary>
internal static class Figures
{
    /// <summary>97.53 %</summary>
    public static string Percent(double? part) =>
        part is { } value ? string.Create(CultureInfo.InvariantCulture, $"{100 * value:0.00} %") : "not measured";

    /// <summary>12,345</summary>
    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>12,345 bytes</summary>
    public static string Bytes(long bytes) => $"{Count(bytes)} bytes";

    /// <summary>1.25 µs</summary>
    public static string Microseconds(double us) => string.Create(CultureInfo.InvariantCulture, $"{us:0.00} µs");

    /// <summary>0:42, or 1:02:03.</summary>
    public static string Time(TimeSpan time) =>
        time.ToString(time.TotalHours >= 1 ? @"h\:mm\:ss" : @"m\:ss", CultureInfo.InvariantCulture);

    /// <summary>Four significant digits.</summary>
    public static string Short(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    /// <summary>A text of at most <paramref name="length"/> characters; what was cut is shown by an ellipsis.</summary>
    public static string Cut(string text, int length) =>
        text.Length <= length ? text : string.Concat(text.AsSpan(0, Math.Max(0, length - 1)), "…");
}

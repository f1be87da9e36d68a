using System.Globalization;

namespace EdgeRnn.Trainer.Report;

/// <summary>Figures as the pages show them.</summary>
internal static class Shown
{
    /// <summary>97.53 %, with a space that does not break.</summary>
    public static string Percent(double? part) =>
        part is { } value ? string.Create(CultureInfo.InvariantCulture, $"{100 * value:0.00}\u00A0%") : "–";

    /// <summary>12,345</summary>
    public static string Count(long? count) => count?.ToString("N0", CultureInfo.InvariantCulture) ?? "–";

    /// <summary>0.123, or – where there is no such figure.</summary>
    public static string Part(double value, bool isDefined = true) =>
        isDefined ? value.ToString("0.000", CultureInfo.InvariantCulture) : "–";

    /// <summary>1.25 µs</summary>
    public static string Microseconds(double? us) =>
        us is { } value ? string.Create(CultureInfo.InvariantCulture, $"{value:0.00}\u00A0µs") : "–";

    /// <summary>0.4 s, 0:42, or 1:02:03.</summary>
    public static string Time(double seconds) =>
        seconds < 10 ? FormattableString.Invariant($"{seconds:0.0}\u00A0s") : TimeSpan.FromSeconds(seconds)
        .ToString(seconds >= 3600 ? @"h\:mm\:ss" : @"m\:ss", CultureInfo.InvariantCulture);

    /// <summary>Three significant digits; small and large ones with an exponent.</summary>
    public static string Short(double value) => value.ToString("G3", CultureInfo.InvariantCulture);
}

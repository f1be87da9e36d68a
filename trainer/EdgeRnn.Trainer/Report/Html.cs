using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace EdgeRnn.Trainer.Report;

/// <summary>
/// Markup. The only way to make it from other text is <see cref="Of"/>, which escapes every value that is put in, so
/// that labels, channels and paths cannot become tags.
/// </summary>
internal readonly record struct Html(string Markup)
{
    /// <summary>Nothing.</summary>
    public static Html Empty { get; } = new("");

    /// <summary>Markup with escaped values.</summary>
    public static Html Of(HtmlInterpolation text) => new(text.ToString());

    /// <summary>One after another.</summary>
    public static Html Join<T>(IEnumerable<T> items, Func<T, Html> each) =>
        new(string.Concat(items.Select(i => each(i).Markup)));

    /// <summary>Text without markup; characters that HTML cannot hold are replaced.</summary>
    public static Html Text(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return Empty;
        string clean = string.Concat(text.Select(c => char.IsControl(c) && c is not ('\n' or '\t') ? '\uFFFD' : c));
        return new(WebUtility.HtmlEncode(clean));
    }

    /// <inheritdoc/>
    public override string ToString() => Markup;
}

/// <summary>The text between <c>$"</c> and <c>"</c>: written parts are markup, values are escaped.</summary>
[InterpolatedStringHandler]
internal readonly ref struct HtmlInterpolation(int literalLength, int formattedCount)
{
    private readonly StringBuilder _text = new(literalLength + 16 * formattedCount);

    public void AppendLiteral(string markup) => _text.Append(markup);

    public void AppendFormatted(Html markup) => _text.Append(markup.Markup);

    public void AppendFormatted(string? text) => _text.Append(Html.Text(text).Markup);

    public void AppendFormatted<T>(T value, string? format = null)
        where T : IFormattable =>
        AppendFormatted(value.ToString(format, CultureInfo.InvariantCulture));

    public override string ToString() => _text.ToString();
}

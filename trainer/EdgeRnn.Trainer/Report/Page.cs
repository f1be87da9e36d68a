using System.Reflection;

namespace EdgeRnn.Trainer.Report;

/// <summary>What all pages share: one self-contained document, and the small parts that it is made of.</summary>
internal static class Page
{
    /// <summary>The style sheet.</summary>
    public static string Style => Resource("page.css").TrimEnd();

    /// <summary>The document; nothing in it refers to anything outside.</summary>
    public static string Document(string title, Html body) => Resource("page.html")
        .Replace("{{title}}", Html.Text(title).Markup, StringComparison.Ordinal)
        .Replace("{{style}}", Style, StringComparison.Ordinal)
        // The last: what it holds is the user's, and is not looked at again.
        .Replace("{{body}}", body.Markup, StringComparison.Ordinal);

    /// <summary>A part of the page with its heading.</summary>
    public static Html Section(string id, string title, Html content) =>
        Html.Of($"<section id=\"{id}\" aria-labelledby=\"{id}-h\">\n<h2 " +
            $"id=\"{id}-h\">{title}</h2>\n{content}\n</section>\n");

    /// <summary>Links to the sections.</summary>
    public static Html Contents(params IEnumerable<(string Id, string Title)> sections) => Html.Of(
        $"<nav aria-label=\"Contents\"><ul>{Html.Join(sections, s => Html.Of($"<li><a href=\"#{s.Id}\">{s.Title}</a></li>"))}</ul></nav>\n");

    /// <summary>The large figures at the top.</summary>
    public static Html Figures(params IEnumerable<(string Name, string Value, string More)> figures)
    {
        var items = Html.Join(figures, f => Html.Of(
            $"<div><dt>{f.Name}</dt><dd class=\"value\">{f.Value}</dd><dd class=\"more\">{f.More}</dd></div>\n"));
        return Html.Of($"<dl class=\"figures\">\n{items}</dl>\n");
    }

    /// <summary>What is shown when asked for.</summary>
    public static Html Details(string title, Html content) =>
        Html.Of($"<details><summary>{title}</summary>\n{content}</details>\n");

    /// <summary>What colours mean.</summary>
    public static Html Legend(IEnumerable<(Ink Ink, string Name)> items, string shape = "")
    {
        var list = Html.Join(items, i => Html.Of($"<li><i class=\"i{(int)i.Ink} {shape}\"></i>{i.Name}</li>"));
        return Html.Of($"<ul class=\"legend\">{list}</ul>\n");
    }

    /// <summary>A picture with what is said of it.</summary>
    public static Html Figure(Html picture, Html caption, string kind = "") =>
        Html.Of($"<figure class=\"{kind}\">{picture}<figcaption>{caption}</figcaption></figure>\n");

    private static string Resource(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}

/// <summary>
/// A table: the first column names its rows, the others hold numbers unless their title begins with '~'.
/// </summary>
internal sealed class HtmlTable(string caption, params string[] columns)
{
    private readonly List<Html> _rows = [];
    private readonly List<Html> _foot = [];

    /// <summary>Adds a row; its first cell is its name.</summary>
    public HtmlTable Row(params ReadOnlySpan<Html> cells)
    {
        _rows.Add(Cells(cells, ""));
        return this;
    }

    /// <summary>Adds a row that stands out.</summary>
    public HtmlTable BestRow(params ReadOnlySpan<Html> cells)
    {
        _rows.Add(Cells(cells, "best"));
        return this;
    }

    /// <summary>Adds a row of sums or means.</summary>
    public HtmlTable Foot(params ReadOnlySpan<Html> cells)
    {
        _foot.Add(Cells(cells, ""));
        return this;
    }

    /// <summary>The table, which scrolls sideways where it is wider than the page.</summary>
    public Html ToHtml(string kind = "wide")
    {
        var head = Html.Join(
            columns.Index(), c => Html.Of($"<th scope=\"col\" class=\"{Class(c.Index)}\">{Title(c.Item)}</th>"));
        var foot = _foot.Count == 0 ? Html.Empty : Html.Of($"<tfoot>{Html.Join(_foot, r => r)}</tfoot>");
        return Html.Of($"""
            <div class="scroll" role="region" aria-label="{caption}" tabindex="0"><table class="{kind}"><caption>{caption}</caption>
            <thead><tr>{head}</tr></thead>
            <tbody>
            {Html.Join(_rows, r => r)}</tbody>{foot}</table></div>

            """);
    }

    private Html Cells(ReadOnlySpan<Html> cells, string kind)
    {
        var text = Html.Of($"<th scope=\"row\">{cells[0]}</th>");
        for (int k = 1; k < cells.Length; k++)
            text = Html.Of($"{text}<td class=\"{Class(k)}\">{cells[k]}</td>");
        return Html.Of($"<tr class=\"{kind}\">{text}</tr>\n");
    }

    private string Class(int column) => column == 0 ? "" : columns[column].StartsWith('~') ? "text" : "n";

    private static string Title(string column) => column.TrimStart('~');
}

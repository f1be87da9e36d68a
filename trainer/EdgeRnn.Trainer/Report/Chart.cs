using System.Globalization;
using System.Xml.Linq;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace EdgeRnn.Trainer.Report;

/// <summary>
/// What a chart's shapes look like; the page's style sheet gives each its colour, in light and in dark.
/// </summary>
internal enum Ink
{
    /// <summary>Lines behind the data.</summary>
    Grid,

    /// <summary>The first of the series' colours; more follow, to <see cref="SeriesCount"/>.</summary>
    Series = 10,

    /// <summary>Colours that series have.</summary>
    SeriesCount = 6,

    /// <summary>What is right.</summary>
    Good = 30,

    /// <summary>What is wrong.</summary>
    Bad,

    /// <summary>What other things are compared with.</summary>
    Muted,
}

/// <summary>An axis: its limits, and the values that are named.</summary>
/// <param name="Low">Left or bottom.</param>
/// <param name="High">Right or top.</param>
/// <param name="Title">What it measures; may be empty.</param>
/// <param name="Ticks">Values with their names.</param>
internal sealed record Axis(double Low, double High, string Title, IReadOnlyList<(double Value, string Name)> Ticks)
{
    /// <summary>
    /// An axis over values, with round ticks; ends are widened to whole ticks if <paramref name="widen"/>.
    /// </summary>
    public static Axis Over(double low, double high, string title, int ticks = 5, bool widen = true, bool whole = false)
    {
        if (!(high > low))
            (low, high) = (low - 0.5, low + 0.5);
        double step = RoundStep((high - low) / ticks);
        step = whole ? Math.Max(1, step) : step;
        if (widen)
            (low, high) = (step * Math.Floor(low / step + 1e-9), step * Math.Ceiling(high / step - 1e-9));
        var named = new List<(double, string)>();
        for (double k = Math.Ceiling(low / step - 1e-9); k * step <= high + 1e-9 * step; k++)
            named.Add((k * step, Name(k * step, step, Math.Max(Math.Abs(low), Math.Abs(high)))));
        return new(low, high, title, named);
    }

    /// <summary>1, 2 or 5 times a power of ten, at least <paramref name="least"/>.</summary>
    private static double RoundStep(double least)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(least)));
        foreach (int digit in (ReadOnlySpan<int>)[1, 2, 5])
        {
            if (digit * power >= least * (1 - 1e-9))
                return digit * power;
        }

        return 10 * power;
    }

    // All ticks of an axis are written alike.
    private static string Name(double value, double step, double largest)
    {
        if (Math.Abs(value) < 1e-9 * step)
            return "0";
        if (largest is >= 1e5 or < 1e-2)
            return value.ToString("0.##e0", CultureInfo.InvariantCulture);
        int decimals = Math.Clamp((int)Math.Ceiling(-Math.Log10(step) - 1e-9), 0, 6);
        return value.ToString("F" + decimals, CultureInfo.InvariantCulture);
    }
}

/// <summary>
/// A chart by ScottPlot, as SVG for the page: colours become classes of the style sheet, so that one drawing serves
/// light and dark, and text is the page's own, so that it depends on no font of the machine that drew it.
/// </summary>
internal sealed class Chart
{
    private const float LeftMargin = 44, RightMargin = 10, TopMargin = 8, BottomMargin = 22, TitleHeight = 16;

    private readonly Plot _plot = new();
    private readonly int _width;
    private readonly int _height;
    private readonly Axis? _x;
    private readonly Axis? _y;
    private readonly List<(double X, double Y, string Text, string Anchor, string Class)> _labels = [];

    /// <summary>A chart with axes.</summary>
    public Chart(int width, int height, Axis x, Axis y)
        : this(width, height, x.Low, x.High, y.Low, y.High)
    {
        (_x, _y) = (x, y);
        float bottom = BottomMargin + (x.Title.Length > 0 ? TitleHeight : 0);
        float top = TopMargin + (y.Title.Length > 0 ? TitleHeight : 0);
        _plot.Layout.Fixed(new PixelPadding(LeftMargin, RightMargin, bottom, top));
        _plot.Axes.Bottom.TickGenerator = Unnamed(x);
        _plot.Axes.Left.TickGenerator = Unnamed(y);
        _plot.Grid.MajorLineColor = ColorOf(Ink.Grid);
    }

    /// <summary>A chart of shapes alone.</summary>
    public Chart(int width, int height, double left, double right, double bottom, double top)
    {
        (_width, _height) = (width, height);
        _plot.FigureBackground.Color = Colors.Transparent;
        _plot.DataBackground.Color = Colors.Transparent;
        _plot.Layout.Fixed(new PixelPadding(0));
        _plot.Grid.MajorLineColor = Colors.Transparent;
        foreach (var axis in _plot.Axes.GetAxes())
        {
            axis.FrameLineStyle.IsVisible = false;
            axis.MajorTickStyle.Length = axis.MinorTickStyle.Length = 0;
            axis.MajorTickStyle.Color = axis.MinorTickStyle.Color = Colors.Transparent;
        }

        _plot.Axes.SetLimits(left, right, bottom, top);
    }

    /// <summary>A line; values that are NaN interrupt it.</summary>
    public Chart Line(double[] x, double[] y, Ink ink, float width = 1.75f)
    {
        var line = _plot.Add.ScatterLine(x, y, ColorOf(ink));
        line.LineWidth = width;
        return this;
    }

    /// <summary>Dots.</summary>
    public Chart Dots(double[] x, double[] y, Ink ink, float size = 6)
    {
        _plot.Add.ScatterPoints(x, y, ColorOf(ink)).MarkerSize = size;
        return this;
    }

    /// <summary>A filled rectangle.</summary>
    public Chart Rectangle(double left, double right, double bottom, double top, Ink ink, double alpha = 1)
    {
        var shape = _plot.Add.Rectangle(left, right, bottom, top);
        shape.FillColor = ColorOf(ink).WithAlpha(alpha);
        shape.LineWidth = 0;
        return this;
    }

    /// <summary>A picture: 0 is the background, 1 the text's colour; the first row on top.</summary>
    public Chart Picture(double[,] values)
    {
        var picture = _plot.Add.Heatmap(values);
        picture.Colormap = new ScottPlot.Colormaps.CustomInterpolated([Colors.Black.WithAlpha(0), Colors.Black]);
        picture.ManualRange = new(0, 1);
        // ScottPlot takes the edges for the centres of the outermost cells.
        var limits = _plot.Axes.GetLimits();
        double x = (limits.Right - limits.Left) / (2 * values.GetLength(1));
        double y = (limits.Top - limits.Bottom) / (2 * values.GetLength(0));
        picture.Position = new CoordinateRect(limits.Left + x, limits.Right - x, limits.Bottom + y, limits.Top - y);
        return this;
    }

    /// <summary>A text beside a point.</summary>
    public Chart Label(double x, double y, string text, string anchor = "start")
    {
        _labels.Add((x, y, text, anchor, "name"));
        return this;
    }

    /// <summary>The drawing; <paramref name="description"/> is what those hear who cannot see it.</summary>
    public Html ToSvg(string description)
    {
        var svg = XElement.Parse(_plot.GetSvgXml(_width, _height));
        // No shape leaves the chart's limits: clipping, and the names that it needs, can go.
        svg.Descendants().Where(e => e.Name.LocalName == "clipPath").Remove();
        var images =
            svg.Descendants().Where(e => e.Name.LocalName == "image").ToDictionary(e => "#" + e.Attribute("id")!.Value);
        svg.Elements().Where(e => e.Name.LocalName == "defs").Remove();
        var shapes = svg.Elements().Where(IsVisible).Select(e => Themed(e, images));
        string body = string.Concat(shapes.Select(e => e.ToString(SaveOptions.DisableFormatting)));
        return Html.Of(
            $"<svg viewBox=\"0 0 {_width} {_height}\" role=\"img\" aria-label=\"{description}\">"
            + $"{new Html(body)}{AxisTexts()}{PointTexts()}</svg>");
    }

    // What ScottPlot draws without being asked to: ticks of no length, and the figure's own background.
    private static bool IsVisible(XElement shape) =>
        (string?)shape.Attribute("stroke-opacity") != "0" && (string?)shape.Attribute("fill-opacity") != "0"
        && (string?)shape.Attribute("stroke") != "black" && (string?)shape.Attribute("fill") != "white";

    private static XElement Themed(XElement shape, Dictionary<string, XElement> images)
    {
        if (shape.Name.LocalName == "use")
        {
            var image = images[shape.Attributes().Single(a => a.Name.LocalName == "href").Value];
            return new(
                "image", new XAttribute("class", "picture"), shape.Attribute("transform"),
                image.Attributes().Where(a => a.Name != "id").Select(a => new XAttribute(a.Name.LocalName, a.Value)));
        }

        var themed = new XElement(shape.Name.LocalName);
        foreach (var attribute in shape.Attributes())
        {
            if (attribute.Name.LocalName is "fill" or "stroke" && InkOf(attribute.Value) is { } ink)
                themed.SetAttributeValue("class", $"{attribute.Name.LocalName[0]}{(int)ink}");
            else if (attribute.Name.LocalName is not ("clip-path" or "stroke-miterlimit"))
                themed.SetAttributeValue(attribute.Name.LocalName, attribute.Value);
        }

        themed.Add(shape.Elements().Select(e => Themed(e, images)));
        return themed;
    }

    private Html AxisTexts()
    {
        if (_x is null || _y is null)
            return Html.Empty;
        var area = _plot.RenderManager.LastRender.DataRect;
        var x = Html.Join(_x.Ticks, tick => Text(
            _plot.GetPixel(new Coordinates(tick.Value, _y.Low)).X, area.Bottom + 16, tick.Name, "middle", "tick"));
        var y = Html.Join(_y.Ticks, tick => Text(
            area.Left - 6, _plot.GetPixel(new Coordinates(_x.Low, tick.Value)).Y + 4, tick.Name, "end", "tick"));
        var xTitle = _x.Title.Length == 0 ? Html.Empty : Text(area.Right, _height - 4, _x.Title, "end", "axis");
        var yTitle = _y.Title.Length == 0 ? Html.Empty : Text(0, 12, _y.Title, "start", "axis");
        return Html.Of($"{x}{y}{xTitle}{yTitle}");
    }

    private Html PointTexts() => Html.Join(_labels, label =>
    {
        var pixel = _plot.GetPixel(new Coordinates(label.X, label.Y));
        return Text(pixel.X + 7, pixel.Y - 6, label.Text, label.Anchor, label.Class);
    });

    private static Html Text(float x, float y, string text, string anchor, string kind) =>
        Html.Of($"""<text x="{x:0.#}" y="{y:0.#}" text-anchor="{anchor}" class="{kind}">{text}</text>""");

    private static NumericManual Unnamed(Axis axis) =>
        new([.. axis.Ticks.Select(t => t.Value)], [.. axis.Ticks.Select(_ => "")]);

    // Colours that stand for inks: nothing else in a drawing has their first two bytes.
    private static Color ColorOf(Ink ink) => new(1, 2, (byte)(3 + (int)ink));

    private static Ink? InkOf(string color) =>
        color.StartsWith("#0102", StringComparison.Ordinal) && color.Length == 7
            ? (Ink)(Convert.ToInt32(color[5..], 16) - 3)
            : null;
}

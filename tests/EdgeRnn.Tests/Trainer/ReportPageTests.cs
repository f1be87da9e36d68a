using System.Text.RegularExpressions;
using System.Xml.Linq;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using EdgeRnn.Trainer.Report;
using EdgeRnn.Trainer.Training;
using Xunit;

namespace EdgeRnn.Tests.Training;

/// <summary>The page of a run, read as a browser would: as a tree, with nothing from outside.</summary>
public partial class ReportPageTests
{
    private const string Hostile = "<script>alert('x')</script>\"&\0";

    [Theory]
    [InlineData(2, 1)]
    [InlineData(7, 6)]
    [InlineData(16, 7)]
    [InlineData(17, 3)]
    [InlineData(130, 64)]
    public void Any_number_of_classes_and_channels(int classes, int channels)
    {
        var report = Report(classes, channels);
        var page = Parse(ReportPage.Write(report));
        Assert.Equal(
            ["training", "confusion", "classes", "mistakes", "model", "ranges", "data", "options"],
            page.Descendants("section").Select(s => s.Attribute("id")!.Value));
        // Every class has its row: in the table itself, or in the one that unfolds.
        var classTables = Section(page, "classes").Descendants("table").Last();
        Assert.Equal(classes, classTables.Element("tbody")!.Elements("tr").Count());
        int cells = Section(page, "confusion").Descendants("table").First().Element("tbody")!.Descendants("td").Count();
        if (classes <= 16)
            Assert.Equal(classes * classes, cells);
        else
            Assert.NotEmpty(Section(page, "confusion").Descendants("svg"));
        Assert.NotEmpty(Section(page, "mistakes").Descendants("svg"));
        Assert.Equal(channels > 6, Section(page, "mistakes").Descendants("image").Any());
    }

    [Fact]
    public void Nothing_comes_from_outside_and_nothing_runs()
    {
        string text = ReportPage.Write(Report(3, 2));
        var page = Parse(text);
        Assert.DoesNotContain(page.Descendants(), e => e.Name.LocalName is "script" or "link" or "iframe" or "object");
        Assert.DoesNotContain("@import", text, StringComparison.Ordinal);
        Assert.DoesNotContain("url(", text, StringComparison.Ordinal);
        foreach (var link in page.Descendants().Attributes().Where(a => a.Name.LocalName is "href" or "src"))
            Assert.True(link.Value.StartsWith('#')
                || link.Value.StartsWith("data:image/png", StringComparison.Ordinal), link.Value);
    }

    [Fact]
    public void Names_from_folders_and_files_stay_text()
    {
        var page = Parse(ReportPage.Write(Report(3, 2, Hostile)));
        Assert.Empty(page.Descendants("script"));
        Assert.DoesNotContain(
            page.Descendants().Attributes(), a => a.Name.LocalName.StartsWith("on", StringComparison.Ordinal));
        // A browser shows the name as it is, but for the character that no page can hold.
        string shown = Hostile.Replace('\0', '\uFFFD');
        Assert.Contains(shown, page.Descendants("th").Select(e => e.Value));
        Assert.Contains(page.Descendants("svg"), svg =>
            svg.Attribute("aria-label")!.Value.Contains("<script>", StringComparison.Ordinal));
        Assert.Contains(shown, page.Descendants("h1").Select(e => e.Value));
    }

    [Fact]
    public void It_can_be_read_without_eyes()
    {
        var page = Parse(ReportPage.Write(Report(4, 3)));
        Assert.Equal("en", page.Attribute("lang")!.Value);
        Assert.Single(page.Descendants("h1"));
        Assert.All(page.Descendants("section"), s =>
            Assert.Equal(s.Attribute("id")!.Value + "-h", s.Attribute("aria-labelledby")!.Value));
        Assert.All(page.Descendants("svg"), s => Assert.NotEmpty(s.Attribute("aria-label")!.Value));
        Assert.All(page.Descendants("svg"), s => Assert.Equal("img", s.Attribute("role")!.Value));
        Assert.All(page.Descendants("th"), th => Assert.NotNull(th.Attribute("scope")));
        Assert.All(page.Descendants("table"), table => Assert.NotNull(table.Element("caption")));
        string[] ids = [.. page.Descendants().Attributes("id").Select(a => a.Value)];
        Assert.Equal(ids.Distinct(), ids);
        Assert.All(page.Descendants("nav").Descendants("a"), a =>
            Assert.Contains(a.Attribute("href")!.Value[1..], ids));
    }

    /// <summary>Colours are classes of the style sheet, which has them for light and for dark.</summary>
    [Fact]
    public void Drawings_have_no_colours_of_their_own()
    {
        string text = ReportPage.Write(Report(20, 3));
        var page = Parse(text);
        foreach (var shape in page.Descendants("svg").Descendants())
        {
            Assert.True(shape.Attribute("fill")?.Value is null or "none", shape.ToString());
            Assert.Null(shape.Attribute("stroke"));
            foreach (string name in shape.Attribute("class")?.Value.Split(' ') ?? [])
                Assert.Contains(name is "tick" ? "svg text" : $".{name} ", text, StringComparison.Ordinal);
        }

        Assert.Contains("prefers-color-scheme: dark", text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_figures_are_those_of_the_evaluation()
    {
        var report = Report(3, 2);
        var page = Parse(ReportPage.Write(report));
        var evaluation = report.Shown.Float;
        string[] counts = [.. Section(page, "confusion").Descendants("table").First().Element("tbody")!.Descendants(
            "td").Select(e => e.Value)];
        Assert.Equal(evaluation.Confusion.Cast<int>().Select(c => $"{c}"), counts);
        Assert.Contains($"{100 * evaluation.Accuracy:0.00}\u00A0%", page.Descendants("dd").Select(e => e.Value));
        // The mistake that the network was surest of comes first.
        var worst = evaluation.Predictions.Where(p => p.Predicted != p.Label).MaxBy(p => p.Scores[p.Predicted])!;
        Assert.Contains($"score {worst.Scores[worst.Predicted]:0.000}",
            Section(page, "mistakes").Descendants("figcaption").First().Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Parameters_bytes_and_products_of_layers()
    {
        var summary = Report(3, 2).Summary;
        // PyTorch: sum(p.numel()) of nn.GRU(2, 5) is 3·5·(2 + 5 + 1 + 1), of which the second bias of r and z is never
        // trained here, as it acts as a sum with the first; of nn.Linear(5, 3) it is 18.
        Assert.Equal([135L - 10, 18L], summary.Layers.Select(l => l.Parameters));
        Assert.Equal([540L, 72L], summary.Layers.Select(l => l.FloatBytes));
        Assert.Equal([105L, 15L], summary.Layers.Select(l => l.MultiplyAdds));
        // Weights of a byte, a float32 scale a row and tensor, and biases as before.
        Assert.Equal([105L + 2 * 15 * 4 + 120, 15L + 12 + 12], summary.Layers.Select(l => l.Int8Bytes!.Value));
        Assert.Equal(Network.Parse("gru:5,dense:3", 2).ParameterCount, summary.Parameters);
        Assert.True(summary.FloatMicroseconds > 0 && summary.Int8Microseconds > 0);
    }

    [Fact]
    public void Ranges_of_weights_are_those_of_the_tensors()
    {
        var model = Report(3, 2).Summary.Model;
        var range = ValueRange.OfWeights(model).First(r => r is { Layer: 0, Name: "weight_hh" });
        float[] values = model.Layers[0].WeightHh!.Floats.ToArray();
        Assert.Equal(values.Min(), range.Low);
        Assert.Equal(values.Max(), range.High);
        Assert.Equal(values.Average(), range.Mean, 1e-6);
        Assert.Equal(1, range.Histogram.Sum(), 1e-9);
    }

    [Fact]
    public void A_digest_tells_data_apart_by_readings_labels_and_order()
    {
        var data = Data(3, 2, "c");
        string digest = data.Digest();
        Assert.Equal(digest, (data with { Name = "other" }).Digest());
        Assert.Equal(64, digest.Length);
        var sequence = data.Sequences[0];
        float[] values = sequence.Values.ToArray();
        values[0] = MathF.BitIncrement(values[0]);
        string[] others =
        [
            (data with { Sequences = [sequence with { Values = values }, .. data.Sequences.Skip(1)] }).Digest(),
            (data with { Sequences = [sequence with { Label = 2 }, .. data.Sequences.Skip(1)] }).Digest(),
            (data with { Sequences = [.. data.Sequences.Reverse()] }).Digest(),
            (data with { EachStep = true }).Digest(),
            (data with { OutputKind = OutputKind.Values }).Digest(),
            data.LabelledEachStep().Digest(),
            (data with { Labels = ["x", .. data.Labels.Skip(1)] }).Digest(),
        ];
        Assert.Equal(8, others.Append(digest).Distinct().Count());
    }

    /// <summary>A network that was not trained, so that there are mistakes, and a made-up history.</summary>
    private static RunReport Report(int classes, int channels, string name = "class")
    {
        var data = Data(classes, channels, name);
        var network = Network.Parse($"gru:5,dense:{classes}", channels);
        var model = network.ToModel(data);
        var summary = ModelSummary.Of(model, data);
        EpochResult[] epochs =
        [
            new(1, 1.5, 0.4, 1.6, 0.3, 1, 100) { LearningRate = 1e-3f },
                new(2, 1.1, 0.6, 1.2, 0.5, 1, 100) { LearningRate = 5e-4f },
        ];
        return new()
        {
            Network = network.Specification,
            Options = [("data", Hostile), ("seed", "1")],
            Histories = [new(epochs, 2, StopReason.Finished, 2, data.Count, data.Count)],
            Train = data,
            Summary = summary,
            Examinations = RunReport.Examine(summary, data, data, null, 1),
            ToolVersion = "0",
        };
    }

    private static SequenceDataset Data(int classes, int channels, string name)
    {
        var random = new Random(classes);
        var sequences = Enumerable.Range(0, 3 * classes).Select(i => new Sequence(
            Enumerable.Range(0, 9 * channels).Select(_ => random.NextSingle()).ToArray(), 9, i % classes,
                $"{name} {i}"));
        string[] labels = [.. Enumerable.Range(0, classes).Select(i => i == 0 ? name : $"{name} {i}")];
        string[] names = [.. Enumerable.Range(0, channels).Select(i => $"{name} channel {i}")];
        return new(name, names, labels, [.. sequences]);
    }

    /// <summary>The page as XML: void elements closed, entities as characters.</summary>
    private static XElement Parse(string page)
    {
        Assert.StartsWith("<!DOCTYPE html>", page, StringComparison.Ordinal);
        string closed = Void().Replace(page["<!DOCTYPE html>".Length..], "$0</$1>");
        return XElement.Parse(closed);
    }

    private static XElement Section(XElement page, string id) =>
        page.Descendants("section").Single(s => s.Attribute("id")!.Value == id);

    [GeneratedRegex("<(meta|br)[^>]*>")]
    private static partial Regex Void();
}

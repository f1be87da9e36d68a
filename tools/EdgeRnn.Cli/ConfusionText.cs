using System.Globalization;
using System.Text;

namespace EdgeRnn.Cli;

/// <summary>A confusion matrix in characters: a table where it fits, else the commonest mistakes.</summary>
internal static class ConfusionText
{
    private const int MostClasses = 20;
    private const int LongestName = 16;
    private const int Mistakes = 8;

    /// <summary>
    /// Draws <paramref name="confusion"/>, <c>[true, predicted]</c>, <paramref name="width"/> wide at most.
    /// </summary>
    public static string Draw(IReadOnlyList<string> labels, int[,] confusion, int width)
    {
        int name = Math.Min(labels.Max(l => l.Length), LongestName);
        int digits = Math.Max(3, confusion.Cast<int>().Max().ToString(CultureInfo.InvariantCulture).Length);
        int room = (width - 1 - name) / labels.Count - 1;
        return labels.Count <= MostClasses && room >= digits
            ? Table(labels, confusion, name, Math.Min(room, Math.Max(digits, labels.Max(l => l.Length))))
            : Worst(labels, confusion);
    }

    private static string Table(IReadOnlyList<string> labels, int[,] confusion, int name, int column)
    {
        var text = new StringBuilder($"\nrows true, columns predicted\n{"".PadRight(name)}");
        foreach (string label in labels)
            text.Append(' ').Append(Figures.Cut(label, column).PadLeft(column));
        text.Append('\n');
        for (int row = 0; row < labels.Count; row++)
        {
            text.Append(Figures.Cut(labels[row], name).PadRight(name));
            for (int k = 0; k < labels.Count; k++)
            {
                string count = confusion[row, k] == 0 ? "." : confusion[row, k].ToString(CultureInfo.InvariantCulture);
                text.Append(' ').Append(count.PadLeft(column));
            }

            text.Append('\n');
        }

        return text.ToString().TrimEnd('\n');
    }

    private static string Worst(IReadOnlyList<string> labels, int[,] confusion)
    {
        var mistakes =
            from row in Enumerable.Range(0, labels.Count)
            from column in Enumerable.Range(0, labels.Count)
            where row != column && confusion[row, column] > 0
            orderby confusion[row, column] descending
            select $"\n  {labels[row]} taken for {labels[column]}: {confusion[row, column]}";
        return "\ncommonest mistakes" + string.Concat(mistakes.Take(Mistakes).DefaultIfEmpty("\n  none"));
    }
}

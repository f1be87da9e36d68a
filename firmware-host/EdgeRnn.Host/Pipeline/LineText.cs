using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace EdgeRnn.Host.Pipeline;

/// <summary>Writes text into a fixed block of bytes. Nothing here allocates but the quoting of names.</summary>
internal sealed class LineText(int capacity)
{
    private readonly byte[] _bytes = new byte[capacity];
    private int _length;

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    public int Room => _bytes.Length - _length;

    public void Clear() => _length = 0;

    public void Raw(ReadOnlySpan<byte> text)
    {
        text.CopyTo(_bytes.AsSpan(_length));
        _length += text.Length;
    }

    public void Number(long value)
    {
        _ = Utf8Formatter.TryFormat(value, _bytes.AsSpan(_length), out int written);
        _length += written;
    }

    /// <summary>The shortest digits that give back the same float.</summary>
    public void Number(float value)
    {
        _ = value.TryFormat(_bytes.AsSpan(_length), out int written, default, CultureInfo.InvariantCulture);
        _length += written;
    }

    public void Number(double value)
    {
        _ = value.TryFormat(_bytes.AsSpan(_length), out int written, default, CultureInfo.InvariantCulture);
        _length += written;
    }

    public void Field(ReadOnlySpan<byte> separatorAndName, long value)
    {
        Raw(separatorAndName);
        Number(value);
    }

    /// <summary>A JSON string: quotes, backslashes and control characters escaped, everything else as UTF-8.</summary>
    public static byte[] JsonQuote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text)
        {
            if (c is '"' or '\\')
                quoted.Append('\\').Append(c);
            else if (c < ' ')
                quoted.Append("\\u00").Append(c < 16 ? '0' : '1').Append("0123456789abcdef"[c & 15]);
            else
                quoted.Append(c);
        }
        return Encoding.UTF8.GetBytes(quoted.Append('"').ToString());
    }

    /// <summary>The value of a label in Prometheus' text.</summary>
    public static byte[] PrometheusQuote(string text) => Encoding.UTF8.GetBytes(
        $"\"{text.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")}\"");

    /// <summary>A cell of a CSV file: quoted where it must be, as RFC 4180 says.</summary>
    public static byte[] CsvQuote(string text) => Encoding.UTF8.GetBytes(
        text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text);

    /// <summary>What the serial plotter takes for a curve's name, with what stands before and after it.</summary>
    public static byte[] PlotterName(string text, bool isFirst)
    {
        var name = new StringBuilder(isFirst ? "" : ",");
        foreach (char c in text)
            name.Append(c is ',' or ':' or ';' || c <= ' ' ? '_' : c);
        return Encoding.UTF8.GetBytes(name.Append(':').ToString());
    }
}

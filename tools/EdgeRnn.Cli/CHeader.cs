using System.Globalization;
using System.Text;

namespace EdgeRnn.Cli;

/// <summary>
/// A model as a C99 header of constant arrays, for a microcontroller with a step of its own. Every number reads back to
/// the same bits.
/// </summary>
internal sealed class CHeader
{
    private const int LineLength = 100;

    private readonly StringBuilder _text = new();
    private readonly string _name;

    private CHeader(string name) => _name = name;

    /// <summary>The header.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">Where it goes: what begins each name is the file's name as C allows it.</param>
    public static string Write(RnnModel model, string path)
    {
        var header = new CHeader(Identifier(Path.GetFileNameWithoutExtension(path)));
        header.WriteModel(model);
        return header._text.ToString();
    }

    private static string Identifier(string name)
    {
        string text = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '_'));
        return text.Length > 0 && char.IsAsciiLetterLower(text[0]) ? text : $"model_{text}";
    }

    private void WriteModel(RnnModel model)
    {
        string guard = $"{_name.ToUpperInvariant()}_H";
        Line($"/* An EdgeRnn model ({SharedOptions.NameOf(model.Precision)}): " +
            $"{string.Join(", ", model.Layers.Select(ModelTree.NameOf))}.");
        Line("   Matrices are [rows][columns]; gates follow one another in rows, i f g o of an LSTM and r z n of a " +
            "GRU.");
        Line("   normalised = (reading - mean) / deviation; real weight = scale of its row * integer. */");
        if (model.Features is { } features)
            Line($"/* Readings are features of sound: {features} */");
        Line($"#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n");
        Define("INPUTS", model.InputSize);
        Define("LABELS", model.Labels.Count);
        Define("LAYERS", model.Layers.Count);
        Define("WINDOW", model.Window);
        Define("HOP", model.Hop);
        Names("labels", model.Labels);
        Names("channels", model.Channels);
        Vector("mean", model.Mean.Floats);
        Vector("deviation", model.Deviation.Floats);
        Optional("output_mean", model.OutputMean);
        Optional("output_deviation", model.OutputDeviation);
        for (int n = 0; n < model.Layers.Count; n++)
            WriteLayer(model.Layers[n], $"layer{n}", model.Precision);
        Line("\n#endif");
    }

    private void WriteLayer(RnnLayer layer, string name, Precision precision)
    {
        Line($"\n/* {ModelTree.NameOf(layer)} */");
        string prefix = name.ToUpperInvariant();
        Define($"{prefix}_INPUTS", layer.InputSize);
        Define($"{prefix}_UNITS", layer.Units);
        if (layer.Direction != Direction.Forward)
            Define($"{prefix}_DIRECTIONS", layer.Directions);
        if (precision != Precision.Float32)
        {
            Define($"{prefix}_INPUT_SCALE", Number(layer.InputScale));
            Define($"{prefix}_OUTPUT_SCALE", Number(layer.OutputScale));
        }
        if (layer.CellFractionBits > 0)
            Define($"{prefix}_CELL_FRACTION_BITS", layer.CellFractionBits);
        if (layer.Kind == LayerKind.Norm)
        {
            Line("/* y = gain * (x - mean of x) / sqrt(variance of x + epsilon) + offset */");
            Define($"{prefix}_EPSILON", Number(layer.Epsilon));
            Vector($"{name}_gain", layer.WeightIh.Floats);
            Vector($"{name}_offset", layer.BiasIh.Floats);
            return;
        }
        Matrix($"{name}_weight_ih", layer.WeightIh);
        if (layer.WeightHh is { } recurrent)
            Matrix($"{name}_weight_hh", recurrent);
        Vector($"{name}_bias_ih", layer.BiasIh.Floats);
        Optional($"{name}_bias_hh", layer.BiasHh);
        if (layer.Variant is { } variant)
            WriteVariant(variant, name);
    }

    private void WriteVariant(CellVariant variant, string name)
    {
        foreach (var function in variant.Functions)
            Line($"/* function: {function.Kind}, alpha {Number(function.Alpha)}, beta {Number(function.Beta)} */");
        if (variant.Clip > 0)
            Define($"{name.ToUpperInvariant()}_CLIP", Number(variant.Clip));
        if (variant.InputForget)
            Define($"{name.ToUpperInvariant()}_INPUT_FORGET", 1);
        Optional($"{name}_peephole", variant.Peephole);
        Optional($"{name}_initial_hidden", variant.InitialHidden);
        Optional($"{name}_initial_cell", variant.InitialCell);
    }

    private void Define(string name, object value) =>
        Line(string.Create(CultureInfo.InvariantCulture, $"#define {_name.ToUpperInvariant()}_{name} {value}"));

    private void Names(string name, IReadOnlyList<string> names)
    {
        if (names.Count == 0)
            return;
        Line($"static const char *const {_name}_{name}[{names.Count}] = {{");
        foreach (string text in names)
            Line($"  {Quoted(text)},");
        Line("};");
    }

    private void Optional(string name, Tensor? vector)
    {
        if (vector is not null)
            Vector(name, vector.Floats);
    }

    private void Vector(string name, ReadOnlySpan<float> values)
    {
        Line($"static const float {_name}_{name}[{values.Length}] = {{");
        Elements([.. values.ToArray().Select(Number)], "  ");
        Line("};");
    }

    private void Matrix(string name, Tensor tensor)
    {
        bool isInt8 = tensor.Type == TensorType.Int8;
        Line($"static const {(isInt8 ? "int8_t" : "float")} {_name}_{name}[{tensor.Rows}][{tensor.Columns}] = {{");
        for (int r = 0; r < tensor.Rows; r++)
        {
            Line("  {");
            Elements(
                isInt8
                    ? [.. tensor.Int8s.Slice(r * tensor.Columns, tensor.Columns).ToArray().Select(
                        q => q.ToString(CultureInfo.InvariantCulture))]
                    : [.. tensor.Floats.Slice(r * tensor.Columns, tensor.Columns).ToArray().Select(Number)],
                "    ");
            Line("  },");
        }
        Line("};");
        if (isInt8)
            Vector($"{name}_scales", tensor.Scales);
    }

    private void Elements(string[] elements, string indent)
    {
        var line = new StringBuilder(indent);
        foreach (string element in elements)
        {
            if (line.Length + element.Length + 1 > LineLength)
            {
                Line(line.ToString().TrimEnd());
                line.Clear().Append(indent);
            }
            line.Append(element).Append(", ");
        }
        Line(line.ToString().TrimEnd());
    }

    // The shortest digits that read back to the same bits; C wants a point or an exponent before the f.
    private static string Number(float value)
    {
        string digits = value.ToString("R", CultureInfo.InvariantCulture);
        return digits.AsSpan().IndexOfAny('.', 'E') < 0 ? $"{digits}.0f" : $"{digits}f";
    }

    // ASCII as it is; octal digits, always three, for the rest, and for what C gives a meaning.
    private static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            bool isPlain = b is >= 0x20 and < 0x7f && !"\"\\?".Contains((char)b);
            quoted.Append(isPlain ? $"{(char)b}" : $"\\{Convert.ToString(b, 8).PadLeft(3, '0')}");
        }
        return quoted.Append('"').ToString();
    }

    private void Line(string line) => _text.Append(line).Append('\n');
}

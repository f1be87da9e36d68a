using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using EdgeRnn.Tests.Format;
using EdgeRnn.Trainer;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>
/// The arrays of <c>edgernn export --c-header</c>, compiled as strict C99, hold the model's very bytes.
/// </summary>
public sealed class CHeaderTests : IDisposable
{
    private static readonly string[] Strict = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Werror"];

    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<int> Models => [.. Enumerable.Range(0, ModelFiles.Small.Length)];

    [Theory]
    [MemberData(nameof(Models))]
    public void Values_read_back_equal(int index)
    {
        var model = ModelFiles.Small[index];
        ModelWriter.Save(_folder["net.ernn"], model);
        CliFolder.Run("export", "--model", _folder["net.ernn"], "--c-header", _folder["2 nets.h"]).Works();
        File.WriteAllText(
            _folder["main.c"], Program([.. Arrays(model).Select(array => array.Name)], model.Labels.Count));

        byte[] found = CompileAndRun();

        byte[] labels = [.. model.Labels.SelectMany(label => Encoding.UTF8.GetBytes($"{label}\n"))];
        byte[] expected = [.. Arrays(model).SelectMany(array => array.Bytes.ToArray()), .. labels];
        Assert.Equal(expected, found);
    }

    // Each array as it is in memory, then the labels, a line each.
    private static string Program(string[] arrays, int labels) =>
        $$"""
        #include <stdio.h>
        #include "2 nets.h"

        int main(void)
        {
        {{string.Concat(arrays.Select(name => $"  fwrite(model_2_nets_{name}, 1, sizeof model_2_nets_{name}, stdout);\n"))}}
          for (int i = 0; i < MODEL_2_NETS_LABELS; i++)
            printf("%s\n", model_2_nets_labels[i]);
          return MODEL_2_NETS_LABELS != {{labels}};
        }

        """;

    private static IEnumerable<(string Name, ReadOnlyMemory<byte> Bytes)> Arrays(RnnModel model)
    {
        yield return ("mean", model.Mean.Data);
        yield return ("deviation", model.Deviation.Data);
        if (model.OutputMean is not null)
            yield return ("output_mean", model.OutputMean.Data);
        for (int n = 0; n < model.Layers.Count; n++)
        {
            var layer = model.Layers[n];
            bool isNorm = layer.Kind == LayerKind.Norm;
            (string, Tensor?)[] tensors =
            [
                (isNorm ? "gain" : "weight_ih", layer.WeightIh), ("weight_hh", layer.WeightHh),
                (isNorm ? "offset" : "bias_ih", layer.BiasIh), ("bias_hh", layer.BiasHh),
                ("peephole", layer.Variant?.Peephole), ("initial_cell", layer.Variant?.InitialCell),
            ];
            foreach (var (name, tensor) in tensors)
            {
                if (tensor is null)
                    continue;
                yield return ($"layer{n}_{name}", tensor.Data);
                if (!tensor.ScaleData.IsEmpty)
                    yield return ($"layer{n}_{name}_scales", tensor.ScaleData);
            }
        }
    }

    private byte[] CompileAndRun()
    {
        Run("cc", [.. Strict, "-o", _folder["main"], _folder["main.c"]]);
        return Run(_folder["main"], []);
    }

    private static byte[] Run(string program, string[] arguments)
    {
        try
        {
            var start = new ProcessStartInfo(
                program, arguments)
            { RedirectStandardOutput = true, RedirectStandardError = true };
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            using var output = new MemoryStream();
            process.StandardOutput.BaseStream.CopyTo(output);
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, errors.Result);
            return output.ToArray();
        }
        catch (Win32Exception)
        {
            Assert.Skip($"there is no C compiler ({program}) here");
            throw;
        }
    }
}

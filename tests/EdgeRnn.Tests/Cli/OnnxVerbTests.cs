using EdgeRnn.Onnx;
using EdgeRnn.Trainer;
using Xunit;

namespace EdgeRnn.Tests.Cli;

/// <summary>The way of a model out to ONNX, back again, and both beside each other.</summary>
public sealed class OnnxVerbTests : IDisposable
{
    private const string Data = "synthetic:motion?part=test&count=120";

    private static readonly string Model = Path.Combine(
        Repository.Root, "tests", "EdgeRnn.Tests", "Golden", "motion-lstm.int8.ernn");

    private readonly CliFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_model_goes_out_and_comes_back(bool isStateful)
    {
        Export(isStateful);
        Assert.Equal(["net.onnx"], _folder.Entries);
        CliFolder.Run("import", "--onnx", _folder["net.onnx"], "--out", _folder["net.ernn"]).Works();
        Assert.Equal(File.ReadAllBytes(Model), File.ReadAllBytes(_folder["net.ernn"]));
    }

    [Fact]
    public void What_the_file_has_itself_is_not_given_again()
    {
        Export();
        CliFolder.Run("import", "--onnx", _folder["net.onnx"], "--out", _folder["net.ernn"], "--window", "9").Fails(
            1, "net.onnx", "--window");
        Assert.Equal(["net.onnx"], _folder.Entries);
    }

    [Fact]
    public void Output_is_neither_replaced_nor_written_in_part()
    {
        File.WriteAllText(_folder["net.onnx"], "mine");
        CliFolder.Run("export", "--model", Model, "--onnx", _folder["net.onnx"]).Fails(1, "net.onnx", "--force");
        Assert.Equal("mine", File.ReadAllText(_folder["net.onnx"]));
        var offline = RandomModels.Create(1, Precision.Float32, 2, "lstm:3:bi,dense:2");
        ModelWriter.Save(_folder["offline.ernn"], offline);
        CliFolder.Run("export", "--model", _folder["offline.ernn"], "--onnx", _folder["other.onnx"], "--stateful")
            .Fails(1, "bidirectional", "whole sequence");
        Assert.Equal(["net.onnx", "offline.ernn"], _folder.Entries);
    }

    /// <summary>Beside its own export a float model differs by rounding alone, an int8 one by its integers.</summary>
    [Theory]
    [InlineData("float32", 1e-5, 1e-6, 1)]
    [InlineData("int8", 1, 0.01, 0.9)]
    public void A_model_is_compared_with_its_export(string precision, double largest, double mean, double agreement)
    {
        string model = Model.Replace("int8", precision, StringComparison.Ordinal);
        CliFolder.Run("export", "--model", model, "--onnx", _folder["net.onnx"]).Works();
        var json = CliFolder.Run(
            "compare", "--model", model, "--onnx", _folder["net.onnx"], "--data", Data, "--json").Works().Json;
        Assert.Equal(120, json.GetProperty("outputs").GetInt32());
        Assert.InRange(json.GetProperty("agreement").GetDouble(), agreement, 1);
        Assert.InRange(json.GetProperty("largest_difference").GetDouble(), 1e-9, largest);
        Assert.InRange(json.GetProperty("mean_difference").GetDouble(), 1e-12, mean);
        Assert.True(json.GetProperty("step_us").GetDouble() > 0 && json.GetProperty("onnx_step_us").GetDouble() > 0);
        var evaluation = CliFolder.Run("evaluate", "--model", model, "--data", Data, "--json").Works().Json;
        Assert.Equal(evaluation.GetProperty("accuracy").GetDouble(), json.GetProperty("accuracy").GetDouble());
    }

    /// <summary>Another network is told apart, whether the graph gives scores, logits or one result a step.</summary>
    [Fact]
    public void Another_network_does_not_agree()
    {
        string other = Model.Replace("lstm", "gru", StringComparison.Ordinal);
        foreach (string stateful in (string[])["", "--stateful"])
        {
            string[] options = stateful.Length > 0 ? ["--stateful"] : [];
            CliFolder.Run(["export", "--model", other, "--onnx", _folder["net.onnx"], "--force", .. options]).Works();
            var json = CliFolder.Run(
                "compare", "--model", Model, "--onnx", _folder["net.onnx"], "--data", Data, "--json").Works().Json;
            Assert.True(json.GetProperty("largest_difference").GetDouble() > 0.05);
            Assert.Equal(stateful.Length > 0, json.GetProperty("outputs").GetInt32() > 120);
        }
    }

    [Fact]
    public void Files_of_other_shapes_are_not_compared()
    {
        File.WriteAllBytes(
            _folder["other.onnx"], OnnxExport.Write(RandomModels.Create(1, Precision.Float32, 6, "gru:3,dense:2")));
        CliFolder.Run("compare", "--model", Model, "--onnx", _folder["other.onnx"], "--data", Data).Fails(
            1, "2 outputs", "6 of the");
    }

    private void Export(bool isStateful = false)
    {
        string[] options = isStateful ? ["--stateful"] : [];
        CliFolder.Run(["export", "--model", Model, "--onnx", _folder["net.onnx"], .. options]).Works();
    }
}

using System.Runtime.InteropServices;
using EdgeRnn.Format;
using EdgeRnn.Runtime;
using EdgeRnn.Runtime.Kernels;
using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Format;

/// <summary>The trained models in the repository: read, written and computed as on the day they were made.</summary>
public class GoldenModelTests
{
    public static TheoryData<string> Names => [.. ModelFiles.GoldenNames];

    [Theory, MemberData(nameof(Names))]
    public void Is_written_again_with_the_same_bytes(string name)
    {
        byte[] file = Repository.Golden(name);
        Assert.True(ModelReader.TryRead(file, out var model, out string? error), error);
        Assert.Equal(file, ModelWriter.Write(model));
    }

    [Theory, MemberData(nameof(Names))]
    public void Gives_the_scores_of_its_self_test_on_every_kernel(string name)
    {
        Assert.True(ModelReader.TryRead(Repository.Golden(name), out var model, out string? error), error);
        Assert.NotNull(model.SelfTest);
        float[] readings = new float[model.InputSize];
        float[] scores = new float[model.Labels.Count];
        foreach (var kernel in Kernel.Available)
        {
            var session = new RnnSession(model, kernel);
            for (int step = 0; step < model.SelfTest.Steps; step++)
            {
                model.SelfTest.Readings(model, step, readings);
                session.Step(readings, scores);
            }
            Assert.True(
                model.SelfTest.Scores.Span.SequenceEqual(MemoryMarshal.AsBytes(scores.AsSpan())),
                $"{name} on {kernel.Name}: {string.Join(", ", scores)}");
        }
    }

    [Theory, MemberData(nameof(Names))]
    public void Has_the_accuracy_it_states(string name)
    {
        Assert.True(ModelReader.TryRead(Repository.Golden(name), out var model, out string? error), error);
        var evaluation = Evaluator.Evaluate(model, DataSpec.Load("synthetic:motion?part=test"));
        Assert.Equal(model.Training!.TestAccuracy, (float)evaluation.Accuracy);
    }
}

using EdgeRnn.Trainer;
using EdgeRnn.Trainer.Datasets;
using Xunit;

namespace EdgeRnn.Tests.Datasets;

/// <summary>A folder of small files that a test makes, and that goes when the test ends.</summary>
public sealed class DataFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("edgernn-data-").FullName;

    public string this[string name] => Path.Combine(Root, name);

    public DataFolder With(string name, string text) => With(name, System.Text.Encoding.UTF8.GetBytes(text));

    public DataFolder With(string name, byte[] bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[name])!);
        File.WriteAllBytes(this[name], bytes);
        return this;
    }

    /// <summary>Loads <paramref name="spec"/>, where <c>@</c> stands for this folder.</summary>
    public SequenceDataset Load(string spec) => DataSpec.Load(spec.Replace("@", Root, StringComparison.Ordinal));

    /// <summary>The one sentence that loading <paramref name="spec"/> ends with holds every one of the parts.</summary>
    public void Refuses(string spec, params string[] parts)
    {
        var error = Assert.Throws<UserException>(() => Load(spec));
        Assert.All(parts, part => Assert.Contains(part, error.Message));
        Assert.EndsWith(".", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}

/// <summary>The real data sets beside the project; a test that needs an absent one is skipped and says so.</summary>
internal static class RealData
{
    public static string Need(string name)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "EdgeRnn.sln")))
            folder = folder.Parent;
        string path = Path.Combine(folder?.FullName ?? ".", "..", "shared", "data", name);
        Assert.SkipUnless(Directory.Exists(path), $"needs the data set {name} in ../shared/data");
        return path;
    }
}

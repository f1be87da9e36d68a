using System.Xml.Linq;
using Xunit;

namespace EdgeRnn.Tests;

/// <summary>
/// What may refer to what, read from the project files: nothing that ships to the board knows the trainer.
/// </summary>
public class HouseTests
{
    [Theory]
    [InlineData("src/EdgeRnn.Core/EdgeRnn.Core.csproj")]
    [InlineData("runtime/EdgeRnn.Runtime/EdgeRnn.Runtime.csproj", "EdgeRnn.Core")]
    [InlineData("firmware-host/EdgeRnn.Host/EdgeRnn.Host.csproj", "EdgeRnn.Core", "EdgeRnn.Runtime")]
    [InlineData("tests/EdgeRnn.AotSmoke/EdgeRnn.AotSmoke.csproj", "EdgeRnn.Core", "EdgeRnn.Runtime")]
    public void The_board_refers_to_nothing_but(string project, params string[] allowed)
    {
        // Ed25519 and HMAC without OpenSSL, linked into the host alone.
        string[] packages = project.Contains("Host") ? ["BouncyCastle"] : [];
        Assert.Empty(References(project, "PackageReference").Except(packages));
        Assert.Empty(References(project, "ProjectReference").Except(allowed));
    }

    [Fact]
    public void The_trainer_refers_to_core_and_runtime_only() => Assert.Empty(
        References("trainer/EdgeRnn.Trainer/EdgeRnn.Trainer.csproj", "ProjectReference")
            .Except(["EdgeRnn.Core", "EdgeRnn.Runtime"]));

    [Fact]
    public void Versions_of_packages_have_one_place_and_every_project_its_lock_file()
    {
        foreach (string project in Directory.EnumerateFiles(Repository.Root, "*.csproj", SearchOption.AllDirectories))
        {
            var packages = XDocument.Load(project).Descendants("PackageReference");
            Assert.All(packages, p => Assert.Null(p.Attribute("Version") ?? p.Attribute("VersionOverride")));
            Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(project)!, "packages.lock.json")), project);
        }
    }

    // Names of the packages or projects that a project file refers to; nothing may hide in a shared props file.
    private static List<string> References(string project, string kind)
    {
        var shared = XDocument.Load(Path.Combine(Repository.Root, "Directory.Build.props"));
        return [.. XDocument.Load(Path.Combine(Repository.Root, project)).Descendants(kind)
            .Concat(shared.Descendants(kind))
            .Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value))];
    }
}

namespace EdgeRnn.Tests;

/// <summary>The files of the repository that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>The folder of <c>EdgeRnn.sln</c>.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The bytes of a file that is kept to be compared with.</summary>
    public static byte[] Golden(string name) =>
        File.ReadAllBytes(Path.Combine(Root, "tests", "EdgeRnn.Tests", "Golden", name));

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "EdgeRnn.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("The tests run outside the repository.");
        return folder.FullName;
    }
}

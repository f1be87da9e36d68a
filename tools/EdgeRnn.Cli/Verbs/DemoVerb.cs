using System.CommandLine;

namespace EdgeRnn.Cli;

internal static class DemoVerb
{
    public static Command Create() => new("demo", "x");
}

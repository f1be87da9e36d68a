using EdgeRnn.AotSmoke;
using EdgeRnn.Runtime.Kernels;

const string Usage = """
    EdgeRnn.AotSmoke HASHES [MODEL.ernn ...]         exactness, allocation, and models that hold their scores
    EdgeRnn.AotSmoke --print-hashes                  the table HASHES
    EdgeRnn.AotSmoke --kernels                       the kernels that run here, best first
    EdgeRnn.AotSmoke --exactness STEPS PIXELS|seeded hashes of long runs, a line a network
    EdgeRnn.AotSmoke --real-time STEPS               how the times of single steps are spread
    EdgeRnn.AotSmoke --steps MODEL.ernn N            N steps and nothing else
    EdgeRnn.AotSmoke --frames logmel:40 N            N frames of sound at 16 kHz and nothing else
    """;

// Repeats, in the code that the ahead-of-time compiler makes, what the unit tests show of the code that the JIT makes.
switch (args)
{
    case ["--print-hashes"]:
        Exactness.Print(Console.Out);
        return 0;
    case ["--kernels"]:
        Console.WriteLine(string.Join(' ', Kernel.Available.Select(kernel => kernel.Name)));
        return 0;
    case ["--exactness", var steps, var pixels]:
        return Exactness.PrintLong(steps, pixels);
    case ["--real-time", var steps]:
        return RealTime.Run(steps);
    case ["--steps", var model, var count]:
        return Steps.Run(model, count);
    case ["--frames", var features, var count]:
        return Steps.RunFrames(features, count);
    case [] or [['-', ..], ..]:
        Console.Error.WriteLine(Usage);
        return 2;
}

var checks = new Checks();
Console.WriteLine($"kernels: {string.Join(", ", Kernel.Available.Select(kernel => kernel.Name))}");
Exactness.Check(checks, args[0]);
Allocation.Check(checks);
RealTime.Check(checks);
foreach (string path in args.AsSpan(1))
    Golden.Check(checks, path);
Console.WriteLine($"smoke: {checks.Passed} passed, {checks.Failed} failed");
return checks.Failed == 0 ? 0 : 1;

namespace EdgeRnn.AotSmoke
{
    /// <summary>Counts what holds and prints what does not.</summary>
    internal sealed class Checks
    {
        public int Passed { get; private set; }

        public int Failed { get; private set; }

        public void That(bool holds, string sentence)
        {
            if (holds)
            {
                Passed++;
                return;
            }
            Failed++;
            Console.WriteLine($"failed: {sentence}");
        }
    }
}

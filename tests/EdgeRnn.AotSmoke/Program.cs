using EdgeRnn.AotSmoke;
using EdgeRnn.Runtime.Kernels;

// EdgeRnn.AotSmoke --print-hashes | --steps MODEL.ernn N | HASHES [MODEL.ernn …]
// Repeats, in the code that the ahead-of-time compiler makes, what the unit tests show of the code that the JIT makes.
if (args is ["--print-hashes"])
{
    Exactness.Print(Console.Out);
    return 0;
}
if (args is ["--steps", var model, var count])
    return Steps.Run(model, count);
if (args.Length == 0)
{
    Console.Error.WriteLine("Usage: EdgeRnn.AotSmoke --print-hashes | --steps MODEL.ernn N | HASHES [MODEL.ernn ...]");
    return 2;
}

var checks = new Checks();
Console.WriteLine($"kernels: {string.Join(", ", Kernel.Available.Select(kernel => kernel.Name))}");
Exactness.Check(checks, args[0]);
Allocation.Check(checks);
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

using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Datasets;

/// <summary>
/// <c>synthetic:motion</c>: gestures as a six-axis sensor in a moving hand reads them, made from a seed. Each sequence
/// is a window of <see cref="Steps"/> steps at <see cref="RateHz"/> that holds one whole gesture; acceleration in g,
/// with gravity, and turn rates in deg/s. Classes differ in the order and shape of their movement: every gesture ends
/// where it began, so the means of a window tell nothing of it. People differ in tempo, size and grip; those of the
/// test part never appear in the training part.
/// </summary>
internal sealed class SyntheticMotion
{
    /// <summary>Steps of a window: 1.28 s.</summary>
    public const int Steps = 64;

    /// <summary>Steps a second.</summary>
    public const int RateHz = 50;

    private const int Axes = 6;
    private const double G = 9.80665;
    private const double DegreesPerRadian = 180 / Math.PI;
    private const double StepSeconds = 1.0 / RateHz;

    // What a sensor of ±16 g and ±2000 deg/s resolves. Rounding to it also hides the last bits in which the sine of one
    // machine differs from another's, so that committed models see equal data everywhere.
    private const double AccelerationPerG = 2048;
    private const double UnitsPerDegree = 16;

    private static readonly string[] Gestures = ["idle", "up-down", "down-up", "circle-left", "circle-right", "shake"];

    // What the sensor reads at rest: the table pushes upward.
    private static readonly Vector Gravity = new(0, 0, 1);

    private readonly Person _person;
    private readonly int _gesture;
    private readonly double _noise;
    private readonly double _size;
    private readonly double _duration;
    private readonly double _start;
    private readonly double _swings;
    private readonly double _phase;
    private readonly SeededRandom _random;

    private SyntheticMotion(int gesture, Person person, double noise, SeededRandom random)
    {
        (_gesture, _person, _noise, _random) = (gesture, person, noise, random);
        _size = person.Size * Uniform(_random, 0.8, 1.25);
        _duration = Math.Clamp(0.85 / (person.Tempo * Uniform(_random, 0.85, 1.18)), 0.6, 1.15);
        _start = Uniform(_random, 0, Steps * StepSeconds - _duration);
        _swings = Uniform(_random, 2.5, 4);
        _phase = Uniform(_random, 0, 1);
    }

    /// <summary>Options: <c>count</c>, <c>seed</c>, <c>part=train|test</c>, <c>noise</c> (1 is usual).</summary>
    public static SequenceDataset Load(DataSpec spec)
    {
        if (spec.Path != "motion")
            throw new UserException(
                $"data '{spec.Text}': there is no synthetic data set '{spec.Path}'; write synthetic:motion.");
        string part = spec.Option("part") ?? "train";
        if (part is not ("train" or "test"))
            throw spec.BadOption("part", "train or test");
        bool test = part == "test";
        int count = spec.Count ?? (test ? 600 : 2400);
        if (count > 1_000_000)
            throw spec.BadOption("count", "at most 1000000");
        ulong seed = (ulong)(spec.Integer("seed", 0, int.MaxValue) ?? 1);
        return Make(count, 2 * seed + (test ? 1u : 0u), test ? 10 : 40, spec.Number("noise", 0, 100) ?? 1, $"{part} " +
            "person");
    }

    /// <summary>Sequence i depends on the seed and i only, so a smaller set is the beginning of a larger one.</summary>
    private static SequenceDataset Make(int count, ulong seed, int people, double noise, string groupPrefix)
    {
        Person[] persons =
            [.. Enumerable.Range(0, people).Select(p => Person.Make(SeededRandom.Stream(seed, (ulong)p)))];
        var values = new float[count * Steps * Axes];
        var sequences = new Sequence[count];
        Parallel.For(0, count, i =>
        {
            int gesture = i % Gestures.Length, person = i / Gestures.Length % people;
            var window = values.AsMemory(i * Steps * Axes, Steps * Axes);
            var random = SeededRandom.Stream(~seed, (ulong)i);
            new SyntheticMotion(gesture, persons[person], noise, random).Write(window.Span);
            sequences[i] = new(window, Steps, gesture, $"{groupPrefix} {person + 1}");
        });
        return new("synthetic-motion", ["aX", "aY", "aZ", "gX", "gY", "gZ"], Gestures, sequences, RateHz);
    }

    /// <summary>Fills <paramref name="window"/>, <c>[Steps, Axes]</c>, with what the sensor reads.</summary>
    private void Write(Span<float> window)
    {
        // Errors of the sensor that last: an offset each, and a turn-rate offset that wanders.
        Vector offset = Random(0.02), turnOffset = Random(1.5);
        Vector grip = new Vector(_person.Roll, _person.Pitch, _person.Yaw) + Random(0.1);
        double tremorHz = Uniform(_random, 8, 11), tremorPhase = Uniform(_random, 0, 1);
        Vector tremor = Random(0.02);
        for (int step = 0; step < Steps; step++)
        {
            double t = step * StepSeconds;
            Vector before = Position(t - StepSeconds), now = Position(t), after = Position(t + StepSeconds);
            Vector acceleration = (after - now - (now - before)) * (1 / (StepSeconds * StepSeconds * G));
            Vector wrist = Wrist(t, now);
            Vector turned = Wrist(t + StepSeconds, after) - Wrist(t - StepSeconds, before);
            Vector turning = turned * (DegreesPerRadian / (2 * StepSeconds));

            turnOffset += Random(0.2);
            acceleration = (acceleration + Gravity).Turned(wrist).Turned(grip) + offset
                + (tremor * Wave(tremorHz * t + tremorPhase) + Random(0.03)) * _noise;
            turning = turning.Turned(grip) + turnOffset + Random(2) * _noise;
            acceleration.Store(window[(step * Axes)..], AccelerationPerG);
            turning.Store(window[(step * Axes + 3)..], UnitsPerDegree);
        }
    }

    /// <summary>Where the hand is, in metres: x to the right, z up. It rests before and after the gesture.</summary>
    private Vector Position(double t)
    {
        double s = Math.Clamp((t - _start) / _duration, 0, 1);
        double half = Math.Sin(Math.PI * s), bump = half * half * half * half;
        // Flash and Hogan's minimum jerk course (J. Neurosci. 1985): at rest at both ends.
        double course = s * s * s * (10 - 15 * s + 6 * s * s);
        double radius = 0.075 * _size;
        var (x, z) = Gestures[_gesture] switch
        {
            "up-down" => (0.0, 0.16 * _size * bump),
            "down-up" => (0.0, -0.16 * _size * bump),
            "circle-left" => (-radius * Wave(course), radius * (1 - Wave(course + 0.25))),
            "circle-right" => (radius * Wave(course), radius * (1 - Wave(course + 0.25))),
            "shake" => (0.03 * _size * half * half * Wave(_swings * s + _phase), 0.0),
            _ => (0.02 * _size * Wave(0.7 * t + _phase), 0.015 * _size * Wave(1.1 * t + 3 * _phase)),
        };
        // Nobody moves in a plane: a little of each direction leaks into the others.
        return new(_person.Width * x + _person.Slant * z, _person.Depth * (x + z), z - _person.Slant * x);
    }

    /// <summary>Turn of the wrist in radians: the hand points where it goes, and sways a little by itself.</summary>
    private Vector Wrist(double t, Vector position) => new(
        _person.Lever * position.Z + 0.03 * Wave(0.6 * t + _phase),
        0.4 * _person.Lever * position.X + 0.03 * Wave(0.8 * t + 2 * _phase),
        -_person.Lever * position.X + 0.03 * Wave(0.5 * t + 5 * _phase));

    private static double Wave(double turns) => Math.Sin(2 * Math.PI * turns);

    private Vector Random(double deviation) =>
        new Vector(Normal(), Normal(), Normal()) * deviation;

    private static double Uniform(SeededRandom random, double low, double high) =>
        low + (high - low) * random.NextDouble();

    /// <summary>
    /// About normal, deviation 1: a sum of twelve uniform numbers, as the logarithms of machines differ.
    /// </summary>
    private double Normal()
    {
        double sum = -6;
        for (int i = 0; i < 12; i++)
            sum += _random.NextDouble();
        return sum;
    }

    /// <summary>How somebody moves and holds the sensor; angles in radians, lever in radians a metre.</summary>
    private sealed record Person(
        double Tempo, double Size, double Roll, double Pitch, double Yaw,
        double Lever, double Width, double Slant, double Depth)
    {
        public static Person Make(SeededRandom random) => new(
            Tempo: Uniform(random, 0.8, 1.25),
            Size: Uniform(random, 0.75, 1.35),
            Roll: Uniform(random, -0.45, 0.45),
            Pitch: Uniform(random, -0.45, 0.45),
            Yaw: Uniform(random, -0.35, 0.35),
            Lever: Uniform(random, 1, 2.6),
            Width: Uniform(random, 0.75, 1.3),
            Slant: Uniform(random, -0.2, 0.2),
            Depth: Uniform(random, -0.25, 0.25));
    }

    private readonly record struct Vector(double X, double Y, double Z)
    {
        public static Vector operator +(Vector a, Vector b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z);

        public static Vector operator -(Vector a, Vector b) => new(a.X - b.X, a.Y - b.Y, a.Z - b.Z);

        public static Vector operator *(Vector a, double factor) => new(a.X * factor, a.Y * factor, a.Z * factor);

        /// <summary>Turned by <paramref name="angles"/> about the axes x, y and z, one after another.</summary>
        public Vector Turned(Vector angles)
        {
            var (sin, cos) = Math.SinCos(angles.X);
            var v = new Vector(X, cos * Y + sin * Z, cos * Z - sin * Y);
            (sin, cos) = Math.SinCos(angles.Y);
            v = new(cos * v.X - sin * v.Z, v.Y, cos * v.Z + sin * v.X);
            (sin, cos) = Math.SinCos(angles.Z);
            return new(cos * v.X + sin * v.Y, cos * v.Y - sin * v.X, v.Z);
        }

        /// <summary>Writes what a sensor of 16 bits and <paramref name="unitsPerOne"/> steps a unit reads.</summary>
        public void Store(Span<float> readings, double unitsPerOne)
        {
            readings[0] = Read(X, unitsPerOne);
            readings[1] = Read(Y, unitsPerOne);
            readings[2] = Read(Z, unitsPerOne);
        }

        private static float Read(double value, double unitsPerOne) =>
            (float)(Math.Clamp(Math.Round(value * unitsPerOne), short.MinValue, short.MaxValue) / unitsPerOne);
    }
}

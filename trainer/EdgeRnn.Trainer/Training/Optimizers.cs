using System.Numerics;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Training;

/// <summary>
/// A rule that turns gradients into steps. It is a description; what it remembers is kept by the training run.
/// </summary>
public abstract record Optimizer
{
    /// <summary>The learning rate it is commonly used with.</summary>
    public abstract float DefaultLearningRate { get; }

    /// <summary>The weight decay it is commonly used with.</summary>
    public virtual float DefaultWeightDecay => 0f;

    /// <summary>Numbers it remembers for each parameter.</summary>
    internal abstract int StateCount { get; }

    /// <summary>
    /// The rule of this name with its usual settings: <c>sgd</c>, <c>rmsprop</c>, <c>adam</c> or <c>adamw</c>.
    /// </summary>
    /// <exception cref="UserException">There is none of this name.</exception>
    public static Optimizer Parse(string name) => name switch
    {
        "sgd" => new Sgd(),
        "rmsprop" => new RmsProp(),
        "adam" => new Adam(),
        "adamw" => new AdamW(),
        _ => throw new UserException($"'{name}' is not an optimizer; use sgd, rmsprop, adam or adamw."),
    };

    /// <summary>Changes <paramref name="count"/> parameters.</summary>
    /// <param name="w">The parameters.</param>
    /// <param name="g">Their gradients.</param>
    /// <param name="state">
    /// What is remembered: StateCount rows, <paramref name="stateStride"/> floats apart; zeros at first.
    /// </param>
    /// <param name="stateStride">Floats from a row of the state to the next.</param>
    /// <param name="count">How many.</param>
    /// <param name="step">What holds for all parameters.</param>
    internal abstract unsafe void Update(
        float* w, float* g, float* state, int stateStride, int count, OptimizerStep step);
}

/// <summary>What is the same for all parameters of a step.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Rate">Learning rate.</param>
/// <param name="Scale">Factor of the gradients, from clipping.</param>
/// <param name="Decay">Weight decay.</param>
internal readonly record struct OptimizerStep(long Number, float Rate, float Scale, float Decay)
{
    /// <summary>g = scale·gradient + decay·w, for rules whose decay is that of a squared penalty.</summary>
    public unsafe Vector<float> Gradient(float* g, float* w, int remaining) => Vector.FusedMultiplyAdd(
        new(Decay), Lanes.Load(w, remaining), Lanes.Load(g, remaining) * Scale);
}

/// <summary>v' = momentum·v + g, w' = w - rate·v'</summary>
public sealed record Sgd(float Momentum = 0.9f) : Optimizer
{
    /// <inheritdoc/>
    public override float DefaultLearningRate => 1e-2f;

    internal override int StateCount => 1;

    internal override unsafe void Update(
        float* w, float* g, float* state, int stateStride, int count, OptimizerStep step)
    {
        for (int i = 0; i < count; i += Lanes.Count)
        {
            int n = count - i;
            var v = Vector.FusedMultiplyAdd(
                new(Momentum), Lanes.Load(state + i, n), step.Gradient(g + i, w + i, n));
            Lanes.Store(state + i, v, n);
            Lanes.Store(w + i, Vector.FusedMultiplyAdd(new(-step.Rate), v, Lanes.Load(w + i, n)), n);
        }
    }
}

/// <summary>s' = ρ·s + (1-ρ)·g², w' = w - rate·g/(√s' + ε): Tieleman and Hinton (2012).</summary>
public sealed record RmsProp(float Rho = 0.9f, float Epsilon = 1e-7f) : Optimizer
{
    /// <inheritdoc/>
    public override float DefaultLearningRate => 1e-3f;

    internal override int StateCount => 1;

    internal override unsafe void Update(
        float* w, float* g, float* state, int stateStride, int count, OptimizerStep step)
    {
        for (int i = 0; i < count; i += Lanes.Count)
        {
            int n = count - i;
            var gradient = step.Gradient(g + i, w + i, n);
            var s = Vector.FusedMultiplyAdd(new(Rho), Lanes.Load(state + i, n), gradient * gradient * (1f - Rho));
            Lanes.Store(state + i, s, n);
            var direction = gradient / (Vector.SquareRoot(s) + new Vector<float>(Epsilon));
            Lanes.Store(w + i, Vector.FusedMultiplyAdd(new(-step.Rate), direction, Lanes.Load(w + i, n)), n);
        }
    }
}

/// <summary>
/// m' = β1·m + (1-β1)·g, v' = β2·v + (1-β2)·g², w' = w - rate·m̂/(√v̂ + ε), m̂ = m'/(1-β1^t), v̂ = v'/(1-β2^t): Kingma
/// and Ba (2015).
/// </summary>
public record Adam(float Beta1 = 0.9f, float Beta2 = 0.999f, float Epsilon = 1e-8f) : Optimizer
{
    /// <inheritdoc/>
    public override float DefaultLearningRate => 1e-3f;

    internal override int StateCount => 2;

    internal override unsafe void Update(
        float* w, float* g, float* state, int stateStride, int count, OptimizerStep step)
    {
        float* second = state + stateStride;
        var correctedRate = new Vector<float>((float)(-step.Rate / (1 - Math.Pow(Beta1, step.Number))));
        var correction = new Vector<float>((float)(1 / Math.Sqrt(1 - Math.Pow(Beta2, step.Number))));
        for (int i = 0; i < count; i += Lanes.Count)
        {
            int n = count - i;
            var gradient = step.Gradient(g + i, w + i, n);
            var m = Vector.FusedMultiplyAdd(new(Beta1), Lanes.Load(state + i, n), gradient * (1f - Beta1));
            var v = Vector.FusedMultiplyAdd(new(Beta2), Lanes.Load(second + i, n), gradient * gradient * (1f - Beta2));
            Lanes.Store(state + i, m, n);
            Lanes.Store(second + i, v, n);
            var direction = m / Vector.FusedMultiplyAdd(Vector.SquareRoot(v), correction, new(Epsilon));
            Lanes.Store(w + i, Vector.FusedMultiplyAdd(correctedRate, direction, Lanes.Load(w + i, n)), n);
        }
    }
}

/// <summary>
/// w' = w·(1 - rate·decay), then the step of <see cref="Adam"/>: weight decay that the gradient's size does not change
/// (Loshchilov and Hutter 2019).
/// </summary>
public sealed record AdamW(float Beta1 = 0.9f, float Beta2 = 0.999f, float Epsilon = 1e-8f)
    : Adam(Beta1, Beta2, Epsilon)
{
    /// <inheritdoc/>
    public override float DefaultWeightDecay => 0.01f;

    internal override unsafe void Update(
        float* w, float* g, float* state, int stateStride, int count, OptimizerStep step)
    {
        for (int i = 0; i < count; i += Lanes.Count)
            Lanes.Store(w + i, Lanes.Load(w + i, count - i) * (1f - step.Rate * step.Decay), count - i);
        base.Update(w, g, state, stateStride, count, step with { Decay = 0 });
    }
}

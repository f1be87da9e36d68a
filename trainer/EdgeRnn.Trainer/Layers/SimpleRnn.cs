using System.Numerics;
using System.Runtime.CompilerServices;
using EdgeRnn.Quantization;
using EdgeRnn.Trainer.Numerics;

namespace EdgeRnn.Trainer.Layers;

/// <summary>
/// Elman's recurrent layer: h_t = φ(W_ih·x_t + W_hh·h_{t-1} + b), φ = tanh or relu.
/// </summary>
/// <param name="units">Size of the state.</param>
/// <param name="activation">φ: tanh unless relu.</param>
/// <param name="recurrentDropout">
/// Part of the state that products do not see in training, one mask a sequence: Gal and Ghahramani (2016).
/// </param>
public sealed class SimpleRnn(
    int units, Activation activation = Activation.Default, float recurrentDropout = 0)
    : RecurrentLayer(units, 1, recurrentDropout)
{
    private PackedMatrix _hhForward = null!;
    private PackedMatrix _hhBackward = null!;

    /// <inheritdoc/>
    public override string Specification =>
        $"rnn:{Units}{(activation == Activation.Relu ? ":relu" : "")}{RecurrentDropoutOption}";

    private protected override int Declare()
    {
        int size = base.Declare();
        _hhForward = Pack(PackedWeights.Forward(WeightHh, 0, Units));
        _hhBackward = Pack(PackedWeights.Backward(WeightHh, 0, Units));
        return size;
    }

    internal override RnnLayer ToModel(Span<float> parameters) =>
        ToModel(LayerKind.SimpleRnn, parameters) with { Activation = activation };

    internal override LayerPass CreatePass(PackedBatch batch, FloatBuffer parameters) =>
        activation == Activation.Relu
            ? new Pass<Relu>(this, batch, parameters)
            : new Pass<Tanh>(this, batch, parameters);

    /// <summary>φ, and φ' from the value of φ.</summary>
    private interface IActivation
    {
        static abstract Vector<float> Value(Vector<float> a);

        static abstract Vector<float> Derivative(Vector<float> h);
    }

    private readonly struct Tanh : IActivation
    {
        public static Vector<float> Value(Vector<float> a) => Activations.Tanh(a);

        public static Vector<float> Derivative(Vector<float> h) => Vector.FusedMultiplyAdd(-h, h, Vector<float>.One);
    }

    private readonly struct Relu : IActivation
    {
        public static Vector<float> Value(Vector<float> a) => Vector.Max(a, Vector<float>.Zero);

        public static Vector<float> Derivative(Vector<float> h) =>
            Vector.ConditionalSelect(Vector.GreaterThan(h, Vector<float>.Zero), Vector<float>.One, Vector<float>.Zero);
    }

    private sealed unsafe class Pass<TActivation>(SimpleRnn layer, PackedBatch batch, FloatBuffer parameters)
        : RecurrentPass(layer, batch, parameters)
        where TActivation : IActivation
    {
        private readonly FloatBuffer _da = new((long)batch.RowCapacity * layer.Units);

        // h_t = φ(x_t·W_ihᵀ + b + h_{t-1}·W_hhᵀ)   [active, units], in place
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override void Forward(float* x)
        {
            Dropout.Draw(Random);
            Gemm.MultiplyBias(x, layer.InputSize, Batch.Rows, layer.IhForward, Bias, Output, Units);
            for (int t = 0; t < Batch.Steps; t++)
            {
                float* h = Output + (long)Batch.Offset[t] * Units;
                float* seen = Seen(t);
                if (seen != null)
                    Gemm.MultiplyAdd(seen, Units, Batch.Active[t], layer._hhForward, h, Units);
                int count = Batch.Active[t] * Units;
                for (int i = 0; i < count; i += Lanes.Count)
                    Lanes.Store(h + i, TActivation.Value(Lanes.Load(h + i, count - i)), count - i);
            }
        }

        // da_t = dh_t ∘ φ'(a_t)      dh_{t-1} += da_t·W_hh
        // dW_ih = Σ da_tᵀ·x_t      dW_hh = Σ da_tᵀ·h_{t-1}      db = Σ da_t      dx = da·W_ih
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public override void Backward(float* x, float* dy, float* dx, float* gradient)
        {
            for (int t = Batch.Steps - 1; t >= 0; t--)
            {
                long row = (long)Batch.Offset[t] * Units;
                int count = Batch.Active[t] * Units;
                for (int i = 0; i < count; i += Lanes.Count)
                {
                    int n = count - i;
                    var slope = TActivation.Derivative(Lanes.Load(Output + row + i, n));
                    Lanes.Store(_da.Pointer + row + i, Lanes.LoadGradient<VectorLanes>(dy + row + i, n).Value * slope, n);
                }

                if (t > 0)
                {
                    float* past = dy + (long)Batch.Offset[t - 1] * Units;
                    Dropout.MultiplyAdd(_da.Pointer + row, Units, Batch.Active[t], layer._hhBackward, past);
                }
            }

            AddGradients(_da.Pointer, Units, x, dx, gradient);
        }
    }
}

using EdgeRnn.Trainer;

namespace EdgeRnn.Onnx.Import;

/// <summary>
/// The layers that a chain of stages makes: products and sums before a recurrent layer go into its weights, those after
/// the last one become dense layers.
/// </summary>
internal sealed class LayerChain
{
    private readonly List<RnnLayer> _layers = [];
    private readonly List<Stage> _pending = [];
    private Pooling? _pooling;

    private LayerChain(int inputs)
    {
        Mean = new float[inputs];
        Deviation = new float[inputs];
        Array.Fill(Deviation, 1);
    }

    public IReadOnlyList<RnnLayer> Layers => _layers;

    public float[] Mean { get; private set; }

    public float[] Deviation { get; private set; }

    /// <summary>Of values only: what follows the head.</summary>
    public (float[] Mean, float[] Deviation)? Output { get; private set; }

    /// <summary>Null where the head's results were there before the pooling, if any.</summary>
    public Pooling? Pooling => _pooling;

    /// <summary>Ends in softmax, or its logarithm.</summary>
    public bool? SoftmaxIsLog { get; private set; }

    private bool HasDense => _layers.Exists(layer => layer.Kind == LayerKind.Dense);

    /// <summary>Makes the layers.</summary>
    /// <param name="last">Where the chain ends.</param>
    /// <param name="kind">What the results are meant to be; null where the chain decides.</param>
    /// <exception cref="UserException">EdgeRnn has no such chain.</exception>
    public static (LayerChain Chain, OutputKind Kind) Of(Stage last, OutputKind? kind)
    {
        var stages = last.Chain();
        var chain = new LayerChain(stages[0].Features);
        foreach (var stage in stages.Skip(1))
            chain.Add(stage);
        if (!chain._layers.Any(layer => layer.IsRecurrent))
            throw new UserException("the network has no recurrent layer between its input and this output");

        bool isFunction = chain._pending.TrueForAll(stage => stage is Scaling)
            && chain._layers[^1] is { Variant: not null, IsRecurrent: false }
            or { Activation: Activation.Relu, IsRecurrent: false };
        if (kind == OutputKind.Values && chain.SoftmaxIsLog is not null)
            throw new UserException("it ends in softmax, whose results are scores of classes, not values");
        kind ??= chain.SoftmaxIsLog is null && (isFunction || last.Features == 1)
            ? OutputKind.Values
            : OutputKind.Classes;
        chain.AddHead(kind.Value, isFunction);
        return (chain, kind.Value);
    }

    private void Add(Stage stage)
    {
        if (SoftmaxIsLog is not null)
            throw new UserException("softmax is followed by other operators, expected it at the end");
        switch (stage)
        {
            case Linear or Scaling: _pending.Add(stage); break;
            case Recurrent recurrent: Add(recurrent); break;
            case Normalised normalised: Add(normalised); break;
            case Pooled pooled: Add(pooled); break;
            case Applied applied: Add(applied); break;
            case SoftmaxStage softmax: SoftmaxIsLog = softmax.IsLog; break;
        }
    }

    private void Add(Recurrent stage)
    {
        if (_pooling is not null)
            throw new UserException(
                "a recurrent layer reads what was pooled over time, where EdgeRnn pools after the last one");
        if (HasDense)
            throw new UserException(
                "a recurrent layer reads what a function was applied to, where EdgeRnn has these after the last one");
        var layer = stage.Layer;
        if (_layers.Count == 0)
            Normalise();
        if (_pending.Count > 0)
        {
            var affine = Affine.Of(_pending);
            layer = layer with
            {
                InputSize = affine.Inputs,
                WeightIh = Tensor.FromFloats(
                    layer.WeightIh.Rows, affine.Inputs, affine.Before(layer.WeightIh, out float[] sums)),
                BiasIh = Tensor.FromFloats(
                    layer.BiasIh.Rows, 1, [.. sums.Zip(layer.BiasIh.Floats.ToArray(), (a, b) => a + b)]),
            };
            _pending.Clear();
        }
        _layers.Add(layer);
    }

    // What scales the readings first is the model's normalisation, where that has the form it needs.
    private void Normalise()
    {
        var scalings = _pending.TakeWhile(stage => stage is Scaling).ToArray();
        if (scalings.Length == 0)
            return;
        var affine = Affine.Of(scalings);
        float[] deviation = Array.ConvertAll(affine.Scale, s => (float)(1 / s));
        float[] mean = [.. affine.Scale.Zip(affine.Offset, (s, o) => (float)(0 - o / s))];
        if (!deviation.All(d => d is >= 1e-12f and <= 1e12f) || !mean.All(m => Math.Abs(m) <= 1e12f))
            return;
        (Mean, Deviation) = (mean, deviation);
        _pending.RemoveRange(0, scalings.Length);
    }

    private void Add(Normalised stage)
    {
        if (_layers.Count == 0)
            throw new UserException(
                "layer normalisation comes before the first recurrent layer, where EdgeRnn has it after layers");
        if (_pending.Count > 0)
        {
            AddDense(_pending, stage.Features, null);
            _pending.Clear();
        }
        // A norm layer before the first dense one is of the steps themselves.
        bool isPooled = _pooling is EdgeRnn.Pooling.Mean or EdgeRnn.Pooling.Max
            || _pooling == EdgeRnn.Pooling.Last && _layers.FindLast(layer => layer.IsRecurrent)!.Directions == 2;
        if (!HasDense && isPooled)
            throw new UserException(
                "layer normalisation is of what was pooled over time, where EdgeRnn has it before that or after a "
                + "dense layer");
        _layers.Add(new()
        {
            Kind = LayerKind.Norm,
            InputSize = stage.Features,
            Units = stage.Features,
            WeightIh = Tensor.FromFloats(stage.Features, 1, stage.Gain),
            BiasIh = Tensor.FromFloats(stage.Features, 1, stage.Offset),
            Epsilon = stage.Epsilon,
        });
    }

    private void Add(Pooled stage)
    {
        if (_pooling is not null && stage.Before!.Steps > 1)
            throw new UserException("it is pooled over time twice");
        if (!_layers.Any(layer => layer.IsRecurrent))
            throw new UserException("the readings are pooled over time before any recurrent layer");
        if (stage.Pooling == EdgeRnn.Pooling.Mean && HasDense)
            throw new UserException("the mean over time is of what a function was applied to, where EdgeRnn pools " +
                "right after the last recurrent layer");
        if (stage.Pooling == EdgeRnn.Pooling.Max && (HasDense || _pending.Count > 0))
            throw new UserException("the maximum over time is of other than a recurrent layer's units, where EdgeRnn " +
                "pools right after the last one");
        _pooling ??= stage.Pooling;
    }

    private void Add(Applied stage)
    {
        if (_layers.Count == 0)
            throw new UserException(
                $"a function ({stage.Function.Kind}) comes before the first recurrent layer, where EdgeRnn has none");
        var function = stage.Function;
        AddDense(_pending, stage.Features, function);
        _pending.Clear();
    }

    // Each product of weights begins a layer; scalings go with the product before them.
    private void AddDense(IReadOnlyList<Stage> stages, int features, Function? function)
    {
        int start = 0;
        bool hasProduct = false;
        for (int i = 0; i < stages.Count; i++)
        {
            if (stages[i] is Linear && hasProduct)
            {
                _layers.Add(Dense(Affine.Of([.. stages.Skip(start).Take(i - start)]), null));
                start = i;
            }
            hasProduct |= stages[i] is Linear;
        }
        _layers.Add(Dense(stages.Count > 0 ? Affine.Of([.. stages.Skip(start)]) : Affine.Identity(features), function));
    }

    private void AddHead(OutputKind kind, bool isFunction)
    {
        int features = _pending.Count > 0 ? _pending[^1].Features : _layers[^1].Outputs;
        if (kind == OutputKind.Classes)
        {
            AddDense(_pending, features, null);
            return;
        }
        // From the first factor after the last product of weights on, it is the scale of the values.
        int after = _pending.FindLastIndex(stage => stage is Linear) + 1;
        int scale = isFunction ? 0 : _pending.FindIndex(after, stage => stage is Scaling { IsProduct: true });
        var output = scale >= 0 && scale < _pending.Count
            ? Affine.Of([.. _pending.Skip(scale)])
            : Affine.Identity(features);
        if (output.Scale.All(s => s is >= 1e-12 and <= 1e12))
            _pending.RemoveRange(scale < 0 ? _pending.Count : scale, scale < 0 ? 0 : _pending.Count - scale);
        else
            (output, isFunction) = (Affine.Identity(features), false);
        Output = (Array.ConvertAll(output.Offset, x => (float)x), Array.ConvertAll(output.Scale, x => (float)x));
        if (!isFunction)
            AddDense(_pending, features, null);
        else if (_layers[^1].Activation == Activation.Relu)
            _layers[^1] = _layers[^1] with
            {
                Activation = Activation.Default,
                Variant = new() { Functions = [new(FunctionKind.Relu)] },
            };
    }

    private static RnnLayer Dense(Affine affine, Function? function)
    {
        bool isRelu = function is { Kind: FunctionKind.Relu };
        return new()
        {
            Kind = LayerKind.Dense,
            InputSize = affine.Inputs,
            Units = affine.Offset.Length,
            Activation = isRelu ? Activation.Relu : Activation.Default,
            WeightIh = Tensor.FromFloats(affine.Offset.Length, affine.Inputs, affine.Matrix()),
            BiasIh = Tensor.FromFloats(affine.Offset.Length, 1, Array.ConvertAll(affine.Offset, x => (float)x)),
            Variant = function is { } f && !isRelu ? new() { Functions = [f] } : null,
        };
    }
}

/// <summary>y = M·x + offset, where M is diagonal as long as no product of weights was taken in.</summary>
internal sealed class Affine
{
    private double[]? _matrix;

    private Affine(int features)
    {
        Inputs = features;
        Scale = new double[features];
        Array.Fill(Scale, 1);
        Offset = new double[features];
    }

    public int Inputs { get; }

    /// <summary>The diagonal.</summary>
    public double[] Scale { get; private set; }

    public double[] Offset { get; private set; }

    public static Affine Identity(int features) => new(features);

    /// <summary>Of stages that follow one another.</summary>
    public static Affine Of(IReadOnlyList<Stage> stages)
    {
        var affine = new Affine(stages[0].Before!.Features);
        foreach (var stage in stages)
        {
            if (stage is Linear linear)
                affine.Multiply(linear.Weights, linear.Features);
            else
                affine.Multiply((Scaling)stage);
        }
        return affine;
    }

    /// <summary>M, <c>[outputs, Inputs]</c>.</summary>
    public float[] Matrix()
    {
        if (_matrix is not null)
            return Array.ConvertAll(_matrix, x => (float)x);
        float[] diagonal = new float[Value.CountOf([Scale.Length, Scale.Length])];
        for (int i = 0; i < Scale.Length; i++)
            diagonal[i * Scale.Length + i] = (float)Scale[i];
        return diagonal;
    }

    /// <summary>W·M, and W·offset.</summary>
    public float[] Before(Tensor w, out float[] sums)
    {
        float[] matrix = Matrix(), product = new float[Value.CountOf([w.Rows, Inputs])];
        sums = new float[w.Rows];
        for (int r = 0; r < w.Rows; r++)
        {
            var row = w.Floats.Slice(r * w.Columns, w.Columns);
            double[] total = new double[Inputs];
            double sum = 0;
            for (int c = 0; c < row.Length; c++)
            {
                sum += row[c] * Offset[c];
                if (row[c] == 0)
                    continue;
                if (_matrix is null)
                {
                    total[c] = row[c] * Scale[c];
                    continue;
                }
                for (int i = 0; i < Inputs; i++)
                    total[i] += (double)row[c] * matrix[c * Inputs + i];
            }
            sums[r] = (float)sum;
            for (int i = 0; i < Inputs; i++)
                product[r * Inputs + i] = (float)total[i];
        }
        return product;
    }

    private void Multiply(Scaling stage)
    {
        for (int i = 0; i < Offset.Length; i++)
        {
            Offset[i] = Offset[i] * stage.Scale[i] + stage.Offset[i];
            if (_matrix is null)
                Scale[i] *= stage.Scale[i];
            else if (stage.IsProduct)
            {
                foreach (ref double weight in _matrix.AsSpan(i * Inputs, Inputs))
                    weight *= stage.Scale[i];
            }
        }
    }

    private void Multiply(float[] weights, int outputs)
    {
        int columns = Offset.Length;
        double[] product = new double[Value.CountOf([outputs, Inputs])];
        double[] offset = new double[outputs];
        for (int o = 0; o < outputs; o++)
        {
            for (int c = 0; c < columns; c++)
            {
                double weight = weights[o * columns + c];
                offset[o] += weight * Offset[c];
                if (_matrix is null)
                    product[o * Inputs + c] = weight * Scale[c];
                for (int i = 0; _matrix is not null && i < Inputs; i++)
                    product[o * Inputs + i] += weight * _matrix[c * Inputs + i];
            }
        }
        (_matrix, Offset, Scale) = (product, offset, new double[outputs]);
        Array.Fill(Scale, 1);
    }
}

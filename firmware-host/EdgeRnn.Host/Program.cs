using System.Reflection;
using EdgeRnn;
using EdgeRnn.Format;
using EdgeRnn.Host;
using EdgeRnn.Host.Pipeline;
using EdgeRnn.Host.Transport;
using EdgeRnn.Runtime;
using EdgeRnn.Wire;

const int Done = 0;
const int Failed = 1;
const int WrongUsage = 2;

var options = HostOptions.Parse(args, out string? usageError);
if (options is null)
{
    StandardStreams.Say($"{usageError}; see edgernn-host --help");
    return WrongUsage;
}
if (options.Help || options.Version)
{
    StandardStreams.Print(options.Help ? HostOptions.Usage : VersionText());
    return Done;
}

return Run(options) ? Done : Failed;

static bool Run(HostOptions options)
{
    var model = ReadModel(options.Model, out string? error);
    if (model is null)
        return Refuse(error);
    var rules = options.Decide is null
        ? model.Decision
        : model.Decision.With(options.Decide, model.Labels, model.SampleRateHz, out error);
    if (rules is null)
        return Refuse($"--decide: {error}");
    using var port = OpenPort(options, out error);
    if (port is null)
        return Refuse(error);
    using var capture = options.Capture is null ? null : Capture.Create(options.Capture, out error);
    if (error is not null)
        return Refuse(error);
    StreamClassifier stream;
    try
    {
        stream = new(new RnnSession(model));
    }
    catch (NotSupportedException e) // an offline model, or the kernel that the environment names does not run here
    {
        return Refuse(e.Message);
    }
    LineReceiver line = options.Input == InputFormat.Text
        ? new TextReceiver(model.InputSize, port.JoinsMidway, model.Channels)
        : new FrameReceiver(model.InputSize);
    var gaps = new GapBridge(options.OnGap, options.LongestBridge ?? GapBridge.DefaultLimit(model), model.InputSize);
    using var stop = OperatingSystem.IsLinux() ? new StopSignal() : null;
    StandardStreams.StopFd = stop?.Fd ?? -1;
    var output = new OutputQueue(waitsForReader: options.BlockOnOutput ?? !port.IsLive);
    var sink = new DecisionSink(model, rules, output, options.Output, options.EventsOnly);
    var pipeline = new StreamPipeline(port, line, gaps, stream, sink, options) { Capture = capture };
    List<IServed> served = [output];
    using var metrics = options.Metrics is null
        ? null
        : MetricsServer.Open(options.Metrics, new(port, line, gaps, stream, sink, pipeline), out error);
    if (metrics is not null)
        served.Add(metrics);
    return error is null ? pipeline.Run(new(port, stop, served)) : Refuse(error);
}

static bool Refuse(string? error)
{
    StandardStreams.Say(error!);
    return false;
}

static Port? OpenPort(HostOptions options, out string? error) => options.Replay is null
    ? PortNames.Open(options.Port, new(options.Baud, options.Dtr, options.Rts), out error)
    : ReplayPort.Open(options.Replay, options.Speed, out error);

static RnnModel? ReadModel(string path, out string? error)
{
    try
    {
        if (ModelReader.TryRead(File.ReadAllBytes(path), out var model, out error))
            return model;
        error = $"{path} is not a model this program can use: {error}";
    }
    catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
    {
        error = $"there is no model {path}; make one with edgernn quantize";
    }
    catch (Exception e) when (e is IOException or UnauthorizedAccessException)
    {
        error = $"{path} cannot be read; check that it is a file and that this user may read it";
    }
    return null;
}

static string VersionText()
{
    var tool = typeof(HostOptions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>();
    return $"edgernn-host {tool?.InformationalVersion}, model format {RnnModel.CurrentFormatVersion}, "
        + $"numeric version {RnnModel.CurrentNumericVersion}";
}

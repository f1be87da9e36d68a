using System.Reflection;
using EdgeRnn;
using EdgeRnn.Features;
using EdgeRnn.Host;
using EdgeRnn.Host.Commands;
using EdgeRnn.Host.Models;
using EdgeRnn.Host.Pipeline;
using EdgeRnn.Host.Transport;
using EdgeRnn.Runtime.Kernels;
using EdgeRnn.Wire;

const int Done = 0;
const int Failed = 1;
const int WrongUsage = 2;

string? usageError = null;
Func<string[], string?>? command = args.FirstOrDefault() switch
{
    "deploy" => words => DeployCommand.Run(words, out usageError),
    "doctor" => words => DoctorCommand.Run(words, out usageError),
    _ => null,
};
if (command is not null)
{
    string? failure = command(args);
    if ((usageError ?? failure) is not { } sentence)
        return Done;
    StandardStreams.Say(usageError is null ? sentence : $"{usageError}; see edgernn-host --help");
    return usageError is null ? Failed : WrongUsage;
}

var options = HostOptions.Parse(args, out usageError);
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

try
{
    _ = Kernel.Choose(Environment.GetEnvironmentVariable(Kernel.Variable));
}
catch (PlatformNotSupportedException e)
{
    StandardStreams.Say(e.Message.TrimEnd('.'));
    return WrongUsage;
}

return Run(options) ? Done : Failed;

static bool Run(HostOptions options)
{
    using var models = ModelSource.Open(options, out string? error);
    var stream = models?.Start.Stream;
    using var port = stream is null ? null : OpenPort(options, out error);
    using var capture = port is null || options.Capture is null ? null : Capture.Create(options.Capture, out error);
    var key = options.AuthKey is null || error is not null ? null : HmacAuthenticator.Load(options.AuthKey, out error);
    if (models is null || stream is null || port is null || error is not null)
        return Refuse(models, error);
    var model = stream.Model;
    if (MakeLine(options, model, port, key, out error) is not { } line)
        return Refuse(models, error);
    if (port is WavPort { Format.Channels: > 1 and var channels })
        StandardStreams.Say($"{options.Wav} has {channels} channels, which are mixed down");
    var gaps = new GapBridge(options.OnGap, options.LongestBridge ?? GapBridge.DefaultLimit(model), model.InputSize);
    using var stop = OperatingSystem.IsLinux() ? new SignalFd(models.StopSignals) : null;
    StandardStreams.StopFd = stop?.Fd ?? -1;
    var output = new OutputQueue(waitsForReader: options.BlockOnOutput ?? !port.IsLive);
    if (MakeSink(model, out error) is not { } sink)
        return Refuse(models, error);
    sink.Begin();
    var pipeline = new StreamPipeline(port, line, gaps, stream, sink, options)
    {
        Capture = capture,
        MakeSink = MakeSink,
    };
    using var notifier = new Notifier(pipeline);
    using var exchange = models.Exchange(pipeline);
    using var metrics = options.Metrics is null
        ? null
        : MetricsServer.Open(options.Metrics, new(port, line, gaps, pipeline), out error);
    if (error is not null)
        return Refuse(models, error);
    List<IServed> served = [output, notifier];
    if (metrics is not null)
        served.Add(metrics);
    if (exchange is not null)
        served.Add(exchange);
    notifier.Ready();
    bool done = pipeline.Run(new(port, stop, served));
    notifier.Stopping();
    if (done)
        exchange?.End();
    return done;

    DecisionSink? MakeSink(RnnModel model, out string? error)
    {
        error = null;
        var rules = options.Decide is null
            ? model.Decision
            : model.Decision.With(options.Decide, model.Labels, model.SampleRateHz, out error);
        error = error is null ? null : $"--decide: {error}";
        return rules is null ? null : new(model, rules, output, options.Output, options.EventsOnly);
    }
}

static bool Refuse(ModelSource? models, string? error)
{
    models?.GiveBack();
    StandardStreams.Say(error!);
    return false;
}

static Port? OpenPort(HostOptions options, out string? error) =>
    options.Wav is { } wav ? WavPort.Open(wav, options.Speed, out error)
    : options.Replay is { } capture ? ReplayPort.Open(capture, options.Speed, out error)
    : PortNames.Open(options.Port, new(options.Baud, options.Dtr, options.Rts), out error);

static LineReceiver? MakeLine(HostOptions options, RnnModel model, Port port, HmacAuthenticator? key, out string? error)
{
    error = model.Features is { } heard
        ? options.Input == InputFormat.Text
            ? $"the model hears sound ({heard}), which text does not carry; give --input pcm or frames, or --wav FILE"
            : null
        : options.Input == InputFormat.Pcm
            ? $"the model reads {model.InputSize} channels of a sensor, and no sound; give another model, or leave " +
                "pcm out" : null;
    if (error is not null)
        return null;
    return (options.Input, model.Features) switch
    {
        (InputFormat.Pcm, { } features) => new PcmReceiver(features, port is WavPort wav
            ? wav.Format
            : new(SampleFormat.Int16, options.SoundChannels, options.Rate ?? features.SampleRateHz)),
        (_, { } features) => new SoundFrameReceiver(features, key),
        (InputFormat.Text, _) => new TextReceiver(model.InputSize, port.JoinsMidway, model.Channels),
        _ => new FrameReceiver(model.InputSize, key),
    };
}

static string VersionText()
{
    var tool = typeof(HostOptions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>();
    return $"edgernn-host {tool?.InformationalVersion}, model format {RnnModel.CurrentFormatVersion}, "
        + $"numeric version {RnnModel.CurrentNumericVersion}";
}

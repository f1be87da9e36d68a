namespace EdgeRnn.Host.Transport;

/// <summary>A file, a pipe or standard input where the system is not Linux.</summary>
internal sealed class StreamPort(Stream stream) : Port
{
    public static StreamPort? Open(string name, out string? error)
    {
        error = null;
        try
        {
            return new StreamPort(name is "stdin" or "-" ? Console.OpenStandardInput() : File.OpenRead(name));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            error = $"{name} cannot be opened: {e.Message} Name a file, a pipe, or stdin.";
            return null;
        }
    }

    public override bool MayBeLive => stream is not FileStream { CanSeek: true };

    public override PortState Read(Span<byte> buffer, out int count)
    {
        count = stream.Read(buffer);
        BytesRead += count;
        return count > 0 ? PortState.Open : PortState.Ended;
    }

    public override void Dispose() => stream.Dispose();
}

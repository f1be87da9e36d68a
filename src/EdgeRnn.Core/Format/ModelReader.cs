using System.Diagnostics.CodeAnalysis;

namespace EdgeRnn.Format;

/// <summary>Bytes to <see cref="RnnModel"/>, all or nothing.</summary>
public static class ModelReader
{
    /// <summary>Reads a model whose tensors refer to <paramref name="file"/>; it must not change afterwards.</summary>
    public static bool TryRead(
        ReadOnlyMemory<byte> file, [NotNullWhen(true)] out RnnModel? model, [NotNullWhen(false)] out string? error) =>
        throw new NotImplementedException();
}

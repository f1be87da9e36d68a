using System.Buffers.Binary;
using System.Numerics;

namespace EdgeRnn;

/// <summary>CRC-32C (Castagnoli polynomial, reflected, as in RFC 3720): the only checksum of file and wire.</summary>
public static class Crc32C
{
    /// <summary>The CRC of <paramref name="data"/>: 0xE3069283 for the nine ASCII digits 1 to 9.</summary>
    /// <param name="data">The bytes.</param>
    /// <param name="seed">The CRC of what came before, or 0.</param>
    public static uint Compute(ReadOnlySpan<byte> data, uint seed = 0)
    {
        uint crc = ~seed;
        for (; data.Length >= 8; data = data[8..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(data));
        foreach (byte b in data)
            crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}

using System.Buffers.Binary;

namespace EdgeRnn.Format;

/// <summary>
/// One protobuf message, read in place and in the strict form of <c>edgernn.proto</c>. The first error stays: after it
/// every read gives zero and <see cref="Next"/> ends the loop, so a message's method looks at <see cref="Error"/> once.
/// </summary>
internal ref struct WireReader(ReadOnlyMemory<byte> message)
{
    private const int VarintType = 0;
    private const int Fixed64Type = 1;
    private const int BytesType = 2;
    private const int Fixed32Type = 5;

    // Fields from here on are additions that a reader may ignore.
    private const int FirstIgnorable = 64;

    private readonly ReadOnlyMemory<byte> _message = message;
    private readonly ReadOnlySpan<byte> _span = message.Span;
    private int _position;
    private int _wireType;
    private ulong _seen;

    /// <summary>What is wrong with the message, or null.</summary>
    public string? Error { get; private set; }

    /// <summary>The number of the present field.</summary>
    public int Field { get; private set; }

    /// <summary>Whether a field below 64 has occurred.</summary>
    public readonly bool Has(int field) => (_seen >> field & 1) != 0;

    /// <summary>Notes an error, if it is the first.</summary>
    public void Fail(string error) => Error ??= error;

    /// <summary>Goes on to the next field; false at the end of the message or after an error.</summary>
    public bool Next()
    {
        if (Error is not null || _position == _span.Length)
            return false;
        int start = _position;
        ulong tag = Varint("a field's tag");
        Field = (int)(tag >> 3 & 0x1FFF_FFFF);
        _wireType = (int)(tag & 7);
        if (tag > uint.MaxValue || Field == 0)
            Fail($"the tag at byte {start} of its message is {tag}, expected a field number from 1 to 536870911");
        return Error is null;
    }

    /// <summary>A field that may occur once, of up to 64 bits.</summary>
    public ulong UInt64(string name) => Begin(name, VarintType, once: true) ? Varint(name) : 0;

    /// <summary>A field that may occur once, of up to 32 bits: also every enumeration.</summary>
    public uint UInt32(string name)
    {
        ulong value = UInt64(name);
        if (value > uint.MaxValue)
            Fail($"{name} is {value}, expected at most {uint.MaxValue}");
        return (uint)value;
    }

    /// <summary>A truth value that may occur once.</summary>
    public bool Bool(string name)
    {
        ulong value = UInt64(name);
        if (value > 1)
            Fail($"{name} is {value}, expected 0 or 1");
        return value == 1;
    }

    /// <summary>A finite float that may occur once.</summary>
    public float Float(string name)
    {
        if (!Begin(name, Fixed32Type, once: true) || !Take(name, sizeof(float), out var bytes))
            return 0;
        float value = BinaryPrimitives.ReadSingleLittleEndian(bytes.Span);
        if (!float.IsFinite(value))
            Fail($"{name} is {value}, expected a finite number");
        return value;
    }

    /// <summary>Bytes, a string or a message that may occur once.</summary>
    public ReadOnlyMemory<byte> Bytes(string name) => Delimited(name, once: true);

    /// <summary>One of any number of byte strings, strings or messages.</summary>
    public ReadOnlyMemory<byte> Repeated(string name) => Delimited(name, once: false);

    /// <summary>Passes over a field that the caller does not know; one below 64 is an error.</summary>
    public void Skip()
    {
        if (Field < FirstIgnorable)
        {
            Fail($"field {Field} is unknown, expected those of this format, or from {FirstIgnorable} on");
            return;
        }
        PassOver();
    }

    /// <summary>Passes over a field whatever its number.</summary>
    public void PassOver()
    {
        const string name = "an unknown field";
        switch (_wireType)
        {
            case VarintType: Varint(name); break;
            case Fixed64Type: Take(name, sizeof(ulong), out _); break;
            case BytesType: Take(name, Varint(name), out _); break;
            case Fixed32Type: Take(name, sizeof(uint), out _); break;
            default: Fail($"field {Field} has wire type {_wireType}, expected 0, 1, 2 or 5"); break;
        }
    }

    private ReadOnlyMemory<byte> Delimited(string name, bool once) =>
        Begin(name, BytesType, once) && Take(name, Varint(name), out var bytes) ? bytes : default;

    private bool Begin(string name, int wireType, bool once)
    {
        if (_wireType != wireType)
            Fail($"{name} has wire type {_wireType}, expected {wireType}");
        if (once && Has(Field))
            Fail($"{name} occurs twice, expected once");
        _seen |= 1UL << Field;
        return Error is null;
    }

    private bool Take(string name, ulong length, out ReadOnlyMemory<byte> bytes)
    {
        bytes = default;
        int left = _span.Length - _position;
        if (length > (ulong)left)
            Fail($"{name} has {length} bytes, expected at most the {left} that are left of its message");
        if (Error is not null)
            return false;
        bytes = _message.Slice(_position, (int)length);
        _position += (int)length;
        return true;
    }

    private ulong Varint(string name)
    {
        ulong value = 0;
        for (int shift = 0; _position < _span.Length; shift += 7)
        {
            byte b = _span[_position++];
            // The tenth byte holds bit 63 alone.
            if (shift == 63 && b > 1)
            {
                Fail($"{name} is a varint of more than 64 bits");
                return 0;
            }
            value |= (ulong)(b & 0x7F) << shift;
            if (b >= 0x80)
                continue;
            if (b == 0 && shift != 0)
                Fail($"{name} is a varint with superfluous bytes, expected the shortest form");
            return Error is null ? value : 0;
        }
        Fail($"{name} is cut short");
        return 0;
    }
}
